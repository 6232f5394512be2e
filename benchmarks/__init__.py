"""What writes the README's generated parts."""
