"""What writes the README's generated parts, and what is measured."""
