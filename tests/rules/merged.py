"""A world where the start brings order and balance, guns say that they are there, and batteries are told of (YKC).

As in `world`, at 36 kW and 1.50 yuan per kWh, until noon; from then on the price is another rate's. A percent of the
battery is 0.6 kWh.
"""

from __future__ import annotations

from typing import Any, Self

from msgspec import structs
from world import BEAT_DWH, PILE, Charge, World

from pilesim.units import MINUTE, YUAN_MFEN, S
from pilesim.wire.frame import End, Frame
from pilesim.wire.messages import (
    Alive,
    AliveReply,
    Battery,
    Bill,
    BillPeriod,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    ChargeSummary,
    GunFault,
    GunReport,
    GunState,
    Hello,
    HelloReply,
    Login,
    Rate,
    Start,
    StartReply,
    Stop,
    StopReason,
    StopReply,
    Tariff,
    TariffTell,
    TariffTold,
    TimeTell,
    TimeTold,
)

ORDER_A = f"{PILE[:14]}012003111000000001"
ORDER_B = f"{PILE[:14]}012003111000000002"
VIN = "LTEST000000000001"
RATES = (Rate(100_000, 50_000), Rate(60_000, 40_000), Rate(60_000, 40_000), Rate(60_000, 40_000))
RATED = Tariff(
    energy_mfen=(100_000,) * 24 + (60_000,) * 24,
    service_mfen=(50_000,) * 24 + (40_000,) * 24,
    rates=RATES,
    rate_of=(0,) * 24 + (1,) * 24,
)
ALIVE_S = 10
NO_CABLE = 5


