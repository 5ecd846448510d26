"""The life of an order as the platform sees it: what was sent, what came back, what the heartbeats showed.

Owns the facts of each order and the book that finds them. An Order is frozen; each event puts a new one in the
book, so that one handed out never changes. Must not know money, frames or what is to be done about it.
Times are world ns since the scenario's start, unless they are Stamps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from pilesim.units import KWH_DWH, half_hour_of_day
from pilesim.wire.messages import Authorise, GunReport, GunState, Login, Stamp, Tariff


class OrderState(StrEnum):
    UNREACHABLE = "unreachable"
    """Was to be authorised while the line was down: the pile has never heard of it."""
    AUTHORISING = "authorising"
    AUTHORISED = "authorised"
    STARTING = "starting"
    CHARGING = "charging"
    STOPPING = "stopping"
    """Told to stop, and still seen charging."""
    OCCUPIED = "occupied"
    """The charge is over and the cable is in."""
    LEFT = "left"
    """The cable is out; the bill is awaited."""
    OVER = "over"
    """Ended without a charge: nothing more is due."""
    BILL_LOST = "bill-lost"
    """The waiting for the bill has ended; the platform made its own."""
    BILLED = "billed"


class Seen(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A charge as the gun's reports showed it. It began in (`before_ns`, `first_ns`] and ended in
    [`last_ns`, `after_ns`]; None where no report bounds it.
    """

    before_ns: int | None
    first_ns: int
    last_ns: int
    after_ns: int | None = None
    left_ns: int | None = None
    start: Stamp | None = None
    energy_dwh: int = 0
    amount_mfen: int = 0
    meter_dwh: int | None = None
    """The meter's last reading, to tell the energy where the reports carry none."""

    @property
    def shortest_ns(self) -> int:
        return self.last_ns - self.first_ns

    @property
    def longest_ns(self) -> int | None:
        if self.before_ns is None or self.after_ns is None:
            return None
        return self.after_ns - self.before_ns


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One order. `*_ns` is when that was, None when it has not been."""

    pile: str
    gun: int
    number: str
    account: str
    login: Login
    balance_mfen: int
    tariff: Tariff
    firmware: str
    """The pile's version when the order was made."""
    authorised_ns: int
    reached: bool = True
    answered_ns: int | None = None
    held_start_ns: int | None = None
    """A start was asked for and waits for the authorisation to be answered."""
    start_ns: int | None = None
    start_answered_ns: int | None = None
    stop_ns: int | None = None
    stop_answered_ns: int | None = None
    ended_ns: int | None = None
    replaced_ns: int | None = None
    """Another order was authorised on its gun before anybody started it, or charged after its start had failed."""
    kept_ns: int | None = None
    """The time to cancel it came and was let pass."""
    seen: Seen | None = None
    billed_ns: int | None = None
    own_bill_ns: int | None = None

    @property
    def over(self) -> bool:
        """It ended without ever charging."""
        ends = (self.ended_ns, self.stop_ns, self.replaced_ns)
        return self.seen is None and (not self.reached or any(ns is not None for ns in ends))

    @property
    def charging(self) -> bool:
        return self.seen is not None and self.seen.after_ns is None

    @property
    def open(self) -> bool:
        """Something is still to come of it."""
        return not self.over and self.billed_ns is None and self.own_bill_ns is None

    @property
    def spent(self) -> bool:
        """It cannot be started any more: it is closed by the stop that was sent, or its charge is over."""
        return not self.open or self.stop_ns is not None or (self.seen is not None and self.seen.after_ns is not None)

    @property
    def watched(self) -> bool:
        """The gun's reports may concern it: open, or billed before the gun was seen left."""
        return self.open or (self.seen is not None and self.seen.left_ns is None)

    @property
    def state(self) -> OrderState:
        facts = (
            (self.billed_ns is not None, OrderState.BILLED),
            (self.own_bill_ns is not None, OrderState.BILL_LOST),
            (not self.reached, OrderState.UNREACHABLE),
            (self.over, OrderState.OVER),
            (self.seen is not None and self.seen.left_ns is not None, OrderState.LEFT),
            (self.seen is not None and self.seen.after_ns is not None, OrderState.OCCUPIED),
            (self.charging and self.stop_ns is not None, OrderState.STOPPING),
            (self.charging, OrderState.CHARGING),
            (self.start_ns is not None, OrderState.STARTING),
            (self.answered_ns is not None, OrderState.AUTHORISED),
        )
        return next((state for holds, state in facts if holds), OrderState.AUTHORISING)

    def shown_charging(self, now_ns: int, epoch_ns: int, report: GunReport, before: Heard | None) -> Order:
        """A report shows it charging; `before` is what the gun said last."""
        seen = self.seen
        if seen is None:
            since_ns, meter_dwh = (None, None) if before is None else (before.ns, before.meter_dwh)
            seen = Seen(before_ns=since_ns, first_ns=now_ns, last_ns=now_ns, meter_dwh=meter_dwh)
        energy_dwh, amount_mfen, meter_dwh = seen.energy_dwh, seen.amount_mfen, seen.meter_dwh
        if report.meter_dwh is not None:
            flowed_dwh = max(0, report.meter_dwh - (report.meter_dwh if meter_dwh is None else meter_dwh))
            meter_dwh = report.meter_dwh
            if report.energy_dwh is None:
                energy_dwh += flowed_dwh
            if report.amount_mfen is None:
                half_hour = half_hour_of_day(epoch_ns)
                price_mfen = self.tariff.energy_mfen[half_hour] + self.tariff.service_mfen[half_hour]
                amount_mfen += flowed_dwh * price_mfen // KWH_DWH
        return replace(
            self,
            seen=replace(
                seen,
                last_ns=now_ns,
                after_ns=None,
                left_ns=None,
                start=report.start if report.start is not None else seen.start,
                energy_dwh=max(energy_dwh, report.energy_dwh or 0),
                amount_mfen=max(amount_mfen, report.amount_mfen or 0),
                meter_dwh=meter_dwh,
            ),
        )

    def shown_otherwise(self, now_ns: int, left: bool, charging: Order | None) -> Order:
        """A report shows the gun not charging, or charging for another; `left`: with the cable out."""
        if self.seen is None:
            passed_over = charging is not None and self.authorised_ns < charging.authorised_ns
            return replace(self, replaced_ns=now_ns) if passed_over else self
        after_ns = now_ns if self.seen.after_ns is None else self.seen.after_ns
        left_ns = now_ns if left and self.seen.left_ns is None else self.seen.left_ns
        return replace(self, seen=replace(self.seen, after_ns=after_ns, left_ns=left_ns))


