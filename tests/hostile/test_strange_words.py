"""What a pile says of itself reaches no terminal, page or file of results as anything but text.

Strings against outputs: each string stands where a pile's number, its firmware, an order and an account are told.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import shutil
import sys
import time
import urllib.request
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pilesim.cli.bar import bytes_bar
from pilesim.cli.console import console
from pilesim.cli.dashboard import Dashboard
from pilesim.cli.main import run
from pilesim.cli.metrics import served
from pilesim.cli.terminal import ConsoleTerminal
from pilesim.conformance.judged import judged
from pilesim.errors import RigError
from pilesim.library import firmware_folder
from pilesim.pytest_plugin.items import scenario_text
from pilesim.report.timeline import Teller, print_entry
from pilesim.rig.desk import ApiDesk, Call, HttpCall, PlatformApi
from pilesim.site.figures import Figures
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
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
    "formula": "=1+1",
}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
OUTPUTS: dict[str, tuple[str, ...]] = {
    "judge": ("judge", "{log}", "--html", "{out}.html", "--json", "{out}.json", "--junit", "{out}.xml"),
    "folder": ("judge", "{folder}", "--csv", "{out}.csv", "--json", "{out}.json"),
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
    path = folder / "strange" / "strange.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *events)), encoding="utf-8")
    return path


class Page(HTMLParser):
    """The names of tags and of attributes that came from nobody's template."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.strange += [tag] if tag == "img" else [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("which", STRANGE)
def test_it_is_text_wherever_it_comes_out(
    which: str, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STRANGE[which]
    log, out = written(tmp_path, text), tmp_path / "out"
    bytes_of = b"".join(log_of(text)).hex()
    code = run([word.format(log=log, folder=log.parent, out=out, hex=bytes_of) for word in OUTPUTS[output]])
    said = capsys.readouterr()
    assert code in (0, 1, 2, 5), said.err
    assert "Traceback" not in said.err
    assert not CONTROL.search(said.out + said.err), repr(CONTROL.search(said.out + said.err))
    for path in {*tmp_path.rglob("*")} - {log, log.parent}:
        assert path.parent == tmp_path
        assert path.name.startswith("out."), path
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
            case ".csv":
                rows = [*csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""))]
                assert {len(row) for row in rows} == {len(rows[0])}
                assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
                content = content.replace("\r\n", "\n")
        assert not re.search("[\x00-\x08\x0b-\x1f]", content), path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def assert_text(said: str) -> None:
    assert said
    assert not CONTROL.search(said), repr(CONTROL.search(said))


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_it_is_text_in_a_view_of_a_line_that_lives(text: str, tmp_path: Path) -> None:
    trace = load_log(written(tmp_path, text), Wishes()).trace
    teller, said = Teller("lhc", 0, None), io.StringIO()
    for event in trace.events:
        for entry in teller.tell(event):
            print_entry(console(said), entry)
    assert_text(said.getvalue())


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_it_is_text_where_pytest_tells_it(text: str, tmp_path: Path) -> None:
    trace = load_log(written(tmp_path, text), Wishes()).trace
    result = judged(trace, title=text, file=text, strict=False, repeat=text)
    assert_text(scenario_text(result, strict=True))
    prompts = io.StringIO()
    ConsoleTerminal(console(prompts)).tell(text)
    assert_text(prompts.getvalue())


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_it_is_text_among_the_figures_of_a_site(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilesim.cli.dashboard._LINE_EVERY_S", 0)
    figures = Figures(piles=1, last_failure=text, visits=Counter({text: 1}), findings=Counter({text: 1}))
    lines, terminal = io.StringIO(), Terminal()
    Dashboard(console(lines), figures).tick()
    assert_text(lines.getvalue())
    with Dashboard(console(terminal), figures).shown():
        pass
    # A table that is drawn anew moves the cursor by itself.
    drawn = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "")
    assert "last failure" in drawn
    assert_text(drawn)


def test_it_is_a_label_among_the_figures_for_prometheus() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    figures = Figures(piles=1, last_failure="".join(STRANGE.values()), findings=Counter(STRANGE.values()))
    with served(figures, 0) as url, urllib.request.urlopen(url) as answer:
        families = [*parser.text_string_to_metric_families(answer.read().decode())]
    labels = [sample.labels["rule"] for family in families for sample in family.samples if "rule" in sample.labels]
    assert sorted(labels) == sorted(STRANGE.values())


