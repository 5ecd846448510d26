"""One gun: cable, car, order and charge, from the scan to the bill.

Owns what its parts come to together: its state, what follows when a charge begins or ends, power, line and faults.
Must not know layouts, or which of its decisions a fault has changed: what could be decided otherwise its parts ask
of the Behaviour. What happens at an instant is done at that instant; only waiting is an Activity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from pilesim.pile.authorising import Authorising
from pilesim.pile.bms import Bms
from pilesim.pile.cable import Cable
from pilesim.pile.car import CarSpec
from pilesim.pile.charge import Charge
from pilesim.pile.charging import Charging
from pilesim.pile.meter import Meter
from pilesim.pile.occupancy import Occupancy
from pilesim.pile.order import GunOrder
from pilesim.pile.reports import Reports
from pilesim.pile.screen import Page, page
from pilesim.pile.starts import Starts
from pilesim.pile.stops import Stops
from pilesim.pile.store import GunStore, Record
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.works import Works
from pilesim.wire.frame import Frame
from pilesim.wire.messages import (
    Authorise,
    BalanceTell,
    BalanceTold,
    BmsWord,
    CardReply,
    GunFault,
    GunState,
    Mischance,
    Parking,
    Start,
    Stop,
    StopReason,
)


class Gun:
    """A connector with its own meter. `number` counts from 1."""

    def __init__(self, number: int, works: Works) -> None:
        self.number = number
        self._works = works
        self._behaviour = works.behaviour
        self._kept = GunStore(works.store, number)
        self._meter = Meter(works.store, number)
        self._around = Surroundings(works.store)

        # A part knows some of those before it. What it has done it tells by what it is given after them.
        self._occupancy = Occupancy(number, works, self._kept, self._around, changed=self._show)
        self._charging = Charging(
            number,
            works,
            self._kept,
            self._meter,
            self._around,
            begun=self._charge_begun,
            over=self._charge_over,
        )
        self._bms = Bms(number, works, self._around, self._charging)
        self._order = GunOrder(
            number,
            works,
            self._kept,
            self._meter,
            self._around,
            self._occupancy,
            self._charging,
            self._bms,
            changed=self._show,
        )
        self._starts = Starts(number, works, self._around, self._occupancy, self._charging, self._order)
        self._stops = Stops(number, works, self._charging, self._order, self._starts)
        self._authorising = Authorising(number, works, self._order, self._starts)
        self._cable = Cable(
            number,
            works,
            self._kept,
            self._around,
            self._occupancy,
            self._charging,
            self._order,
            self._starts,
            changed=self._show,
        )
        self._reports = Reports(number, works, self._meter, self._around, self._charging, state=lambda: self.state)

    # --- what it is

    @property
    def state(self) -> GunState:
        """What the firmware takes itself to be doing; a start under way is idle until current flows."""
        if self.fault is not GunFault.NONE:
            return GunState.FAULT
        if self._order.seems_to_charge:
            return GunState.CHARGING
        record = self._kept.record
        if record is None or not self._around.cable:
            return GunState.MAINTENANCE if self._around.out_of_service else GunState.IDLE
        return GunState.OCCUPIED_FULL if record.reason is StopReason.FULL else GunState.OCCUPIED_NOT_FULL

    @property
    def busy(self) -> bool:
        """A charge is under way, or a start."""
        return self._order.busy

    @property
    def fault(self) -> GunFault:
        return self._around.fault

    @property
    def screen(self) -> Page:
        """What the user reads, while the pile has power."""
        return page(
            self.state,
            online=self._works.uplink.up,
            authorised=self._order.held is not None,
            starting=self._order.starting,
        )

    def _show(self) -> None:
        self._reports.show()

    # --- a charge begins and ends

    def _charge_begun(self, charge: Charge) -> None:
        self._show()
        self._bms.charge_begun(charge)

    def _charge_over(self, record: Record) -> None:
        self._stops.ask_no_longer()
        self._bms.charge_over(record)
        self._show()
        self._occupancy.charge_over()
        self._occupancy.bill_charge_early(record)

    # --- power

    def power_on(self) -> None:
        """Wake up with what the store and the cable tell."""
        self._around.powered = True
        record = self._kept.record
        if record is not None and self._works.store.has_bill_of(record):
            # The power went after the bill was written, and before its record was taken out.
            self._kept.record = record = None
        if record is not None and record.reason is None:
            # The charge does not resume. What flowed after the last stored instant, the meter knows.
            unstored_cwns = self._meter.reading_cwns - record.meter_start_cwns - record.energy_cwns
            self._kept.record = replace(
                record, reason=StopReason.FAULT, cause=Mischance.POWER_LOST, unstored_cwns=unstored_cwns
            )
        self._cable.power_on()
        self._order.power_on()
        self._reports.power_on()

    def power_off(self) -> None:
        """Everything that was under way is gone; the meter has counted to this instant."""
        self._charging.advance()
        self._around.powered = False
        self._charging.power_off()
        self._bms.power_off()
        self._order.power_off()
        self._cable.power_off()
        self._starts.wait_no_longer()
        self._stops.ask_no_longer()
        self._authorising.ask_no_longer()
        self._reports.line_down()

    # --- line

    def line_up(self) -> None:
        """The platform can be told: the heartbeats begin."""
        charge = self._charging.charge
        if charge is not None:
            charge.authorisation = self._behaviour.authorisation_after_reconnect(charge.authorisation)
        self._reports.line_up()

    def line_down(self) -> None:
        """The platform cannot be told any more; what is under way goes on."""
        self._reports.line_down()
        self._starts.wait_no_longer()
        own = self._order.own
        if own is None or self._behaviour.keeps_order_without_line(own.order):
            return
        self._order.forget()
        self._charging.end(StopReason.UNEXPECTED)

    def say_alive(self) -> None:
        """Say that the gun is there, where that is not its report."""
        self._reports.say_alive()

    def report_now(self, request: Frame) -> None:
        """The platform asks for the gun's report."""
        self._reports.report(answering=request)

    # --- the world around it

    def plug(self, spec: CarSpec) -> None:
        """ValueError: a cable can be plugged in once."""
        self._cable.plug(spec)

    def unplug(self) -> None:
        """ValueError: there must be a cable in."""
        self._cable.unplug()

    def set_fault(self, fault: GunFault) -> None:
        """A defect of the gun, until it is set to NONE again."""
        self._around.defect = fault
        self._mind_fault()

    def set_emergency(self, pressed: bool) -> None:
        """The button is pressed, or released."""
        self._around.emergency = pressed
        self._mind_fault()

    def set_maintenance(self, on: bool) -> None:
        """A technician takes the gun out of service, or puts it back. ValueError: it is in use."""
        if on and (self._order.starting or self.state is not GunState.IDLE):
            raise ValueError(f"gun {self.number}: maintenance: expected it idle, found it {self.state}")
        self._around.maintenance = on
        self._mind_fault()

    def set_parking(self, taken: bool) -> None:
        """Whether the place before the gun is taken."""
        self._around.parking = Parking.TAKEN if taken else Parking.FREE
        self._mind_fault()

    def set_insulation(self, isolated: bool) -> None:
        """The isolation of the car at this gun from now on. ValueError: there must be one, to lose it."""
        car = self._around.car
        if car is not None:
            car.insulation = isolated
        elif not isolated:
            raise ValueError(f"gun {self.number}: insulation: no car is there")
        if isolated:
            self._around.of_car = GunFault.NONE
        elif self._charging.charge is not None and not self._behaviour.insulation_passes(self.number, isolated):
            self._around.of_car = GunFault.INSULATION
        self._mind_fault()

    def set_bms(self, lacks: Collection[BmsWord]) -> None:
        """What the BMS of the car at this gun does not say from now on. ValueError: there must be a car."""
        car = self._around.car
        if car is None:
            raise ValueError(f"gun {self.number}: bms: no car is there")
        car.hush(lacks)
        self._bms.listen()

    def _mind_fault(self) -> None:
        if not self._around.powered:
            return
        fault = self.fault
        if fault is not GunFault.NONE:
            self._order.abort(fault)
            self._charging.end(StopReason.FAULT, fault)
        self._show()

    # --- the user at the pile

    def tap(self) -> None:
        """The screen is tapped, in and out of the page with the code."""
        if self._around.powered:
            self._order.tapped()

    def card(self, account: str) -> None:
        """A card is held to the reader: it starts a charge, or ends its own."""
        if not self._around.powered:
            return
        account = self._works.uplink.account(account)
        charge = self._charging.charge
        if charge is None:
            if not self._order.starting:
                self._authorising.ask(account)
        elif account == charge.authorisation.account:
            self._stops.button()

    def stop_button(self) -> None:
        """The user ends at the pile what is under way."""
        if self._around.powered:
            self._stops.button()

    # --- the platform's commands

    def authorise(self, message: Authorise, request: Frame, connection: int) -> None:
        """The scan, or the answer to a card."""
        self._authorising.authorise(message, request, connection)

    def card_answered(self, message: CardReply) -> None:
        """The platform's word on a card, where it is no authorisation."""
        self._authorising.answered(message)

    def start(self, message: Start, request: Frame, connection: int) -> Iterator[int]:
        """The start command, as steps: bills that wait leave before it is answered."""
        return self._starts.command(message, request, connection)

    def stop(self, message: Stop, request: Frame, connection: int) -> None:
        """The remote stop, or the answer to a stop asked for at the pile."""
        self._stops.command(message, request, connection)

    def take_balance(self, message: BalanceTell, request: Frame, connection: int) -> None:
        """The order that runs, or is being started, may cost another sum from now on."""
        own = self._order.own
        theirs = own is not None and message.account in ("", own.account)
        refusal = 0 if theirs else self._works.contract.nobody_charges
        reply = BalanceTold(gun=self.number, account=message.account, refusal=refusal)
        self._works.uplink.reply(reply, request, connection)
        if theirs:
            self._order.set_balance(message.balance_mfen)

    def work_changed(self) -> None:
        """The platform has said anew whether the pile may work, and with how much of its power."""
        self._charging.limit_power()
        self._show()
