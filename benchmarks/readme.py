"""Write the README's table of integrations from the registry: `python -m benchmarks.readme`."""

from __future__ import annotations

import re
from pathlib import Path

from logweft.integrations import REGISTRY

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- integrations -->", "<!-- end of integrations -->"


def table() -> str:
    """Return the table, a row for each integration, in the registry's order."""
    rows = ["| name | edge | covers | needs |", "|---|---|---|---|"]
    for name, row in REGISTRY.items():
        needs = f"{row.package} >= {row.minimum}" if row.minimum else row.package or "-"
        rows.append(f"| `{name}` | {row.edge} | {row.covers} | {needs} |")
    return "\n".join(rows)


def rendered(text: str) -> str:
    """Return the README's *text* with the table in its place."""
    return re.sub(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n{table()}\n{END}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
