"""What a pile says of itself reaches no terminal, page or file of results as anything but text.

Strings against outputs: each string stands where a pile's number, its firmware, an order and an account are told.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pilesim.cli.main import run
from pilesim.wire.evlink.envelope import xor_of

STRANGE = {
    "ansi": "\x1b[31m\x1b]0;x\x07",
    "nul": "a\0b",
    "lines": "a\r\nb\nc",
    "script": "<script>x</script>",
    "quotes": "\"'><img onerror=x>",
    "markup": "[bold]x[/] [/]",
    "path": "../../../etc/x",
    "shell": "$(x);`x`|x&x",
    "bidi": "\u202ex\u2066",
}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
OUTPUTS: dict[str, tuple[str, ...]] = {
    "judge": ("judge", "{log}", "--html", "{out}.html", "--json", "{out}.json", "--junit", "{out}.xml"),
    "show": ("show", "{log}"),
    "bill": ("bill", "{log}", "--all", "--json", "{out}.json"),
    "case": ("case", "{log}", "-o", "{out}.yaml"),
    "convert": ("convert", "{log}", "-o", "{out}.jsonl"),
    "decode": ("decode", "--protocol", "lhc", "{hex}"),
    "messages": ("messages",),
}


def frame(number: int, text: str, body: bytes, pile: str = "") -> bytes:
    said = (pile or "44030500040000200026").encode()[:20].ljust(20, b"0")
    raw = b"\xfe" + (31 + len(body)).to_bytes(2, "little") + b"\x02\x06\0\0\1\0"
    raw += said + b"\1\1" + bytes([number]) + body
    return raw + bytes([xor_of(raw), 0x16])


def log_of(text: str) -> list[bytes]:
    told = text.encode()
    wide = told[:32].ljust(32, b"0")
    frames = [frame(1, text, told.ljust(60, b"\0")), frame(0x05, text, bytes(11) + wide + bytes(15))]
    frames += [frame(number, text, wide + wide + bytes(60)) for number in (0x09, 0x0B, 0x0E, 0x13, 0x15)]
    return [*frames, frame(0x05, text, bytes(58), pile=text)]


def written(folder: Path, text: str) -> Path:
    header = {
        "pilesim-capture": 1, "start": "2020-03-03T12:00:00+08:00", "protocol": "lhc", "pile": text, "guns": 1,
        "target": text, "scenario": text,
    }  # fmt: skip
    events: list[dict[str, object]] = [{"event": "line-up", "t_ns": 0, "end": end, "peer": text} for end in ("pile",)]
    events += [
        {"event": "chunk", "t_ns": n * 10**9, "end": end, "direction": "up", "data": raw.hex()}
        for n, raw in enumerate(log_of(text))
        for end in ("pile", "platform")
    ]
    events.append({"event": "note", "t_ns": 20 * 10**9, "text": text})
    path = folder / "strange.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *events)), encoding="utf-8")
    return path


class Page(HTMLParser):
    """The names of tags and of attributes that came from nobody's template."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.strange += [tag] if tag == "img" else [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("which", STRANGE)
def test_it_is_text_wherever_it_comes_out(
    which: str, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STRANGE[which]
    log, out = written(tmp_path, text), tmp_path / "out"
    bytes_of = b"".join(log_of(text)).hex()
    code = run([word.format(log=log, out=out, hex=bytes_of) for word in OUTPUTS[output]])
    said = capsys.readouterr()
    assert code in (0, 1, 2, 5), said.err
    assert "Traceback" not in said.err
    assert not CONTROL.search(said.out + said.err), repr(CONTROL.search(said.out + said.err))
    for path in tmp_path.rglob("*"):
        assert path == log or path.name.startswith("out."), path
        if path == log:
            continue
        content = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".html":
                page = Page()
                page.feed(content)
                assert not page.strange
                assert "<script>x" not in content
            case ".xml":
                ElementTree.fromstring(content)
            case ".json" if content:
                json.loads(content)
        assert not re.search("[\x00-\x08\x0b-\x1f]", content), path
