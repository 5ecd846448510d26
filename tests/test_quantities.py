"""Quantities as files write them: what each kind takes, and the sentence for what it does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pilesim.quantities import Duration, Fraction, Kwh, Word, WorldTime, Yuan, quantity
from pilesim.units import S


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (Duration, "46s", 46 * S),
        (Duration, "5m41.6s", 341_600_000_000),
        (Yuan, Decimal("50.00"), 5_000_000),
        (Yuan, 50, 5_000_000),
        (Kwh, Decimal("12.34"), 123_400),
        (Kwh, 60, 600_000),
        (WorldTime, "2020-03-03T12:00:00+08:00", 1_583_208_000 * S),
        (Fraction, Decimal("0.11"), 0.11),
        (Fraction, 0, 0.0),
        (Fraction, 1, 1.0),
        (Word, "A", "A"),
        (Word, 20200303123645436010, "20200303123645436010"),
    ],
)
def test_it_takes_what_a_file_writes(kind: type, value: object, taken: object) -> None:
    found = quantity(kind, value)
    assert type(found) is kind
    assert found == taken


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Duration, 46, "expected a duration with its unit such as 90s or 5m41.6s, found 46"),
        (Duration, "46", "expected a duration such as 5m41.6s"),
        (Duration, None, "expected a duration with its unit"),
        (Yuan, "50.00", "expected an amount in yuan such as 50.00, found '50.00'"),
        (Yuan, True, "expected an amount in yuan"),
        (Yuan, Decimal("0.000001"), "expected an amount in yuan"),
        (Kwh, "12 kWh", "expected an energy in kWh such as 12.34"),
        (WorldTime, "12:36", "expected a time with its offset"),
        (WorldTime, 2020, "expected a time with its offset"),
        (Fraction, 2, "expected a fraction from 0 to 1 such as 0.11, found 2"),
        (Fraction, Decimal("-0.1"), "expected a fraction from 0 to 1"),
        (Fraction, "half", "expected a fraction from 0 to 1"),
        (Word, Decimal("-1.5"), "expected a word or a number"),
        (Word, ["A"], "expected a word or a number"),
        (Word, False, "expected a word or a number"),
    ],
)
def test_it_says_what_it_expected(kind: type, value: object, expected: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        quantity(kind, value)
    assert expected in str(refused.value)
