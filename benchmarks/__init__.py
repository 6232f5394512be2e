"""What writes the README's generated parts, and what measures: `python -m benchmarks.NAME`."""
