"""The two spellings of an impairment, and what is told of a wrong one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilesim.quantities import Duration, Fraction
from pilesim.rig.impairments import (
    IMPAIRMENTS,
    Cut,
    Delay,
    Disconnect,
    Drop,
    Duplicate,
    Flap,
    Hold,
    Impairment,
    Noise,
    Refuse,
    Slow,
    Stall,
    impairment_text,
    outage_spans_ns,
    parse_impairment,
)
from pilesim.units import MS, S
from pilesim.wire.frame import Direction

SPELLINGS: list[tuple[str, dict[str, Any], Impairment]] = [
    ("drop start count=1", {"drop": {"message": "start", "count": 1}}, Drop(message="start", count=1)),
    ("drop message=start", {"drop": {"message": "start"}}, Drop(message="start")),
    (
        "drop direction=up probability=0.11",
        {"drop": {"direction": "up", "probability": Decimal("0.11")}},
        Drop(direction=Direction.UP, probability=Fraction(0.11)),
    ),
    (
        "delay by=2s jitter=500ms",
        {"delay": {"by": "2s", "jitter": "500ms"}},
        Delay(by=Duration(2 * S), jitter=Duration(500 * MS)),
    ),
    ("hold start for=46s", {"hold": {"message": "start", "for": "46s"}}, Hold(message="start", time=Duration(46 * S))),
    ("stall for=5s", {"stall": {"for": "5s"}}, Stall(time=Duration(5 * S))),
    ("slow baud=9600", {"slow": {"baud": 9600}}, Slow(baud=9600)),
    ("duplicate later=1s", {"duplicate": {"later": "1s"}}, Duplicate(later=Duration(S))),
    ("cut lose_rest=true", {"cut": {"lose_rest": True}}, Cut(lose_rest=True)),
    ("noise bytes=5", {"noise": {"bytes": 5}}, Noise(size=5)),
    ("disconnect", {"disconnect": {}}, Disconnect()),
    ("disconnect for=30s", {"disconnect": {"for": "30s"}}, Disconnect(time=Duration(30 * S))),
    (
        "refuse for=1m after=5s",
        {"refuse": {"for": "1m", "after": "5s"}},
        Refuse(time=Duration(60 * S), after=Duration(5 * S)),
    ),
    (
        "flap times=3 up=10s down=5s",
        {"flap": {"times": 3, "up": "10s", "down": "5s"}},
        Flap(times=3, up=Duration(10 * S), down=Duration(5 * S)),
    ),
]

MISTAKES: list[tuple[str | dict[str, Any], str]] = [
    ("", "expected an impairment, one of delay, "),
    ("dropp start", "found 'dropp'; perhaps drop"),
    ("drop strat", "drop: expected a message's name, found 'strat'; perhaps start"),
    ("drop start 1", "expected name=value as in count=1, found '1'"),
    ("drop start message=stop", "expected message once, found it again"),
    ("drop count=0", "drop: expected count of at least 1, found 0"),
    ("drop count=often", "drop: count: expected"),
    ("drop conut=1", "found 'conut'; perhaps count"),
    ("drop probability=1.5", "drop: probability: expected a fraction from 0 to 1"),
    ("drop direction=left", "drop: direction: "),
    ("delay", "delay: expected by, found nothing"),
    ("delay by=2", "delay: by: expected a duration with its unit"),
    ("flap times=2", "flap: expected up and down, found times"),
    ("flap times=0 up=1s down=1s", "expected times of at least 1"),
    ("slow baud=0", "expected baud of at least 1"),
    ("corrupt bits=0", "expected bits of at least 1"),
    ("noise bytes=0", "expected bytes of at least 1"),
    ("noise bytes=1000000000", "expected bytes of at most 65536"),
    ("corrupt bits=1000000000", "expected bits of at most 524288"),
    ({}, "expected one impairment, found 0: nothing"),
    ({"drop": {}, "noise": {}}, "expected one impairment, found 2: drop, noise"),
    ({"drop": "start"}, "drop: expected its arguments as a mapping, found 'start'"),
]


@pytest.mark.parametrize(("text", "mapping", "spec"), SPELLINGS, ids=[text for text, *_ in SPELLINGS])
def test_it_reads_both_spellings(text: str, mapping: dict[str, Any], spec: Impairment) -> None:
    assert parse_impairment(text) == spec
    assert parse_impairment(mapping) == spec
    assert parse_impairment(impairment_text(spec)) == spec


@pytest.mark.parametrize(("wrong", "told"), MISTAKES, ids=[str(wrong) for wrong, _ in MISTAKES])
def test_it_tells_what_it_expected(wrong: str | dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_impairment(wrong)
    assert told in str(error.value)


durations = st.integers(0, 10**8).map(lambda ms: Duration(ms * MS))
drops = st.builds(
    Drop,
    message=st.sampled_from([None, "start", "bill-reply"]),
    direction=st.sampled_from([None, *Direction]),
    count=st.none() | st.integers(1, 1000),
    after=durations,
    within=st.none() | durations,
    probability=st.floats(0, 1).map(Fraction),
)


@given(drops)
def test_it_reads_back_what_it_writes(spec: Drop) -> None:
    assert parse_impairment(impairment_text(spec)) == spec


def test_it_has_a_word_for_every_kind() -> None:
    assert all(word == kind.kind for word, kind in IMPAIRMENTS.items())
    assert all(kind.__struct_config__.forbid_unknown_fields for kind in IMPAIRMENTS.values())


@pytest.mark.parametrize(
    ("text", "spans_s"),
    [
        ("disconnect", [(0, 0)]),
        ("disconnect for=30s after=5s", [(5, 35)]),
        ("refuse for=30s", [(0, 30)]),
        ("flap times=3 up=10s down=5s after=1s", [(1, 6), (16, 21), (31, 36)]),
    ],
)
def test_it_knows_when_an_outage_is(text: str, spans_s: list[tuple[int, int]]) -> None:
    spec = parse_impairment(text)
    assert isinstance(spec, Disconnect | Refuse | Flap)
    assert list(outage_spans_ns(spec)) == [(begin * S, end * S) for begin, end in spans_s]
