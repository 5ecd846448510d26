"""Draws a schedule: lives of orders from plug to bill, with whatever may come between, and faults.

Owns the tables of what can happen and how often. Must not know any rule: what is drawn is a life that may be lived,
never one made to break something. Every draw is from one `Chance`, in integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar, get_args

import msgspec

from pilesim.chance import Chance
from pilesim.explore.schedule import ChosenFault, Schedule, possible
from pilesim.faulty import FaultKind
from pilesim.pile.faults import FAULTS as PILE_FAULTS
from pilesim.platform.faults import FAULTS as PLATFORM_FAULTS
from pilesim.quantities import Duration, Fraction, Kwh, Word, Yuan
from pilesim.rig.impairments import IMPAIRMENTS
from pilesim.scenario import steps
from pilesim.scenario.writer import duration_text
from pilesim.units import DAY, HOUR, KWH_DWH, MINUTE, MS, YUAN_MFEN, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunFault
from pilesim.wire.protocol import protocol_named

T = TypeVar("T")

REST_NS = 4 * MINUTE
"""After the last step: what must not come, and what must come within minutes, is judged then."""
FOREIGN_ACCOUNT = "13800000000"
"""An account that no order belongs to."""

_FIRST_DAY_NS = parse_world_start_ns("2019-07-01T00:00:00+08:00")
_DAYS = 550
_EVES = tuple(
    parse_world_start_ns(f"{day}T00:00:00+08:00")
    for day in ("2020-01-01", "2020-02-29", "2020-03-01", "2020-04-01", "2020-03-12")
)
"""Midnights that end a year, a February, a leap day, a month, and nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What schedules are drawn for. `given` faults are in each of them."""

    protocol: str
    profile: str
    given: tuple[ChosenFault, ...] = ()
    faults: bool = True
    """Further faults are drawn."""


def draw_schedule(seed: int, run: int, drawing: Drawing) -> Schedule:
    """Schedule number `run` of `seed`: the same on any machine."""
    rng = Chance(f"{seed}/explore/{run}")
    faults = drawing.given + (_faults(rng) if drawing.faults else ())
    life = _Life(rng, drawing.protocol)
    life.live()
    return Schedule(
        protocol=drawing.protocol,
        profile=drawing.profile,
        seed=rng.between(1, 999),
        start_ns=_start_ns(rng),
        auto=rng.below(3) == 0,
        faults=faults,
        steps=possible(life.steps),
    )


# ------------------------------------------------------------------------------------------------ quantities


def _between(rng: Chance, least_ns: int, most_ns: int) -> Duration:
    """A duration in that range, each doubling as likely as the next, to a tenth of a second."""
    base_ns = least_ns << rng.below((most_ns // least_ns).bit_length())
    return Duration(min(most_ns, base_ns + rng.below(base_ns)) // (100 * MS) * (100 * MS))


def _weighted(rng: Chance, table: Sequence[tuple[int, T]]) -> T:
    """One of the table's items; each row says first how often it comes."""
    at = rng.below(sum(weight for weight, _ in table))
    for weight, item in table:
        at -= weight
        if at < 0:
            return item
    raise AssertionError("the weights add up to what was drawn from")


