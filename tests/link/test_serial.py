"""Serial ports: one without a descriptor, one that is lost and comes back, one that others want too.

As on Windows and over RFC 2217 there is no descriptor behind pyserial's loop. A pseudo-terminal stands in for an
adapter: its master is the pile, closing it is pulling the plug, and a link to it is the name that outlives its number.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings, lasting_name
from pilesim.link.urls import link_of, open_link
from pilesim.link.waiting import monotonic_ns, wait
from pilesim.units import MS, S

BAUD_2400 = SerialSettings(baud=2400)


@pytest.fixture
def loop() -> Iterator[SerialLink]:
    link = SerialLink("the loop", "loop://", SerialSettings())
    link.open()
    yield link
    link.close()


def gathered(link: Link, size: int) -> list[LinkEvent]:
    """What the link tells until it has told `size` bytes, or that it is down."""
    deadline_ns = monotonic_ns() + 10 * S
    found: list[LinkEvent] = []
    while monotonic_ns() < deadline_ns:
        found += link.events()
        if len(bytes_of(found)) >= size or any(isinstance(e, Down) for e in found):
            break
        wait([link], deadline_ns - monotonic_ns())
    return found


def bytes_of(events: list[LinkEvent]) -> bytes:
    return b"".join(e.data for e in events if isinstance(e, Data))


def next_event(link: Link) -> LinkEvent:
    """The next thing that is told, alone."""
    deadline_ns = monotonic_ns() + 20 * S
    while monotonic_ns() < deadline_ns:
        found = link.events()
        if found:
            (event,) = found
            return event
        wait([link], deadline_ns - monotonic_ns())
    raise AssertionError("nothing was told")


def test_it_is_up_from_the_beginning(loop: SerialLink) -> None:
    assert loop.events() == [Up("the loop")]
    assert loop.events() == []


def test_it_carries_bytes_and_ends_the_wait_for_them(loop: SerialLink) -> None:
    sent = [random.Random(n).randbytes(100) for n in range(20)]
    for piece in sent:
        loop.send(piece)
    began_ns = monotonic_ns()
    assert bytes_of(gathered(loop, 2000)) == b"".join(sent)
    assert monotonic_ns() - began_ns < 5 * S


def test_it_gives_up_a_port_that_takes_no_more_bytes(loop: SerialLink) -> None:
    for _ in range(3000):
        loop.send(bytes(4000))
    found = gathered(loop, 1 << 40)
    assert isinstance(found[-1], Down)
    assert found[-1].vanished
    assert loop.waitables() == []


def test_it_is_closed_twice_and_opened_again(loop: SerialLink) -> None:
    loop.close()
    loop.close()
    loop.open()
    assert loop.events() == [Up("the loop")]


# How long a byte takes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "ns_per_byte"),
    [
        ("serial://COM3", 86_806),
        ("serial://COM3?baud=2400", 4_166_667),
        ("serial://COM3?baud=2400&parity=even", 4_583_333),
        ("serial://COM3?baud=1000&bits=7&parity=none&stop=1.5", 9_500_000),
        ("rfc2217://host:1?baud=1000&parity=odd&stop=2", 12_000_000),
        ("pty:", 0),
        ("tcp://host:1", 0),
    ],
)
def test_it_says_how_long_a_byte_takes(url: str, ns_per_byte: int) -> None:
    assert link_of(url).wire_ns_per_byte == ns_per_byte


# Lost and found --------------------------------------------------------------------------------------------------


class Adapter:
    """What is plugged in, with a name that stays when its number changes."""

    def __init__(self, by_id: Path) -> None:
        self._by_id = by_id
        self._name = by_id / "usb-Example_Adapter_0001-if00-port0"
        self._others: list[PtyLink] = []
        self.pile = PtyLink()
        self.plug()

    def plug(self) -> None:
        old = self.pile.name
        while self.pile.name in (old, "pty:"):
            # Whatever has the old number now is another device.
            self._others.append(self.pile)
            self.pile = PtyLink()
            self.pile.open()
        self._name.symlink_to(self.pile.name)

    def pull(self) -> None:
        self._name.unlink()
        self.pile.close()

    @property
    def name(self) -> str:
        return str(self._name)

    def close(self) -> None:
        for link in [self.pile, *self._others]:
            link.close()


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path)
    yield made
    made.close()


def port_of(adapter: Adapter, *, wait_ns: int, settings: SerialSettings = BAUD_2400) -> SerialLink:
    """The adapter's port, opened by its number."""
    device = adapter.pile.name
    folder = Path(adapter.name).parent
    link = SerialLink(f"serial://{device}", device, settings, wait_ns=wait_ns, lasting_names=(folder / "none", folder))
    link.open()
    return link


