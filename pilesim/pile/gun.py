"""One gun: cable, car, order and charge, from the scan to the bill.

Owns the life of an order at the pile. Must not know layouts, or which of its decisions a fault has changed:
what could be decided otherwise it asks of the Behaviour. What happens at an instant is done at that instant;
only waiting is an Activity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from pilesim.contract.contract import BillDue, Contract, Refusal
from pilesim.pile import battery
from pilesim.pile.behaviour import Behaviour
from pilesim.pile.bills import BillBook
from pilesim.pile.car import CWNS_PER_DWH, Car, CarSpec
from pilesim.pile.charge import Charge, amount_of
from pilesim.pile.clock import Clock
from pilesim.pile.meter import Meter
from pilesim.pile.profiles import Profile
from pilesim.pile.screen import Page, page
from pilesim.pile.store import Authorisation, Record, Store
from pilesim.pile.timeline import Activity, Timeline
from pilesim.pile.uplink import Uplink
from pilesim.units import MINUTE, MS, S
from pilesim.wire.frame import Frame
from pilesim.wire.messages import (
    NO_TIME,
    Alive,
    Authorise,
    AuthoriseReply,
    BalanceTell,
    BalanceTold,
    BmsInfo,
    BmsWord,
    CardAsk,
    CardReply,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunState,
    Login,
    Message,
    Mischance,
    Parking,
    PileKind,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopCause,
    StopReason,
    StopReply,
)

PROGRESS_NS = 15 * S
"""How often a running charge is written to the store: what a power loss can cost at most."""
STOP_ASK_NS = 5 * S
"""How long a stop at the pile waits for the platform's word."""
CARD_ASK_NS = 10 * S
BMS_WAIT_NS = 5 * S
"""How long the charger waits for the next word of a BMS that has spoken before: the standard's longest but one."""
_IN_CHARGE = (BmsWord.BCS, BmsWord.BCL, BmsWord.BSM)
"""What the BMS says again and again while current flows."""
_STAGGER_NS = 400 * MS
"""Between the first heartbeats of neighbouring guns, so that they do not all speak at once."""


@dataclass(frozen=True, slots=True)
class Works:
    """What the guns of one pile share."""

    timeline: Timeline
    clock: Clock
    contract: Contract
    profile: Profile
    behaviour: Behaviour
    store: Store
    uplink: Uplink
    bills: BillBook


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question to the platform that has not been answered."""

    account: str
    patience: Activity


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A start that was refused for want of a cable, and begins once one is plugged in."""

    order: Authorisation
    message: Start
    request: Frame
    connection: int
    patience: Activity


