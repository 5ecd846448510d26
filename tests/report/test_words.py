"""Messages in a person's words: units as people write them, and what a message is made of."""

from __future__ import annotations

import pytest

from pilesim.report.words import message_words
from pilesim.wire.messages import (
    NO_TIME,
    Battery,
    Bill,
    BillPeriod,
    BmsDemand,
    BmsError,
    BmsInfo,
    GunReport,
    GunState,
    Message,
)

WORDS: list[tuple[Message, str]] = [
    (
        BmsDemand(need_cv=40_050, need_ca=10_000, mode=2, soc_percent=42),
        "gun 1, need 400.5 V, need 100.0 A, mode 2, soc percent 42",
    ),
    (GunReport(state=GunState.CHARGING, cable=True, volts_dv=2_386), "gun 1, charging, cable in, volts 238.6 V"),
    (
        BmsInfo(order="7", battery=Battery(5, 31, 1, 29, 2, 0)),
        "gun 1, order 7, battery 29 to 31 °C",
    ),
    (BmsError(order="7", time_outs=("BCS", "BCL")), "gun 1, order 7, time outs BCS, BCL"),
    (
        Bill(order="7", start=NO_TIME, periods=(BillPeriod(150_000, 12_300, 0, 184_500),), amount_mfen=184_500),
        "gun 1, order 7, start no time (1999-11-30), periods 1.23 kWh at 1.50 yuan is 1.845 yuan, amount 1.845 yuan",
    ),
]


@pytest.mark.parametrize(("message", "words"), WORDS, ids=[message.name for message, _ in WORDS])
def test_it_says_what_a_message_says(message: Message, words: str) -> None:
    assert message_words(message) == words
