"""Everybody who comes to one pile: plugs, scans, stops, parks, pulls the cable, as the plan says.

Owns what is done and when, and the log of it. Sees what such people see: the pile's screen, and whether the line
stands. Must not know frames, nor what the platform makes of them.

Nobody scans while the line is down, nor presses stop on a phone then. A line that is to go down does so between
charges' beginnings, while nobody at the pile is being started, or was a moment ago, and no cable has just been
pulled: so every charge begins on a line that stands, and no bill that leaves at the unplug is cut off from its
acknowledgement. Power goes in such moments too, and while no gun charges; nobody lays hands on a pile that is dark.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pilesim.errors import InternalError
from pilesim.link.base import Link
from pilesim.pile.car import CarSpec
from pilesim.pile.pile import Pile
from pilesim.pile.screen import Page
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.quantities import Duration
from pilesim.rig.impairments import Disconnect, Drop
from pilesim.rig.line import Line
from pilesim.season.plan import Ending, PilePlan, Visit
from pilesim.season.truth import Deed, Down
from pilesim.trace.events import AnyEvent, LineDown, LineUp
from pilesim.units import DAY, FEN_MFEN, HOUR, KWH_DWH, MINUTE, YUAN_MFEN, S, format_since_start, half_hour_of_day
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Tariff

BALANCE_MFEN = 500 * YUAN_MFEN
"""More than any charge of a season costs, for those who do not end at their balance."""
_START_LIMIT_NS = 2 * MINUTE
_LINE_LIMIT_NS = 2 * DAY
_END_LIMIT_NS = 12 * HOUR
"""A wait that takes longer is a fault of this program, or of a fixture that lets a line be down for days."""
_NEXT_CAR_NS = MINUTE
"""From one car's unplug to the next one's plug, at the least."""
_TRIES_AGAIN_NS = 20 * S
_QUIET_NS = 5 * S
"""So long after an unplug, a start, or the line's coming back, all that it brought is long said and answered."""