class Gun:
    """A connector with its own meter. `number` counts from 1."""

    def __init__(self, number: int, works: Works) -> None:
        self.number = number
        self._works = works
        self._timeline = works.timeline
        self._behaviour = works.behaviour
        self._store = works.store
        self._uplink = works.uplink
        self._meter = Meter(works.store, number)

        # The world's side: what is there whether the pile has power or not.
        self._car: Car | None = None
        self._parking = Parking.NOT_TRUSTWORTHY
        self._defect = GunFault.NONE
        self._emergency = False
        self._maintenance = False

        # The firmware's side. `_authorisation` and `_record` live in the store.
        self._cable = False
        self._of_car = GunFault.NONE
        """A fault that goes with the car."""
        self._powered = False
        self._life: Activity | None = None
        self._starting: Activity | None = None
        self._charge: Charge | None = None
        self._current: Activity | None = None
        self._unplugging: Activity | None = None
        self._stop_ask: _Ask | None = None
        self._card_ask: _Ask | None = None
        self._wants_cable: _Waiting | None = None
        self._battery_told: Activity | None = None
        self._bms_awaited: Activity | None = None
        self._beats: Activity | None = None
        self._shown = self._seen

    # --- what it is

    @property
    def state(self) -> GunState:
        """What the firmware takes itself to be doing; a start under way is idle until current flows."""
        if self.fault is not GunFault.NONE:
            return GunState.FAULT
        if self._charge is not None or self._seems_to_charge:
            return GunState.CHARGING
        record = self._record
        if record is None or not self._cable:
            return GunState.MAINTENANCE if self._out_of_service else GunState.IDLE
        return GunState.OCCUPIED_FULL if record.reason is StopReason.FULL else GunState.OCCUPIED_NOT_FULL

    @property
    def busy(self) -> bool:
        """A charge is under way, or a start."""
        return self._charge is not None or self._starting is not None

    @property
    def _out_of_service(self) -> bool:
        return self._maintenance or self._store.stopped

    @property
    def _rated_w(self) -> int:
        """The most it may give now, W."""
        return self._works.profile.rated_w * self._store.power_percent // 100

    @property
    def _hears_battery(self) -> bool:
        """What the BMS says is passed on."""
        return self._works.contract.tells_battery and self._works.profile.kind is PileKind.DC

    @property
    def _seems_to_charge(self) -> bool:
        held = self._authorisation
        return self._starting is not None and held is not None and self._behaviour.shows_charging_in_start(held)

    @property
    def fault(self) -> GunFault:
        if self._emergency:
            return GunFault.EMERGENCY_STOP
        return self._defect if self._defect is not GunFault.NONE else self._of_car

    @property
    def screen(self) -> Page:
        """What the user reads, while the pile has power."""
        return page(
            self.state,
            online=self._uplink.up,
            authorised=self._authorisation is not None,
            starting=self._starting is not None,
        )

    @property
    def _authorisation(self) -> Authorisation | None:
        return self._store.authorisations.get(self.number)

    @_authorisation.setter
    def _authorisation(self, held: Authorisation | None) -> None:
        if held is None:
            self._store.authorisations.pop(self.number, None)
        else:
            self._store.authorisations[self.number] = held

    @property
    def _record(self) -> Record | None:
        return self._store.records.get(self.number)

    @property
    def _now_ns(self) -> int:
        return self._timeline.now_ns

    # --- power

    def power_on(self) -> None:
        """Wake up with what the store and the cable tell."""
        self._powered = True
        self._cable = self._car is not None
        self._of_car = GunFault.NONE
        record = self._record
        if record is not None and record.reason is None:
            # The charge does not resume. What flowed after the last stored instant, the meter knows.
            unstored_cwns = self._meter.reading_cwns - record.meter_start_cwns - record.energy_cwns
            record = replace(record, reason=StopReason.FAULT, cause=Mischance.POWER_LOST, unstored_cwns=unstored_cwns)
            self._store.records[self.number] = record
        if not self._cable:
            self._cable_is_out()
        else:
            self._store.arrivals_ns.setdefault(self.number, self._now_ns)
            self._close_at_end()
        held = self._authorisation
        if held is not None and held.starting:
            self._start_failed(held, Mischance.POWER_LOST)
        elif held is not None:
            self._live(held)
        self._shown = self._seen

    def power_off(self) -> None:
        """Everything that was under way is gone; the meter has counted to this instant."""
        if self._charge is not None:
            self._charge.advance(self._now_ns)
        self._powered = False
        self._charge = self._starting = self._current = self._unplugging = self._life = None
        self._stop_ask = self._card_ask = self._beats = None
        self._wants_cable = self._battery_told = self._bms_awaited = None

    # --- line

    def line_up(self) -> None:
        if self._charge is not None:
            order = self._behaviour.authorisation_after_reconnect(self._charge.authorisation)
            self._charge.authorisation = order
        self._beat_from(_STAGGER_NS * (self.number - 1))

    def line_down(self) -> None:
        if self._beats is not None:
            self._beats.call_off()
        self._forget_wanted_cable()
        running = self._charge.authorisation if self._charge is not None else self._authorisation
        if running is None or self._behaviour.keeps_order_without_line(running.order):
            return
        self._forget_start()
        if self._charge is not None:
            self._end_charge(StopReason.UNEXPECTED)

    # --- what is told

    def say_alive(self) -> None:
        """Say that the gun is there, where that is not its report."""
        if self._behaviour.says_alive(self.number):
            self._uplink.send(Alive(gun=self.number, faulty=self.fault is not GunFault.NONE))

    def report_now(self, request: Frame) -> None:
        """The platform asks for the gun's report."""
        self._report(change=False, answering=request)

    def _beat_from(self, wait_ns: int) -> None:
        if self._beats is not None:
            self._beats.call_off()
        self._beats = self._timeline.start(self._beating(wait_ns))

    def _beating(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        while True:
            self._report(change=False)
            yield self._beat_period_ns

    @property
    def _beat_period_ns(self) -> int:
        contract = self._works.contract
        return contract.beat_charging_ns if self._charge is not None else contract.beat_idle_ns

    @property
    def _seen(self) -> tuple[GunState, bool, GunFault, Parking]:
        return self.state, self._cable, self.fault, self._parking

    def _show(self) -> None:
        """Tell at once when what is to be seen of the gun has changed."""
        if self._seen == self._shown:
            return
        self._shown = self._seen
        if self._uplink.up:
            self._report(change=False)
            if self._works.contract.changes_apart:
                self._report(change=True)
            self._beat_from(self._beat_period_ns)
        elif self._works.contract.keeps_reports:
            told = self._reported(change=False)
            if told is not None:
                self._uplink.tell(told)

    def _report(self, *, change: bool, answering: Frame | None = None) -> None:
        told = self._reported(change=change)
        if told is not None:
            self._uplink.send(told, answering)

    def _reported(self, *, change: bool) -> GunReport | None:
        """What the firmware says of the gun; None: nothing."""
        charge, record = self._charge, self._record
        amount_mfen = 0
        if charge is not None:
            charge.advance(self._now_ns)
            record = self._save_progress(charge)
            amount_mfen = charge.amount_mfen
        elif record is not None:
            amount_mfen = amount_of(record, self._works.clock)
        report = GunReport(
            gun=self.number,
            change=change,
            state=self.state,
            cable=self._cable,
            fault=self.fault,
            parking=self._parking,
            meter_dwh=self._meter.reading_dwh,
            order=record.authorisation.order if record else "",
            start=self._works.clock.stamp(record.start_ns) if record else NO_TIME,
            energy_dwh=record.energy_cwns // CWNS_PER_DWH if record else 0,
            amount_mfen=amount_mfen,
            volts_dv=charge.draw.volts_dv if charge else 0,
            amps_da=charge.draw.amps_da if charge else 0,
            soc_percent=charge.soc_percent if charge else None,
            time=self._works.clock.stamp(self._now_ns),
            cable_c=battery.CABLE_C if charge else None,
            battery_c=battery.HOTTEST_C if charge else None,
            charged_minutes=(self._now_ns - charge.start_ns) // MINUTE if charge else None,
            remaining_minutes=charge.left_minutes if charge else None,
        )
        return self._behaviour.report(report)

    # --- the cable and the world around it

    def plug(self, spec: CarSpec) -> None:
        """ValueError: a cable can be plugged in once."""
        if self._car is not None:
            raise ValueError(f"gun {self.number}: plug: the cable is in already")
        if self._cable or self._unplugging is not None:
            # The contact still tells of the last car; a new one cannot have come before that one left.
            self._cable_is_out()
        self._car = Car(spec)
        if self._powered:
            self._cable = True
            self._store.arrivals_ns[self.number] = self._now_ns
            self._show()
            self._begin_waiting()

    def unplug(self) -> None:
        """ValueError: there must be a cable in."""
        if self._car is None:
            raise ValueError(f"gun {self.number}: unplug: no cable is in")
        if self._charge is not None:
            self._charge.advance(self._now_ns)
        self._car = None
        if not self._powered:
            return
        if self._charge is not None:
            goes_on_ns = self._behaviour.charges_on_unplugged_ns(self.number)
            if goes_on_ns:
                self._cable = False
                self._unplugging = self._timeline.start(self._see_unplug(goes_on_ns))
                self._show()
                return
        seen_after_ns = self._behaviour.unplug_seen_after_ns(self.number)
        if not seen_after_ns:
            self._cable_is_out()
            return
        # Without a car there is no current, whatever the contact says.
        if self._charge is not None:
            self._end_charge(StopReason.UNEXPECTED, Mischance.UNPLUGGED)
        self._abort_start(Mischance.UNPLUGGED)
        self._unplugging = self._timeline.start(self._see_unplug(seen_after_ns))

    def _see_unplug(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        self._cable_is_out()

    def _cable_is_out(self) -> None:
        self._cable = False
        self._of_car = GunFault.NONE
        self._store.arrivals_ns.pop(self.number, None)
        if self._unplugging is not None:
            self._unplugging.call_off()
            self._unplugging = None
        self._abort_start(Mischance.UNPLUGGED)
        if self._charge is not None:
            self._end_charge(StopReason.UNEXPECTED, Mischance.UNPLUGGED)
        self._end_occupancy()
        self._show()

    def _close_at_end(self) -> None:
        """The charge is over, and with it the order where its bill does not wait for the end of the occupancy."""
        if self._works.contract.bill_due is BillDue.END and self._charge is None:
            self._end_occupancy()
            if self._out_of_service:
                # What was put off while the order lasted.
                self._show()

    def _end_occupancy(self) -> None:
        """The cable is out, or the next order begins on it: the ended charge's bill is due."""
        record = self._record
        if record is not None:
            del self._store.records[self.number]
            self._works.bills.close(replace(record, leave_ns=self._now_ns))

    def set_fault(self, fault: GunFault) -> None:
        """A defect of the gun, until it is set to NONE again."""
        self._defect = fault
        self._mind_fault()

    def set_emergency(self, pressed: bool) -> None:
        self._emergency = pressed
        self._mind_fault()

    def set_maintenance(self, on: bool) -> None:
        """A technician takes the gun out of service, or puts it back. ValueError: it is in use."""
        if on and (self._starting is not None or self.state is not GunState.IDLE):
            raise ValueError(f"gun {self.number}: maintenance: expected it idle, found it {self.state}")
        self._maintenance = on
        self._mind_fault()

    def set_insulation(self, isolated: bool) -> None:
        """The isolation of the car at this gun from now on. ValueError: there must be one, to lose it."""
        if self._car is None and not isolated:
            raise ValueError(f"gun {self.number}: insulation: no car is there")
        if self._car is not None:
            self._car.insulation = isolated
        if isolated:
            self._of_car = GunFault.NONE
        elif self._charge is not None and not self._behaviour.insulation_passes(self.number, isolated):
            self._of_car = GunFault.INSULATION
        self._mind_fault()

    def set_bms(self, lacks: Collection[BmsWord]) -> None:
        """What the BMS of the car at this gun does not say from now on. ValueError: there must be a car."""
        if self._car is None:
            raise ValueError(f"gun {self.number}: bms: no car is there")
        self._car.hush(lacks)
        if self._bms_awaited is not None:
            self._bms_awaited.call_off()
            self._bms_awaited = None
        silent = self._car.lacking(_IN_CHARGE)
        if self._charge is not None and silent is not None:
            self._bms_awaited = self._timeline.start(self._await_bms(silent))

    def _await_bms(self, silent: BmsWord) -> Iterator[int]:
        yield BMS_WAIT_NS
        if self._charge is not None:
            self._of_car = GunFault.BMS_COMMUNICATION
            self._end_charge(StopReason.FAULT, silent)

    def set_parking(self, taken: bool) -> None:
        self._parking = Parking.TAKEN if taken else Parking.FREE
        self._mind_fault()

    def _mind_fault(self) -> None:
        if not self._powered:
            return
        if self.fault is not GunFault.NONE:
            self._abort_start(self.fault)
            if self._charge is not None:
                self._end_charge(StopReason.FAULT, self.fault)
        self._show()

    # --- the user at the pile

    def tap(self) -> None:
        """The screen is tapped, in and out of the page with the code."""
        held = self._authorisation
        if self._powered and held is not None and not held.starting:
            self._authorisation = self._behaviour.tapped(held)

    def card(self, account: str) -> None:
        """A card is held to the reader: it starts a charge, or ends its own. Off-line the reader is dead."""
        if not self._powered:
            return
        account = self._uplink.account(account)
        if self._charge is not None:
            if account == self._charge.authorisation.account:
                self.stop_button()
        elif self._starting is None and self._uplink.up:
            if self._card_ask is not None:
                self._card_ask.patience.call_off()
            self._card_ask = _Ask(account, self._timeline.start(self._forget_card()))
            self._uplink.send(CardAsk(gun=self.number, login=Login.CARD, account=account))

    def _forget_card(self) -> Iterator[int]:
        yield CARD_ASK_NS
        self._card_ask = None

    def stop_button(self) -> None:
        """The user ends at the pile what is under way: with the platform's word, or without it where none comes."""
        if not self._powered:
            return
        held = self._authorisation
        if self._charge is None:
            if held is not None:
                self._start_failed(held)
        elif not self._uplink.up or not self._uplink.carries(StopAsk):
            self._end_charge(StopReason.AT_PILE)
        elif self._stop_ask is None:
            running = self._charge.authorisation
            self._stop_ask = _Ask(running.account, self._timeline.start(self._stop_unanswered()))
            self._uplink.send(
                StopAsk(gun=self.number, login=running.login, account=running.account, credential=running.credential)
            )

    def _stop_unanswered(self) -> Iterator[int]:
        yield STOP_ASK_NS
        self._end_charge(StopReason.AT_PILE)

    # --- the platform's commands

    def authorise(self, message: Authorise, request: Frame, connection: int) -> None:
        """The scan, or the answer to a card."""
        asked = self._card_ask is not None and self._card_ask.account == message.account
        if not asked:
            reply = AuthoriseReply(
                gun=self.number, login=message.login, account=message.account, credential=message.credential
            )
            self._uplink.reply(reply, request, connection)
        elif self._card_ask is not None:
            self._card_ask.patience.call_off()
            self._card_ask = None
        if message.accepted:
            self._hold(message)
            held = self._authorisation
            if asked and held is not None and self._charge is None and self._starting is None:
                self._start_by_card(held)

    def card_answered(self, message: CardReply) -> None:
        """The platform's word on a card, where it is no authorisation."""
        ask, tariff = self._card_ask, self._store.tariff
        if ask is None:
            return
        ask.patience.call_off()
        self._card_ask = None
        if not message.accepted or tariff is None or self._charge is not None or self._starting is not None:
            return
        self._start_by_card(
            Authorisation(
                order=message.order,
                account=ask.account,
                login=Login.CARD,
                credential="",
                balance_mfen=message.balance_mfen,
                tariff=tariff,
                since_ns=self._now_ns,
            )
        )

    def _hold(self, message: Authorise) -> None:
        new = Authorisation(
            order=message.order,
            account=message.account,
            login=message.login,
            credential=message.credential,
            balance_mfen=message.balance_mfen,
            tariff=message.tariff,
            since_ns=self._now_ns,
        )
        if self._charge is not None:
            self._charge.authorisation = self._behaviour.scanned_in_charge(self._charge.authorisation, new)
        elif self._starting is None:
            if self._record is not None:
                self._store.records[self.number] = self._behaviour.record_after_scan(self._record, new)
            held = self._behaviour.scanned(self._authorisation, new)
            if held is not self._authorisation:
                self._authorisation = held
                self._live(held)

    def _live(self, held: Authorisation) -> None:
        """Hold an order for as long as it lives."""
        self._outlive()
        life_ns = self._behaviour.authorisation_life_ns(self._works.contract.authorisation_life_ns)
        if life_ns is not None:
            self._life = self._timeline.start(self._expire(max(0, held.since_ns + life_ns - self._now_ns)))

    def _outlive(self) -> None:
        if self._life is not None:
            self._life.call_off()
            self._life = None

    def _expire(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        held = self._authorisation
        if held is not None:
            self._authorisation = None
            self._tell_ended(held.login, held.account, EndReason.TIMED_OUT)
            self._ended_without_charge(held)

    def start(self, message: Start, request: Frame, connection: int) -> Iterator[int]:
        """The start command, as steps: bills that wait leave before it is answered."""
        if self._behaviour.start_waits_for_bills(self.number, self._works.bills.waiting):
            yield from self._works.bills.let_all_leave()
        own = self._own_order(message)
        refusal = None
        order = None
        if own is None:
            self._forget_wanted_cable()
            order = self._behaviour.authorisation_for(self._order_held(message), message, self._now_ns)
            refusal = self._refusal(order)
            if order is not None and self._charge is None and self._works.bills.has_room:
                # The next order's start ends the occupancy, whatever becomes of that start.
                self._end_occupancy()
        reply = StartReply(
            gun=self.number,
            login=message.login,
            account=message.account,
            credential=message.credential,
            order=message.order,
            accepted=refusal is None,
            reason=0 if refusal is None else self._works.contract.start_refusals.get(refusal, 0),
        )
        self._uplink.reply(reply, request, connection)
        if own is not None:
            if self._charge is not None and self._car is not None and self._behaviour.begins_again(own):
                self._end_charge(StopReason.UNEXPECTED)
                self._end_occupancy()
                self._energise(own)
        elif order is None:
            self._tell_ended(message.login, message.account or "", EndReason.BY_PILE_OR_USER)
        elif refusal is Refusal.NO_CABLE and self._works.contract.plug_wait_ns:
            patience = self._timeline.start(self._want_cable())
            self._wants_cable = _Waiting(order, message, request, connection, patience)
        elif refusal is Refusal.TAKEN and message.order is not None:
            # The order that it brought is refused; the one that charges, or is being started, goes on.
            return
        elif refusal is not None:
            self._start_failed(order)
        else:
            self._begin(order)

    def _order_held(self, message: Start) -> Authorisation | None:
        """What a start may be for: the order that it brings itself, else the one that was authorised before."""
        tariff = self._store.tariff
        if message.order is None or message.balance_mfen is None or tariff is None:
            return self._authorisation
        return Authorisation(
            order=message.order,
            account=message.account or "",
            login=message.login,
            credential=message.credential,
            balance_mfen=message.balance_mfen,
            tariff=tariff,
            since_ns=self._now_ns,
        )

    def _want_cable(self) -> Iterator[int]:
        yield self._works.contract.plug_wait_ns
        self._wants_cable = None

    def _forget_wanted_cable(self) -> None:
        if self._wants_cable is not None:
            self._wants_cable.patience.call_off()
            self._wants_cable = None

    def _begin_waiting(self) -> None:
        """The cable is in for which a start waited: it is answered a second time, and begins."""
        waiting = self._wants_cable
        self._forget_wanted_cable()
        if waiting is None or self._refusal(waiting.order) is not None:
            return
        message = waiting.message
        reply = StartReply(gun=self.number, account=message.account, order=message.order, accepted=True)
        self._uplink.reply(reply, waiting.request, waiting.connection)
        self._begin(waiting.order)

    def _own_order(self, message: Start) -> Authorisation | None:
        """The order that runs or is being started, when the start is for its account again."""
        own = self._charge.authorisation if self._charge is not None else None
        if self._starting is not None:
            own = self._authorisation
        if own is None or message.order not in (None, own.order):
            return None
        return own if message.account in (None, own.account) else None

    def _refusal(self, order: Authorisation | None) -> Refusal | None:
        """Why a start of `order` cannot be; None: it can."""
        obstacles = (
            (order is None, Refusal.NO_ORDER),
            (self._charge is not None or self._starting is not None, Refusal.TAKEN),
            (not self._cable, Refusal.NO_CABLE),
            (order is not None and order.balance_mfen <= 0, Refusal.NO_BALANCE),
            (self.fault is not GunFault.NONE, Refusal.FAULT),
            (self._out_of_service, Refusal.OUT_OF_SERVICE),
            (not self._works.bills.has_room, Refusal.NO_ROOM),
        )
        return self._behaviour.refuses_start(order, tuple(why for stands, why in obstacles if stands))

    def _start_by_card(self, held: Authorisation) -> None:
        if self._refusal(held) is not None:
            self._start_failed(held)
            return
        # Told first: it is this start that ends the occupancy, and its bill leaves because of it.
        if self._uplink.carries(StartAsk):
            self._uplink.send(StartAsk(gun=self.number, login=held.login, account=held.account, order=held.order))
        self._end_occupancy()
        self._begin(held)

    def _begin(self, order: Authorisation) -> None:
        self._outlive()
        order = replace(order, starting=True)
        self._authorisation = order
        self._starting = self._timeline.start(self._start_up(order))
        self._show()

    def _start_up(self, order: Authorisation) -> Iterator[int]:
        """Handshake, insulation test, pre-charge; each can end the start."""
        takes = self._works.profile.start_takes
        car = self._car
        if car is None or car.lacking((BmsWord.BHM,)):
            yield takes.gives_up
            self._bms_fails_start(order, BmsWord.BHM)
            return
        yield takes.handshake
        silent = car.lacking((BmsWord.BRM, BmsWord.BCP))
        if self._hears_battery:
            self._tell(battery.met(self.number, order.order, car, self._rated_w, silent))
        if silent is not None:
            yield BMS_WAIT_NS
            self._bms_fails_start(order, silent)
            return
        yield takes.insulation_test
        if not self._behaviour.insulation_passes(self.number, car.insulation):
            self._of_car = GunFault.INSULATION_TEST
            self._show()
            self._start_failed(order, GunFault.INSULATION_TEST)
            return
        yield takes.precharge
        if car.full:
            self._start_failed(order, Mischance.NOTHING_WANTED)
            return
        silent = car.lacking((BmsWord.BRO, *_IN_CHARGE))
        if silent is not None:
            yield BMS_WAIT_NS
            self._bms_fails_start(order, silent)
            return
        self._starting = None
        held = self._authorisation
        # Its balance may have been told anew meanwhile.
        self._energise(held if held is not None and held.order == order.order else order)

    def _bms_fails_start(self, order: Authorisation, silent: BmsWord) -> None:
        if self._hears_battery:
            self._tell(battery.unheard(self.number, order.order, silent))
        self._start_failed(order, silent)

    def _abort_start(self, cause: StopCause) -> None:
        held = self._authorisation
        if self._starting is not None and held is not None:
            self._start_failed(held, cause)

    def _start_failed(self, order: Authorisation, cause: StopCause | None = None) -> None:
        """The order ends without a charge: a start that cannot be, or a user who goes away."""
        self._forget_start()
        if self._behaviour.tells_failed_start(order):
            self._tell_ended(order.login, order.account, EndReason.BY_PILE_OR_USER)
        self._ended_without_charge(order)
        self._bill_begun(order, StopReason.START_FAILED, cause)
        early_ns = self._behaviour.bill_before_leave_ns(self.number)
        if early_ns is not None and self._cable and self._record is None:
            failed = Record(
                gun=self.number,
                authorisation=order,
                arrive_ns=self._store.arrivals_ns[self.number],
                start_ns=self._now_ns,
                end_ns=self._now_ns,
                reason=StopReason.FAULT,
                meter_start_cwns=self._meter.reading_cwns,
            )
            self._timeline.start(self._bill_failed_start(early_ns, failed))

    def _bill_begun(self, order: Authorisation, reason: StopReason, cause: StopCause | None = None) -> None:
        """Bill a start that was begun and came to nothing, where such a one has a bill."""
        told = self._works.contract.bill_of_failed_start and self._behaviour.tells_failed_start(order)
        if order.starting and told:
            self._works.bills.close(
                Record(
                    gun=self.number,
                    authorisation=replace(order, starting=False),
                    arrive_ns=self._store.arrivals_ns.get(self.number, order.since_ns),
                    start_ns=order.since_ns,
                    end_ns=self._now_ns,
                    reason=reason,
                    cause=cause,
                    meter_start_cwns=self._meter.reading_cwns,
                )
            )

    def _bill_failed_start(self, wait_ns: int, failed: Record) -> Iterator[int]:
        """Bill what never charged, with the cable still in: what only a faulty firmware does."""
        yield wait_ns
        if self._store.arrivals_ns.get(self.number) == failed.arrive_ns:
            self._works.bills.close(failed)

    def _forget_start(self) -> None:
        self._outlive()
        self._authorisation = None
        if self._starting is not None:
            self._starting.call_off()
            self._starting = None

    def _tell_ended(self, login: Login, account: str, reason: EndReason) -> None:
        if self._uplink.carries(Ended):
            self._uplink.tell(Ended(gun=self.number, login=login, account=account, reason=reason))

    def _ended_without_charge(self, order: Authorisation) -> None:
        late = self._behaviour.order_without_charge(self.number, order, self._record is not None)
        if late is not None:
            self._works.bills.close_without_charge(late)

    def stop(self, message: Stop, request: Frame, connection: int) -> None:
        """The remote stop, or the answer to a stop asked for at the pile."""
        charge = self._charge
        asked = charge is not None and self._stop_ask is not None and message.account in (None, self._stop_ask.account)
        own = charge.authorisation if charge is not None else self._authorisation
        if not asked:
            idle = own is None and self._wants_cable is None
            reply = StopReply(
                gun=self.number,
                login=message.login,
                account=message.account,
                accepted=not idle,
                reason=self._works.contract.nothing_to_stop if idle else 0,
            )
            self._uplink.reply(reply, request, connection)
        self._forget_wanted_cable()
        if own is None or message.account not in (None, own.account):
            return
        if asked:
            self._forget_stop_ask()
        if not message.accepted:
            return
        if charge is None:
            if own.starting and not self._behaviour.obeys_stop(own):
                return
            self._forget_start()
            self._ended_without_charge(own)
            self._bill_begun(own, StopReason.PLATFORM)
        elif self._behaviour.obeys_stop(own):
            self._end_charge(StopReason.AT_PILE if asked else StopReason.PLATFORM)

    def take_balance(self, message: BalanceTell, request: Frame, connection: int) -> None:
        """The order that runs, or is being started, may cost another sum from now on."""
        charge = self._charge
        own = charge.authorisation if charge is not None else self._authorisation
        theirs = own is not None and message.account in ("", own.account)
        refusal = 0 if theirs else self._works.contract.nobody_charges
        reply = BalanceTold(gun=self.number, account=message.account, refusal=refusal)
        self._uplink.reply(reply, request, connection)
        if own is None or not theirs:
            return
        own = replace(own, balance_mfen=message.balance_mfen)
        if charge is None:
            self._authorisation = own
        else:
            charge.authorisation = own
            self._flow_anew(charge)

    def work_changed(self) -> None:
        """The platform has said anew whether the pile may work, and with how much of its power."""
        if self._charge is not None:
            self._charge.advance(self._now_ns)
            self._charge.limit(self._rated_w)
            self._flow_anew(self._charge)
        self._show()

    def _forget_stop_ask(self) -> None:
        if self._stop_ask is not None:
            self._stop_ask.patience.call_off()
            self._stop_ask = None

    # --- the charge

    def _energise(self, order: Authorisation) -> None:
        car = self._car
        assert car is not None
        self._authorisation = None
        charge = Charge(
            gun=self.number,
            authorisation=replace(order, starting=False),
            arrive_ns=self._store.arrivals_ns[self.number],
            start_ns=self._now_ns,
            car=car,
            meter=self._meter,
            clock=self._works.clock,
            rated_w=self._rated_w,
        )
        self._charge = charge
        self._current = self._timeline.start(self._flow(charge))
        self._save_progress(charge)
        self._show()
        if self._hears_battery:
            self._battery_told = self._timeline.start(self._tell_battery(charge))

    def _flow_anew(self, charge: Charge) -> None:
        """What it waits for next may have come nearer, or gone farther."""
        if self._current is not None:
            self._current.call_off()
        self._current = self._timeline.start(self._flow(charge))

    def _tell(self, messages: Iterable[Message]) -> None:
        """Tell what can be told, of what the protocol has messages for."""
        for message in messages:
            if self._uplink.up and self._uplink.carries(type(message)):
                self._uplink.send(message)

    def _tell_battery(self, charge: Charge) -> Iterator[int]:
        while True:
            yield self._works.contract.beat_charging_ns
            charge.advance(self._now_ns)
            self._tell(battery.charging(self.number, charge, self._now_ns, apart=not self._uplink.carries(BmsInfo)))

    def _flow(self, charge: Charge) -> Iterator[int]:
        """Wake where the current, the price or the balance changes, and often enough to store how far it got."""
        while True:
            charge.advance(self._now_ns)
            self._save_progress(charge)
            if charge.full:
                self._end_charge(StopReason.FULL)
                return
            if charge.balance_used and self._behaviour.stops_at_balance(charge.authorisation):
                self._end_charge(StopReason.BALANCE)
                return
            yield min(PROGRESS_NS, charge.until_change_ns())

    def _save_progress(self, charge: Charge) -> Record:
        record = charge.record(self._now_ns, None)
        self._store.records[self.number] = record
        return record

    def _end_charge(self, reason: StopReason, cause: StopCause | None = None) -> None:
        assert self._charge is not None
        self._charge.advance(self._now_ns)
        record = self._charge.record(self._now_ns, reason, cause)
        self._store.records[self.number] = record
        self._charge = None
        if self._bms_awaited is not None:
            self._bms_awaited.call_off()
            self._bms_awaited = None
        self._forget_stop_ask()
        if self._current is not None:
            self._current.call_off()
            self._current = None
        if self._battery_told is not None:
            self._battery_told.call_off()
            self._battery_told = None
            self._tell(battery.ended(record, self._car, self._works.clock.stamp(self._now_ns)))
        self._show()
        self._close_at_end()
        early_ns = self._behaviour.bill_before_leave_ns(self.number)
        if early_ns is not None and self._cable:
            self._timeline.start(self._bill_early(early_ns, record))

    def _bill_early(self, wait_ns: int, ended: Record) -> Iterator[int]:
        """Bill with the cable still in: what only a faulty firmware does."""
        yield wait_ns
        record = self._record
        if record is not None and self._cable and record.start_ns == ended.start_ns:
            del self._store.records[self.number]
            self._works.bills.close(record)
            self._show()
