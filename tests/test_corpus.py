"""The corpus that redaction is measured with: large, valid, repeatable, and of synthetic values."""

from __future__ import annotations

import dataclasses
import logging
import re
import string
from collections import defaultdict
from pathlib import Path

import pytest
from benchmarks import redaction_corpus as corpus
from benchmarks.redaction import CONTENDERS, Render, Report, judge, main
from benchmarks.redaction_innocent import innocents

pytestmark = pytest.mark.once

CASES = corpus.positives()
CLEAN = innocents()


@pytest.fixture(scope="module")
def unredacted() -> Report:
    return judge(CONTENDERS["logweft redact=False"], CASES, CLEAN)


def test_the_corpus_has_the_size_that_is_claimed() -> None:
    """There are 600 secrets of 40 core categories and 800 innocent lines, at the least."""
    assert len(CASES) >= 600
    assert len({case.category for case in CASES if case.tier == "core"}) >= 40
    assert len(CLEAN) >= 800
    assert len({innocent.kind for innocent in CLEAN}) >= 25


def test_every_position_takes_many_categories() -> None:
    """No place of a record goes untried, and each one is tried with 20 categories or more."""
    categories = defaultdict(set)
    for case in CASES:
        categories[case.position].add(case.category)

    assert categories.keys() == corpus.POSITIONS.keys()
    assert min(map(len, categories.values())) >= 20


def test_every_category_stands_in_several_kinds_of_positions() -> None:
    """Each category is logged in three groups of positions or more, each sample in six places."""
    groups = defaultdict(set)
    for case in CASES:
        groups[case.category].add(case.group)

    assert {name for name, found in groups.items() if len(found) < 3} == set()
    assert len(CASES) == 6 * len(corpus.samples())


def test_identifiers_are_unique() -> None:
    """A miss named in a report is one case and no other."""
    for names in ([case.id for case in CASES], [innocent.id for innocent in CLEAN]):
        assert len(names) == len(set(names))


def test_a_seed_gives_one_corpus() -> None:
    """The same seed gives the same values and places, so that two measurements compare."""

    def shown(cases: list[corpus.Case]) -> list[tuple[object, ...]]:
        return [(case.id, case.tier, case.secrets, case.keeps) for case in cases]

    assert corpus.samples(7) == corpus.samples(7)
    assert shown(corpus.positives(7)) == shown(corpus.positives(7))
    assert [each.id for each in innocents(7)] == [each.id for each in innocents(7)]


def test_no_secret_is_anybodys() -> None:
    """Each secret is drawn: another seed shares none of them, and no file of ours holds one."""
    ours = {secret for sample in corpus.samples(1) for secret in sample.secrets}
    others = {secret for sample in corpus.samples(2) for secret in sample.secrets}
    assert {secret for secret in ours & others if len(secret) > 7} == set()
    source = "".join(
        path.read_text() for path in Path(corpus.__file__).parent.glob("redaction*.py")
    )
    shipped = {secret for sample in corpus.samples() for secret in sample.secrets}
    assert {secret for secret in shipped if len(secret) > 7 and secret in source} == set()


@pytest.mark.parametrize("seed", [corpus.SEED, 1, 2])
def test_checksums_are_valid(seed: int) -> None:
    """Cards pass Luhn's check, IBANs that of ISO 13616, no SSN is of a range never given out."""
    found = defaultdict(list)
    for sample in corpus.samples(seed):
        found[sample.category].append(sample.secrets[0])

    for name in ("card", "card-spaced", "card-dashed", "card-int", "name-card"):
        assert found[name]
        assert all(corpus.luhn(re.sub(r"\D", "", number)) for number in found[name])
    for number in (*found["iban"], *found["iban-spaced"]):
        compact = number.replace(" ", "")
        assert corpus.mod97(compact[4:] + compact[:4]) == 1
    for number in found["ssn"]:
        area, group, serial = number.split("-")
        assert area not in ("000", "666")
        assert area < "900"
        assert (len(area), len(group), len(serial)) == (3, 2, 4)
        assert group != "00"
        assert serial != "0000"


def test_the_checks_are_those_of_the_standards() -> None:
    """The examples that ISO/IEC 7812 and ISO 13616 give pass, and a changed digit does not."""
    assert corpus.luhn("79927398713")
    assert not corpus.luhn("79927398710")
    assert corpus.mod97("WEST12345698765432" + "GB82") == 1
    assert corpus.mod97("WEST12345698765433" + "GB82") != 1


