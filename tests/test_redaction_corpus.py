"""
What redaction reaches on the corpus of `benchmarks/redaction_corpus.py`.

`python -m benchmarks.redaction logweft --list-misses` names each case that is missed.
"""

from __future__ import annotations

import json
import logging

import pytest
from benchmarks.redaction import CONTENDERS, Report, judge
from benchmarks.redaction_corpus import POSITIONS, SEED, positives, samples
from benchmarks.redaction_innocent import innocents

import logweft
from logweft._formatter import MAX_LINE
from logweft._redact import Redactor

pytestmark = pytest.mark.once

SHOWN = 60
"""Most cases a failure names."""


@pytest.fixture(scope="module", params=[SEED, 7])
def report(request: pytest.FixtureRequest) -> Report:
    return judge(CONTENDERS["logweft"], positives(request.param), innocents(request.param))


def _first(lines: list[str]) -> str:
    return "\n".join([f"{len(lines)}:", *(line[:300] for line in lines[:SHOWN])])


def test_core_secrets_are_withheld(report: Report) -> None:
    """Of the core categories, 98 of 100 secrets do not come out."""
    core = [line for line in report.misses if line.startswith("core")]
    assert report.share("core") >= 0.98, _first(core)


@pytest.mark.parametrize("group", ["traceback", "nested", "third party"])
def test_no_core_secret_comes_out_where_others_do_not_look(report: Report, group: str) -> None:
    """Not one comes out through a traceback, a nested value or another library's logger."""
    inside = {name for name, position in POSITIONS.items() if position.group == group}
    core = [line for line in report.misses if line.startswith("core")]
    assert report.leaks(group) == 0, _first(
        [line for line in core if line.split(": ")[0].split(".")[-1] in inside]
    )


def test_innocent_lines_stay_as_they_are(report: Report) -> None:
    """Of 1000 innocent lines, 4 at most are changed."""
    assert report.false_share <= 0.004, _first(report.false)


def test_what_is_around_a_secret_stays(report: Report) -> None:
    """In 97 of 100 caught cases host, path, key and the text around are there."""
    assert report.kept_share >= 0.97, _first(report.lost)


def test_every_record_gives_a_line(report: Report) -> None:
    """No call raises, and each line is one object of strict JSON."""
    assert (report.errors, report.invalid) == (0, 0), _first(report.misses + report.false)


@pytest.mark.parametrize(
    "prose", ["lorem ipsum dolor sit amet\n", "lörem 7 ipsum, dolor sit. Amet\n"]
)
def test_a_long_text_is_looked_through_as_a_short_one(prose: str) -> None:
    """Each secret of the corpus is withheld in the midst of prose just as it is alone."""
    told = Redactor().text
    around = prose * 20
    texts = {sample.text for seed in (SEED, 7) for sample in samples(seed)}
    assert len(texts) > 500
    texts |= {
        "<pin>hunter2</pin>",
        "run --password hunter2",
        "[('pin', 'hunter2')]",
        '("pin","x7")',
    }
    missed = [
        text
        for text in texts
        if told(f"{around}{text}\n{around}") != f"{around}{told(text)}\n{around}"
    ]

    assert missed == []


_SIZE, _LOOKED_AT, _SHOWN = 60_000, 2 * MAX_LINE, 4_096


@pytest.mark.parametrize(
    "edge",
    [
        _SHOWN // 3,
        _LOOKED_AT // 3 - 512,
        _LOOKED_AT // 3,
        _SIZE // 2,
        _SIZE - _LOOKED_AT * 2 // 3,
        _SIZE - 3_584,
        _SIZE - _SHOWN * 2 // 3,
    ],
)
def test_no_part_of_a_secret_stands_at_the_edge_of_a_cut(edge: int) -> None:
    """Wherever a text is cut that no line has room for, no ten characters of a secret are left."""
    formatter = logweft.JsonFormatter()
    told = Redactor().text
    missed = []
    for sample in {each.text: each for each in samples(SEED)}.values():
        alone = told(sample.text)
        for before in (-1, 0, len(sample.text) // 2, len(sample.text)):
            begin = ("lorem ipsum dolor\n" * _SIZE)[: edge - before - 1] + "\n"
            text = (begin + sample.text + "\nlorem ipsum dolor" * _SIZE)[:_SIZE]
            record = logging.makeLogRecord({"msg": text})
            line = json.loads(formatter.format(record))["message"]
            assert len(line) < len(text) // 4
            missed += [
                (sample.text, before)
                for secret in sample.secrets
                for at in range(max(1, len(secret) - 9))
                if secret[at : at + 10] in line and secret[at : at + 10] not in alone
            ]
    assert missed == []