_W_NS_PER_DWH = 360 * S
"""0.1 Wh is 360 J."""
_CAPACITY_DWH = 600_000
_FULL_PERMILLE = 780
"""A car says that it is full while it still draws all it can, so that its charge lasts as long as planned."""
_LOW_PERMILLE = 150


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until `met` holds, at the latest until the deadline; with `met` None, until the deadline."""

    deadline_ns: int
    met: Callable[[], bool] | None = None
    must: str = ""
    """What was waited for, where the deadline must not come first."""


@dataclass(slots=True)
class _Place:
    """A gun and who is at it."""

    gun: int
    script: Iterator[_Wait]
    wait: _Wait = field(default_factory=lambda: _Wait(0))
    starting: bool = False
    started_ns: int = -DAY
    """When the last start came to something, or to nothing, or a scan was taken back."""
    plugged_ns: int = -DAY
    unplugged_ns: int = -DAY
    over: bool = False


class Attendant:
    """A participant of the pump. `deeds` and `downs` are what was done, complete once `done`."""

    def __init__(
        self,
        plan: PilePlan,
        *,
        pile: Pile,
        platform: Platform,
        session: PlatformSession,
        line: Line,
        drain_ns: int,
        charged: Callable[[], None],
    ) -> None:
        """The world goes on for `drain_ns` after the last cable was pulled. `charged` is told of each charge."""
        self.deeds: list[Deed] = []
        self.downs: list[Down] = []
        self.done = False
        self._plan = plan
        self._pile = pile
        self._platform = platform
        self._session = session
        self._line = line
        self._drain_ns = drain_ns
        self._charged = charged
        self._now_ns = 0
        self._line_up = False
        self._line_changed_ns = 0
        self._places = [_Place(gun, self._at(gun)) for gun in range(1, plan.profile.guns + 1)]

    def see(self, event: AnyEvent) -> None:
        """An observer of the recorder: whether the platform has the pile on the line."""
        match event:
            case LineUp(end=End.PLATFORM, t_ns=t_ns) if not self._line_up:
                if self._line_changed_ns:
                    self.downs.append(Down(self._line_changed_ns, t_ns))
                self._line_up, self._line_changed_ns = True, t_ns
            case LineDown(end=End.PLATFORM, t_ns=t_ns) if self._line_up:
                self._line_up, self._line_changed_ns = False, t_ns

    # ------------------------------------------------------------------------- as a participant of the pump

    def step(self, now_ns: int) -> bool:
        self._now_ns = now_ns
        moved, over = False, True
        for place in self._places:
            while not place.over and self._is_over(place.wait):
                moved = True
                try:
                    place.wait = next(place.script)
                except StopIteration:
                    place.over = True
            over = over and place.over
        self.done = over and self._line_up and now_ns >= self._end_ns
        return moved

    def _is_over(self, wait: _Wait) -> bool:
        if wait.met is not None and wait.met():
            return True
        if self._now_ns < wait.deadline_ns:
            return False
        if wait.must:
            where = f"pile {self._plan.number} {format_since_start(self._now_ns)}"
            raise InternalError(f"{where}: waited for {wait.must} in vain")
        return True

    def next_wakeup_ns(self) -> int | None:
        waits = [place.wait.deadline_ns for place in self._places if not place.over]
        if not waits and not self.done and self._end_ns > self._now_ns:
            return self._end_ns
        return min(waits, default=None)

    def links(self) -> list[Link]:
        return []

    @property
    def _end_ns(self) -> int:
        """A lost line begins the platform's waiting anew, and so it does ours."""
        last_ns = max(place.unplugged_ns for place in self._places)
        return max(last_ns, self._line_changed_ns if self.downs else 0) + self._drain_ns

    # ------------------------------------------------------------------------------------------ what is done

    def _at(self, gun: int) -> Iterator[_Wait]:
        place = self._places[gun - 1]
        for visit in self._plan.visits:
            if visit.gun == gun:
                yield _Wait(max(visit.arrives_ns, place.unplugged_ns + _NEXT_CAR_NS))
                if visit.fails_first:
                    yield from self._fail(place, visit)
                    yield _Wait(self._now_ns + _TRIES_AGAIN_NS)
                yield from self._charge(place, visit)
                self._charged()

    def _fail(self, place: _Place, visit: Visit) -> Iterator[_Wait]:
        """The car never answers the pile: the start comes to nothing, and the cable is pulled."""
        yield self._lit(place)
        self._plug(place, CarSpec(handshake=False))
        order = yield from self._start(place, visit, BALANCE_MFEN)
        asked_ns = self._now_ns
        yield self._until(lambda: self._page(place) is Page.STARTING, _START_LIMIT_NS, "a start")
        yield self._until(lambda: self._page(place) is not Page.STARTING, _START_LIMIT_NS, "its failure")
        failed_ns = self._now_ns
        self._started(place)
        yield _Wait(self._now_ns + visit.stays_ns)
        yield self._lit(place)
        self._unplug(place)
        self._note(order, visit, asked_ns, failed_ns, failed=True)

    def _charge(self, place: _Place, visit: Visit) -> Iterator[_Wait]:
        yield self._lit(place)
        self._plug(place, self._car(visit))
        order = yield from self._start(place, visit, self._balance_mfen(visit))
        yield self._until(lambda: self._charges(place), _START_LIMIT_NS, "the current")
        self._started(place)
        began_ns = self._now_ns
        self._make_lossy(visit)
        yield from self._end(place, visit, began_ns)
        ended_ns = self._now_ns
        if visit.ending is not Ending.UNPLUG:
            if visit.scanned_again:
                yield _Wait(ended_ns + visit.parking_ns // 2)
                scan = yield from self._scan_in_vain(place, visit)
            yield _Wait(ended_ns + visit.parking_ns)
            if visit.power_cut_ns:
                yield from self._cut_power(visit)
            if visit.outage_ns:
                yield self._until(self._may_go_down, _LINE_LIMIT_NS, "a line to take away")
                self._line.impair(Disconnect(time=Duration(visit.outage_ns)))
                yield _Wait(self._now_ns + S)
            yield self._lit(place)
            self._unplug(place)
            if visit.scanned_again:
                self._note(*scan, given_up=True)
        self._note(order, visit, began_ns, ended_ns)

    def _scan_in_vain(self, place: _Place, visit: Visit) -> Generator[_Wait, None, tuple[str, Visit, int, int]]:
        """Scan at the gun that is still taken, and take it back on the phone; returns what is noted of the order."""
        yield self._until(lambda: self._line_up, _LINE_LIMIT_NS, "the line")
        place.starting = True
        asked_ns = self._now_ns
        order = self._authorise(place, BALANCE_MFEN)
        yield self._until(lambda: self._page(place) is Page.READY, _START_LIMIT_NS, "an authorisation")
        yield _Wait(self._now_ns + visit.scan_after_ns)
        self._session.stop(self._now_ns, place.gun)
        yield self._until(lambda: self._page(place) is not Page.READY, _START_LIMIT_NS, "an order's end")
        self._started(place)
        return order, visit, asked_ns, self._now_ns

    def _make_lossy(self, visit: Visit) -> None:
        """From now on the line loses the next bill, or the next acknowledgement of one."""
        if visit.loses_bill:
            self._line.impair(Drop(message="bill", direction=Direction.UP, count=1))
        if visit.loses_acknowledgement:
            self._line.impair(Drop(message="bill-reply", direction=Direction.DOWN, count=1))

    def _cut_power(self, visit: Visit) -> Iterator[_Wait]:
        yield self._until(self._may_go_dark, _LINE_LIMIT_NS, "a power to take away")
        self._pile.stimulate(self._now_ns, "power-off", None, {})
        yield _Wait(self._now_ns + visit.power_cut_ns)
        self._pile.stimulate(self._now_ns, "power-on", None, {})
        yield self._until(lambda: self._line_up, _LINE_LIMIT_NS, "the line")
        yield _Wait(self._now_ns + _QUIET_NS)

    def _start(self, place: _Place, visit: Visit, balance_mfen: int) -> Generator[_Wait, None, str]:
        """Scan, and start on the phone; returns the order."""
        yield _Wait(self._now_ns + visit.scan_after_ns)
        yield self._until(lambda: self._line_up, _LINE_LIMIT_NS, "the line")
        place.starting = True
        order = self._authorise(place, balance_mfen)
        self._session.start(self._now_ns, place.gun)
        return order

    def _authorise(self, place: _Place, balance_mfen: int) -> str:
        order = self._platform.new_order(self._plan.number, place.gun, self._now_ns)
        self._session.authorise(self._now_ns, place.gun, order, balance_mfen)
        return order

    def _started(self, place: _Place) -> None:
        place.starting, place.started_ns = False, self._now_ns

    def _end(self, place: _Place, visit: Visit, began_ns: int) -> Iterator[_Wait]:
        """However it is planned; a car that is full before then is full."""
        if visit.ending in (Ending.PLATFORM, Ending.AT_PILE, Ending.UNPLUG):
            yield _Wait(began_ns + visit.charge_ns, lambda: not self._charges(place))
        if self._charges(place):
            match visit.ending:
                case Ending.PLATFORM:
                    yield self._until(lambda: self._line_up, _LINE_LIMIT_NS, "the line")
                    self._session.stop(self._now_ns, place.gun)
                case Ending.AT_PILE:
                    self._do(place, "stop-button")
                case Ending.UNPLUG:
                    self._unplug(place)
        yield self._until(lambda: not self._charges(place), _END_LIMIT_NS, "the charge's end")

    # -------------------------------------------------------------------------------------- hands and eyes

    def _do(self, place: _Place, kind: str, **detail: Any) -> None:
        plain = {key: msgspec.to_builtins(value) for key, value in detail.items()}
        self._pile.stimulate(self._now_ns, kind, place.gun, plain)

    def _plug(self, place: _Place, car: CarSpec) -> None:
        self._do(place, "plug", car=car)
        place.plugged_ns = self._now_ns

    def _unplug(self, place: _Place) -> None:
        self._do(place, "unplug")
        place.unplugged_ns = self._now_ns

    def _note(
        self, order: str, visit: Visit, began_ns: int, ended_ns: int, *, failed: bool = False, given_up: bool = False
    ) -> None:
        self.deeds.append(
            Deed(
                pile=self._plan.number,
                gun=visit.gun,
                order=order,
                habit=visit.habit,
                failed=failed,
                given_up=given_up,
                plugged_ns=self._places[visit.gun - 1].plugged_ns,
                began_ns=began_ns,
                ended_ns=ended_ns,
                unplugged_ns=self._places[visit.gun - 1].unplugged_ns,
            )
        )

    def _page(self, place: _Place) -> Page:
        return self._pile.screen(place.gun)

    def _charges(self, place: _Place) -> bool:
        return self._page(place) is Page.CHARGING

    def _may_go_down(self) -> bool:
        """The line stands, nobody is being started, and no bill is on its way."""
        last_ns = max(self._line_changed_ns, *(max(p.unplugged_ns, p.started_ns) for p in self._places))
        settled = self._now_ns - last_ns >= _QUIET_NS
        return self._line_up and settled and not any(place.starting for place in self._places)

    def _may_go_dark(self) -> bool:
        """As for the line; and a charge would not go on afterwards, so there is none."""
        return self._may_go_down() and not any(self._charges(place) for place in self._places)

    def _lit(self, place: _Place) -> _Wait:
        return self._until(lambda: self._page(place) is not Page.DARK, _LINE_LIMIT_NS, "the power")

    def _until(self, met: Callable[[], bool], limit_ns: int, must: str) -> _Wait:
        return _Wait(self._now_ns + limit_ns, met, must)

    def _car(self, visit: Visit) -> CarSpec:
        return car_of(visit, self._plan.profile.rated_w)

    def _balance_mfen(self, visit: Visit) -> int:
        epoch_ns = self._platform.world_start_ns + self._now_ns
        return balance_of(visit, self._plan.profile.rated_w, self._platform.settings.tariff, epoch_ns)


def car_of(visit: Visit, rated_w: int) -> CarSpec:
    """A car that takes its power all the time, and is full after the planned time if that is how it ends."""
    power_w = min(visit.power_w, rated_w)
    if visit.ending is not Ending.FULL:
        # Large enough for the longest of charges, at any power, to end by something else.
        return CarSpec(capacity_dwh=20 * _CAPACITY_DWH, soc_permille=_LOW_PERMILLE, max_w=power_w)
    energy_dwh = power_w * visit.charge_ns // _W_NS_PER_DWH
    capacity_dwh = max(_CAPACITY_DWH, 2 * energy_dwh)
    missing_permille = max(1, 1000 * energy_dwh // capacity_dwh)
    return CarSpec(
        capacity_dwh=capacity_dwh,
        soc_permille=_FULL_PERMILLE - missing_permille,
        max_w=power_w,
        full_permille=_FULL_PERMILLE,
    )


def balance_of(visit: Visit, rated_w: int, tariff: Tariff, epoch_ns: int) -> int:
    """Of who ends at the balance: what the planned charge costs by the price of its first half-hour; mfen."""
    if visit.ending is not Ending.BALANCE:
        return BALANCE_MFEN
    half_hour = half_hour_of_day(epoch_ns)
    energy_dwh = min(visit.power_w, rated_w) * visit.charge_ns // _W_NS_PER_DWH
    price_mfen = tariff.energy_mfen[half_hour] + tariff.service_mfen[half_hour]
    return max(FEN_MFEN, energy_dwh * price_mfen // KWH_DWH // FEN_MFEN * FEN_MFEN)
