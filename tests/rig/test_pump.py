"""The pump, its clocks and the driver: who has a turn when."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from toys import BEAT, BEAT_REPLY, Toy, bench

from pilesim.errors import InternalError
from pilesim.link.base import Link
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.link.virtual import virtual_pair
from pilesim.link.waiting import monotonic_ns
from pilesim.rig.clock import RealClock, VirtualClock
from pilesim.rig.driver import Driver
from pilesim.rig.pump import Pump
from pilesim.units import DAY, MINUTE, MS, S
from pilesim.wire.actions import Action, Dial, HangUp


class Ticking:
    """Takes a turn every `period_ns` and tells a common list of it."""

    def __init__(self, name: str, period_ns: int, log: list[tuple[str, int]]) -> None:
        self._name = name
        self._period_ns = period_ns
        self._next_ns = period_ns
        self._log = log

    def step(self, now_ns: int) -> bool:
        if now_ns < self._next_ns:
            return False
        self._log.append((self._name, now_ns))
        self._next_ns += self._period_ns
        return True

    def next_wakeup_ns(self) -> int | None:
        return self._next_ns

    def links(self) -> Sequence[Link]:
        return []


class Restless(Ticking):
    """Never has enough."""

    def step(self, now_ns: int) -> bool:
        return True


class Muddled(Ticking):
    """Says that it has nothing to do, and that it is its turn."""

    def step(self, now_ns: int) -> bool:
        return False

    def next_wakeup_ns(self) -> int | None:
        return 0


def test_it_gives_turns_by_time_and_within_an_instant_in_order() -> None:
    log: list[tuple[str, int]] = []
    pump = Pump(VirtualClock(), [Ticking("first", 2, log), Ticking("second", 3, log)])
    pump.add(Ticking("third", 6, log))
    assert not pump.run_until(lambda: False, 6)
    assert log == [
        ("first", 2),
        ("second", 3),
        ("first", 4),
        ("first", 6),
        ("second", 6),
        ("third", 6),
    ]


class Counting(Ticking):
    """Counts its turns, whether they are for anything or not."""

    def __init__(self, name: str, period_ns: int, log: list[tuple[str, int]], link: Link | None = None) -> None:
        super().__init__(name, period_ns, log)
        self.turns = 0
        self._links = [link] if link is not None else []

    def step(self, now_ns: int) -> bool:
        self.turns += 1
        for link in self._links:
            link.events()
        return super().step(now_ns)

    def links(self) -> Sequence[Link]:
        return self._links


def test_it_gives_a_turn_at_the_line_to_who_is_due_has_news_or_was_touched() -> None:
    near, far = virtual_pair()
    near.open()
    far.open()
    busy, idle = Counting("busy", 10, []), Counting("idle", 1000, [], far)
    pump = Pump(VirtualClock(), [busy, idle])
    pump.run_until(lambda: False, 100)
    # Whoever calls may have touched anybody, so the first round is everybody's.
    assert (busy.turns, idle.turns) == (11, 1)
    near.dial()
    pump.run_until(lambda: False, 199)
    assert idle.turns == 2
    touching = Counting("touching", 250, [])
    pump.add(touching)
    pump.run_until(lambda: False, 250)
    assert idle.turns == 4, "once since it was called, once since somebody beside the line did something"
    assert touching.turns > 5, "it looks whenever anybody had a turn"


def test_it_stops_at_the_first_instant_at_which_the_predicate_holds() -> None:
    log: list[tuple[str, int]] = []
    pump = Pump(VirtualClock(), [Ticking("only", 5, log)])
    assert pump.run_until(lambda: len(log) == 3, 100)
    assert pump.clock.now_ns() == 15
    assert not pump.run_until(lambda: len(log) == 4, 19), "the deadline comes first"
    assert pump.clock.now_ns() == 19


def test_it_does_all_that_is_due_at_the_deadline() -> None:
    log: list[tuple[str, int]] = []
    assert Pump(VirtualClock(), [Ticking("only", 7, log)]).run_until(lambda: bool(log), 7)


def test_it_jumps_a_day_in_no_time() -> None:
    began_ns = monotonic_ns()
    Pump(VirtualClock(), []).run_until(lambda: False, DAY)
    assert monotonic_ns() - began_ns < MINUTE


@pytest.mark.parametrize(("kind", "told"), [(Restless, "stands still"), (Muddled, "Muddled had nothing to do at 0 ns")])
def test_it_ends_a_world_that_stands_still(kind: type[Ticking], told: str) -> None:
    with pytest.raises(InternalError, match=told):
        Pump(VirtualClock(), [kind("one", 1, [])]).run_until(lambda: False, 1)


def test_it_steps_once_for_each_participant() -> None:
    log: list[tuple[str, int]] = []
    pump = Pump(VirtualClock(), [Ticking("now", 0, log), Ticking("later", 5, log)])
    assert pump.step()
    assert log == [("now", 0)]


def test_it_runs_real_time_at_the_rate_it_is_told() -> None:
    log: list[tuple[str, int]] = []
    began_ns = monotonic_ns()
    # The deadline is far: what a busy machine holds up for a while is late, not missing.
    assert Pump(RealClock(100), [Ticking("tick", S, log)]).run_until(lambda: len(log) >= 5, 3_000 * S)
    took_ns = monotonic_ns() - began_ns
    assert all(n * S <= t_ns for n, (_, t_ns) in enumerate(log, 1)), "never early"
    assert took_ns >= 50 * MS


def _virtual() -> tuple[Link, Link]:
    return virtual_pair()


def _tcp() -> tuple[Link, Link]:
    listening = TcpListen()
    listening.open()
    return TcpDial("127.0.0.1", listening.port), listening


def _pty() -> tuple[Link, Link]:
    offered = PtyLink()
    offered.open()
    return SerialLink(f"serial://{offered.name}", offered.name, SerialSettings()), offered


REAL = [pytest.param(pair, marks=pytest.mark.realtime) for pair in (_tcp, _pty)]


@pytest.mark.parametrize("pair", [_virtual, *REAL])
def test_it_carries_a_conversation_over_every_kind_of_line(pair: Callable[[], tuple[Link, Link]]) -> None:
    # The first only when the line is there, which takes a busy machine its time.
    first_s = 25
    up: dict[float, list[bytes | Action]] = {t: [BEAT] for t in range(first_s, first_s + 5)}
    # On a busy machine two beats may come in one piece.
    made = bench(
        clock=RealClock(50), own_pair=pair(), up=up, answers=lambda data: BEAT_REPLY * (len(data) // len(BEAT))
    )
    assert made.run(900, lambda: made.pile.heard == BEAT_REPLY * 5)
    assert made.platform.heard == BEAT * 5
    assert [what for _, what in made.pile.said] == ["up"]
    assert all(n * S <= t_ns for n, (t_ns, _) in enumerate(made.platform.got, first_s))
    made.close()


def test_it_delivers_arrivals_before_timers_and_acts_last() -> None:
    near, far = virtual_pair()
    near.open()
    far.open()
    order: list[str] = []

    class Telling(Toy):
        due_ns: int | None = 5

        def next_wakeup_ns(self) -> int | None:
            return self.due_ns

        def receive(self, data: bytes, now_ns: int) -> None:
            order.append("arrival")
            super().receive(data, now_ns)

        def advance(self, to_ns: int) -> None:
            order.append("timers")
            self.due_ns = None
            super().advance(to_ns)

        def take_actions(self) -> list[Action]:
            order.append("actions")
            return super().take_actions()

    toy = Telling()
    driver = Driver(toy, far)
    near.dial()
    near.send(b"x")
    # It took something in and did nothing: no other participant has anything to do because of it.
    assert not driver.step(5)
    assert order == ["arrival", "timers", "actions"]
    assert not driver.step(6), "and then nothing happened"


@pytest.mark.realtime
def test_it_has_a_serial_line_up_when_the_end_dials_it_and_each_time() -> None:
    made = bench(clock=RealClock(50), own_pair=_pty(), up={5: [HangUp()], 10: [Dial()]}, redial_s=None)
    assert made.run(900, lambda: len(made.pile.said) == 2)
    assert [what for _, what in made.pile.said] == ["up", "up"]
    made.close()


@pytest.mark.realtime
def test_it_tells_an_end_that_dials_a_serial_port_that_is_gone() -> None:
    port, offered = _pty()
    made = bench(clock=RealClock(50), own_pair=(port, offered), up={20: [Dial()]}, redial_s=None)
    assert made.run(18, lambda: made.pile.said != [])
    offered.close()
    assert made.run(900, lambda: len(made.pile.said) == 3)
    assert [what for _, what in made.pile.said] == ["up", "down", "down"]
    made.close()