def test_without_redaction_every_secret_and_its_context_shows(unredacted: Report) -> None:
    """No case is caught because the line would never show it: unredacted, all come out."""
    assert unredacted.share("core") == 0
    assert unredacted.share("extended") == 0
    assert (unredacted.errors, unredacted.invalid, unredacted.mauled) == (0, 0, 0)


def test_without_redaction_all_that_must_stay_is_there() -> None:
    """What a caught case has to keep is in its unredacted line, in each place it can stand in."""
    no_secrets = [dataclasses.replace(case, secrets=()) for case in CASES]

    report = judge(CONTENDERS["logweft redact=False"], no_secrets, CLEAN[:1])

    assert report.lost == []
    assert report.kept == len(CASES)


def _writing(render: Render) -> Report:
    contender = CONTENDERS["logweft"]._replace(redacted=lambda fmt: render)
    return judge(contender, CASES[:200], CLEAN[:50])


def test_withholding_all_is_not_redaction() -> None:
    """Who shows nothing catches every secret, loses its context and mauls every innocent line."""
    report = _writing(lambda record: '{"message":"[redacted]"}')

    assert report.share("core") == 1
    assert report.kept_share < 0.05
    assert report.false_share == 1
    assert (report.errors, report.invalid) == (0, 0)


def test_an_error_is_no_redaction() -> None:
    """A formatter that raises catches nothing, and each error is counted."""

    def render(record: logging.LogRecord) -> str:
        raise LookupError

    report = _writing(render)

    assert report.share("core") == 0
    assert report.errors == 250


def test_no_line_is_no_redaction() -> None:
    """What is not a line of JSON catches nothing, and each one is counted."""
    report = _writing(lambda record: "order lost")

    assert report.share("core") == 0
    assert report.invalid == 250


def test_a_part_of_a_secret_is_a_leak() -> None:
    """Who withholds half of each secret catches none of the long ones."""
    report = judge(CONTENDERS["logweft"]._replace(redacted=_halved), _KEYS, CLEAN[:1])

    assert report.share("core") == 0


_KEYS = [case for case in CASES if case.category.startswith("key-") and case.tier == "core"]


def _halved(fmt: str | None) -> Render:
    plain = CONTENDERS["logweft"].plain(fmt)
    secrets = {secret for case in _KEYS for secret in case.secrets}

    def render(record: logging.LogRecord) -> str:
        line = plain(record)
        for secret in secrets:
            line = line.replace(secret, secret[: len(secret) // 2] + "[redacted]")
        return line

    return render


def test_a_line_is_searched_whole() -> None:
    """A secret is found in a key, a nested value, a number, in a URL, by half; a PIN alone."""
    line = '{"line":4711,"a":{"k3y-of-mine":[1,4012888888881881]},"b":"x=a%40b.example&pin=0815"}'
    shown = corpus.texts(line)

    for secret in ("k3y-of-mine", "4012888888881881", "a@b.example", "0815"):
        assert corpus.leak(shown, secret)
    for part in ("k3y-of-mine" + "+" * 11, "+" * 11 + "k3y-of-mine"):
        assert corpus.leak(shown, part)
    for absent in ("4711", "081", "another-k3y"):
        assert not corpus.leak(shown, absent)


@pytest.mark.parametrize("line", ["", "[]", "{", '{"a":NaN}', '{"a":1}\n{"b":2}', "text"])
def test_a_line_that_is_not_json_counts_as_invalid(line: str) -> None:
    """Whatever is not one object of strict JSON is no line."""
    with pytest.raises(corpus.NotALine):
        corpus.texts(line)


def test_innocent_numbers_are_no_cards() -> None:
    """The order numbers that pass Luhn's check have no issuer's prefix."""
    make = corpus.Maker(3)
    numbers = {make.card(prefix, 16) for prefix in ("1", "7", "8", "90")}
    issued = tuple(prefix for prefix, _ in corpus._ISSUERS)

    assert all(corpus.luhn(number) and not number.startswith(issued) for number in numbers)
    assert all(set(number) <= set(string.digits) for number in numbers)


def test_an_unknown_contender_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command names the contenders there are."""
    with pytest.raises(SystemExit):
        main(["nobody"])

    assert "python-json-logger" in capsys.readouterr().err
