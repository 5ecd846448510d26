"""Everybody who comes to one pile of a site: plugs, scans, stops, parks, pulls the cable, as the plan says.

Owns what is done and when. Sees what such people see: the pile's screen, and whether the line stands. The platform is
a real one: whatever it does not do, people give up waiting for, pull the cable and leave. Must not know frames.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import RigError
from pilesim.pile.car import CarSpec
from pilesim.pile.screen import Page
from pilesim.rig.desk import ApiDesk, PlatformApi
from pilesim.season.attendant import BALANCE_MFEN, balance_of, car_of
from pilesim.season.plan import Ending, PilePlan, Visit
from pilesim.site.figures import Figures
from pilesim.units import DAY, HOUR, MINUTE, S
from pilesim.wire.messages import Bill, BillReply, Message

_PATIENCE_NS = 2 * MINUTE
"""So long people wait for an authorisation, or for the current."""
_LINE_PATIENCE_NS = 10 * MINUTE
_END_LIMIT_NS = 12 * HOUR
_NEXT_CAR_NS = MINUTE
_TRIES_AGAIN_NS = 20 * S


class Place(Protocol):
    """A pile, as whoever stands there has to do with it."""

    line_up: bool

    def screen(self, gun: int) -> Page:
        """What the screen of a gun says."""

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do something at the pile; ValueError where it cannot be done."""

    def take_line(self, now_ns: int, for_ns: int) -> None:
        """The line is down for so long."""

    def lose_next(self, kind: type[Message]) -> None:
        """The line is to lose the next message of this kind."""

    def new_order(self, gun: int, now_ns: int) -> str:
        """A number for an order."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until `met` holds, at the latest until the deadline; with `met` None, until the deadline."""

    deadline_ns: int
    met: Callable[[], bool] | None = None


@dataclass(slots=True)
class _Gun:
    script: Iterator[_Wait]
    wait: _Wait = field(default_factory=lambda: _Wait(0))
    over: bool = False


