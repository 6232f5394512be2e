"""`logweft scan`: secrets in existing log files. Used by `logweft.__main__`."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from logweft._redact import Redactor
from logweft._secrets import NAMES

from . import quiet_when_closed

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_PIECE = 1 << 20
"""Longest part of a line looked at at once (characters), so that any file fits into memory."""

_OVERLAP = 4096
"""Characters of a long line looked at twice, as a secret may stand where it is cut."""

# What stands for a secret while we look: two characters for private use, the rule between them.
_MARK = re.compile("\ue000([^\ue000\ue001]+)\ue001")
_PRIVATE = str.maketrans("", "", "\ue000\ue001\0")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def add_to(commands: _Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "scan",
        help="find secrets in existing log files",
        description="Find secrets in log files of JSON or text. Prints FILE:LINE: RULE (FIELD), "
        "never the secret. Exit code: 0 none, 1 some, 2 a file could not be read.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a log file; - is standard input")
    parser.add_argument(
        "--without",
        metavar="RULE",
        action="append",
        default=[],
        choices=sorted(NAMES),
        help="a rule to leave out, such as email; may be repeated",
    )
    parser.set_defaults(command=scan)


@quiet_when_closed
def scan(known: argparse.Namespace) -> int:
    """
    Print where the files have secrets.

    Raises:
        Nothing that is an Exception.
    """
    redactor = Redactor(
        marker="\ue000{rule}\ue001", rules=dict.fromkeys(known.without, "off"), hash_key="unused"
    )
    code = 0
    for name in known.files:
        try:
            if name == "-":
                found = _report("-", sys.stdin.buffer, redactor)
            else:
                with open(name, "rb") as file:
                    found = _report(name, file, redactor)
        except BrokenPipeError:
            raise
        except OSError as error:
            print(f"logweft: {name}: {error.strerror or error}", file=sys.stderr)
            code = 2
        else:
            code = max(code, int(found))
    return code


def _report(name: str, file: BinaryIO, redactor: Redactor) -> bool:
    found = False
    for number, rule, path in find(file, redactor):
        found = True
        print(f"{name}:{number}: {rule}{f' ({path})' if path else ''}")
    return found


def find(file: BinaryIO, redactor: Redactor) -> Iterator[tuple[int, str, str]]:
    r"""
    Yield ``(line, rule, field path)`` of every secret in *file*; the path of a text is ``""``.

    Args:
        file: is read to its end, in a constant amount of memory, whatever its encoding.
        redactor: one whose marker is ``"\ue000{rule}\ue001"``.

    Raises:
        OSError: the file cannot be read.
    """
    number = 1
    seen: set[tuple[str, str]] = set()
    for piece, is_whole in _pieces(file):
        errors = redactor.errors
        told = list(_findings(piece, is_whole, redactor))
        if redactor.errors > errors:
            told.append(("unreadable", ""))
        for each in told:
            if each not in seen:
                seen.add(each)
                yield number, *each
        if piece.endswith("\n"):
            number += 1
            seen.clear()


def _pieces(file: BinaryIO) -> Iterator[tuple[str, bool]]:
    """Yield each line, in pieces where it is long, and whether it is a whole one."""
    peek = getattr(file, "peek", None)
    begin = b"" if peek is None else peek(4)[:4]
    encoding = next((name for bom, name in _BOMS if begin.startswith(bom)), "utf-8")
    # Anything is text: what is not UTF-8 has its secrets in ASCII all the same.
    reader = io.TextIOWrapper(file, encoding, errors="replace", newline="\n")
    try:
        kept = ""
        while piece := reader.readline(_PIECE):
            is_end = piece.endswith("\n") or len(piece) < _PIECE
            piece = kept + piece.translate(_PRIVATE)
            yield piece, is_end and not kept
            kept = "" if is_end else piece[-_OVERLAP:]
    finally:
        reader.detach()


def _findings(piece: str, is_whole: bool, redactor: Redactor) -> Iterator[tuple[str, str]]:
    """Yield ``(rule, field path)`` of what is withheld of one line."""
    begin = piece.lstrip()[:1]
    if is_whole and begin in ("{", "["):
        try:
            tree = redactor.tree(json.loads(piece))
        except (ValueError, RecursionError):
            pass  # no JSON, or such as nobody writes: a text
        else:
            yield from _marks(tree, "")
            return
    for match in _MARK.finditer(redactor.text(piece)):
        yield match[1], ""


def _marks(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        for match in _MARK.finditer(value):
            yield match[1], path
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from _marks(member, f"{path}[{place}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            shown = _MARK.sub("[redacted]", name)
            inner = f"{path}.{shown}" if path else shown
            if shown != name:  # the secret is the name
                yield from ((match[1], inner) for match in _MARK.finditer(name))
            yield from _marks(member, inner)
