"""Every message that the EV-Link family carries, drawn at random inside what each version can say."""

from __future__ import annotations

from hypothesis import strategies as st

from pilesim.units import FEN_MFEN, KWH_DWH, MS
from pilesim.wire.messages import (
    NO_TIME,
    AccountAsk,
    AccountTell,
    Authorise,
    AuthoriseReply,
    Band,
    Bill,
    BillReply,
    CardAsk,
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
    TimeAsk,
    TimeTell,
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
_energy = _u32.map(lambda raw: raw * _HUNDREDTH_KWH)
_money = _u32.map(lambda raw: raw * FEN_MFEN)
_stamps = st.just(NO_TIME) | st.integers(_FIRST_MS, _LAST_MS).map(lambda ms: Stamp(ms * MS))


def _text(size: int) -> st.SearchStrategy[str]:
    """Any bytes pass as text, but for NUL at the end, which is padding."""
    return st.text(st.characters(max_codepoint=255), max_size=size).map(lambda text: text.rstrip("\0"))


_accounts = _text(17)
_credentials = _text(32)
_orders = st.from_regex(r"([1-9][0-9]{0,31})?", fullmatch=True)
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
    tail = {"end": _stamps, "stop_reason": st.sampled_from(StopReason)} if lhc else {}
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


def messages_up(version: str) -> dict[int, st.SearchStrategy[Message]]:
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
        0x25: st.builds(LockAsk, **_user_credential, order=_orders, lower=st.booleans(), time=_stamps),
        0x27: st.builds(LockDone, gun=_guns, order=_orders),
    }


def messages_down() -> dict[int, st.SearchStrategy[Message]]:
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
