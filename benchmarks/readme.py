"""Write the README's table of integrations from the registry: `python -m benchmarks.readme`."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def table() -> str:
    """Return the table, a row for each integration, in the registry's order."""
    from logweft.integrations import REGISTRY

    rows = ["| name | edge | covers | needs |", "|---|---|---|---|"]
    for name, row in REGISTRY.items():
        needs = f"{row.package} >= {row.minimum}" if row.minimum else row.package or "-"
        rows.append(f"| `{name}` | {row.edge} | {row.covers} | {needs} |")
    return "\n".join(rows)


def replaced(text: str, name: str, content: str) -> str:
    """Return the README's *text* with *content* between the comments called *name*."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, found_too, behind = rest.partition(end)
    if not (found and found_too):
        raise SystemExit(f"{README.name} has no {begin} ... {end}")
    return f"{before}{begin}\n{content}\n{end}{behind}"


def rendered(text: str) -> str:
    """Return the README's *text* with the table in its place."""
    return replaced(text, "integrations", table())


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
