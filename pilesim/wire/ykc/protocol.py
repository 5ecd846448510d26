"""The YKC protocol (云快充) as the rest of the program knows it.

Owns its options and the sequence numbers. Must not know sockets, clocks, or a message's layout. The document says some
things in two ways, and piles of both kinds are in use; a name chooses by options, as in `ykc-1.6?crc_order=auto`.

Sequence numbers: each side counts its own from 0, as u16, and from 0 again on a new connection. A reply repeats its
request's as it came, and spends no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pilesim.errors import UsageError
from pilesim.units import local_datetime
from pilesim.wire.fields import Values
from pilesim.wire.frame import End, Frame
from pilesim.wire.framing import Envelope
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol, Session
from pilesim.wire.tabled import Entry, TabledProtocol, TabledSession
from pilesim.wire.ykc.catalogue import Bodies, entries_of, replies_among
from pilesim.wire.ykc.envelope import AUTO, CRC_ORDERS, YkcEnvelope, seal
from pilesim.wire.ykc.payloads import CARD_SIZE, CURRENT_SIGNS, ORDER_SIZE, PILE_SIZE, SOFTWARE_SIZE

NAME = "ykc-1.6"
SEQUENCES = 0x10000
ORDER_DIGITS = 2 * ORDER_SIZE
PILE_DIGITS = 2 * PILE_SIZE

BILL_RETRIES = ("3x30s", "1x5m")
"""An unanswered bill is sent again after 30 s, three times (8.7 of the document), or once after 5 min (8.8)."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "crc_order": CRC_ORDERS,
    "bill_retry": BILL_RETRIES,
    "current_sign": CURRENT_SIGNS,
}
"""Each option and its choices, the default first. `crc_order`: which byte of the CRC comes first; `auto` takes either,
tells where it was the high one, and sends the low one first. `current_sign`: on which side of the offset of 400 A the
currents of 0x17 and 0x23 are sent; read, both are magnitudes."""


class YkcProtocol(TabledProtocol):
    """YKC V1.6, and of V1.7 the bill, which is read."""

    number_field = "type"
    pile_digits = PILE_DIGITS
    account_digits = 2 * CARD_SIZE
    firmware_length = SOFTWARE_SIZE
    provisional = ""
    placed = ("pile", "gun")

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__()
        self.options = {name: options.get(name, choices[0]) for name, choices in OPTIONS.items()}
        told = [f"{name}={choice}" for name, choice in self.options.items() if choice != OPTIONS[name][0]]
        self.name = NAME + ("?" + "&".join(told) if told else "")
        self.title = "YKC V1.6 (云快充平台协议)"
        self.entries = entries_of(self.options["current_sign"])
        self.catalogue = tuple(entry.row for entry in self.entries.values())
        self.envelope = self.envelope_of(self.entries)

    def envelope_of(self, entries: Mapping[int, Entry]) -> Envelope:
        return YkcEnvelope(self.options["crc_order"], replies_among(entries), Bodies(entries))

    def chosen(self, options: Mapping[str, str]) -> Protocol:
        for name, choice in options.items():
            if name not in OPTIONS:
                raise UsageError(f"{NAME}: expected an option, one of {', '.join(OPTIONS)}; found {name!r}")
            if choice not in OPTIONS[name]:
                raise UsageError(f"{NAME}: {name}: expected one of {', '.join(OPTIONS[name])}; found {choice!r}")
        return _with(tuple(options.get(name, self.options[name]) for name in OPTIONS)).revised_as(self)

    @property
    def tolerant(self) -> Protocol:
        return self.chosen({"crc_order": AUTO})

    def session(self, side: End, pile: str) -> Session:
        return YkcSession(self, side, pile)

    def new_order(self, pile: str, gun: int, epoch_ns: int, serial: int) -> str:
        """As the document has it: pile, gun, time to the second, four digits. Its samples differ: none is relied on."""
        return f"{pile}{gun:02d}{local_datetime(epoch_ns):%y%m%d%H%M%S}{serial % 10_000:04d}"

    def normal_order(self, order: str) -> str:
        """All 32 digits, zeros at both ends included; "" where there are only zeros."""
        digits = order.strip("\0")
        return digits.zfill(ORDER_DIGITS) if digits.strip("0") else ""

    def normal_account(self, account: str) -> str:
        """Without the zeros on its left, which fill the field of a card."""
        return account.lstrip("0")


@lru_cache
def _with(choices: tuple[str, ...]) -> YkcProtocol:
    """One protocol for each set of choices, since a protocol remembers what it has decoded."""
    return YkcProtocol(dict(zip(OPTIONS, choices, strict=True)))


class YkcSession(TabledSession):
    """The builder of one side, with its own sequence numbers."""

    def __init__(self, protocol: YkcProtocol, side: End, pile: str) -> None:
        super().__init__(protocol, side, pile)
        self._crc_order = protocol.options["crc_order"]
        self._next = 0

    def placed(self, message: Message) -> Values:
        return {"pile": self._pile, "gun": str(message.gun)}

    def build(self, message: Message, answering: Frame | None = None) -> bytes:
        number, body = self.body_of(message)
        sequence = self._next if answering is None else answering.sequence
        data = seal(self._crc_order, sequence=sequence, number=number, body=body)
        if answering is None:
            self._next = (self._next + 1) % SEQUENCES
        return data

    def reset(self) -> None:
        self._next = 0


YKC_PROTOCOLS = (_with(tuple(choices[0] for choices in OPTIONS.values())),)
