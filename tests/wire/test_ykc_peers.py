"""What known peers do otherwise than the YKC document: the other side copes, and the judge tells it as a finding.

Every frame is put together by hand. Of level SHOULD is what the other side understands all the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from handmade import YKC_CHARGE, YKC_HERE, YKC_ORDER, YKC_PILE, bcd, padded, time, ykc_frame

from pilesim.contract.contracts import contract_of
from pilesim.platform.platform import Platform
from pilesim.rules.judge import Judgement, judge
from pilesim.rules.verdict import Level, Verdict
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineUp
from pilesim.units import MINUTE, MS, S, parse_world_start_ns
from pilesim.wire.actions import HangUp, Send
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import protocol_named

START = "2023-01-08T16:39:00+08:00"
LITTLE, AUTO = "ykc-1.6", "ykc-1.6?crc_order=auto"
PILE = bcd(YKC_PILE)
LOGIN = PILE + bytes([0, 2, 0x10]) + b"V1.0.0.0" + bytes([0]) + bytes(10) + bytes([4])
ORDER_ENDING_IN_0 = YKC_ORDER[:-1] + "0"
STRIPPED = YKC_ORDER[:-1].rjust(32, "0")
PRICES = struct.pack("<8I", *(100_000,) * 8) + bytes(1 + 48)
PERIODS = struct.pack("<IIII", 200_000, 0, 0, 0) * 4


def bill(order: str = YKC_ORDER, at_minute: int = 40) -> bytes:
    """Of a start that came to nothing."""
    when = time(2023, 1, 8, 16, at_minute, 0)
    return (
        bcd(order) + YKC_HERE + when * 2 + PERIODS + bytes(5 + 5 + 12) + bytes(17) + b"\x01" + when + b"\x57" + bytes(8)
    )


def start(order: str = YKC_ORDER) -> bytes:
    return bcd(order) + YKC_HERE + bytes(16) + struct.pack("<I", 5_000)


DEMAND_BIG = struct.pack(">HHBHHHBHHHH", 4005, 5000, 1, 3998, 4990, 0x3000 | 352, 42, 33, 3999, 4995, 12)
PARAMETERS_BIG = struct.pack(">HHHHBHHHHHH", 365, 5000, 600, 4200, 105, 420, 3600, 7500, 2000, 6500, 4010)
SUMMARY_BIG = struct.pack(">BHHBBHHI", 90, 340, 352, 70, 80, 61, 305, 0)


def handshake(version: bytes, order: str) -> bytes:
    return (
        version + b"\3" + struct.pack(f"{order}HH", 1300, 3500) + bytes(8) + bytes([35, 6, 1, 7, 0, 0, 1, 0])
    ) + padded("LTEST000000000001", 17 + 8)


@dataclass(frozen=True)
class Said:
    """A frame, so long after the one before."""

    kind: int
    body: bytes
    sequence: int = 0
    after_ns: int = 100 * MS
    big: bool = False

    @property
    def direction(self) -> Direction:
        return Direction.UP if self.kind % 2 else Direction.DOWN

    @property
    def raw(self) -> bytes:
        return ykc_frame(self.kind, self.body, sequence=self.sequence, big=self.big)


def heard(*frames: Said, protocol: str = LITTLE, guns: int = 1) -> Judgement:
    """What the judge makes of a connection in which these frames passed."""
    header = Header(start=START, protocol=protocol, pile=YKC_PILE, guns=guns, scenario="made/by-hand")
    events: list[AnyEvent] = [LineUp(t_ns=0, end=end) for end in End]
    t_ns = 0
    for said in (Said(0x01, LOGIN), Said(0x02, PILE + b"\0"), *frames):
        t_ns += said.after_ns
        ends = (said.direction.sender, said.direction.receiver)
        events += [Chunk(t_ns=t_ns, end=end, direction=said.direction, data=said.raw) for end in ends]
    return judge(header, [*events, Finish(t_ns=t_ns)])


def found(judgement: Judgement, rule: str) -> tuple[Verdict, Level, str]:
    (result,) = [result for result in judgement.rules if result.id == rule]
    return result.verdict, result.level, result.findings[0].actual if result.findings else ""


STOP, STARTED = Said(0x36, YKC_HERE, 5), (Said(0x34, start(), 6), Said(0x33, YKC_CHARGE + b"\1\0", 6))


def reports(*guns: int, charging: tuple[int, ...] = (1, 2), every_s: int = 15) -> tuple[Said, ...]:
    """0x13 of each of `guns`, one a period, and in the middle of it that the pile is there."""
    said: list[Said] = []
    for number, gun in enumerate(guns):
        order, state = (gun_order(gun), 3) if gun in charging else (bytes(16), 2)
        report = order + PILE + bytes([gun, state, 2, gun in charging]) + bytes(33)
        half_ns = every_s * S // 2
        said.append(Said(0x03, PILE + bytes([gun, 0]), 2 * number, half_ns))
        said.append(Said(0x13, report, 2 * number + 1, half_ns))
    return tuple(said)


def gun_order(gun: int) -> bytes:
    return bcd(YKC_ORDER[:-1] + str(gun))


def begun(gun: int) -> tuple[Said, ...]:
    return (
        Said(0x34, gun_order(gun) + PILE + bytes([gun]) + bytes(16) + struct.pack("<I", 5_000), 6),
        Said(0x33, gun_order(gun) + PILE + bytes([gun, 1, 0]), 6),
    )


BOTH_BEGUN = (*begun(1), *begun(2))
ENDS_IN_0 = (
    Said(0x34, start(ORDER_ENDING_IN_0), 6),
    Said(0x33, bcd(ORDER_ENDING_IN_0) + YKC_HERE + b"\1\0", 6),
)
ASKS = Said(0x05, PILE + bytes(2), 0x0100)


@dataclass(frozen=True)
class Row:
    """A peer's way: what passes, which rule tells it, how strictly, in which words."""

    way: str
    frames: tuple[Said, ...]
    rule: str
    words: str
    level: Level = Level.SHOULD
    protocol: str = LITTLE
    guns: int = 1


