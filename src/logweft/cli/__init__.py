"""The commands of `python -m logweft`, a module each with `add_to(commands)`."""
