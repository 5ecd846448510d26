"""The dissector for Wireshark shows every field of every message as pilesim does, by tshark where it is installed."""

from __future__ import annotations

import copy
import random
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath

import pytest
from handmade import frame, ykc_frame

from pilesim.errors import UsageError
from pilesim.library import firmware_folder
from pilesim.report.dissector import dissector_lua
from pilesim.trace.events import Chunk, Header, LineUp, Trace
from pilesim.trace.exporters.write import export, exporter_of
from pilesim.units import S
from pilesim.wire.dissection import dissection
from pilesim.wire.fields import Layout
from pilesim.wire.frame import Direction, End, FieldView, Frame
from pilesim.wire.protocol import Protocol, own_protocols, protocol_named
from pilesim.wire.tabled import Entry, TabledProtocol

needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

DIALECT = """
protocol: ykc-1.6
name: odd
messages:
  odd kinds:
    number: 0xC1
    direction: up
    fields:
      - {name: low, type: i16, scale: 0.5, unit: A}
      - {name: high, type: u32be, scale: 0.001, minus: 40, unit: kWh}
      - {name: third, type: u8, scale: 2.5}
      - {name: when, type: bcd-time, size: 6}
      - {name: then, type: bcd-time, size: 7}
      - {name: words, type: ascii, size: 6}
      - {name: digits, type: bcd, size: 3}
      - {name: mode, type: u16, values: {1: {name: one}, 258: {name: "two, three"}}}
      - {name: left, type: rest}
"""
NAMES = (*own_protocols(), "ykc-1.6?crc_order=auto", str(firmware_folder() / "dialects" / "other-tails.yaml"), "odd")
OFTEN = ("lhc", "ykc-1.6", "odd")
"""The others, and more bodies of each message, are taken where there is time for them."""
ONCE, MANY = 1, 5


@cache
def protocol(name: str) -> TabledProtocol:
    if name == "odd":
        from pilesim.wire.dialects import remember  # noqa: PLC0415 (one case of many)

        found: Protocol = remember(DIALECT, "odd.yaml")
    else:
        found = protocol_named(name)
    assert isinstance(found, TabledProtocol)
    return found


# Bodies ---------------------------------------------------------------------------------------------------------


def content(draw: random.Random, size: int) -> bytes:
    """Bytes such as fields have: nothing, anything, small numbers, texts, digits, times."""
    match draw.randrange(7):
        case 0:
            return bytes(size)
        case 1:
            return draw.randbytes(size)
        case 2:
            return bytes([draw.randrange(12), *bytes(size)])[:size]
        case 3:
            return "".join(draw.choice("abcXYZ019 \x7f_-\\\t\r\n\0é") for _ in range(size)).encode("latin-1")
        case 4:
            return "".join(draw.choice("0123456789") for _ in range(size)).encode().rjust(size, b"0")
        case 5:
            return bytes.fromhex("".join(draw.choice("0123456789") for _ in range(2 * size)))
        case _:
            return (bytes([0x5B, 0x0A, 9, 14, draw.randrange(34), draw.randrange(14), 20]) * size)[:size]


def body(draw: random.Random, layout: Layout) -> bytes:
    """A body of that layout."""
    counts: dict[str, int] = {}
    counters = {field.codec.counter for field in layout.fields if field.codec.counter}
    made = b""
    for field in layout.fields:
        if field.name in counters:
            counts[field.name] = draw.randrange(5)
            made += bytes([counts[field.name]])
        elif field.codec.each:
            made += content(draw, field.codec.each * counts.get(field.codec.counter, 3))
        else:
            made += content(draw, field.codec.subcon.sizeof())
    return made