def test_it_is_text_beside_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in STRANGE.values():
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        with bytes_bar() as bar:
            bar.add_task(text, total=1)
        drawn = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "")
        assert_text(drawn)


WRITES = "import json, sys; open(sys.argv[1], 'w').write(json.dumps(sys.argv[2:]))"


def told(desk: ApiDesk, text: str) -> None:
    """Have the platform told of `text`, and wait until it is; RigError where it cannot be."""
    deadline = time.monotonic() + 40
    try:
        desk.authorise(0, 1, text, 1, text)
        while not desk.step(0):
            assert time.monotonic() < deadline
            select.select([], [], [], 0.005)
    finally:
        desk.close()


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_it_is_one_word_of_a_command_of_the_rigs(text: str, tmp_path: Path) -> None:
    out = tmp_path / "words"
    words = (sys.executable, "-c", WRITES, str(out), "{pile}", "{order}", "a{account}b")
    desk = ApiDesk(PlatformApi(url="tcp://127.0.0.1:1", authorise=Call(command=words)), pile=text, clock_rate=1)
    if "\0" in text:
        with pytest.raises(RigError, match="cannot be run: embedded null byte"):
            told(desk, text)
    else:
        told(desk, text)
        assert json.loads(out.read_text()) == [text, text, f"a{text}b"]


def test_what_no_header_can_carry_is_the_rigs_failure() -> None:
    call = HttpCall(url="http://127.0.0.1:9/", headers={"account": "{account}"})
    desk = ApiDesk(PlatformApi(url="tcp://127.0.0.1:1", authorise=Call(http=call)), pile="", clock_rate=1)
    with pytest.raises(RigError, match="'ascii' codec"):
        told(desk, "\u9a7f")


@pytest.mark.parametrize("name", [STRANGE["nul"], STRANGE["ansi"], STRANGE["lines"]])
def test_a_scenario_is_called_by_what_a_file_can_be_called(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    start = "2020-03-11T14:00:00+08:00"
    path.write_text(json.dumps({"id": name, "title": "x", "start": start, "proves": [], "steps": []}))
    assert run(["conform", str(path), "--captures", str(tmp_path)]) == 2
    assert "a.yaml:1: expected an id of characters that can be printed" in capsys.readouterr().err


def test_a_scenario_whose_id_leads_elsewhere_is_recorded_where_it_was_asked_for(tmp_path: Path) -> None:
    path, captures = tmp_path / "a.yaml", tmp_path / "captures"
    said = {"title": "x", "start": "2020-03-11T14:00:00+08:00", "proves": [], "steps": [{"wait": "1s"}]}
    path.write_text(json.dumps({"id": STRANGE["path"], **said}))
    run(["conform", str(path), "--captures", str(captures)])
    assert [found.name for found in captures.iterdir()] == ["..-..-..-etc-x.jsonl"]


NAMELESS = os.fsdecode(b"\xc8\xd5.jsonl")
"""A name in GBK, as a packed folder from elsewhere has it, where the system's names are UTF-8."""


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8" or sys.platform in ("win32", "darwin"), reason="any name is")
@pytest.mark.parametrize("output", ["judge", "bill", "case"])
def test_a_log_whose_name_is_no_text_is_refused_in_a_sentence(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path, "x").rename(tmp_path / NAMELESS)
    assert run([word.format(log=log, out=tmp_path / "out") for word in OUTPUTS[output]]) == 2
    said = capsys.readouterr().err
    assert "expected words and names of files in UTF-8, found" in said
    assert r"\udcc8\udcd5.jsonl" in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8" or sys.platform in ("win32", "darwin"), reason="any name is")
def test_a_log_whose_name_is_no_text_keeps_no_other_of_its_folder_from_being_read(tmp_path: Path) -> None:
    folder, out = tmp_path / "logs", tmp_path / "out.json"
    shutil.copytree(firmware_folder() / "captures" / "reference", folder)
    shutil.copy(folder / "order-short.jsonl", folder / NAMELESS)
    assert run(["judge", str(folder), "--json", str(out), "--csv", str(tmp_path / "out.csv")]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert [(row["file"], row["reason"]) for row in told["unreadable"]] == [
        (r"\udcc8\udcd5.jsonl", "expected a name in UTF-8, to be told by: give it another")
    ]
    assert told["piles"]
