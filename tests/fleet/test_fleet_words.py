"""Folders of logs in words: what their lines say of each order, and nothing for what they leave out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fleet_logs import judged_in

from pilesim.fleet.result import OrderRow
from pilesim.fleet.words import NOT_TOLD

FIELD_LOGS = Path(__file__).parents[1] / "data" / "field-logs"


def orders(folder: Path, log: str) -> list[OrderRow]:
    shutil.copy(FIELD_LOGS / f"{log}.log", folder)
    (pile,) = judged_in(folder).piles
    assert pile.pile == f"? ({log}.log)"
    assert not pile.drops
    return list(pile.orders)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("szds-16a", [("20200303123645436010", False, ("time abnormal",), "")]),
        ("szds-16b", [("20200303114016074186", True, (), NOT_TOLD), ("", False, ("order unknown",), "")]),
        (
            "szds-25",
            [("20200308232332102674", False, ("duplicate bill",), ""), ("20200309003824144029", False, (), "")],
        ),
        ("szds-34", [("20200312155407387826", False, ("start service failed",), "")]),
    ],
)
def test_it_counts_what_the_fields_own_lines_say_of_their_orders(
    log: str, expected: list[tuple[str, bool, tuple[str, ...], str]], tmp_path: Path
) -> None:
    found = [(row.order, row.charged, row.anomalies, row.undecided) for row in orders(tmp_path, log)]
    assert found == expected


def test_it_takes_two_logs_that_name_no_pile_for_two_piles(tmp_path: Path) -> None:
    for log in ("szds-16a", "szds-34"):
        shutil.copy(FIELD_LOGS / f"{log}.log", tmp_path)
    assert [pile.pile for pile in judged_in(tmp_path).piles] == ["? (szds-16a.log)", "? (szds-34.log)"]


def test_it_counts_lines_that_name_a_pile_with_its_other_logs(tmp_path: Path) -> None:
    text = (FIELD_LOGS / "szds-34.log").read_text(encoding="utf-8")
    (tmp_path / "a.log").write_text("桩号 44030500040000200026 鉴权\n" + text, encoding="utf-8")
    (pile,) = judged_in(tmp_path).piles
    assert pile.pile == "44030500040000200026"
    assert "20200312155407387826" in [row.order for row in pile.orders]
