"""A protocol of a package of its own: three messages in frames of their own kind, and what each side owes the other.

AA | length of the body | number | gun | pile, 4 bytes of digits | body | sum of all bytes before it
"""

from __future__ import annotations

from dataclasses import replace

from pilesim.contract.contract import BillDue, Contract
from pilesim.contract.contracts import contract_of
from pilesim.units import S, local_datetime
from pilesim.wire.codec import bcd, blob, number
from pilesim.wire.codes import Codes
from pilesim.wire.cp56 import TIME
from pilesim.wire.fields import Field, Layout, Values
from pilesim.wire.frame import Direction, End, Frame, Problem, ProblemKind
from pilesim.wire.framing import Envelope
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import NO_TIME, Bill, GunReport, GunState, Message, Start
from pilesim.wire.protocol import Row, Session
from pilesim.wire.tabled import Entry, TabledProtocol, TabledSession

NAME = "tiny"
PILE_SIZE = 4
ORDER_SIZE = 6

STATE = Codes(
    [(0, GunState.IDLE, "idle"), (1, GunState.CHARGING, "charging"), (2, GunState.FAULT, "fault")],
    unlisted=GunState.UNKNOWN,
    nearest={GunState.OCCUPIED_FULL: 0, GunState.OCCUPIED_NOT_FULL: 0, GunState.MAINTENANCE: 2},
)
CABLE = Codes([(0, False, "out"), (1, True, "in")])
_ENERGY = number(4, scale=100, places=2)
_MONEY = number(4, scale=1000, places=2)
_ORDER = Field("order", bcd(ORDER_SIZE, none=True), blank="")

HEARTBEAT = (
    Field("state", number(1), codes=STATE),
    Field("cable", number(1), codes=CABLE),
    _ORDER,
    Field("energy", _ENERGY, unit="kWh", blank=0),
    Field("amount", _MONEY, unit="yuan", blank=0),
)
START = (_ORDER, Field("account", bcd(4, strip=True), blank=""), Field("balance", _MONEY, unit="yuan", blank=0))
BILL = (
    _ORDER,
    Field("start", TIME),
    Field("end", TIME, blank=NO_TIME),
    Field("energy", _ENERGY, unit="kWh", blank=0),
    Field("amount", _MONEY, unit="yuan", blank=0),
)
HEADER = Layout(
    (
        Field("start", blob(1)),
        Field("length", number(1), unit="bytes"),
        Field("number", number(1)),
        Field("gun", number(1)),
        Field("pile", bcd(PILE_SIZE)),
    )
)
TRAILER = Layout((Field("sum", number(1)),))


class TinyEnvelope(Envelope):
    start = b"\xaa"
    head_size = 2
    header = HEADER
    trailer = TRAILER

    def total(self, head: bytes) -> int | str:
        return HEADER.least + head[1] + TRAILER.least

    def misended(self, raw: bytes) -> str:
        return ""

    def miscounted(self, raw: bytes) -> str:
        expected = sum(raw[:-1]) & 0xFF
        return "" if raw[-1] == expected else f"expected the sum 0x{expected:02X}, found 0x{raw[-1]:02X}"

    def plausible(self, raw: bytes) -> bool:
        return raw[2] in ENTRIES

    def frame(self, raw: bytes, direction: Direction, miscounted: str) -> Frame:
        return Frame(
            raw=raw,
            direction=direction,
            number=raw[2],
            body=raw[HEADER.least : -TRAILER.least],
            pile=raw[4:8].hex(),
            gun=raw[3],
            sequence=0,
            answers=None,
            problems=(Problem(ProblemKind.CHECKSUM, f"sum: {miscounted}", "sum"),) if miscounted else (),
        )


def _bill_fields(message: Bill) -> Values:
    return {"energy": message.energy_dwh, "amount": message.fees_mfen}


def _bill_attributes(values: Values) -> Values:
    return {"stages_dwh": (values["energy"],), "charge_fee_mfen": None, "service_fee_mfen": None}


def _entry(number: int, direction: Direction, name: str, fields: tuple[Field, ...], meaning: Meaning) -> Entry:
    layout = Layout(fields)
    return Entry(Row(number, direction, name, "", meaning.kind, size=layout.size_text), layout, meaning)


_REPORT = {"state": "state", "cable": "cable", "order": "order", "energy_dwh": "energy", "amount_mfen": "amount"}
_START = {"order": "order", "account": "account", "balance_mfen": "balance"}
_BILL = {"order": "order", "start": "start", "end": "end", "amount_mfen": "amount"}
ENTRIES = {
    1: _entry(1, Direction.UP, "heartbeat", HEARTBEAT, Meaning(GunReport, _REPORT)),
    2: _entry(2, Direction.DOWN, "start", START, Meaning(Start, _START)),
    3: _entry(3, Direction.UP, "bill", BILL, Meaning(Bill, _BILL, build=_bill_fields, read=_bill_attributes)),
}


class TinyProtocol(TabledProtocol):
    name = NAME
    title = "three messages of a pile that says little"
    provisional = ""
    number_field = "number"
    pile_digits = 2 * PILE_SIZE
    account_digits = 8
    firmware_length = 0

    def __init__(self) -> None:
        super().__init__()
        self.entries = ENTRIES
        self.catalogue = tuple(entry.row for entry in ENTRIES.values())
        self.envelope = TinyEnvelope()

    def session(self, side: End, pile: str) -> Session:
        return TinySession(self, side, pile)

    def new_order(self, pile: str, gun: int, epoch_ns: int, serial: int) -> str:
        return f"{local_datetime(epoch_ns):%d%H%M%S}{serial % 10_000:04d}"

    def normal_order(self, order: str) -> str:
        """The last digits of a longer one."""
        digits = order.zfill(2 * ORDER_SIZE)[-2 * ORDER_SIZE :]
        return digits if digits.strip("0") else ""


class TinySession(TabledSession):
    def placed(self, message: Message) -> Values:
        return {}

    def build(self, message: Message, answering: Frame | None = None) -> bytes:
        kind, body = self.body_of(message)
        sealed = bytes((0xAA, len(body), kind, message.gun)) + bytes.fromhex(self._pile) + body
        return sealed + bytes((sum(sealed) & 0xFF,))

    def reset(self) -> None:
        """Nothing is counted."""


TINY = TinyProtocol()

CONTRACT: Contract = replace(
    contract_of("lhc"),
    protocol=NAME,
    replies={},
    changes_apart=False,
    legal_moves={
        GunState.IDLE: frozenset({GunState.CHARGING, GunState.FAULT}),
        GunState.CHARGING: frozenset({GunState.IDLE, GunState.FAULT}),
        GunState.FAULT: frozenset({GunState.IDLE}),
    },
    # What follows from the messages that it has not need not be said.
    not_applicable={
        "beat.occupied-while-cabled": "a gun of this protocol is idle once it does not charge",
        "bill.after-unplug": "a gun of this protocol is idle once it does not charge",
        "fault.told": "no message of this protocol tells which fault it is",
    },
    beat_idle_ns=30 * S,
    bill_due=BillDue.END,
    bill_resends=0,
)
