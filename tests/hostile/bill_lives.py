"""Draws short lives: a charge of a minute or two, with whatever may come between, and then rest.

Owns what can happen and how often. Must not know any promise. As in `pilesim.explore.draw` every draw is from one
`Chance`, in integers; these lives are short, so that thousands of them can be played.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pilesim.chance import Chance
from pilesim.explore.reduce import PLAIN_START_NS
from pilesim.explore.schedule import ChosenFault, Schedule, possible
from pilesim.quantities import Duration, Kwh, Word, Yuan
from pilesim.scenario import steps
from pilesim.units import KWH_DWH, MINUTE, MS, YUAN_MFEN, S

START_UP_NS = 20 * S
"""After this a start has come to something."""
REST: tuple[steps.Step, ...] = (
    steps.Heal(),
    steps.PowerOn(),
    steps.EmergencyRelease(),
    steps.Wait(ns=Duration(10 * S)),
    steps.Unplug(gun=1),
    steps.Unplug(gun=2),
    steps.Wait(ns=Duration(2 * S)),
    # A pile that has sent a bill as often as it may on one connection sends it again on the next.
    steps.Impair(spec={"disconnect": {}}),
    steps.Wait(ns=Duration(27 * S)),
)
"""Everything as it was, and time for each bill to be sent and acknowledged."""
_MESSAGES = (
    "bill",
    "bill-reply",
    "start",
    "start-reply",
    "authorise",
    "authorise-reply",
    "gun-report",
    "ended",
    "stop",
)


def schedule_of(
    protocol: str, chosen: list[steps.Step], seed: int, *, auto: bool = False, faults: tuple[ChosenFault, ...] = ()
) -> Schedule:
    """A schedule of these steps, as far as they can be done, with nothing behind them yet."""
    return Schedule(
        protocol=protocol,
        profile="reference",
        seed=seed,
        start_ns=PLAIN_START_NS,
        auto=auto,
        faults=faults,
        steps=possible(chosen),
    )


def rested(schedule: Schedule) -> tuple[steps.Step, ...]:
    """Its steps, and rest."""
    return possible((*schedule.steps, *REST))


def draw_life(seed: int, run: int, protocol: str) -> tuple[Schedule, int]:
    """Life number `run` of `seed`, and after which write of the store its power goes; 0: after none."""
    rng = Chance(f"{seed}/bills/{protocol}/{run}")
    life = _Life(rng)
    for _ in range(rng.between(1, 2)):
        life.order()
    cut_after = rng.between(1, 60) if rng.below(3) == 0 else 0
    return schedule_of(protocol, life.steps, rng.between(1, 999), auto=rng.below(4) == 0), cut_after


def plug(gun: int = 1, **car: Any) -> steps.Plug:
    return steps.Plug(gun=gun, car=steps.Car(**car))


def authorise(label: str, gun: int = 1, yuan: int = 50) -> steps.Authorise:
    return steps.Authorise(gun=gun, order=Word(label), balance=Yuan(yuan * YUAN_MFEN))


def wait(ns: int) -> steps.Wait:
    return steps.Wait(ns=Duration(ns))


class _Life:
    def __init__(self, rng: Chance) -> None:
        self.steps: list[steps.Step] = []
        self._rng = rng
        self._labels = 0
        self._cabled: set[int] = set()

    def order(self) -> None:
        """Plug, scan, start, charge, end, unplug; now and then something between."""
        rng, gun = self._rng, self._rng.one_of((1, 1, 1, 2))
        if gun not in self._cabled and rng.below(15):
            self._plug(gun)
        self._scan(gun)
        self._add(wait(S))
        self._between(gun)
        self._add(steps.Start(gun=gun))
        self._between(gun)
        self._add(wait(START_UP_NS))
        self._between(gun)
        self._wait(S, 40 * S)
        self._between(gun)
        if rng.below(3):
            self._add(rng.one_of((steps.Stop(gun=gun), steps.StopButton(gun=gun))))
            self._between(gun)
            self._wait(S, 10 * S)
        if rng.below(4):
            self._unplug(gun)
            self._between(gun)
            self._wait(S, 10 * S)

    def _between(self, gun: int) -> None:
        while self._rng.below(3) == 0:
            self._rng.one_of(_HAPPENINGS)(self, gun)

    def _add(self, step: steps.Step) -> None:
        self.steps.append(step)

    def _wait(self, least_ns: int, most_ns: int) -> None:
        self._add(wait(self._rng.between(least_ns // (100 * MS), most_ns // (100 * MS)) * 100 * MS))

    def _plug(self, gun: int) -> None:
        rng = self._rng
        self._cabled.add(gun)
        battery = Kwh(rng.one_of((2, 60)) * KWH_DWH)
        sound = rng.below(12) > 0
        self._add(plug(gun, battery_kwh=battery, soc=rng.one_of((5, 50, 98)), insulation=sound))

    def _unplug(self, gun: int) -> None:
        self._cabled.discard(gun)
        self._add(steps.Unplug(gun=gun))

    def _scan(self, gun: int) -> None:
        self._labels += 1
        self._add(authorise(f"N{self._labels}", gun, self._rng.one_of((1, 50, 50, 50))))

    # --- what may come between

    def _impair(self, gun: int) -> None:
        rng = self._rng

        def time(least_s: int, most_s: int) -> str:
            return f"{rng.between(least_s, most_s)}s"

        def which() -> dict[str, Any]:
            return {"message": rng.one_of(_MESSAGES), "count": rng.between(1, 3)}

        # An XOR over the frame lets two bits of one column pass, and such a frame is the line's invention.
        drawn: tuple[Callable[[], dict[str, dict[str, Any]]], ...] = (
            lambda: {"drop": which()},
            lambda: {"drop": which()},
            lambda: {"duplicate": {"later": time(0, 40)} | which()},
            lambda: {"duplicate": {"later": time(0, 40)} | which()},
            lambda: {"hold": {"for": time(1, 40)} | which()},
            lambda: {"delay": {"by": time(1, 9), "within": time(5, 40)}},
            lambda: {"corrupt": {"bits": rng.one_of((1, 3)), "within": time(1, 30), "probability": Decimal("0.5")}},
            lambda: {"cut": {"gap": "200ms"} | which()},
            lambda: {"cut": {"lose_rest": True} | which()},
            lambda: {"merge": which()},
            lambda: {"reorder": which()},
            lambda: {"noise": {"bytes": rng.between(1, 40)} | which()},
            lambda: {"disconnect": {"for": time(0, 40)}},
            lambda: {"refuse": {"for": time(1, 40)}},
            lambda: {"flap": {"times": rng.between(1, 3), "up": time(1, 20), "down": time(1, 9)}},
            lambda: {"stall": {"for": time(1, 40)}},
        )
        self._add(steps.Impair(spec=rng.one_of(drawn)()))

    def _silence(self, gun: int) -> None:
        """The platform says nothing more for a while."""
        self._add(steps.Impair(spec={"drop": {"direction": "down", "within": f"{self._rng.between(5, 60)}s"}}))

    def _heal(self, gun: int) -> None:
        self._add(steps.Heal())

    def _tap(self, gun: int) -> None:
        self._add(steps.Tap(gun=gun, times=self._rng.between(1, 3)))

    def _scan_again(self, gun: int) -> None:
        self._scan(gun)

    def _start_again(self, gun: int) -> None:
        self._add(steps.Start(gun=gun))

    def _stop(self, gun: int) -> None:
        self._add(steps.Stop(gun=gun))

    def _power(self, gun: int) -> None:
        self._add(steps.PowerOff())
        self._wait(S, 15 * S)
        if self._rng.below(4) == 0:
            self._unplug(gun)
        self._add(steps.PowerOn())
        self._wait(S, 10 * S)

    def _emergency(self, gun: int) -> None:
        self._add(steps.EmergencyStop())
        self._wait(S, 5 * S)
        self._add(steps.EmergencyRelease())

    def _replug(self, gun: int) -> None:
        self._unplug(gun)
        self._wait(S, 5 * S)
        self._plug(gun)

    def _quiet(self, gun: int) -> None:
        self._wait(S, MINUTE // 2)


_HAPPENINGS: tuple[Callable[[_Life, int], None], ...] = (
    *(_Life._impair,) * 6,
    *(_Life._silence,) * 2,
    _Life._heal,
    _Life._tap,
    _Life._scan_again,
    _Life._start_again,
    _Life._stop,
    *(_Life._power,) * 2,
    _Life._emergency,
    _Life._replug,
    _Life._quiet,
)
