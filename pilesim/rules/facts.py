"""What has happened at one end of the line: connections, guns, orders, charges, bills.

Owns the reading of a trace that all rules share, built event by event before the rules see the event, with
bounded memory. Must not know any rule, and judges nothing: an order that was never authorised is as much a
fact as one that was. All times are world ns since the trace's start, unless a name says epoch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from pilesim.contract.contract import BillDue, Contract, Refusal
from pilesim.rules.order import Gun, Order, Report, Request, SettledBill, Span, charge_age
from pilesim.rules.pairs import REQUESTS_KEPT, Pairs
from pilesim.rules.told_time import ToldTime
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Header, LineDown, LineUp, Missing, Reachable, Stimulus
from pilesim.units import KWH_DWH, MINUTE, S, parse_world_start_ns
from pilesim.wire.frame import DOWN, End
from pilesim.wire.messages import (
    Alive,
    Authorise,
    AuthoriseReply,
    BalanceTell,
    Bill,
    BillReply,
    BmsStop,
    CardReply,
    Ended,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    Message,
    Stamp,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
    Tariff,
    TariffTell,
    TimeAsk,
    TimeTell,
    TimeTold,
)
from pilesim.wire.protocol import protocol_named

ORDERS_KEPT = 256
"""Orders remembered before the oldest settled one is forgotten: days of a busy pile."""
FOREVER_NS = 1 << 62
SETTLE_NS = MINUTE
"""A bill that came before its charge was seen to end waits so long for the heartbeat that shows it."""
_CHARGING = GunState.CHARGING
"""Looked up once, as `DOWN` is."""
GUNS_KEPT = 64
"""Guns of one pile that are told apart; more than any pile has, fewer than a broken gun byte makes up."""


class Context(msgspec.Struct):
    """What the message just taken is about."""

    order: Order | None = None
    request: Request | None = None
    """Of a reply: what it answers; None where nothing waits for it."""
    asked: bool = False
    """A message down that answers a request of the pile."""
    repeated: bool = False
    """The same once more: an order authorised already, a start of a started order, a bill sent before."""
    ended: Order | None = None
    """The order that this message closes without a charge."""
    left: Order | None = None
    """The order whose occupancy this event ends."""
    over: Order | None = None
    """The order whose charge this report shows to be over."""
    late: bool = False
    """A report that a later one has overtaken on the line: nothing of it is taken, and the pile is not judged by it."""
    goes_on: bool = False
    """A report that says of its gun what the one before it said, as far as the gun's life goes, ends nothing, answers
    nothing and tells no time; or the reply to a report. Nothing is wrong with it."""
    of_charge: bool = False
    """A report of a gun that charges, or that an order occupies."""


NOTHING = Context()
"""What an event is about that concerns no gun of this end; never written to."""


class Facts:
    """The facts at `end` of the line, which was recorded; where the other was not, both are judged by them."""

    def __init__(self, header: Header, contract: Contract, end: End, beat_ns: int, charging_ns: int) -> None:
        self.header = header
        self.contract = contract
        self.end = end
        self.lone = len(set(header.ends)) < 2 or header.between
        """Only one end was recorded: nobody knows whether the line could be had, nor what it lost on its way."""
        self._overtaken = self.lone and self.remote(End.PILE)
        """Reports may come in another order than the pile has sent them."""
        self.acts_known = header.stimuli
        """What was done at the pile is in the trace, as far as anybody knows it."""
        self.cuts_known = Missing.CONNECTIONS not in header.missing
        """When the line came up and went down is in the trace; else a silence may have been an outage."""
        self.start_epoch_ns = parse_world_start_ns(header.start)
        self.now_ns = 0
        self.began_ns: int | None = None
        self.guns: dict[int, Gun] = {}
        self.orders: OrderedDict[str, Order] = OrderedDict()
        self.crowded = False
        """There are more orders than are kept."""
        self.due: OrderedDict[str, Order] = OrderedDict()
        """Orders whose bill has to leave and is not acknowledged, oldest charge first by insertion."""
        self.connected = False
        self.reachable = True
        self.powered = True
        self.connection = 0
        """Counts the connections; a frame belongs to the one it came in."""
        self.up_ns = 0
        self.lost_ns: int | None = None
        self.outage_ns: int | None = None
        """When line or power was last lost."""
        self.back_ns: int | None = None
        """When line or power was last had again after that."""
        self.time = ToldTime(contract, self.start_epoch_ns, remote=self.remote(End.PILE), at_pile=end is End.PILE)
        self.pairs = Pairs(header, contract, end if self.lone else None)
        self.at = NOTHING
        self.unsettled: list[SettledBill] = []
        """First bills of which all that can be known is not known yet."""
        self._beat_ns = beat_ns
        self._charging_ns = charging_ns
        """After so long without a report, of a gun at rest and of one that charges, something was missed."""
        self._tariff: Tariff | None = None
        """What the platform has told, where orders bring none."""
        self._reported_numbers: dict[int, int] = {}
        """Number of the latest report of this connection, by gun."""
        self._started: dict[int, Order] = {}
        """By gun: the order of its latest start, until the pile shows that it has read that."""
        self._strange: dict[int, Bill] = {}
        self._take: dict[type[Message], Callable[[Seen, Message], None]] = {
            Hello: self._take_hello,
            Alive: self._take_alive,
            GunReport: self._take_report,
            GunReportReply: self._take_report_reply,
            Authorise: self._take_authorise,
            AuthoriseReply: self._take_authorise_reply,
            StartAsk: self._take_start_ask,
            CardReply: self._take_card_reply,
            Start: self._take_start,
            StartReply: self._take_start_reply,
            Stop: self._take_stop,
            StopReply: self._take_stop_reply,
            StopAsk: self._take_stop_ask,
            Ended: self._take_ended,
            BalanceTell: self._take_balance,
            Bill: self._take_bill,
            BillReply: self._take_bill_reply,
            BmsStop: self._take_battery_stop,
            TariffTell: self._take_tariff,
            TimeAsk: self._take_time_ask,
            TimeTell: self._take_time,
            TimeTold: self._take_time_told,
        }

    # What rules ask -----------------------------------------------------------------------------------------

    def remote(self, judged: End) -> bool:
        """Nothing was recorded at the judged end: what left it may have been lost on its way."""
        return self.end is not judged or self.header.between

    @property
    def can_send(self) -> bool:
        """The line is up and the pile has power."""
        return self.connected and self.powered and (self.reachable or not self.header.connectionless)

    def gun(self, number: int) -> Gun:
        """The gun `number`; those beyond the bound share one."""
        gun = self.guns.get(number)
        if gun is None:
            number = number if len(self.guns) < GUNS_KEPT else -1
            gun = self.guns.setdefault(number, Gun(number))
        return gun

    def gun_numbers(self) -> range | list[int]:
        """The guns that have to be heard: those of the header, else those heard."""
        return range(1, self.header.guns + 1) if self.header.guns else sorted(self.guns)

    def unheard(self, gun: Gun) -> bool:
        """Whether something of `gun` may have been missed since its latest report."""
        longest_ns = self._charging_ns if gun.charging else self._beat_ns
        return gun.broken or gun.report is None or self.now_ns - gun.report.t_ns > longest_ns

    def perhaps_left(self, gun: Gun, order: Order) -> bool:
        """Whether the cable may have been out, unheard, since the order's charge was over, and in again."""
        if order.over is None or gun.plugged is None:
            return False
        return (order.over.early_ns or 0) < gun.plugged.late_ns

    def whole_history(self) -> bool:
        """Whether an order that is authorised and not yet started must have been authorised in this trace."""
        if self.header.scenario:
            return True
        if {Missing.DOWN, Missing.LINES} & set(self.header.missing):
            return False
        return self.began_ns is not None and self.now_ns - self.began_ns > 2 * self.contract.authorisation_life_ns

    def perhaps_waits(self, message: Start) -> bool:
        """Whether an order of the account was stopped before it charged, and the pile has not answered that: perhaps
        it never heard of it, and starts the order."""
        return any(
            order.gun == message.gun and order.stop_ns is not None and not order.stop_answered and order.first is None
            for order in self.orders.values()
            if _concerns(message, order)
        )

    def start_came(self, order: Order) -> bool:
        """Whether the pile has shown that it has read the order's start, if that was the latest of its gun."""
        return self._started.get(order.gun) is not order

    @property
    def orders_known_epoch_ns(self) -> int:
        """From when on a charge's order must have been authorised in this trace; a log may begin in between."""
        if Missing.TIMES in self.header.missing:
            # Whatever its charge began at, the log may have begun later.
            return FOREVER_NS
        life_ns = self.contract.authorisation_life_ns if self.header.source else 0
        return self.start_epoch_ns + life_ns

    def unsent_due(self) -> list[Order]:
        """Orders whose bill has to leave and has not left in this connection, oldest charge first."""
        return sorted((o for o in self.due.values() if o.bill_connection != self.connection), key=charge_age)

    # What the engine feeds ----------------------------------------------------------------------------------

    def clear(self, now_ns: int) -> None:
        """A new event, not before the last: what that was about is over."""
        self.now_ns = now_ns
        self.at = NOTHING
        if self.began_ns is None:
            self.began_ns = now_ns

    def take(self, seen: Seen, message: Message) -> None:
        """A message passed this end."""
        if not self.connected:
            # A recording may begin in the middle of a connection.
            self._connect(seen.t_ns)
        kind = type(message)
        request = self.pairs.answered_by(seen, message, self.began_ns or 0)
        asked = request is not None and seen.direction is DOWN
        self.at = Context(None, request, asked)
        if not asked:
            self.pairs.asks(seen, message)
        if self._overtaken and kind is GunReport and self._is_late(seen, message):
            self.at.late = True
            return
        taker = self._take.get(kind)
        if taker is not None:
            taker(seen, message)
        if seen.altered:
            self._suspend(message)

    def take_line(self, event: LineUp | LineDown | Reachable) -> None:
        """A connection came or went, or may be had or not."""
        if isinstance(event, Reachable):
            self.reachable = event.can
            if self.header.connectionless:
                # A cut wire tells nobody; once it is whole again what was under way has to leave anew.
                self.connection += event.can
                self._line_changed(event.t_ns, event.can)
        elif event.end is self.end:
            if isinstance(event, LineUp):
                self._connect(event.t_ns)
                self._line_changed(event.t_ns, True)
            else:
                self.connected = False
                self._line_changed(event.t_ns, False)

    def take_stimulus(self, event: Stimulus) -> None:
        """Something was done at the pile."""
        if self.at is NOTHING:
            self.at = Context()
        handler = {
            "plug": self._plug,
            "unplug": self._unplug,
            "power-off": self._power_off,
            "power-on": self._power_on,
        }.get(event.kind)
        if handler is not None:
            handler(event)
            return
        for gun in self._meant(event):
            charge = gun.running if gun.charging else None
            if event.kind == "tap":
                gun.tapped_ns = event.t_ns
            elif event.kind == "insulation":
                gun.insulation_ok = bool(event.detail.get("ok", False))
                if charge is not None and not gun.insulation_ok and charge.fault_ns is None:
                    charge.fault_ns = event.t_ns
            elif event.kind in ("fault", "emergency-stop"):
                gun.fault = str(event.detail.get("fault", "")) or event.kind
                if charge is not None and charge.fault_ns is None:
                    charge.fault_ns, charge.emergency = event.t_ns, event.kind == "emergency-stop"
            elif event.kind == "maintenance":
                gun.fault = event.kind if event.detail.get("on") else ""
            elif event.kind in ("fault-cleared", "emergency-release"):
                gun.fault = ""
            elif event.kind in ("stop-button", "card"):
                order = charge or gun.waiting
                if event.kind == "card" and order is not None and self._account_of(event) != order.account:
                    # Another card than the order's own ends nothing.
                    continue
                if order is not None and order.at_pile_ns is None:
                    order.at_pile_ns = event.began_ns

    def _account_of(self, event: Stimulus) -> str:
        """Of the card that was held to the pile, as messages carry it."""
        return protocol_named(self.header.protocol).normal_account(str(event.detail.get("account", "")))

    def settle(self, everything: bool = False) -> list[SettledBill]:
        """The bills about which all is known by now, or that have waited long enough; each is given once."""
        settled: list[SettledBill] = []
        kept: list[SettledBill] = []
        for waiting in self.unsettled:
            order = waiting.order
            known = order is None or not order.charged or _told(order)
            ripe = everything or known or self.now_ns - waiting.seen.t_ns > SETTLE_NS
            (settled if ripe else kept).append(waiting)
        self.unsettled = kept
        return settled

    def forget(self) -> list[Order]:
        """Keep the memory bounded: the oldest orders that no longer charge go, and are given."""
        forgotten: list[Order] = []
        while len(self.orders) > ORDERS_KEPT:
            live = {id(o) for gun in self.guns.values() for o in (gun.running, gun.waiting) if o is not None}
            oldest = next(o for o in self.orders.values() if id(o) not in live)
            del self.orders[oldest.number]
            self.due.pop(oldest.number, None)
            forgotten.append(oldest)
        self.crowded = False
        return forgotten

    # Lines and power ----------------------------------------------------------------------------------------

    def _connect(self, now_ns: int) -> None:
        self.connected = True
        self.connection += 1
        self.up_ns = now_ns
        self.pairs.begin()
        self._reported_numbers.clear()

    def _line_changed(self, now_ns: int, up: bool) -> None:
        for gun in self.guns.values():
            gun.broken = True
        if up:
            self.back_ns = now_ns
        else:
            self.lost_ns = self.outage_ns = now_ns
            self.pairs.lost()

    def _power_off(self, event: Stimulus) -> None:
        self.powered = False
        self._started.clear()
        self.outage_ns = event.began_ns
        for gun in self.guns.values():
            gun.broken = True
            for order in (gun.running, gun.waiting):
                if order is not None and order.over is None:
                    order.power_lost = True
            if gun.running is not None and gun.running.charging:
                gun.running.over = Span(_last_ns(gun.running, event.began_ns), event.t_ns)
                gun.running.gapless = False
                if self.contract.bill_due is BillDue.END:
                    self._ends(gun.running)

    def _power_on(self, event: Stimulus) -> None:
        self.powered = True
        self.back_ns = event.t_ns
        # A clock without a battery is lost with the power: the pile has to be told again.
        self.time.told_ns = None
        self.time.lost(event.began_ns)
        for order in self.due.values():
            # A cable that was pulled in the dark is found out when the power is back.
            if order.leave is not None and self.outage_ns is not None and order.leave.late_ns >= self.outage_ns:
                order.leave = Span(order.leave.early_ns, event.t_ns)

    def _suspend(self, message: Message) -> None:
        gun = self.gun(message.gun)
        for order in (self.at.order, gun.running, gun.waiting):
            if order is not None:
                order.suspended = "the line altered a frame of this order that still checked"

    # Cables -------------------------------------------------------------------------------------------------

    def _meant(self, event: Stimulus) -> list[Gun]:
        if event.gun is not None:
            return [self.gun(event.gun)]
        return [self.gun(n) for n in self.gun_numbers()]

    def _plug(self, event: Stimulus) -> None:
        for gun in self._meant(event):
            gun.cable, gun.plugged, gun.older = True, Span(event.began_ns, event.t_ns), False
            car = event.detail.get("car")
            told = car if isinstance(car, dict) else {}
            gun.insulation_ok = told.get("insulation", True) is not False
            gun.handshake_ok = told.get("handshake", True) is not False and not told.get("lacks")
            soc, full = told.get("soc_permille"), told.get("full_permille")
            gun.full = isinstance(soc, int) and isinstance(full, int) and soc >= full
            if gun.waiting is not None:
                gun.waiting.plugged = gun.plugged

    def _unplug(self, event: Stimulus) -> None:
        for gun in self._meant(event):
            self._pulled(gun, Span(event.began_ns, event.t_ns))

    def _pulled(self, gun: Gun, span: Span) -> None:
        gun.cable, gun.unplugged = False, span
        gun.insulation_ok = gun.handshake_ok = True
        gun.full = False
        if gun.waiting is not None:
            gun.waiting.unplugged_ns = span.late_ns
        if gun.running is not None:
            self._leaves(gun.running, span)
            if gun.running.over is not None:
                gun.running = None

    def _ends(self, order: Order) -> None:
        """The charge is over, and the order with it: nothing of it waits for the cable."""
        assert order.over is not None
        order.leave_by_end = True
        self._leaves(order, order.over)

    def _leaves(self, order: Order, span: Span) -> None:
        if order.leave is not None:
            return
        order.leave = span
        if order.over is not None:
            self._left(order)

    def _left(self, order: Order) -> None:
        """The charge is over and its occupancy too."""
        self.at.left = order
        if order.charged and order.acked_ns is None:
            self.due[order.number] = order

    def _is_late(self, seen: Seen, message: Message) -> bool:
        """At the far end: a report of a gun that a later one has overtaken; it tells of the past."""
        number, gun = seen.decoded.frame.sequence, self.gun(message.gun).number
        if number and 0 < self._reported_numbers.get(gun, 0) - number <= REQUESTS_KEPT:
            return True
        self._reported_numbers[gun] = number
        return False

    # Messages -----------------------------------------------------------------------------------------------

    def _remember(self, order: Order) -> Order:
        self.orders[order.number] = order
        self.crowded = len(self.orders) > ORDERS_KEPT
        return order

    def _take_hello(self, seen: Seen, message: Message) -> None:
        told_ns = self.time.told_ns
        if told_ns is None and self.time.own_since_ns is None:
            self.time.lost(self.began_ns or 0)
        elif told_ns is not None and not self.acts_known and told_ns < self.up_ns:
            self.time.lost(self.up_ns if self.lost_ns is None else self.lost_ns)

    def _take_time_ask(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, TimeAsk)
        self.time.asked(seen.t_ns, message.pile_time)

    def _take_time(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, TimeTell)
        told: Stamp | None = message.platform_time
        if told is not None and told.epoch_ns is not None:
            self.time.told(seen.t_ns, told.epoch_ns, self._asked_ns)

    def _take_time_told(self, seen: Seen, message: Message) -> None:
        self.time.confirmed(seen.t_ns, self._asked_ns)

    @property
    def _asked_ns(self) -> int | None:
        """When what this message answers passed."""
        request = self.at.request
        return request.seen.t_ns if request is not None else None

    def _take_tariff(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, TariffTell)
        self._tariff = message.tariff or self._tariff

    def _take_authorise(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, Authorise)
        if message.accepted and message.order:
            self._authorise(_order_of(message, message.order, seen.t_ns, message.tariff))

    def _take_card_reply(self, seen: Seen, message: Message) -> None:
        """Where the answer to a card brings the order, the pile starts it by itself."""
        assert isinstance(message, CardReply)
        if message.accepted and message.order and message.order not in self.orders:
            new = Order(message.order, message.gun, message.account, seen.t_ns, message.balance_mfen, self._tariff)
            self._authorise(new)
            if new is self.gun(message.gun).waiting:
                self._begins(new, seen.t_ns)

    def _take_battery_stop(self, seen: Seen, message: Message) -> None:
        gun = self.gun(message.gun)
        if gun.charging and gun.running is not None:
            gun.running.by_battery = True

    def _take_start_ask(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, StartAsk)
        if message.order:
            self._authorise(Order(message.order, message.gun, message.account, seen.t_ns))
        order = self.at.order
        if order is not None and order is self.gun(message.gun).waiting and order.start_ns is None:
            # The pile tells that it starts; no Start need come.
            self._begins(order, seen.t_ns)
            self._start_arrived(self.gun(message.gun), seen.t_ns)

    def _authorise(self, new: Order) -> None:
        gun = self.gun(new.gun)
        gun.older = False
        known = self.orders.get(new.number)
        if known is not None:
            self.at.order = known
            if known in (gun.waiting, gun.running):
                self.at.repeated = True
            else:
                # An order authorised anew after its end is a second life that nothing later can tell apart.
                known.suspended = "it was authorised a second time after its end"
            return
        new.plugged = gun.plugged if gun.cable is True else None
        self.at.order = self._remember(new)
        if gun.charging:
            new.on_charging = True
            assert gun.running is not None
            if gun.running.stop_ns is not None or gun.running.at_pile_ns is not None:
                new.suspended = "it was authorised while a charge was being ended, and came before or after its end"
            return
        if self._starting(gun):
            new.on_charging = True
            new.suspended = "it was authorised while another order's start was under way, for which no rule is written"
            return
        new.second = gun.waiting or (gun.running if gun.running is not None and gun.running.over else None)
        if gun.waiting is not None:
            gun.waiting.replaced_ns = new.authorised_ns
            self._close(gun.waiting, self.now_ns)
        gun.waiting = new

    def _starting(self, gun: Gun) -> bool:
        """A start of the waiting order may still be under way."""
        start_ns = gun.waiting.start_ns if gun.waiting is not None else None
        return start_ns is not None and self.now_ns - start_ns <= self.contract.limits["start.outcome"].value

    def _take_authorise_reply(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, AuthoriseReply)
        asked = self.at.request.message if self.at.request is not None else None
        order = self.orders.get(asked.order) if isinstance(asked, Authorise) else None
        if asked is None:
            # It may be the answer to what was asked on the connection before.
            waiting = self.gun(message.gun).waiting
            order = waiting if waiting is not None and waiting.account == message.account else None
        if order is not None and order.answered_ns is None:
            order.answered_ns = seen.t_ns
            # A stop that came before its authorisation has stopped nothing.
            order.stop_answered = False
        self.at.order = order

    def _take_start(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, Start)
        gun = self.gun(message.gun)
        if message.order and message.order not in self.orders:
            self._authorise(_order_of(message, message.order, seen.t_ns, self._tariff))
        order = gun.waiting if gun.waiting is not None and _concerns(message, gun.waiting) else None
        if order is None and gun.running is not None and gun.running.charging and _concerns(message, gun.running):
            order = gun.running
        if order is None:
            # Whether such an order counts is not known, and so neither whether its start has one.
            order = next((o for o in self._undecided(gun) if _concerns(message, o)), None)
        self.at.order = order
        if order is None:
            return
        order.starts += 1
        self.at.repeated = order.starts > 1
        if order.start_ns is None:
            self._begins(order, seen.t_ns)

    def _begins(self, order: Order, now_ns: int) -> None:
        """Its first start; that ends an occupancy once the pile has shown that it came, and had power to read it."""
        order.start_ns = now_ns
        self._started[order.gun] = order

    def _start_arrived(self, gun: Gun, now_ns: int) -> None:
        """The gun's latest start has been read by now: the occupancy of the order before it on the cable is over."""
        order, occupying = self._started.pop(gun.number, None), gun.running
        if order is None or order.start_ns is None or occupying in (None, order) or occupying.over is None:
            return
        left_ns = occupying.over.early_ns if self.perhaps_left(gun, occupying) else order.start_ns
        self._leaves(occupying, Span(left_ns, now_ns))
        occupying.leave_by_start = True
        gun.running = None
        # The new charge counts its arrival from where the old one left.
        gun.plugged = gun.plugged if gun.plugged is None else Span(gun.plugged.early_ns, now_ns)
        order.plugged = gun.plugged

    def _undecided(self, gun: Gun) -> list[Order]:
        """Orders of the gun of which it is not known whether they came to nothing, the latest first."""
        return [o for o in reversed(self.orders.values()) if o.gun == gun.number and o.on_charging and o.suspended]

    def _take_start_reply(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, StartReply)
        gun = self.gun(message.gun)
        again = self.orders.get(message.order or "") if message.accepted else None
        if again is not None and again.refused and again.first is None:
            # Asked for once more, perhaps by a line that doubles, and accepted after all.
            again.refused, again.begun = False, True
            self.at.order = again
            return
        order = self.at.order = gun.waiting or gun.running
        # One that is refused for want of a cable may yet begin, and is answered once more.
        wants_cable = message.reason and message.reason == self.contract.start_refusals.get(Refusal.NO_CABLE)
        started = self._started.get(gun.number)
        if started is not None and not started.suspended:
            # Of an order that perhaps changes nothing the answer tells nothing: its start may be refused.
            self._start_arrived(gun, seen.t_ns)
        if message.accepted is None or order is None or order is not gun.waiting:
            return
        if message.order not in (None, order.number):
            return
        order.refused, order.begun = not message.accepted, message.accepted
        if order.refused and not wants_cable:
            self._fails(gun, order, seen.t_ns)

    def _take_stop(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, Stop)
        if not message.accepted:
            return
        gun = self.gun(message.gun)
        for order in (gun.running, gun.waiting):
            if order is not None and order.over is None and _concerns(message, order):
                self.at.order = order
                if order.stop_ns is None or not order.stop_answered:
                    order.stop_ns = seen.t_ns
                if order is gun.waiting:
                    self._close(order, seen.t_ns)
                    gun.waiting = None
                return

    def _take_stop_reply(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, StopReply)
        for order in self.orders.values():
            if order.gun == message.gun and order.stop_ns is not None and _same_account(message, order):
                order.stop_answered = True

    def _take_balance(self, seen: Seen, message: Message) -> None:
        """An order under way has another balance from now on."""
        assert isinstance(message, BalanceTell)
        gun = self.gun(message.gun)
        for order in (gun.running, gun.waiting):
            if order is not None and order.over is None:
                order.balance_mfen, order.balance_ns = message.balance_mfen, seen.t_ns

    def _take_stop_ask(self, seen: Seen, message: Message) -> None:
        gun = self.gun(message.gun)
        order = gun.running if gun.charging else gun.waiting
        self.at.order = order
        if order is not None and order.at_pile_ns is None:
            order.at_pile_ns = seen.t_ns

    def _fails(self, gun: Gun, order: Order, now_ns: int) -> None:
        """The pile has told that the waiting order comes to nothing."""
        order.ended_ns = now_ns
        self._close(order, now_ns)
        gun.waiting = None

    def _take_ended(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, Ended)
        gun = self.gun(message.gun)
        order = gun.waiting
        if order is None or not _same_account(message, order):
            recent = [o for o in self.orders.values() if o.gun == message.gun and _same_account(message, o)]
            order = recent[-1] if recent and recent[-1].first is None else None
        if order is None or order.ended_ns is not None:
            self.at.order = order
            return
        order.ended_ns, order.ended_reason = seen.t_ns, message.reason
        self.at.order = order
        self._close(order, seen.t_ns)
        if gun.waiting is order:
            gun.waiting = None

    def _close(self, order: Order, now_ns: int) -> None:
        self.at.ended = order
        if order.closed_ns is None:
            order.closed_ns = now_ns

    def _take_bill(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, Bill)
        order = self.orders.get(message.order) if message.order else None
        self.at.order = order
        if order is None:
            self.at.repeated = self._strange.get(message.gun) == message
            self._strange[message.gun] = message
        else:
            self.at.repeated = order.bill is not None
            order.bill_connection = self.connection
            if order.bill is None:
                order.bill, order.bill_seen = message, seen
            gun = self.gun(order.gun)
            if order is gun.running:
                # Its occupancy is over: of a start that has gone out this tells that it has come.
                self._start_arrived(gun, seen.t_ns)
            if order is gun.waiting and order.start_ns is not None and self.contract.bill_of_failed_start:
                self._fails(gun, order, seen.t_ns)
        if not self.at.repeated:
            self.unsettled.append(SettledBill(seen, message, order, self.gun(message.gun).older))

    def _take_bill_reply(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, BillReply)
        order = self.orders.get(message.order)
        self.at.order = order
        if order is not None and order.bill is not None and order.acked_ns is None:
            order.acked_ns = seen.t_ns
            self.due.pop(order.number, None)

    # Reports ------------------------------------------------------------------------------------------------

    def _take_alive(self, seen: Seen, message: Message) -> None:
        self.gun(message.gun).heard_ns = seen.t_ns

    def _take_report(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        gun = self.gun(message.gun)
        gun.heard_ns = seen.t_ns
        report = Report(seen, message, seen.t_ns)
        previous = gun.previous = gun.report
        gun.report = report
        gun.steady = previous is not None and not gun.broken and not self._gap(previous, report)
        gun.broken = False
        if previous is None and gun.plugged is None:
            gun.older = message.cable is True
        if message.cable is not gun.cable:
            self._read_cable(gun, report)
        elif message.cable and previous is not None and not gun.steady and not self.acts_known:
            self._perhaps_moved(gun, report)
        charges = message.state is _CHARGING
        if charges:
            self._charges(gun, report)
        elif gun.running is not None:
            self._rests(gun, gun.running, report)
        if message.meter_dwh is not None:
            gun.metered = report
        at = self.at
        at.of_charge = charges or gun.running is not None
        if previous is not None and gun.steady and _in_order(seen):
            was = previous.message
            alike = was.state is message.state and was.cable is message.cable and message.time is None
            pulled = charges and (message.cable is False or gun.cable is False)
            ends = at.over is not None or at.left is not None or at.ended is not None
            at.goes_on = alike and at.request is None and not pulled and not ends

    def _take_report_reply(self, seen: Seen, message: Message) -> None:
        self.at.goes_on = self.at.request is not None and _in_order(seen)

    def _gap(self, last: Report, report: Report) -> bool:
        """Whether a report is missing between two."""
        longest_ns = self._charging_ns if last.message.state is _CHARGING else self._beat_ns
        return report.t_ns - last.t_ns > longest_ns

    def _read_cable(self, gun: Gun, report: Report) -> None:
        """A cable that is not as it was: where nobody recorded what was done, it was done between two reports."""
        claimed = report.message.cable
        if claimed is None or (self.header.stimuli and gun.cable is not None):
            return
        previous = gun.previous
        earlier = previous.t_ns if previous is not None and gun.cable is not None else None
        if claimed:
            gun.cable, gun.plugged = True, Span(earlier, report.t_ns)
            gun.older = gun.older and earlier is None
            if gun.waiting is not None:
                gun.waiting.plugged = gun.plugged
        elif gun.cable is None:
            gun.cable = False
        else:
            self._pulled(gun, Span(earlier, report.t_ns))

    def _perhaps_moved(self, gun: Gun, report: Report) -> None:
        """While nothing was heard of a gun that does not charge now, its cable may have been out, and in again."""
        charges = report.message.state is _CHARGING
        if gun.plugged is not None and (gun.running is None or gun.running.over is not None or not charges):
            gun.plugged = Span(gun.plugged.early_ns, report.t_ns)
            if gun.waiting is not None:
                gun.waiting.plugged = gun.plugged

    def _charges(self, gun: Gun, report: Report) -> None:
        order = self._order_of(gun, report)
        self.at.order = order
        if order is None:
            return
        if order is self._started.get(gun.number):
            self._start_arrived(gun, report.t_ns)
        if gun.running is not None and gun.running is not order and gun.running.over is None:
            gun.running.over = Span(_last_ns(gun.running, report.t_ns), report.t_ns)
        if gun.waiting is order:
            gun.waiting = None
        elif gun.waiting is not None and order.over is not None:
            # What looked like the end of the charge was none: the scan since came while it charged.
            gun.waiting.on_charging = True
            gun.waiting = None
        gun.running = order
        order.over, order.after, order.metered_after = None, None, None
        if order.leave_by_end:
            # What looked like the end was none, and so nothing is due yet.
            order.leave, order.leave_by_end = None, False
            self.due.pop(order.number, None)
        if order.first is None:
            order.first, order.before, order.metered_before = report, gun.previous, gun.metered
            if order.plugged is None:
                order.plugged = gun.plugged
        else:
            order.gapless = order.gapless and gun.steady
        order.last = report
        message = report.message
        # A state change carries no order even where heartbeats do, and so shows no order's charge.
        order.charged = order.charged or bool(message.order) or (message.order is None and not message.change)
        if message.start is not None or _flowed_dwh(message) is not None:
            order.previous_record, order.record = order.record, report
            order.first_record = order.first_record or report
            if order.previous_record is not None:
                self._grows(order, order.previous_record, report)

    def _order_of(self, gun: Gun, report: Report) -> Order | None:
        """The order that a charging report is about; one that is not known yet is made."""
        number = report.message.order
        if number:
            known = self.orders.get(number)
            return known or self._remember(Order(number, gun.number, None, None))
        if gun.running is not None and gun.running.over is None:
            return gun.running
        return gun.waiting if gun.waiting is not None and gun.waiting.start_ns is not None else None

    def _grows(self, order: Order, last: Report, report: Report) -> None:
        earlier, later = last.message, report.message
        gap = report.t_ns - last.t_ns
        # Two reports of nearly one instant tell no power, only rounding.
        flowed, flowed_by_now = _flowed_dwh(earlier), _flowed_dwh(later)
        gain = flowed_by_now - flowed if flowed is not None and flowed_by_now is not None else None
        if gain is not None and gap >= 5 * S and gain * order.peak[1] > order.peak[0] * gap:
            order.peak = (gain, gap)
        # What was spent while nothing was heard is more than a heartbeat's worth.
        if self._gap(last, report):
            return
        if earlier.amount_mfen is not None and later.amount_mfen is not None:
            order.gain_mfen = max(order.gain_mfen, later.amount_mfen - earlier.amount_mfen)
        elif gain is not None and order.tariff is not None:
            order.gain_mfen = max(order.gain_mfen, gain * order.tariff.highest_mfen // KWH_DWH)

    def _rests(self, gun: Gun, order: Order, report: Report) -> None:
        message = report.message
        if order.metered_after is None and message.meter_dwh is not None:
            order.metered_after = report
        if order.over is None:
            order.over = Span(_last_ns(order, report.t_ns), report.t_ns)
            order.after = report
            self.at.over = order
            order.gapless = order.gapless and gun.steady
            order.fault_seen = message.state is GunState.FAULT
            gun.full = gun.full or message.state is GunState.OCCUPIED_FULL
            if order.leave is not None:
                self._left(order)
            elif self.contract.bill_due is BillDue.END:
                self._ends(order)
            elif gun.cable is False:
                self._leaves(order, gun.unplugged or Span(order.over.early_ns, report.t_ns))
            if order.leave is not None:
                gun.running = None
        elif message.parking is not None and gun.cable is not False:
            free, other = order.parking
            is_free = message.parking.value == "free"
            order.parking = (free + is_free, other + (not is_free))


def _in_order(seen: Seen) -> bool:
    """Nothing is wrong with the frame, and nothing of the line was beside it."""
    return not seen.touched and not seen.decoded.problems


def _told(order: Order) -> bool:
    """Whether the trace has told all about a charge that its bill is held against."""
    metered = order.metered_after is not None or order.metered_before is None
    return order.over is not None and order.leave is not None and metered


def _flowed_dwh(message: GunReport) -> int | None:
    """What goes on with the energy: the order's own figure, else the gun's meter."""
    return message.energy_dwh if message.energy_dwh is not None else message.meter_dwh


def _last_ns(order: Order, default_ns: int) -> int:
    return order.last.t_ns if order.last is not None else default_ns


def _order_of(message: Authorise | Start, number: str, t_ns: int, tariff: Tariff | None) -> Order:
    """The order `number`, which `message` gives the pile at `t_ns`."""
    return Order(number, message.gun, message.account, t_ns, balance_mfen=message.balance_mfen, tariff=tariff)


def _concerns(message: Start | Stop, order: Order) -> bool:
    """Whether a command names the order, by account where it carries one, by order where it carries that."""
    if isinstance(message, Start) and message.order:
        return message.order == order.number
    return _same_account(message, order)


def _same_account(message: Start | Stop | StopReply | Ended, order: Order) -> bool:
    """A log may not tell the one or the other."""
    told: str | None = message.account
    return told is None or order.account is None or told == order.account
