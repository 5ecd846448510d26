"""A real serial port in the line: one that goes and comes back, and one whose baud rate is slow.

A pseudo-terminal stands in for the cable; it keeps no pace, so the pile at its other end takes and gives its bytes as
slowly as a wire would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from toys import BEAT, LHC, PILE, Toy, header

from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.urls import link_of
from pilesim.link.virtual import virtual_pair
from pilesim.rig.clock import RealClock
from pilesim.rig.driver import Driver
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.line import Line
from pilesim.rig.pump import Pump
from pilesim.rig.targets import wire_ns_per_byte
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Verdict
from pilesim.trace.events import Finish, LineDown, LineUp, Reachable, Trace
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.frame import End, Frame
from pilesim.wire.messages import Authorise, AuthoriseReply, Tariff


class Plugged:
    """A line whose pile is at the end of a cable that can be pulled."""

    def __init__(self, by_id: Path) -> None:
        self.pile = PtyLink(str(by_id))
        self.pile.open()
        self._port = SerialLink(f"serial://{by_id}", str(by_id), SerialSettings(), wait_ns=60 * S)
        self._desk = virtual_pair("platform")
        for link in (self._port, *self._desk):
            link.open()
        self.platform, self.recorder = Toy(), Recorder(header())
        self.line = Line(self._port, self._desk[0], self.recorder, protocol=LHC)
        self.pump = Pump(RealClock(), [self.line, Driver(self.platform, self._desk[1])])

    def comes(self, condition: Callable[[], bool]) -> bool:
        return self.pump.run_until(condition, self.pump.clock.now_ns() + 20 * S)

    def told(self) -> list[tuple[str, str, str]]:
        """Each change of the line: what, at which end, by whom."""
        return [
            ("reachable" if event.can else "unreachable", "", "")
            if isinstance(event, Reachable)
            else (type(event).__name__, str(event.end), event.by if isinstance(event, LineDown) else "")
            for event in self.recorder.events
            if isinstance(event, Reachable | LineDown | LineUp)
        ]

    def close(self) -> None:
        for link in (self.pile, self._port, *self._desk):
            link.close()


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    made = Plugged(tmp_path / "usb-Example_Adapter_0001-if00-port0")
    yield made
    made.close()


UP = [("LineUp", "pile", ""), ("LineUp", "platform", "")]
GONE = [("unreachable", "", ""), ("LineDown", "pile", ""), ("LineDown", "platform", "")]
BACK = [("reachable", "", ""), *UP]


def test_it_has_the_line_back_when_a_lost_port_is_back(plugged: Plugged) -> None:
    assert plugged.comes(lambda: plugged.told() == UP)
    by_id = plugged.pile.name
    plugged.pile.close()
    assert plugged.comes(lambda: plugged.told() == UP + GONE)
    plugged.pile.open()
    assert plugged.comes(lambda: plugged.told() == UP + GONE + BACK)
    plugged.pile.send(BEAT)
    assert plugged.comes(lambda: plugged.platform.heard == BEAT)
    assert plugged.line.vanished == ""
    (reason,) = {event.reason for event in plugged.recorder.events if isinstance(event, LineDown)}
    assert reason.startswith("the port is gone: ") and reason.endswith(f"left to bring back {by_id}")


def test_it_does_not_say_that_the_line_can_be_had_while_its_port_is_away(plugged: Plugged) -> None:
    """An outage of ours begins and ends while the port is gone."""
    assert plugged.comes(lambda: plugged.told() == UP)
    plugged.pile.close()
    assert plugged.comes(lambda: plugged.told() == UP + GONE)
    plugged.line.impair(parse_impairment("disconnect for=100ms"))
    assert plugged.comes(lambda: plugged.told() == [*UP, *GONE, GONE[0]])
    plugged.line.heal()
    assert plugged.pump.step()
    plugged.pile.open()
    assert plugged.comes(lambda: plugged.told() == [*UP, *GONE, GONE[0], *BACK])


ASKED = Authorise(
    account="13800000000000001",
    order="20200311100000000001",
    balance_mfen=5_000_000,
    tariff=Tariff((100_000,) * 48, (50_000,) * 48, (), 15),
)
OWN_DELAY_NS = 5 * S // 2
BAUD_1200 = "serial:///dev/ttyUSB0?baud=1200"


@dataclass
class SlowPile(Toy):
    """Answers a scan so long after the last of its bytes came over a slow wire, and sends byte by byte as that does."""

    ns_per_byte: int = 0
    whole_ns: int = 0

    def __post_init__(self) -> None:
        self._framer = LHC.framer(End.PLATFORM.sends)
        super().__post_init__()

    def receive(self, data: bytes, now_ns: int) -> None:
        self.whole_ns = max(self.whole_ns, now_ns) + len(data) * self.ns_per_byte
        for frame in self._framer.feed(data, now_ns):
            assert isinstance(frame, Frame)
            reply = LHC.session(End.PILE, PILE).build(AuthoriseReply(account=ASKED.account), frame)
            for number, byte in enumerate(reply, 1):
                at_ns = self.whole_ns + OWN_DELAY_NS + number * self.ns_per_byte
                self.plan.setdefault(at_ns, []).append(bytes([byte]))


@pytest.mark.realtime
def test_it_does_not_hold_a_slow_wire_against_the_pile() -> None:
    pace = wire_ns_per_byte(BAUD_1200, None, 1)
    assert pace == {End.PILE: link_of(BAUD_1200).wire_ns_per_byte} == {End.PILE: 8_333_333}
    cable = PtyLink()
    cable.open()
    port = SerialLink(f"serial://{cable.name}", cable.name, SerialSettings(baud=1200))
    desk_far, desk_own = virtual_pair("platform")
    for link in (port, desk_far, desk_own):
        link.open()
    pile = SlowPile(ns_per_byte=pace[End.PILE])
    asked = LHC.session(End.PLATFORM, PILE).build(ASKED)
    platform = Toy({S: [asked]})
    recorder = Recorder(msgspec.structs.replace(header(), wire_ns_per_byte=pace))
    line = Line(port, desk_far, recorder, protocol=LHC)
    clock = RealClock(10)
    pump = Pump(clock, [Driver(pile, cable), line, Driver(platform, desk_own)])
    answered = LHC.session(End.PILE, PILE).build(AuthoriseReply(account=ASKED.account), None)
    assert pump.run_until(lambda: len(platform.heard) == len(answered), 300 * S)
    recorder.record(Finish(t_ns=clock.now_ns()))
    trace = recorder.trace()
    assert judge(trace.header, trace.events).verdict("auth.answered") is Verdict.PASS
    unpaced = Trace(header(), trace.events)
    assert judge(unpaced.header, unpaced.events).verdict("auth.answered") is Verdict.FAIL
    for link in (cable, port, desk_far, desk_own):
        link.close()


@pytest.mark.parametrize(
    ("pile", "platform", "clock_rate", "pace"),
    [
        (None, None, 1, {}),
        ("pty:", "tcp://host:1", 1, {}),
        (BAUD_1200, None, 1, {End.PILE: 8_333_333}),
        (BAUD_1200, None, 20, {End.PILE: 166_666_660}),
        (None, "rfc2217://host:1?baud=1200&parity=odd", 1, {End.PLATFORM: 9_166_667}),
        (BAUD_1200, "serial://COM3", 1, {End.PILE: 8_333_333, End.PLATFORM: 86_806}),
    ],
    ids=["ours", "no-pace", "pile", "fast-clock", "platform", "tap"],
)
def test_it_knows_the_pace_of_the_wire_to_each_end(
    pile: str | None, platform: str | None, clock_rate: float, pace: dict[End, int]
) -> None:
    assert wire_ns_per_byte(pile, platform, clock_rate) == pace