class Visitors:
    """Those who come to `place`, gun by gun. With no `desk` nobody can scan: cars are plugged in and wait."""

    def __init__(
        self,
        plan: PilePlan,
        place: Place,
        *,
        api: PlatformApi | None,
        desk: ApiDesk | None,
        world_start_ns: int,
        figures: Figures,
    ) -> None:
        self._plan = plan
        self._place = place
        self._api = api
        self._desk = desk
        self._world_start_ns = world_start_ns
        self._figures = figures
        self._now_ns = 0
        self._plugged: set[int] = set()
        """Guns whose cable is in a car."""
        guns = sorted({visit.gun for visit in plan.visits})
        self._guns = [_Gun(self._at(gun)) for gun in guns]

    def step(self, now_ns: int) -> None:
        """Do whatever is to be done by now."""
        self._now_ns = now_ns
        if self._desk is not None:
            try:
                self._desk.step(now_ns)
            except RigError as error:
                self._figures.calls_failed += 1
                self._figures.last_failure = str(error)
        for gun in self._guns:
            while not gun.over and self._is_over(gun.wait):
                try:
                    gun.wait = next(gun.script)
                except StopIteration:
                    gun.over = True

    def next_wakeup_ns(self) -> int | None:
        waits = [gun.wait.deadline_ns for gun in self._guns if not gun.over]
        calls_ns = self._desk.next_wakeup_ns() if self._desk is not None else None
        return min(waits if calls_ns is None else [*waits, calls_ns], default=None)

    def _is_over(self, wait: _Wait) -> bool:
        return self._now_ns >= wait.deadline_ns or (wait.met is not None and wait.met())

    # ------------------------------------------------------------------------------------------ what is done

    def _at(self, gun: int) -> Iterator[_Wait]:
        unplugged_ns = -DAY
        for visit in self._plan.visits:
            if visit.gun != gun:
                continue
            yield _Wait(max(visit.arrives_ns, unplugged_ns + _NEXT_CAR_NS))
            if visit.fails_first:
                yield from self._come(visit, CarSpec(handshake=False), visit.stays_ns)
                yield _Wait(self._now_ns + _TRIES_AGAIN_NS)
            yield from self._come(visit, car_of(visit, self._plan.profile.rated_w), visit.parking_ns)
            unplugged_ns = self._now_ns

    def _come(self, visit: Visit, car: CarSpec, parking_ns: int) -> Iterator[_Wait]:
        """One car, from its plug to its unplug."""
        gun = visit.gun
        yield self._until(lambda: self._page(gun) is not Page.DARK, _END_LIMIT_NS)
        self._do("plug", gun, car=car)
        yield _Wait(self._now_ns + visit.scan_after_ns)
        came_to = yield from self._start(visit)
        if came_to == "charged":
            self._figures.visits["charging"] += 1
            self._make_lossy(visit)
            yield from self._end(visit)
            self._figures.visits["charging"] -= 1
        self._figures.visits[came_to] += 1
        if self._page(gun) is not Page.CHARGING:
            ended_ns = self._now_ns
            stayed = came_to == "charged" and gun in self._plugged
            if stayed and visit.scanned_again:
                yield _Wait(ended_ns + parking_ns // 2)
                yield from self._scan_in_vain(visit)
            yield _Wait(ended_ns + parking_ns)
            if stayed:
                yield from self._cuts(visit)
        if gun in self._plugged:
            yield self._until(lambda: self._page(gun) is not Page.DARK, _END_LIMIT_NS)
            self._do("unplug", gun)

    def _start(self, visit: Visit) -> Generator[_Wait, None, str]:
        """Scan, and start on the phone; returns what that came to."""
        gun = visit.gun
        yield self._until(lambda: self._place.line_up, _LINE_PATIENCE_NS)
        if not self._place.line_up:
            return "without a line"
        if self._api is not None and self._desk is not None:
            if self._api.does("authorise"):
                balance_mfen = self._balance_mfen(visit)
                order = self._place.new_order(gun, self._now_ns)
                self._desk.authorise(self._now_ns, gun, order, balance_mfen, None)
                known = (Page.READY, Page.STARTING, Page.CHARGING)
                yield self._until(lambda: self._page(gun) in known, _PATIENCE_NS)
                if self._page(gun) not in known:
                    return "not authorised"
            if self._api.does("start") and self._page(gun) not in (Page.STARTING, Page.CHARGING):
                self._desk.start(self._now_ns, gun, None)
        yield self._until(lambda: self._page(gun) is Page.CHARGING, _PATIENCE_NS)
        return "charged" if self._page(gun) is Page.CHARGING else "not started"

    def _end(self, visit: Visit) -> Iterator[_Wait]:
        """However it is planned; a car that is full before then is full."""
        gun, began_ns = visit.gun, self._now_ns
        if visit.ending not in (Ending.FULL, Ending.BALANCE):
            yield self._until(lambda: self._page(gun) is not Page.CHARGING, visit.charge_ns)
            if self._page(gun) is Page.CHARGING:
                yield from self._stop(visit)
        yield _Wait(began_ns + visit.charge_ns + _END_LIMIT_NS, lambda: self._page(gun) is not Page.CHARGING)

    def _stop(self, visit: Visit) -> Iterator[_Wait]:
        gun = visit.gun
        if visit.ending is Ending.UNPLUG:
            self._do("unplug", gun)
        elif visit.ending is Ending.PLATFORM and self._desk is not None and self._api is not None:
            yield self._until(lambda: self._place.line_up, _LINE_PATIENCE_NS)
            if self._api.does("stop"):
                self._desk.stop(self._now_ns, gun, None)
                yield self._until(lambda: self._page(gun) is not Page.CHARGING, _PATIENCE_NS)
        if visit.ending is not Ending.UNPLUG and self._page(gun) is Page.CHARGING:
            self._do("stop-button", gun)

    def _make_lossy(self, visit: Visit) -> None:
        """From now on the line loses the next bill, or the next acknowledgement of one."""
        for kind, loses in ((Bill, visit.loses_bill), (BillReply, visit.loses_acknowledgement)):
            if loses:
                self._place.lose_next(kind)

    def _scan_in_vain(self, visit: Visit) -> Iterator[_Wait]:
        """Somebody scans at the gun that is still taken, and takes it back on the phone."""
        api, desk, gun = self._api, self._desk, visit.gun
        if api is None or desk is None or not (api.does("authorise") and api.does("stop")):
            return
        yield self._until(lambda: self._place.line_up, _LINE_PATIENCE_NS)
        order = self._place.new_order(gun, self._now_ns)
        desk.authorise(self._now_ns, gun, order, BALANCE_MFEN, None)
        yield self._until(lambda: self._page(gun) is Page.READY, _PATIENCE_NS)
        if self._page(gun) is Page.READY:
            yield _Wait(self._now_ns + visit.scan_after_ns)
            desk.stop(self._now_ns, gun, None)
            yield self._until(lambda: self._page(gun) is not Page.READY, _PATIENCE_NS)
            self._figures.visits["scanned in vain"] += 1

    def _cuts(self, visit: Visit) -> Iterator[_Wait]:
        """The power, or the line, goes before the cable is pulled."""
        if visit.power_cut_ns:
            self._do("power-off", None)
            yield _Wait(self._now_ns + visit.power_cut_ns)
            self._do("power-on", None)
        if visit.outage_ns:
            self._place.take_line(self._now_ns, visit.outage_ns)

    # -------------------------------------------------------------------------------------- hands and eyes

    def _do(self, kind: str, gun: int | None, **detail: Any) -> None:
        plain = {key: msgspec.to_builtins(value) for key, value in detail.items()}
        try:
            self._place.do(self._now_ns, kind, gun, plain)
        except ValueError:
            # Somebody else was quicker: the other gun's visitor has met the same dark pile, or the cable is out.
            self._figures.visits[f"no {kind}"] += 1
            return
        if gun is not None and kind in ("plug", "unplug"):
            (self._plugged.add if kind == "plug" else self._plugged.discard)(gun)

    def _page(self, gun: int) -> Page:
        return self._place.screen(gun)

    def _until(self, met: Callable[[], bool], patience_ns: int) -> _Wait:
        return _Wait(self._now_ns + patience_ns, met)

    def _balance_mfen(self, visit: Visit) -> int:
        epoch_ns = self._world_start_ns + self._now_ns
        return balance_of(visit, self._plan.profile.rated_w, DEFAULT_TARIFF, epoch_ns)