class Heard(msgspec.Struct, frozen=True, gc=False):
    """The last report of a gun."""

    ns: int
    meter_dwh: int | None


@dataclass(slots=True)
class _Gun:
    heard: Heard | None = None
    numbers: list[str] = field(default_factory=list)
    """Of every order authorised on it, oldest first."""
    watched: list[str] = field(default_factory=list)
    """Of those whom its reports may still concern."""


class OrderBook:
    """Every order of every pile, and what each gun said last."""

    def __init__(self) -> None:
        self.changes = 0
        """Counts what has changed here: what was concluded from the book holds until it is another number."""
        self._orders: dict[tuple[str, str], Order] = {}
        self._guns: dict[str, dict[int, _Gun]] = {}

    def find(self, pile: str, number: str) -> Order | None:
        return self._orders.get((pile, number))

    def all(self) -> tuple[Order, ...]:
        """In the order in which they were made."""
        return tuple(self._orders.values())

    def last(self, pile: str, gun: int, fits: Callable[[Order], bool] = lambda order: True) -> Order | None:
        """The order authorised last on this gun, of those that fit."""
        newest_first = (self._orders[pile, number] for number in reversed(self._gun(pile, gun).numbers))
        return next((order for order in newest_first if fits(order)), None)

    def running(self, pile: str, gun: int) -> Order | None:
        """The order that charges on this gun, else the one authorised last."""
        charging = [order for order in self._watched(pile, gun) if order.charging]
        return charging[-1] if charging else self.last(pile, gun)

    def open(self, pile: str) -> tuple[Order, ...]:
        """The orders of which something is still to come, by gun, oldest first."""
        guns = sorted(self._guns.get(pile, {}))
        return tuple(order for gun in guns for order in self._watched(pile, gun) if order.open)

    def add(self, order: Order, *, replaces: bool = True) -> None:
        """A new order; where it `replaces`, it takes the place of those on its gun that nobody has started."""
        assert (order.pile, order.number) not in self._orders
        if order.reached and replaces:
            for older in self._watched(order.pile, order.gun):
                if older.start_ns is None and older.seen is None:
                    self.put(replace(older, held_start_ns=None, replaced_ns=order.authorised_ns))
        self._gun(order.pile, order.gun).numbers.append(order.number)
        self.put(order)

    def put(self, order: Order) -> None:
        """What has become of an order in the book."""
        self.changes += 1
        self._orders[order.pile, order.number] = order
        watched = self._gun(order.pile, order.gun).watched
        if order.watched and order.number not in watched:
            watched.append(order.number)
        if not order.watched and order.number in watched:
            watched.remove(order.number)

    def heard(self, pile: str, gun: int) -> Heard | None:
        return self._gun(pile, gun).heard

    def report(self, pile: str, now_ns: int, epoch_ns: int, report: GunReport) -> Order | None:
        """Take a gun's report; returns the order that it shows charging, if any."""
        gun = self._gun(pile, report.gun)
        charging = self._charging(pile, report) if report.state is GunState.CHARGING else None
        if charging is not None:
            charging = charging.shown_charging(now_ns, epoch_ns, report, gun.heard)
            self.put(charging)
        left = charging is not None or _shows_left(report)
        for order in self._watched(pile, report.gun):
            if charging is None or order.number != charging.number:
                self.put(order.shown_otherwise(now_ns, left, charging))
        meter_dwh = report.meter_dwh
        if meter_dwh is None and gun.heard is not None:
            meter_dwh = gun.heard.meter_dwh
        # Nothing is concluded from it but of orders that are watched, and those were put.
        gun.heard = Heard(now_ns, meter_dwh)
        return charging

    def _charging(self, pile: str, report: GunReport) -> Order | None:
        """Whose charge a charging report shows: its own word first, else what runs on that gun."""
        if report.order:
            return self.find(pile, report.order)
        return self.running(pile, report.gun)

    def _watched(self, pile: str, gun: int) -> tuple[Order, ...]:
        watched = self._gun(pile, gun).watched
        return tuple([self._orders[pile, number] for number in watched]) if watched else ()

    def _gun(self, pile: str, gun: int) -> _Gun:
        try:
            return self._guns[pile][gun]
        except KeyError:
            return self._guns.setdefault(pile, {}).setdefault(gun, _Gun())


def _shows_left(report: GunReport) -> bool:
    """The cable is out; where a protocol does not tell, an idle gun is a free one."""
    return report.state is GunState.IDLE if report.cable is None else not report.cable


def authorisation(order: Order, *, credential: str = "", refusal: int = 0) -> Authorise:
    """What tells the order to its pile; with a `refusal`, that there is none, and why."""
    return Authorise(
        gun=order.gun,
        login=order.login,
        account=order.account,
        order=order.number,
        balance_mfen=order.balance_mfen,
        tariff=order.tariff,
        credential=credential,
        accepted=not refusal,
        refusal=refusal,
    )