ROWS = [
    Row("openUC pile: sequence 0 in replies", (STOP, Said(0x35, YKC_HERE + b"\1\0", 0)), "frame.echo", "0"),
    Row("openUC pile: 0x35 of 2 bytes", (STOP, Said(0x35, b"\1\0", 5)), "frame.valid", "openUC's pile SDK sends"),
    Row(
        "openUC platform: 0x35 of 26 bytes",
        (STOP, Said(0x35, YKC_CHARGE + b"\1\0", 5)),
        "frame.valid",
        "openUC's platform wants",
    ),
    Row(
        "openUC pile: guns alive in turn",
        tuple(Said(0x03, PILE + bytes([n % 2 + 1, 0]), n, 10 * S) for n in range(6)),
        "beat.alive",
        "nothing of gun 2 in 20s",
        guns=2,
    ),
    Row(
        "openUC pile: guns report in turn, and both charge",
        (*BOTH_BEGUN, *reports(1, 2, 1, 2, 1, 2)),
        "beat.charging",
        "nothing of gun 1 in 30s",
        guns=2,
    ),
    Row(
        "openUC pile: guns report in turn, and one charges",
        (*begun(1), *reports(1, 2, 1, 2, 1, 2, charging=(1,))),
        "beat.charging",
        "nothing of gun 1 in 30s",
        guns=2,
    ),
    Row(
        "none that is known: one gun reports, and another that charges does not",
        (*BOTH_BEGUN, *reports(2, 1, 1, 1, 1, 1)),
        "beat.charging",
        "nothing in",
        Level.MUST,
        guns=2,
    ),
    Row(
        "none that is known: guns report in turn, and all too seldom",
        (*BOTH_BEGUN, *reports(1, 2, 1, 2, 1, 2, every_s=25)),
        "beat.charging",
        "nothing in",
        Level.MUST,
        guns=2,
    ),
    Row(
        "openUC pile: a bill every 10 s, six times",
        (*STARTED, *(said for n in range(7) for said in (Said(0x3B, bill(), n, 10 * S), Said(0x03, YKC_HERE + b"\0")))),
        "bill.resent",
        "after 10.1s",
    ),
    Row(
        "JCPP: a reply's sequence has its bytes swapped",
        (ASKS, Said(0x06, PILE + b"\0\0\1", 0x0001)),
        "platform.frames",
        "1",
    ),
    Row(
        "JCPP: 0x0A has a sequence of its own",
        (Said(0x09, PILE, 3), Said(0x0A, PILE + bcd("0001") + PRICES, 77)),
        "platform.frames",
        "77",
    ),
    Row(
        "JCPP: 0x40 strips the order's zeros",
        (*ENDS_IN_0, Said(0x3B, bill(ORDER_ENDING_IN_0), 7), Said(0x40, bcd(STRIPPED) + b"\0", 7)),
        "platform.bill-acked",
        f"order {STRIPPED}",
        Level.MUST,
    ),
    Row("JCPP: 0x92 with 4 bytes", (Said(0x92, PILE + b"\0\0\0\1", 9),), "platform.frames", "which is what JCPP sends"),
    Row(
        "ykc-proxy-server: 0x40 says ok by a letter",
        (*STARTED, Said(0x3B, bill(), 7), Said(0x40, bcd(YKC_ORDER) + b"0", 7)),
        "platform.frames",
        "found 48",
    ),
    Row(
        "ykc-proxy-server: 0x40 has a sequence of its own",
        (*STARTED, Said(0x3B, bill(), 7), Said(0x40, bcd(YKC_ORDER) + b"\0", 1234)),
        "platform.frames",
        "1234",
    ),
    Row(
        "ykc-proxy-server: a tariff is set by 0x0A",
        (Said(0x0A, PILE + bcd("0001") + PRICES, 9),),
        "platform.frames",
        "the answer",
    ),
    Row("ykc-proxy-server: 0x92 by a letter", (Said(0x92, PILE + b"1", 9),), "platform.frames", "found 49"),
    Row(
        "KevenPotter: the platform's CRC has its high byte first",
        (ASKS, Said(0x06, PILE + b"\0\0\1", 0x0100, big=True)),
        "platform.frames",
        "found the high byte first",
        protocol=AUTO,
    ),
    Row(
        "KevenPotter: such a CRC is none where it was not asked for",
        (ASKS, Said(0x06, PILE + b"\0\0\1", 0x0100, big=True)),
        "platform.frames",
        "its bytes the other way round",
        Level.MUST,
    ),
    *(
        Row(
            f"KevenPotter: 0x{kind:02X} has its high bytes first",
            (*STARTED, Said(kind, YKC_CHARGE + body, 8)),
            "frame.valid",
            "with the low byte first",
        )
        for kind, body in (
            (0x15, handshake(b"\0\1\1", ">")),
            (0x17, PARAMETERS_BIG),
            (0x19, SUMMARY_BIG),
            (0x23, DEMAND_BIG),
        )
    ),
    Row(
        "KevenPotter: the version of 0x15 begins with its high byte",
        (*STARTED, Said(0x15, YKC_CHARGE + handshake(b"\0\1\1", "<"), 8)),
        "frame.valid",
        "bms_version: expected 01 01 00, found 00 01 01",
    ),
    Row(
        "KevenPotter: the flags of 0x25 count from the top",
        (*STARTED, Said(0x25, YKC_CHARGE + bytes([0, 75, 0, 70, 1, 0x00, 0x04]), 8)),
        "frame.valid",
        "found it in bits 2 and 3",
    ),
    Row(
        "openUC pile: 0xF1 says ok by 0",
        (Said(0xF0, PILE + b"\1\5http:", 4), Said(0xF1, PILE + b"\0", 4)),
        "frame.valid",
        "found 0, which openUC's pile SDK sends for ok",
    ),
    Row(
        "result polarity: 0 was meant for ok",
        (
            *STARTED[:1],
            Said(0x33, YKC_CHARGE + b"\0\0", 6),
            Said(0x13, YKC_CHARGE + bytes([3, 2, 1]) + bytes(33), 9),
        ),
        "start.refused",
        "the gun charges",
        Level.MUST,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.way)
def test_the_judge_tells_what_a_peer_does_otherwise(row: Row) -> None:
    judgement = heard(*row.frames, protocol=row.protocol, guns=row.guns)
    verdict, level, actual = found(judgement, row.rule)
    assert (verdict, level) == (Verdict.FAIL, row.level)
    assert row.words in actual


@pytest.mark.parametrize("row", [row for row in ROWS if row.level is Level.SHOULD], ids=lambda row: row.way)
def test_nothing_else_is_held_against_a_peer_that_is_understood(row: Row) -> None:
    judgement = heard(*row.frames, protocol=row.protocol, guns=row.guns)
    strict = [r.id for r in judgement.rules if r.verdict is Verdict.FAIL and r.level is Level.MUST]
    # What nobody answers here is the other side's; a bill is sent again because of that.
    unanswered = {"platform.replies", "platform.bill-acked"} if row.rule == "bill.resent" else {"platform.replies"}
    assert set(strict) <= unanswered


@pytest.mark.parametrize(
    "frames",
    [
        (STOP, Said(0x35, b"\1\0", 0)),
        (STOP, Said(0x35, YKC_CHARGE + b"\1\0", 0)),
        (Said(0xF0, PILE + b"\1\5http:", 4), Said(0xF1, PILE + b"\0", 4)),
        (*STARTED, Said(0x15, YKC_CHARGE + handshake(b"\0\1\1", "<"), 8)),
    ],
    ids=["35 of 2", "35 of 26", "F1 0 for ok", "15 with its version turned"],
)
def test_a_request_is_answered_however_oddly(frames: tuple[Said, ...]) -> None:
    judgement = heard(*frames)
    assert not [result.id for result in judgement.rules if result.verdict is Verdict.ERROR]
    if frames[0] is STOP:
        assert found(judgement, "stop.answered")[0] is Verdict.PASS


RIGHT = [
    Said(0x15, YKC_CHARGE + handshake(b"\1\1\0", "<"), 8),
    Said(0x15, YKC_CHARGE + handshake(b"\0\1\0", "<"), 8),
    Said(0x25, YKC_CHARGE + bytes([0, 75, 0, 70, 1, 0x00, 0x10]), 8),
    Said(0x25, YKC_CHARGE + bytes([0, 75, 0, 70, 1, 0x00, 0x14]), 8),
    Said(0x25, YKC_CHARGE + bytes([0, 75, 0, 70, 1, 0x00, 0x00]), 8),
    Said(0xF1, PILE + b"\1", 4),
]


@pytest.mark.parametrize("said", RIGHT, ids=lambda said: f"{said.kind:02X} {said.body[-2:].hex()}")
def test_nothing_is_told_of_what_is_right(said: Said) -> None:
    (frame,) = protocol_named(LITTLE).framer(Direction.UP).feed(said.raw, 0)
    assert isinstance(frame, Frame)
    assert protocol_named(LITTLE).decode(frame).problems == ()


def platform(protocol: str) -> list[bytes]:
    """The frames that the reference platform sends to a pile that logs in and says each of `PILE_WAYS`."""
    served = Platform(
        protocol=protocol_named(protocol),
        contract=contract_of(protocol),
        world_start_ns=parse_world_start_ns(START),
        seed=1,
    ).session()
    served.line_up(0)
    sent: list[bytes] = []
    now_ns = 0
    for said in (Said(0x01, LOGIN), *PILE_WAYS):
        now_ns += said.after_ns
        served.receive(said.raw, now_ns)
        served.advance(now_ns + S)
        actions = served.take_actions()
        assert not [action for action in actions if isinstance(action, HangUp)]
        sent += [action.data for action in actions if isinstance(action, Send)]
        now_ns += S
    return sent


PILE_WAYS = (
    Said(0x35, b"\1\0"),
    Said(0x35, YKC_CHARGE + b"\1\0"),
    Said(0xF1, PILE + b"\0"),
    Said(0x15, YKC_CHARGE + handshake(b"\0\1\1", ">")),
    Said(0x17, YKC_CHARGE + PARAMETERS_BIG),
    Said(0x19, YKC_CHARGE + SUMMARY_BIG),
    Said(0x23, YKC_CHARGE + DEMAND_BIG),
    *(Said(0x3B, bill(), 0, 10 * S) for _ in range(7)),
    Said(0x03, YKC_HERE + b"\0", 0, MINUTE),
)


@pytest.mark.parametrize("protocol", [LITTLE, AUTO])
def test_the_platform_copes_with_every_way_of_a_pile(protocol: str) -> None:
    sent = platform(protocol)
    kinds = [frame[5] for frame in sent]
    assert kinds[0] == 0x02
    assert kinds.count(0x40) == 7
    assert kinds[-1] == 0x04
    acknowledged = [frame for frame in sent if frame[5] == 0x40]
    assert {frame[6:-2] for frame in acknowledged} == {bcd(YKC_ORDER) + b"\0"}


def test_the_platform_hears_a_crc_of_either_order_when_it_is_told_to() -> None:
    session = Platform(
        protocol=protocol_named(AUTO), contract=contract_of(AUTO), world_start_ns=parse_world_start_ns(START), seed=1
    ).session()
    session.line_up(0)
    session.receive(Said(0x01, LOGIN, big=True).raw, 0)
    session.advance(S)
    sent = [action.data for action in session.take_actions() if isinstance(action, Send)]
    assert sent[0][5] == 0x02
    # Its own go out low byte first.
    assert sent[0] == ykc_frame(0x02, sent[0][6:-2], sequence=0)
