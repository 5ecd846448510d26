"""The result file: what is written is read again, and anything else is told in a sentence."""

from __future__ import annotations

import json

import pytest
from recorded import GREEN, RED, result_in, run_of

from pilesim.conformance.result import RESULT_SCHEMA, decode_result, encode_result
from pilesim.errors import FileError

RUN = run_of(result_in(GREEN), result_in(RED), facts={"port": "COM3"})


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(encode_result(RUN)), **fields}).encode()


def test_it_is_read_as_it_was_written() -> None:
    assert decode_result(encode_result(RUN), "r.json") == RUN


def test_it_says_its_schema_first() -> None:
    assert next(iter(json.loads(encode_result(RUN)))) == "schema"
    assert json.loads(encode_result(RUN))["schema"] == RESULT_SCHEMA


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "r.json: expected a result file: input data was truncated"),
        (b"{}", "r.json: expected a result file: object missing required field `schema`"),
        (b"[1]", "r.json: expected a result file: expected `object`, got `array`"),
        (changed(schema=1), f"r.json: expected a result file of schema {RESULT_SCHEMA}, found schema 1: run it again"),
        (changed(seed="7"), "r.json: expected a result file: expected `int`, got `str` - at `$.seed`"),
        (changed(colour="red"), "r.json: expected a result file: object contains unknown field `colour`"),
        (encode_result(RUN)[:500], "r.json: expected a result file: input data was truncated"),
        (b"\xff\xfe", "r.json: expected a result file: "),
    ],
    ids=["empty", "no schema", "no object", "another schema", "another type", "unknown field", "cut off", "no text"],
)
def test_it_tells_a_file_that_is_none(text: bytes, sentence: str) -> None:
    with pytest.raises(FileError) as raised:
        decode_result(text, "r.json")
    assert str(raised.value).startswith(sentence)
