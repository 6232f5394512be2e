"""picologging to a text file: the standard library's interface, in C++."""

from __future__ import annotations

from . import TEXT, Contender, Target


def _setup(path: str) -> Target:
    import picologging

    handler = picologging.FileHandler(path)
    handler.setFormatter(picologging.Formatter(TEXT))
    root = picologging.getLogger()
    root.addHandler(handler)
    root.setLevel(picologging.INFO)
    return Target(picologging.getLogger, handler.flush, handler.close)


CONTENDERS = [
    Contender(
        "picologging text",
        "picologging",
        _setup,
        line=None,
        note="a logging of its own: libraries' lines do not reach it; none for 3.13",
    )
]
