"""Names that somebody has given."""

from __future__ import annotations

from pilesim.names import LONGEST_NAME, perhaps, text_of


def test_it_tells_what_was_perhaps_meant_but_by_no_word_that_no_name_is_as_long_as() -> None:
    assert perhaps("wiat", ["wait", "until"]) == "; perhaps wait"
    assert perhaps("plunge", ["wait", "until"]) == ""
    assert perhaps("w" * LONGEST_NAME, ["w" * (LONGEST_NAME - 1)]) != ""
    assert perhaps("w" * (LONGEST_NAME + 1), ["w" * LONGEST_NAME]) == ""


def test_a_name_that_is_no_text_is_told_by_its_bytes() -> None:
    assert text_of("pile-桩.log") == "pile-桩.log"
    assert text_of(b"pile-\xff.log".decode("utf-8", "surrogateescape")) == r"pile-\udcff.log"