def _start_ns(rng: Chance) -> int:
    """Any time of any day, or shortly before a midnight that ends something."""
    if rng.below(2):
        return _FIRST_DAY_NS + rng.below(_DAYS) * DAY + rng.below(DAY // S) * S
    return rng.one_of(_EVES) - rng.between(1, 30 * 60 - 1) * S


# ---------------------------------------------------------------------------------------------------- faults

_HOW_MANY_PILE_FAULTS = ((2, 0), (5, 1), (2, 2), (1, 3))
_HOW_MANY_PLATFORM_FAULTS = ((6, 0), (3, 1), (1, 2))
_LEAST_NS, _MOST_NS = 2 * S, HOUR
_MESSAGES = ("authorise-reply", "start-reply", "stop-reply")
_WORDS: Mapping[tuple[End, str, str], Sequence[str]] = {
    (End.PILE, "no-reply", "message"): _MESSAGES,
    (End.PLATFORM, "no-reply", "which"): ("hello", "time-ask", "gun-report", "stop-ask", "card-ask"),
    (End.PLATFORM, "wrong-echo", "which"): ("hello-reply", "gun-report-reply", "authorise"),
}
"""Parameters that are words: what they may be."""


def _faults(rng: Chance) -> tuple[ChosenFault, ...]:
    tables: tuple[tuple[End, Mapping[str, FaultKind], Sequence[tuple[int, int]]], ...] = (
        (End.PILE, PILE_FAULTS, _HOW_MANY_PILE_FAULTS),
        (End.PLATFORM, PLATFORM_FAULTS, _HOW_MANY_PLATFORM_FAULTS),
    )
    return tuple(
        ChosenFault(end, name, _parameters(rng, end, table[name]))
        for end, table, how_many in tables
        for name in rng.some_of(list(table), _weighted(rng, how_many))
    )


def _parameters(rng: Chance, end: End, fault: FaultKind) -> tuple[tuple[str, str], ...]:
    """About half of a fault's parameters, the others being left at what they are."""
    drawn = []
    for field in msgspec.structs.fields(fault.parameters):
        text = _parameter(rng, (end, fault.name, field.name), field.type)
        if text and rng.below(2):
            drawn.append((field.encode_name, text))
    return tuple(drawn)


def _parameter(rng: Chance, where: tuple[End, str, str], kind: Any) -> str:
    """A value as a URL has it; "" where there is no telling what would fit."""
    if kind is Duration:
        return duration_text(_between(rng, _LEAST_NS, _MOST_NS))
    if kind is Fraction:
        return rng.one_of(("0.25", "0.5", "0.75"))
    if where in _WORDS:
        return rng.one_of(_WORDS[where])
    bounds = next((of for of in get_args(kind) if isinstance(of, msgspec.Meta)), None)
    if bounds is None:
        return ""
    least = int(bounds.ge or 0)
    return str(rng.between(least, int(bounds.le or least + 10)))


# ------------------------------------------------------------------------------------- impairments of the line


def _maybe(rng: Chance, one_in: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return dict(arguments) if rng.below(one_in) == 0 else {}


def _direction(rng: Chance) -> dict[str, Any]:
    return {"direction": str(rng.one_of(list(Direction)))} if rng.below(2) else {}


def _impairment(rng: Chance, kind: str, messages: Sequence[str]) -> dict[str, Any]:
    """The arguments of an impairment of this kind, as a file has them. What passes for ever has a bound of its own."""

    def time(least_ns: int, most_ns: int) -> str:
        return duration_text(_between(rng, least_ns, most_ns))

    def chosen() -> dict[str, Any]:
        """Which frames: the next few, or a share of all for a while."""
        which: dict[str, Any] = {"message": rng.one_of(messages)} if rng.below(3) else {}
        if rng.below(3):
            return which | {"count": rng.between(1, 3)} | _direction(rng)
        share = Decimal(rng.between(5, 99)) / 100
        return which | {"probability": share, "within": time(10 * S, 5 * MINUTE)} | _direction(rng)

    outage = {"for": time(S, 5 * MINUTE)}
    arguments: dict[str, Callable[[], dict[str, Any]]] = {
        "delay": lambda: {"by": time(S // 10, 20 * S)} | _maybe(rng, 2, {"jitter": time(S // 10, 5 * S)}) | chosen(),
        "hold": lambda: {"for": time(S, MINUTE)} | chosen(),
        "stall": lambda: {"for": time(S, 3 * MINUTE)} | _direction(rng),
        "slow": lambda: {"baud": rng.one_of((300, 1200, 9600)), "within": time(10 * S, 5 * MINUTE)} | _direction(rng),
        "drop": chosen,
        "duplicate": lambda: _maybe(rng, 2, {"later": time(S // 10, MINUTE)}) | chosen(),
        "reorder": chosen,
        "merge": chosen,
        "cut": lambda: {"gap": time(S // 10, 4 * S)} | _maybe(rng, 3, {"lose_rest": True}) | chosen(),
        "corrupt": lambda: {"bits": rng.between(1, 3)} | _maybe(rng, 3, {"length": True}) | chosen(),
        "noise": lambda: {"bytes": rng.between(1, 63)} | chosen(),
        "disconnect": lambda: outage,
        "refuse": lambda: outage,
        "flap": lambda: {
            "times": rng.between(1, 3),
            "up": time(5 * S, MINUTE),
            "down": time(S, 30 * S),
        },
    }
    return arguments[kind]() | _maybe(rng, 5, {"after": time(S, MINUTE)})


# ------------------------------------------------------------------------------------------------- the life

_FAULTS_AT_GUN = (GunFault.CONNECTOR, GunFault.MODULE, GunFault.GUN_HOT, GunFault.BMS_COMMUNICATION)


class _Life:
    """Steps one after the other. Whatever has to be undone (power, emergency, a fault) is undone soon."""

    def __init__(self, rng: Chance, protocol: str) -> None:
        self.steps: list[steps.Step] = []
        self._rng = rng
        carried = {row.means.name for row in protocol_named(protocol).catalogue if row.means is not None}
        self._messages = sorted(carried - {"opaque"})
        self._labels = 0
        self._cabled: set[int] = set()

    def live(self) -> None:
        """One to four orders on one gun or two, then everything as it was, and a while of quiet."""
        for _ in range(self._rng.between(1, 4)):
            self._order(_weighted(self._rng, ((4, 1), (1, 2))))
        self._add(steps.Heal())
        for gun in (1, 2):
            self._unplug(gun)
        self._add(steps.Wait(ns=Duration(REST_NS)))

    # --- the parts of an order's life

    def _order(self, gun: int) -> None:
        """Plug, scan, start, charge, end, occupancy, unplug, with something else between now and then."""
        rng = self._rng
        if gun not in self._cabled and rng.below(20):
            self._plug(gun)
        self._between_steps(gun)
        if rng.below(12) == 0:
            self._add(steps.Card(gun=gun, account=Word(FOREIGN_ACCOUNT)))
            label = ""
        else:
            label = self._authorise(gun)
            if rng.below(4):
                self._add(steps.Until(gun=gun, message="authorise-reply", within=Duration(20 * S)))
            self._between_steps(gun)
            _weighted(rng, _BEGINNINGS)(self, gun)
        self._between_steps(gun)
        _weighted(rng, _ENDINGS)(self, gun)
        self._between_steps(gun)
        if rng.below(3):
            self._wait(S, 20 * MINUTE)
        if rng.below(5):
            self._unplug(gun)
            if label and rng.below(2):
                self._add(steps.Until(bill=Word(label), within=Duration(90 * S)))
        self._between_steps(gun)

    def _between_steps(self, gun: int) -> None:
        """Now and then something that belongs to no order's plain life."""
        if self._rng.below(3) == 0:
            self._wait(S, 2 * MINUTE)
        while self._rng.below(4) == 0:
            _weighted(self._rng, _INTERRUPTIONS)(self, gun)

    def _add(self, step: steps.Step) -> None:
        self.steps.append(step)

    def _wait(self, least_ns: int, most_ns: int) -> None:
        self._add(steps.Wait(ns=_between(self._rng, least_ns, most_ns)))

    def _plug(self, gun: int) -> None:
        rng = self._rng
        car = steps.Car(
            battery_kwh=Kwh(rng.one_of((2, 20, 60, 90)) * KWH_DWH),
            soc=_weighted(rng, ((8, rng.between(5, 89)), (2, rng.between(90, 99)), (1, 100))),
            max_kw=Kwh(rng.one_of((7, 50, 120)) * KWH_DWH),
            handshake=rng.below(12) > 0,
            insulation=rng.below(12) > 0,
        )
        self._cabled.add(gun)
        self._add(steps.Plug(gun=gun, car=car))

    def _unplug(self, gun: int) -> None:
        if gun in self._cabled:
            self._cabled.discard(gun)
            self._add(steps.Unplug(gun=gun))

    def _authorise(self, gun: int) -> str:
        self._labels += 1
        label = f"N{self._labels}"
        balance = _weighted(self._rng, ((6, 50), (2, 5), (1, 1)))
        mfen = 0 if self._rng.below(20) == 0 else balance * YUAN_MFEN
        self._add(steps.Authorise(gun=gun, order=Word(label), balance=Yuan(mfen)))
        return label

    # --- how it begins

    def _start(self, gun: int) -> None:
        self._add(steps.Start(gun=gun))
        if self._rng.below(4):
            self._add(steps.Until(gun=gun, state="charging", within=Duration(MINUTE)))

    def _start_late(self, gun: int) -> None:
        self._wait(20 * S, 5 * MINUTE)
        self._start(gun)

    def _start_twice(self, gun: int) -> None:
        self._add(steps.Start(gun=gun))
        self._wait(S, MINUTE)
        self._start(gun)

    def _start_and_give_up(self, gun: int) -> None:
        self._add(steps.Start(gun=gun))
        self._wait(S, 20 * S)

    def _never_start(self, gun: int) -> None:
        self._wait(MINUTE, 7 * MINUTE)

    # --- how it ends

    def _stop(self, gun: int) -> None:
        self._wait(S, 20 * MINUTE)
        self._add(steps.Stop(gun=gun))
        if self._rng.below(3):
            self._add(steps.Until(gun=gun, state="occupied", within=Duration(30 * S)))

    def _stop_at_pile(self, gun: int) -> None:
        self._wait(S, 10 * MINUTE)
        self._add(steps.StopButton(gun=gun))

    def _pull_the_cable(self, gun: int) -> None:
        self._wait(S, 10 * MINUTE)
        self._unplug(gun)

    def _until_over(self, gun: int) -> None:
        self._add(steps.Until(gun=gun, state="occupied", within=Duration(HOUR)))

    # --- what may come between

    def _impair(self, gun: int) -> None:
        kind = self._rng.one_of(list(IMPAIRMENTS))
        self._add(steps.Impair(spec={kind: _impairment(self._rng, kind, self._messages)}))

    def _heal(self, gun: int) -> None:
        self._add(steps.Heal())

    def _tap(self, gun: int) -> None:
        self._add(steps.Tap(gun=gun, times=self._rng.between(1, 7)))

    def _scan_again(self, gun: int) -> None:
        self._authorise(gun)

    def _start_again(self, gun: int) -> None:
        self._add(steps.Start(gun=gun))

    def _start_foreign(self, gun: int) -> None:
        self._add(steps.Start(gun=gun, account=Word(FOREIGN_ACCOUNT)))

    def _stop_foreign(self, gun: int) -> None:
        self._add(steps.Stop(gun=gun, account=Word(FOREIGN_ACCOUNT)))

    def _stop_now(self, gun: int) -> None:
        self._add(steps.Stop(gun=gun))

    def _button(self, gun: int) -> None:
        self._add(steps.StopButton(gun=gun))

    def _card(self, gun: int) -> None:
        self._add(steps.Card(gun=gun, account=Word(FOREIGN_ACCOUNT)))

    def _park(self, gun: int) -> None:
        self._add(steps.Park(gun=gun, taken=self._rng.below(2) == 0))

    def _power_cut(self, gun: int) -> None:
        self._add(steps.PowerOff())
        self._wait(S, 10 * MINUTE)
        if gun in self._cabled and self._rng.below(4) == 0:
            self._unplug(gun)
            self._wait(S, MINUTE)
        self._add(steps.PowerOn())

    def _emergency(self, gun: int) -> None:
        self._add(steps.EmergencyStop())
        self._wait(S, 2 * MINUTE)
        self._add(steps.EmergencyRelease())

    def _fault(self, gun: int) -> None:
        fault = self._rng.one_of(_FAULTS_AT_GUN)
        self._add(steps.RaiseFault(gun=gun, fault=fault))
        self._wait(S, 2 * MINUTE)
        self._add(steps.ClearFault(gun=gun, fault=fault))

    def _insulation(self, gun: int) -> None:
        self._add(steps.Insulation(gun=gun, ok=self._rng.below(4) == 0))

    def _replug(self, gun: int) -> None:
        self._unplug(gun)
        self._wait(S, MINUTE)
        self._plug(gun)

    def _other_gun(self, gun: int) -> None:
        """The neighbour begins an order, which goes on beside this one."""
        other = 3 - gun
        if other not in self._cabled:
            self._plug(other)
        self._authorise(other)
        self._add(steps.Until(gun=other, message="authorise-reply", within=Duration(20 * S)))
        self._start(other)


Happening = Callable[[_Life, int], None]

_BEGINNINGS: tuple[tuple[int, Happening], ...] = (
    (12, _Life._start),
    (3, _Life._start_late),
    (2, _Life._start_twice),
    (2, _Life._start_and_give_up),
    (2, _Life._never_start),
)
_ENDINGS: tuple[tuple[int, Happening], ...] = (
    (8, _Life._stop),
    (3, _Life._stop_at_pile),
    (4, _Life._pull_the_cable),
    (2, _Life._until_over),
)
_INTERRUPTIONS: tuple[tuple[int, Happening], ...] = (
    (12, _Life._impair),
    (2, _Life._heal),
    (3, _Life._tap),
    (3, _Life._scan_again),
    (3, _Life._start_again),
    (1, _Life._start_foreign),
    (1, _Life._stop_foreign),
    (2, _Life._stop_now),
    (2, _Life._button),
    (1, _Life._card),
    (1, _Life._park),
    (3, _Life._power_cut),
    (2, _Life._emergency),
    (2, _Life._fault),
    (2, _Life._insulation),
    (2, _Life._replug),
    (2, _Life._other_gun),
)