def bodies(draw: random.Random, entry: Entry, times: int) -> Iterator[bytes]:
    """Bodies of all layouts that a message may have, and some that are too short or too long."""
    layouts = [entry.layout, *(shape.layout for shape in entry.shapes), *([entry.swapped] if entry.swapped else [])]
    for layout in layouts:
        for _ in range(times):
            yield body(draw, layout)
    if entry.swapped:
        # Numbers that are sensible one way round only.
        for order in ("little", "big"):
            yield b"".join(
                (4321).to_bytes(2, order) if field.codec.swapped and field.codec.subcon.sizeof() == 2 else bytes(size)
                for field in entry.layout.fields
                for size in [field.codec.subcon.sizeof()]
            )
    sound = body(draw, entry.layout)
    yield sound[:-1]
    yield sound[: len(sound) // 2]
    yield sound + draw.randbytes(3)


def sealed(name: str, number: int, data: bytes) -> bytes:
    if protocol(name).number_field == "type":
        return ykc_frame(number, data[:250], sequence=number * 257, big="auto" in name and number % 2 == 0)
    version = b"\x02\x05" if name == "evlink-2.5" else b"\x02\x06"
    return frame(number, data[:2000], version=version, gun=number % 5, platform_sequence=number * 200)


@cache
def sent(name: str, times: int) -> tuple[tuple[Direction, bytes], ...]:
    draw = random.Random(f"dissector {name}")
    found = [
        (entry.row.direction, sealed(name, number, data))
        for number, entry in protocol(name).entries.items()
        # The dialect's others are those of its base.
        if name != "odd" or number == 0xC1
        for data in bodies(draw, entry, 20 if name == "odd" else times)
    ]
    found.append((Direction.UP, sealed(name, 0xEE, b"\x01\x02\x03")))
    some = sealed(name, 0x03, bytes(protocol(name).entries[0x03].layout.least))
    at = -2 if protocol(name).number_field == "command" else -1
    found.append((Direction.UP, some[:at] + bytes([some[at] ^ 0x55]) + some[at:][1:]))
    if protocol(name).number_field == "type":
        found.append((Direction.UP, ykc_frame(0x03, bytes(8), encryption=1)))
    return tuple(found)


# What each shows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """One field; `text` is what stands in the tree, `value` that of a field whose value is a text."""

    name: str
    offset: int
    raw: str
    text: str
    value: str


LONGEST_LABEL = 160
"""As much of a line of its tree Wireshark keeps for certain."""
CUT = " [truncated]"
"""What stands before a longer one."""


def ours(spoken: TabledProtocol, found: Frame) -> list[Shown]:
    return [shown_as(view) for view in spoken.dissect(found)]


def shown_as(view: FieldView) -> Shown:
    unit = f" {view.unit}" if view.unit else ""
    text = f"{view.name}: {view.value}{unit}{' (provisional)' if view.provisional else ''}"
    return Shown(view.name, view.offset, view.raw.hex(), text[:LONGEST_LABEL], view.value)


def recorded(pieces: Sequence[tuple[Direction, bytes]], folder: Path) -> None:
    """Packets of one connection, a second apart."""
    header = Header(start="2020-03-11T08:00:00+08:00", protocol="", pile="", guns=0, ends=(End.PLATFORM,))
    chunks = [Chunk(t_ns=n * S, end=End.PLATFORM, direction=way, data=data) for n, (way, data) in enumerate(pieces)]
    trace = Trace(header, (LineUp(t_ns=0, end=End.PLATFORM), *chunks))
    (folder / "a.pcapng").write_bytes(export(trace, exporter_of(PurePath("a.pcapng"))).content)


def theirs(name: str, frames: Sequence[tuple[Direction, bytes]], folder: Path, slug: str) -> list[list[Shown]]:
    """The fields of each frame, as tshark shows them in a recording of these; numbers have no value."""
    tables = dissection(protocol(name), slug)
    (folder / "a.lua").write_text(dissector_lua(tables), encoding="utf-8")
    header = Header(start="2020-03-11T08:00:00+08:00", protocol=name, pile="", guns=0, ends=(End.PLATFORM,))
    chunks = [Chunk(t_ns=n * 10**9, end=End.PLATFORM, direction=way, data=data) for n, (way, data) in enumerate(frames)]
    trace = Trace(header, (LineUp(t_ns=0, end=End.PLATFORM), *chunks))
    (folder / "a.pcapng").write_bytes(export(trace, exporter_of(PurePath("a.pcapng"))).content)
    command = ["tshark", "-X", f"lua_script:{folder / 'a.lua'}", "-r", str(folder / "a.pcapng"), "-Y", slug]
    done = subprocess.run([*command, "-T", "pdml"], check=True, capture_output=True, text=True)
    assert "Lua" not in done.stderr, done.stderr
    texts = {filtered for filtered, field in tables.fields.items() if field["value"] == "text"}
    texts |= {f"{slug}.data", f"{slug}.rest"}
    branches = [branch for branch in ET.fromstring(done.stdout).iter("proto") if branch.get("name") == slug]
    return [list(fields_of(branch, slug, texts)) for branch in branches if len(branch)]


def fields_of(branch: ET.Element, slug: str, texts: set[str]) -> Iterator[Shown]:
    fields = [field for field in branch.iter("field") if field.get("name", "").startswith(f"{slug}.")]
    begin = next(int(field.get("pos", "")) for field in fields if field.get("name") == f"{slug}.start")
    added = [f"{slug}.{name}" for name in ("message", "checksum_right", "wrong", "unknown")]
    for field in fields:
        filtered, said = field.get("name", ""), field.get("showname") or field.get("show") or ""
        if filtered in added:
            continue
        said = said.removeprefix(CUT)
        value = field.get("show", "") if filtered in texts else ""
        raw, at = field.get("value") or "", int(field.get("pos", "")) - begin
        yield Shown(said.partition(":")[0], at, raw, said[:LONGEST_LABEL], value)


@needs_tshark
@pytest.mark.parametrize("name", NAMES)
def test_it_shows_every_field_of_every_message_as_pilesim_does(name: str, time_enough: bool, tmp_path: Path) -> None:
    if name not in OFTEN and not time_enough:
        pytest.skip("one of each family is taken: the others where there is time for many seeds")
    spoken, frames = protocol(name), sent(name, MANY if time_enough else ONCE)
    found = theirs(name, frames, tmp_path, "tried")
    assert len(found) == len(frames)
    for (way, data), have in zip(frames, found, strict=True):
        (item,) = spoken.framer(way).feed(data, 0)
        assert isinstance(item, Frame)
        want = ours(spoken, item)
        values = [one.value for one in have] + [""] * len(want)
        # A number has its value in Wireshark's own way, and its text as it is here.
        want = [replace(one, value=one.value if value else "") for one, value in zip(want, values, strict=False)]
        assert have == want, data.hex()


@needs_tshark
def test_it_puts_frames_together_and_shows_what_is_none(tmp_path: Path) -> None:
    stray = b"\x00\xfe\x10\x00stray"
    stream, titles = b"", []
    for number, (way, data) in enumerate(sent("lhc", ONCE)):
        if way is Direction.UP and number % 9 == 0:
            (item,) = protocol("lhc").framer(way).feed(data, 0)
            assert isinstance(item, Frame)
            titles.append(protocol("lhc").decode(item).title)
            stream += data + (stray if number % 2 else b"")
    pieces = [(Direction.UP, stream[at : at + 37]) for at in range(0, len(stream), 37)]
    recorded(pieces, tmp_path)
    (tmp_path / "a.lua").write_text(dissector_lua(dissection(protocol("lhc"))), encoding="utf-8")
    ports = ["-d", "tcp.port==9000,lhc"]
    shown = [word for name in ("lhc.message", "lhc.garbage") for word in ("-e", name)]
    command = ["tshark", "-X", f"lua_script:{tmp_path / 'a.lua'}", "-r", str(tmp_path / "a.pcapng"), *ports]
    said = subprocess.run([*command, "-T", "fields", *shown], check=True, capture_output=True, text=True).stdout
    messages, garbage = zip(*(line.split("\t") for line in said.splitlines()), strict=True)
    assert [title for told in messages if told for title in told.split(",")] == titles
    # What lies across two segments is told of each.
    assert "".join(garbage).replace(",", "") == stray.hex() * stream.count(stray)


@pytest.mark.parametrize("name", NAMES)
def test_it_leaves_no_field_as_bytes(name: str) -> None:
    assert dissection(protocol(name)).left_out == ()


def test_it_says_which_field_it_can_only_show_as_bytes() -> None:
    odd = copy.copy(protocol("lhc"))
    entry = odd.entries[0x03]
    backwards = replace(entry.layout.fields[0].codec, show=lambda value, raw: raw[::-1].hex())
    field = replace(entry.layout.fields[0], codec=backwards)
    odd.entries = {0x03: replace(entry, layout=Layout([field]))}
    made = dissection(odd)
    assert made.left_out == ("lhc.time_request.pile_time",)
    assert made.messages[0x03]["layout"]["fields"][0]["shown"] == {"kind": "hex", "none": ""}


def test_it_gives_every_field_a_name_for_filters() -> None:
    made = dissection(protocol("lhc"), "evlink")
    assert {"evlink.gun", "evlink.heartbeat.meter", "evlink.bill.stages", "evlink.checksum"} <= set(made.fields)
    assert made.fields["evlink.heartbeat.meter"] == {"title": "meter", "value": "number"}
    assert made.fields["evlink.heartbeat.state"] == {"title": "state", "value": "code"}
    lua = dissector_lua(made)
    assert all(f'"{name}"' in lua for name in made.fields)


def test_it_knows_no_protocol_that_only_its_code_knows() -> None:
    odd = copy.copy(protocol("lhc"))
    odd.envelope = copy.copy(odd.envelope)
    odd.envelope.outline = None
    with pytest.raises(UsageError, match="expected a protocol made of tables, found lhc"):
        dissection(odd)
