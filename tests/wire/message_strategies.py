"""Every message that each protocol carries, drawn at random inside what it can say."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from pilesim.units import FEN_MFEN, KWH_DWH, MS
from pilesim.wire.gbt27930 import TIME_OUTS
from pilesim.wire.messages import (
    NO_TIME,
    AccountAsk,
    AccountTell,
    Alive,
    AliveReply,
    Authorise,
    AuthoriseReply,
    BalanceTell,
    BalanceTold,
    Band,
    Battery,
    Bill,
    BillPeriod,
    BillReply,
    BmsDemand,
    BmsError,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    CardAsk,
    CardReply,
    ChargerStop,
    ChargeSummary,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    LockAsk,
    LockDone,
    LockTell,
    Login,
    Message,
    Parking,
    PileKind,
    Rate,
    Reboot,
    RebootReply,
    ReportAsk,
    Reserve,
    ReserveReply,
    Stamp,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReason,
    StopReply,
    Tariff,
    TariffAsk,
    TariffTell,
    TariffTold,
    TimeAsk,
    TimeTell,
    TimeTold,
    WorkTell,
    WorkTold,
)

_FIRST_MS = 946_656_000_000
"""2000-01-01 00:00 local, in ms since 1970."""
_LAST_MS = 4_985_942_399_999
"""The last millisecond of 2127, local: the year has seven bits."""
_HUNDREDTH_KWH = KWH_DWH // 100

_u8 = st.integers(0, 255)
_u16 = st.integers(0, 0xFFFF)
_u32 = st.integers(0, 0xFFFF_FFFF)
_guns = st.integers(1, 255)
_percent = st.integers(0, 100)
_time_outs = st.sets(st.sampled_from(list(filter(None, TIME_OUTS)))).map(
    lambda names: tuple(name for name in TIME_OUTS if name in names)
)
_DIGITS = "0123456789"
_celsius = st.integers(-50, 205)
_energy = _u32.map(lambda raw: raw * _HUNDREDTH_KWH)
_money = _u32.map(lambda raw: raw * FEN_MFEN)
_stamps = st.just(NO_TIME) | st.integers(_FIRST_MS, _LAST_MS).map(lambda ms: Stamp(ms * MS))


def _text(size: int) -> st.SearchStrategy[str]:
    """Any bytes pass as text, but for NUL at the end, which is padding."""
    return st.text(st.characters(max_codepoint=255), max_size=size).map(lambda text: text.rstrip("\0"))


def _number(size: int, digits: str = _DIGITS) -> st.SearchStrategy[str]:
    """Up to `size` digits, of which the first is not 0; "" too."""
    return st.text(digits, max_size=size).map(lambda number: number.lstrip("0"))


_accounts = _text(17)
_credentials = _text(32)
_orders = _number(32)
_logins = st.sampled_from([login for login in Login if login is not Login.UNKNOWN])
_states = st.sampled_from([s for s in GunState if s not in (GunState.UNKNOWN, GunState.OFFLINE)])
_faults = st.sampled_from([fault for fault in GunFault if fault is not GunFault.UNKNOWN])
_parkings = st.sampled_from([parking for parking in Parking if parking is not Parking.UNKNOWN])
_prices = st.lists(_u32, min_size=48, max_size=48).map(tuple)
_bands = st.builds(Band, st.integers(0, 1440), st.integers(0, 1440), _u32).filter(
    lambda band: band != Band(0, 0, 0)  # an unused slot
)
_tariffs = st.builds(
    Tariff,
    energy_mfen=_prices,
    service_mfen=_prices,
    occupancy=st.lists(_bands, max_size=12).map(tuple),
    free_minutes=_u16,
)

_user = {"gun": _guns, "login": _logins, "account": _accounts}
_user_credential = {**_user, "credential": _credentials}
_gun_report = {"gun": _guns, "state": _states, "cable": st.booleans(), "parking": _parkings, "fault": _faults}


def _beats(lhc: bool) -> st.SearchStrategy[Message]:
    if not lhc:
        return st.builds(GunReport, **_gun_report, meter_dwh=_energy)
    return st.builds(
        GunReport,
        **_gun_report,
        meter_dwh=_energy,
        order=_orders,
        start=_stamps,
        energy_dwh=_energy,
        amount_mfen=_money,
    )


def _bills(lhc: bool) -> st.SearchStrategy[Message]:
    reasons = st.sampled_from([r for r in StopReason if r not in (StopReason.LIMIT, StopReason.START_FAILED)])
    tail = {"end": _stamps, "stop_reason": reasons} if lhc else {}
    return st.builds(
        Bill,
        gun=_guns,
        order=_orders,
        arrive=_stamps,
        start=_stamps,
        leave=_stamps,
        charge_minutes=_u16,
        stages_dwh=st.lists(_u16.map(lambda raw: raw * _HUNDREDTH_KWH), max_size=60).map(tuple),
        charge_fee_mfen=_money,
        service_fee_mfen=_money,
        occupancy_minutes=_u16,
        occupancy_fee_mfen=_money,
        **tail,
    )


def _authorises() -> st.SearchStrategy[Message]:
    """Accepted without a refusal, or refused with one."""
    return st.builds(
        lambda refusal, message: message(accepted=refusal == 0, refusal=refusal),
        _u8,
        st.builds(
            lambda **drawn: lambda accepted, refusal: Authorise(accepted=accepted, refusal=refusal, **drawn),
            **_user_credential,
            order=_orders,
            balance_mfen=_money,
            tariff=_tariffs,
            longest_minutes=_u16,
        ),
    )


def evlink_up(version: str) -> dict[int, st.SearchStrategy[Message]]:
    """What a pile sends, by message number."""
    lhc = version == "lhc"
    return {
        0x01: st.builds(Hello, gun=_guns, firmware=_text(20)),
        0x03: st.builds(TimeAsk, gun=_guns, pile_time=_stamps),
        0x05: _beats(lhc),
        0x07: st.builds(Reserve, **_user, minutes=_u16, start=_stamps),
        0x09: _bills(lhc),
        0x0B: st.builds(StopAsk, **_user_credential),
        0x0D: st.builds(StopReply, **_user),
        0x0E: st.builds(CardAsk, **_user_credential),
        0x10: st.builds(AuthoriseReply, **_user_credential),
        0x11: st.builds(AccountAsk, **_user_credential),
        0x13: st.builds(Ended, **_user, reason=st.sampled_from([EndReason.TIMED_OUT, EndReason.BY_PILE_OR_USER])),
        0x15: st.builds(StartReply, **_user_credential),
        0x16: st.builds(GunReport, **_gun_report, change=st.just(True), time=_stamps),
        0x18: st.builds(StartAsk, **_user, order=_orders),
        0x19: st.builds(
            BmsHandshake,
            gun=_guns,
            vin=_text(17),
            battery=_u8,
            capacity_cah=_u16.map(lambda raw: raw * 10),
            rated_cv=_u32,
            before_cv=_u32,
            cycles=st.integers(0, 0xFF_FFFF),
        ),
        0x1A: st.builds(
            BmsDemand,
            gun=_guns,
            need_cv=_u32,
            need_ca=_u32,
            mode=_u8,
            measured_cv=_u32,
            measured_ca=_u32,
            highest_cell_cv=_u32,
            soc_percent=_percent,
            remaining_minutes=_u16,
            battery=st.builds(
                Battery,
                highest_cell=_u8,
                hottest_c=_celsius,
                hottest_point=_u8,
                coldest_c=_celsius,
                coldest_point=st.none(),
                flags=_u16,
                lowest_cell=_u8,
                lowest_cell_cv=_u16,
            ),
        ),
        0x1B: st.builds(
            BmsParameters,
            gun=_guns,
            highest_cell_cv=_u32,
            highest_ca=_u32,
            nominal_dwh=_u32.map(lambda raw: raw * 1000),
            highest_cv=_u32,
            hottest_c=_celsius,
            soc_cpercent=_u16,
            pack_cv=_u32,
        ),
        0x1E: st.builds(BmsDemand, gun=_guns, out_cv=_u32, out_ca=_u32, mode=_u8),
        0x23: st.builds(BmsStop, gun=_guns, reason=_u8, fault=_u16, error=_u8, time=_stamps),
        0x24: st.builds(ChargerStop, gun=_guns, reason=_u8, fault=_u16, error=_u8, time=_stamps),
        0x25: st.builds(LockAsk, **_user_credential, order=_orders, lower=st.booleans(), time=_stamps),
        0x27: st.builds(LockDone, gun=_guns, order=_orders),
    }


def evlink_down() -> dict[int, st.SearchStrategy[Message]]:
    """What a platform sends, by message number."""
    return {
        0x02: st.builds(HelloReply, gun=_guns, update=st.booleans()),
        0x04: st.builds(TimeTell, gun=_guns, platform_time=_stamps, pile_time=_stamps),
        0x06: st.builds(GunReportReply, gun=_guns, locked=st.booleans()),
        0x08: st.builds(
            ReserveReply, gun=_guns, accepted=st.booleans(), order=_orders, minutes=_u16, start=_stamps, refusal=_u8
        ),
        0x0A: st.builds(BillReply, gun=_guns, order=_orders),
        0x0C: st.builds(Stop, **_user, accepted=st.booleans()),
        0x0F: _authorises(),
        0x12: st.builds(AccountTell, **_user, known=st.booleans(), balance_mfen=_money),
        0x14: st.builds(Start, **_user_credential),
        0x17: st.builds(GunReportReply, gun=_guns, change=st.just(True), accepted=st.booleans(), locked=st.booleans()),
        0x26: st.builds(LockTell, **_user, order=_orders, lower=st.booleans(), accepted=st.booleans(), refusal=_u8),
    }


# YKC: guns are two digits, orders 32 of them, accounts the digits of a card.

_ykc_guns = st.integers(1, 99)
_ykc_orders = st.text(_DIGITS, min_size=32, max_size=32).map(lambda order: order if order.strip("0") else "")
_cards = _number(16)
_physical_cards = _number(16, _DIGITS + "ABCDEF")
_models = st.text(_DIGITS, min_size=4, max_size=4)
_ykc_balance = _u32.map(lambda raw: raw * FEN_MFEN)
_ykc_amount = _u32.map(lambda raw: raw * 10)
_volts = st.integers(0, 15_000).map(lambda raw: raw * 10)
_amperes = st.integers(0, 4_000).map(lambda raw: raw * 10)
_cell_volts = st.integers(0, 2_400)
_degrees = st.none() | st.integers(-49, 205)
_bit_faults = st.sampled_from(
    [
        GunFault.NONE,
        GunFault.EMERGENCY_STOP,
        GunFault.MODULE,
        GunFault.GUN_HOT,
        GunFault.METER,
        GunFault.CARD_READER,
        GunFault.FAN,
        GunFault.PILE_DOOR,
    ]
)
_stop_codes = st.sampled_from(
    [(0x40, StopReason.PLATFORM), (0x57, StopReason.START_FAILED), (0x90, StopReason.UNKNOWN)]
)


@st.composite
def _ykc_tariffs(draw: st.DrawFn) -> Tariff:
    rates = draw(st.lists(st.builds(Rate, _u32, _u32), min_size=4, max_size=4).map(tuple))
    rate_of = draw(st.lists(st.integers(0, 3), min_size=48, max_size=48).map(tuple))
    return Tariff(
        energy_mfen=tuple(rates[rate].energy_mfen for rate in rate_of),
        service_mfen=tuple(rates[rate].service_mfen for rate in rate_of),
        rates=rates,
        rate_of=rate_of,
    )


@st.composite
def _ykc_bills(draw: st.DrawFn) -> Bill:
    periods = draw(st.lists(st.builds(BillPeriod, _u32, _u32, st.just(0), _ykc_amount), min_size=4, max_size=4))
    code, reason = draw(_stop_codes)
    return Bill(
        gun=draw(_ykc_guns),
        order=draw(_ykc_orders),
        start=draw(_stamps),
        end=draw(_stamps),
        stages_dwh=tuple(period.energy_dwh for period in periods),
        periods=tuple(periods),
        meter_start_dwh=draw(st.integers(0, 0xFF_FFFF_FFFF)),
        meter_end_dwh=draw(st.integers(0, 0xFF_FFFF_FFFF)),
        total_dwh=draw(_u32),
        amount_mfen=draw(_ykc_amount),
        vin=draw(_text(17)),
        login=draw(st.sampled_from([Login.QR, Login.CARD, Login.VIN])),
        account=draw(_physical_cards),
        traded=draw(_stamps),
        stop_reason=reason,
        stop_code=code,
    )


@st.composite
def _ykc_reports(draw: st.DrawFn) -> GunReport:
    """A gun that charges tells what it measures, another one nothing."""
    charging = draw(st.booleans())
    return GunReport(
        gun=draw(_ykc_guns),
        state=GunState.CHARGING if charging else draw(st.sampled_from([GunState.IDLE, GunState.FAULT])),
        cable=draw(st.booleans()),
        fault=draw(_bit_faults),
        order=draw(_ykc_orders),
        energy_dwh=draw(_u32),
        amount_mfen=draw(_ykc_amount),
        volts_dv=draw(_u16) if charging else None,
        amps_da=draw(_u16) if charging else None,
        soc_percent=draw(_percent) if charging else None,
        charged_minutes=draw(_u16) if charging else None,
        remaining_minutes=draw(_u16) if charging else None,
        cable_c=draw(_degrees),
        battery_c=draw(_degrees),
    )


_card_asks = st.builds(
    CardAsk,
    gun=_ykc_guns,
    login=st.sampled_from([Login.CARD, Login.PHONE]),
    account=_physical_cards,
    credential=_text(16),
) | st.builds(CardAsk, gun=_ykc_guns, login=st.just(Login.VIN), account=_text(17), credential=_text(16))
_charge = {"gun": _ykc_guns, "order": _ykc_orders}


def ykc_up() -> dict[int, st.SearchStrategy[Message]]:
    """What a pile sends, by message type. 0x3D is only read."""
    return {
        0x01: st.builds(Hello, firmware=_text(8), guns=_u8, kind=st.sampled_from([PileKind.DC, PileKind.AC])),
        0x03: st.builds(Alive, gun=_ykc_guns, faulty=st.booleans()),
        0x05: st.builds(TariffAsk, model=_models),
        0x09: st.builds(TariffAsk),
        0x13: _ykc_reports(),
        0x15: st.builds(
            BmsHandshake,
            **_charge,
            vin=_text(17),
            battery=_u8,
            capacity_cah=_u16.map(lambda raw: raw * 10),
            rated_cv=_volts,
            cycles=st.integers(0, 0xFF_FFFF),
        ),
        0x17: st.builds(
            BmsParameters,
            **_charge,
            highest_cell_cv=_cell_volts,
            highest_ca=_amperes,
            nominal_dwh=_u16.map(lambda raw: raw * 1000),
            highest_cv=_volts,
            hottest_c=_celsius,
            soc_cpercent=_u16.map(lambda raw: raw * 10),
            pack_cv=_volts,
            charger_highest_cv=_volts,
            charger_lowest_cv=_volts,
            charger_highest_ca=_amperes,
            charger_lowest_ca=_amperes,
        ),
        0x19: st.builds(
            ChargeSummary,
            **_charge,
            soc_percent=_percent,
            lowest_cell_cv=_cell_volts,
            highest_cell_cv=_cell_volts,
            coldest_c=_celsius,
            hottest_c=_celsius,
            charged_minutes=_u16,
            energy_dwh=_u16.map(lambda raw: raw * 1000),
        ),
        0x1B: st.builds(BmsError, **_charge, time_outs=_time_outs),
        0x1D: st.builds(BmsStop, **_charge, reason=_u8, fault=_u16, error=_u8),
        0x21: st.builds(ChargerStop, **_charge, reason=_u8, fault=_u16, error=_u8),
        0x23: st.builds(
            BmsDemand,
            **_charge,
            need_cv=_volts,
            need_ca=_amperes,
            mode=_u8,
            measured_cv=_volts,
            measured_ca=_amperes,
            highest_cell_cv=_cell_volts,
            highest_cell_group=st.integers(0, 15),
            soc_percent=_percent,
            remaining_minutes=_u16,
            out_cv=_volts,
            out_ca=_amperes,
            charged_minutes=_u16,
        ),
        0x25: st.builds(
            BmsInfo,
            **_charge,
            battery=st.builds(
                Battery,
                highest_cell=st.integers(1, 256),
                hottest_c=_celsius,
                hottest_point=st.integers(1, 256),
                coldest_c=_celsius,
                coldest_point=st.integers(1, 256),
                flags=_u16,
            ),
        ),
        0x31: _card_asks,
        0x33: st.builds(StartReply, **_charge, accepted=st.booleans(), reason=_u8),
        0x35: st.builds(StopReply, gun=_ykc_guns, accepted=st.booleans(), reason=_u8),
        0x3B: _ykc_bills(),
        0x41: st.builds(BalanceTold, account=_cards, refusal=_u8),
        0x51: st.builds(WorkTold, accepted=st.booleans()),
        0x55: st.builds(TimeTold, pile_time=_stamps),
        0x57: st.builds(TariffTold, accepted=st.booleans()),
        0x91: st.builds(RebootReply, accepted=st.booleans()),
    }


def ykc_down() -> dict[int, st.SearchStrategy[Message]]:
    """What a platform sends, by message type."""
    return {
        0x02: st.builds(HelloReply, accepted=st.booleans()),
        0x04: st.builds(AliveReply, gun=_ykc_guns),
        0x06: st.builds(TariffTell, model=_models, same=st.booleans()),
        0x0A: st.builds(TariffTell, model=_models, tariff=_ykc_tariffs()),
        0x12: st.builds(ReportAsk, gun=_ykc_guns),
        0x32: st.builds(
            CardReply, **_charge, account=_cards, balance_mfen=_ykc_balance, accepted=st.booleans(), refusal=_u8
        ),
        0x34: st.builds(Start, **_charge, account=_cards, balance_mfen=_ykc_balance),
        0x36: st.builds(Stop, gun=_ykc_guns),
        0x40: st.builds(BillReply, order=_ykc_orders, accepted=st.booleans()),
        0x42: st.builds(BalanceTell, gun=_ykc_guns, account=_cards, balance_mfen=_ykc_balance),
        0x52: st.builds(WorkTell, stopped=st.booleans(), power_percent=st.integers(30, 100)),
        0x56: st.builds(TimeTell, platform_time=_stamps),
        0x58: st.builds(TariffTell, model=_models, tariff=_ykc_tariffs(), asked=st.just(False)),
        0x92: st.builds(Reboot, when_idle=st.booleans()),
    }


@cache
def messages_of(name: str) -> dict[int, st.SearchStrategy[Message]]:
    """Everything that the protocol called `name` builds, by message number."""
    if name.startswith("ykc"):
        return {**ykc_up(), **ykc_down()}
    return {**evlink_up(name), **evlink_down()}