class Merged(World):
    """A trace in the making; `wait` lets the guns say that they are there."""

    def __init__(self, *, guns: int = 1, ends: tuple[End, ...] = (End.PILE, End.PLATFORM), **more: Any) -> None:
        self.alive_ns: int | None = None
        super().__init__(protocol="ykc-1.6", guns=guns, ends=ends, **more)

    def wait(self, seconds: float) -> Self:
        end_ns = self.t_ns + round(seconds * S)
        while self.alive_ns is not None and self.alive_ns <= end_ns:
            self.t_ns = self.alive_ns
            for gun in range(1, self.header.guns + 1):
                self.alive(gun)
            self.alive_ns += ALIVE_S * S
        self.t_ns = end_ns
        return self

    def alive(self, gun: int = 1) -> Self:
        asked = self.up(Alive(gun=gun))
        self.down(AliveReply(gun=gun), asked)
        return self

    def silent(self) -> Self:
        """From now on no gun says that it is there."""
        self.alive_ns = None
        return self

    def connect(self, *, clock_off_s: float = 0, platform_off_s: float = 0) -> Self:
        self.line_up()
        asked = self.up(Hello(firmware="1.0"))
        self.down(HelloReply(), asked)
        told = self.down(TariffTell(model="0001", tariff=RATED, asked=False))
        self.up(TariffTold(), told)
        told = self.down(TimeTell(platform_time=self.now(platform_off_s)))
        self.up(TimeTold(pile_time=self.now(clock_off_s)), told)
        for gun in range(1, self.header.guns + 1):
            self.beat(gun=gun)
        self.alive_ns = self.t_ns
        return self

    def soc(self) -> int:
        return 50 + self.charge.energy_dwh // 6_000

    def report(self, state: GunState = GunState.IDLE, **changed: Any) -> GunReport:
        charging = state is GunState.CHARGING
        message = GunReport(
            state=state,
            cable=self.cable,
            fault=GunFault.NONE,
            order=self.charge.order if charging else "",
            energy_dwh=self.charge.energy_dwh if charging else 0,
            amount_mfen=self.charge.energy_dwh * 15 if charging else 0,
            volts_dv=4_000 if charging else None,
            amps_da=900 if charging else None,
            soc_percent=self.soc() if charging else None,
            battery_c=31 if charging else None,
            cable_c=33 if charging else None,
            charged_minutes=0 if charging else None,
            remaining_minutes=60 if charging else None,
        )
        return structs.replace(message, **changed)

    def beat(self, state: GunState = GunState.IDLE, *, answered: bool = True, **changed: Any) -> Self:
        self.up(self.report(state, **changed))
        return self

    def started(self, order: str = ORDER_A, *, accepted: bool = True, reason: int = 0, tells: str = "") -> Self:
        """A start, and its answer: under the order `tells` where that is another."""
        asked = self.start_merged(order)
        self.wait(0.2)
        self.up(StartReply(order=tells or order, accepted=accepted, reason=reason), asked)
        return self

    def start_merged(self, order: str = ORDER_A) -> Frame:
        return self.down(Start(order=order, account="1", balance_mfen=50 * YUAN_MFEN))

    def stopped(self, *, by_user: bool = False) -> Self:
        if by_user:
            self.note("stop: {gun: 1}")
        asked = self.down(Stop())
        self.wait(0.2)
        self.up(StopReply(accepted=True), asked)
        return self

    def met(self, **changed: Any) -> Self:
        told = BmsHandshake(order=self.charge.order, vin=VIN, battery=3, capacity_cah=16_670, rated_cv=36_000, cycles=1)
        self.up(structs.replace(told, **changed))
        return self

    def wants(self, **changed: Any) -> Self:
        """What the battery wants and what it is given, as the last report had it."""
        told = BmsDemand(
            order=self.charge.order,
            need_cv=40_000,
            need_ca=9_200,
            mode=1,
            measured_cv=40_000,
            measured_ca=9_000,
            highest_cell_cv=400,
            highest_cell_group=0,
            soc_percent=self.soc(),
            remaining_minutes=60,
            out_cv=40_000,
            out_ca=9_000,
            charged_minutes=0,
        )
        self.up(structs.replace(told, **changed))
        return self

    def is_warm(self, hottest_c: int = 31) -> Self:
        battery = Battery(
            highest_cell=1, hottest_c=hottest_c, hottest_point=1, coldest_c=26, coldest_point=2, flags=1 << 12
        )
        self.up(BmsInfo(order=self.charge.order, battery=battery))
        return self

    def begins(self, order: str = ORDER_A, **changed: Any) -> Self:
        """Plugged, started, met, and charging."""
        self.wait(3)
        self.plug()
        self.wait(5)
        self.started(order)
        self.wait(5)
        self.charge = Charge(order, start=self.now())
        self.met(**changed)
        self.beat(GunState.CHARGING)
        return self

    def goes_on(self, beats: int, **changed: Any) -> Self:
        for _ in range(beats):
            self.wants()
            self.is_warm()
            self.wait(15)
            self.charge.energy_dwh += BEAT_DWH
            self.meter_dwh += BEAT_DWH
            self.beat(GunState.CHARGING, **changed)
        return self

    def ends(self, **summed: Any) -> Self:
        """Stopped by the platform, and summed up."""
        self.stopped()
        self.charge.end = self.now()
        told = ChargeSummary(
            order=self.charge.order,
            soc_percent=self.soc(),
            lowest_cell_cv=400,
            highest_cell_cv=400,
            coldest_c=26,
            hottest_c=31,
            charged_minutes=((self.charge.end.epoch_ns or 0) - (self.charge.start.epoch_ns or 0)) // MINUTE,
            energy_dwh=self.charge.energy_dwh,
        )
        self.up(structs.replace(told, **summed))
        self.beat()
        return self

    def bill_of(self, charge: Charge | None = None, **changed: Any) -> Bill:
        c = charge or self.charge
        energies = (c.energy_dwh, 0, 0, 0)
        bill = Bill(
            order=c.order,
            start=c.start,
            end=c.end,
            periods=tuple(
                BillPeriod(rate.energy_mfen + rate.service_mfen, energy, energy, energy * 15)
                for rate, energy in zip(RATES, energies, strict=True)
            ),
            meter_start_dwh=self.meter_dwh - c.energy_dwh,
            meter_end_dwh=self.meter_dwh,
            vin=VIN,
            login=Login.QR,
            account="1",
            traded=c.end,
            stop_reason=c.reason,
            stop_code=changed.pop("stop_code", 0x40),
        )
        return structs.replace(bill, **changed)

    def failed_bill(self, order: str = ORDER_A, **changed: Any) -> Self:
        """The bill of a start that came to nothing."""
        nothing = Charge(order, start=self.now(), end=self.now())
        return self.bill(self.bill_of(nothing, stop_reason=StopReason.START_FAILED, stop_code=0x57, **changed))

    def whole_merged(self, order: str = ORDER_A) -> Self:
        self.begins(order).goes_on(8)
        self.wait(5)
        self.ends().wait(0.5)
        self.bill()
        return self

    def accepted_late(self) -> Self:
        """The cable comes in, and the start that was refused for want of it is answered a second time."""
        self.plug()
        self.up(StartReply(order=ORDER_A, accepted=True))
        return self

    def plugged_late(self) -> Self:
        """So it is, and the charge begins."""
        self.accepted_late().wait(10)
        self.charge = Charge(ORDER_A, start=self.now())
        self.beat(GunState.CHARGING)
        self.goes_on(2)
        return self

    def connect_silent(self) -> Self:
        """Let in again, and nothing of the guns but that they are there."""
        self.line_up()
        asked = self.up(Hello(firmware="1.0"))
        self.down(HelloReply(), asked)
        self.alive_ns = self.t_ns
        return self
