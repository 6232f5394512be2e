"""picologging to a text file: the standard library's interface, in C++."""

from __future__ import annotations

from . import TEXT, Contender, Target


def _setup(path: str) -> Target:
    import picologging

    handler = picologging.FileHandler(path)
    handler.setFormatter(picologging.Formatter(TEXT, "%Y-%m-%d %H:%M:%S"))
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
        skips=("threads",),
        is_apart=True,
        note="hangs with 8 threads; none for 3.13",
    )
]