def test_it_finds_a_port_again_by_its_lasting_name_when_its_number_has_changed(adapter: Adapter) -> None:
    link = port_of(adapter, wait_ns=60 * S)
    old = adapter.pile.name
    assert next_event(link) == Up(f"serial://{old}, by {adapter.name}, which is {old}")
    for _ in range(2):
        before = adapter.pile.name
        adapter.pull()
        down = next_event(link)
        assert isinstance(down, Down)
        assert not down.vanished
        assert down.reason.startswith("the port is gone: ")
        assert down.reason.endswith(f"; 1m are left to bring back {adapter.name}")
        link.send(b"to nobody")
        adapter.plug()
        assert adapter.pile.name != before
        assert next_event(link) == Up(f"serial://{old}, by {adapter.name}, which is {adapter.pile.name}")
        adapter.pile.send(b"up")
        link.send(b"down")
        assert bytes_of(gathered(link, 2)) == b"up"
        assert bytes_of(gathered(adapter.pile, 4)) == b"down"
    link.close()


def test_it_gives_a_port_up_that_stays_away(adapter: Adapter) -> None:
    link = port_of(adapter, wait_ns=300 * MS)
    next_event(link)
    adapter.pull()
    first, last = next_event(link), next_event(link)
    assert isinstance(first, Down) and isinstance(last, Down)
    assert (first.vanished, last.vanished) == (False, True)
    assert "did not come back in 300ms: " in last.reason
    assert "there is no such port" in last.reason
    assert link.events() == []
    assert link.waitables() == []


def test_it_asks_no_longer_for_a_port_once_it_is_closed(adapter: Adapter) -> None:
    link = port_of(adapter, wait_ns=60 * S)
    next_event(link)
    adapter.pull()
    next_event(link)
    link.close()
    link.close()
    assert link.events() == []
    assert link.waitables() == []
    adapter.plug()
    other = port_of(adapter, wait_ns=0)
    other.close()


def test_it_does_not_ask_again_for_a_pseudo_terminal_by_its_number() -> None:
    offered = PtyLink()
    offered.open()
    link = open_link(f"serial://{offered.name}?wait=60s")
    next_event(link)
    offered.close()
    down = next_event(link)
    assert isinstance(down, Down)
    assert down.vanished
    link.close()


@pytest.mark.parametrize("folders", [(), ("by-id",), ("by-path",), ("by-id", "by-path")], ids="+".join)
def test_it_takes_the_first_name_that_outlives_the_number(folders: tuple[str, ...], tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    for folder in folders:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "another").symlink_to(tmp_path / "ttyUSB9")
        (tmp_path / folder / "the-one").symlink_to(device)
    named = lasting_name(str(device), (tmp_path / "by-id", tmp_path / "by-path"))
    assert named == (str(tmp_path / folders[0] / "the-one") if folders else str(device))
    mine = tmp_path / "mine"
    mine.symlink_to(device)
    assert lasting_name(str(mine), (tmp_path / "by-id", tmp_path / "by-path")) == str(mine)


# A port that others want too -----------------------------------------------------------------------------------

HOLDER = """
import sys
from pilesim.link.urls import link_of, open_link
link = open_link(sys.argv[1])
print("taken", flush=True)
sys.stdin.read()
"""


def test_it_leaves_the_port_to_others_when_its_program_is_killed(adapter: Adapter) -> None:
    by_number, by_name = f"serial://{adapter.pile.name}", f"serial://{adapter.name}"
    words = [sys.executable, "-c", HOLDER, by_number]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        for url in (by_number, by_name):
            with pytest.raises(RigError, match=f"^{url}: the port cannot be opened: another program has it$"):
                open_link(url)
        holder.kill()
    open_link(by_name).close()


def test_it_says_that_a_system_has_no_pseudo_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tty", None)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(RigError, match=r"^pty:: expected a system with pseudo-terminals, found win32: "):
        open_link("pty:")


# A line that is slow and noisy --------------------------------------------------------------------------------


def test_it_carries_all_of_a_slow_and_noisy_line(adapter: Adapter) -> None:
    """The peer writes a byte or two at a time, as a slow wire does, with bytes between that nobody sent."""
    link = port_of(adapter, wait_ns=0)
    next_event(link)
    chance = random.Random("noise")
    whole = bytes(range(256)) + b"\x00\xff\x11\x13\x03\x04\x1a\r\n" * 5 + chance.randbytes(300)
    found: list[LinkEvent] = []
    at = 0
    while at < len(whole):
        size = chance.randint(1, 2)
        os.write(adapter.pile.waitables()[0][0], whole[at : at + size])
        at += size
        wait([link], 10 * S)
        found += link.events()
    found += gathered(link, len(whole) - len(bytes_of(found)))
    assert bytes_of(found) == whole
    assert len(found) > len(whole) // 4, "they came as they were sent, not gathered"
    link.close()


def test_a_name_that_no_port_can_have_is_a_sentence() -> None:
    with pytest.raises(RigError, match="the port cannot be opened: file name too long"):
        SerialLink("serial://x", "/dev/" + "x" * 300, SerialSettings()).open()
