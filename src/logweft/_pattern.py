"""Pure: a regular expression that is compiled when it is first used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")


class Pattern:
    """
    A regular expression that is compiled when it is first used.

    All at once at the import would be the dearest part of a start-up: 20 ms of 50.
    """

    compiled: re.Pattern[str]
    search: Callable[..., re.Match[str] | None]
    match: Callable[..., re.Match[str] | None]
    fullmatch: Callable[..., re.Match[str] | None]
    finditer: Callable[..., Iterator[re.Match[str]]]
    findall: Callable[..., list[Any]]
    split: Callable[..., list[str]]
    sub: Callable[..., str]

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        if name != "compiled" and name not in _METHODS:
            raise AttributeError(name)
        # Without a lock, which a fork would leave held: two threads compile the same.
        compiled = re.compile(self._source, self._flags)
        known = {each: getattr(compiled, each) for each in _METHODS}
        vars(self).update(known, compiled=compiled)
        return vars(self)[name]
