"""The EV-Link protocols as the rest of the program knows them.

Owns what the versions differ in as a whole, and the sequence numbers. Must not know sockets, clocks, or a message's
layout. A body that ends where the layout of an older version does has its tail absent, and its message lacks what the
tail says.

Sequence numbers (the page's choice, and inferred where no frame was seen): each side counts its own from 1, as u16
that skips 0. A message that answers nothing carries 0 for the other side; a reply carries its own number and the
number it answers, but 06, 0A and 17 carry only the latter.
"""

from __future__ import annotations

from pilesim.units import local_datetime
from pilesim.wire.evlink.catalogue import entries_of
from pilesim.wire.evlink.envelope import PILE_DIGITS, EvlinkEnvelope, seal
from pilesim.wire.evlink.payloads import ACCOUNT_DIGITS, FIRMWARE_SIZE, normal_order
from pilesim.wire.evlink.versions import VERSIONS, Version
from pilesim.wire.fields import Values
from pilesim.wire.frame import End, Frame
from pilesim.wire.messages import BillReply, GunReportReply, Message
from pilesim.wire.protocol import Session
from pilesim.wire.tabled import TabledProtocol, TabledSession

UNNUMBERED_REPLIES = (GunReportReply, BillReply)
"""The platform's replies that carry no number of its own."""
SEQUENCES = 0xFFFF
"""Numbers that a side counts through: 1 to 65535."""


class EvlinkProtocol(TabledProtocol):
    """One version of the family."""

    number_field = "command"
    pile_digits = PILE_DIGITS
    account_digits = ACCOUNT_DIGITS
    firmware_length = FIRMWARE_SIZE

    def __init__(self, version: Version) -> None:
        super().__init__()
        self.name = version.name
        self.title = version.title
        self.provisional = version.provisional
        self.version = version
        self.entries = entries_of(version.name)
        self.catalogue = tuple(entry.row for entry in self.entries.values())
        self.envelope = EvlinkEnvelope(version)

    def session(self, side: End, pile: str) -> Session:
        return EvlinkSession(self, side, pile)

    def new_order(self, pile: str, gun: int, epoch_ns: int, serial: int) -> str:
        return f"{local_datetime(epoch_ns):%Y%m%d%H%M%S}{serial % 1_000_000:06d}"

    def normal_order(self, order: str) -> str:
        return normal_order(order)


class EvlinkSession(TabledSession):
    """The builder of one side, with its own sequence numbers."""

    def __init__(self, protocol: EvlinkProtocol, side: End, pile: str) -> None:
        super().__init__(protocol, side, pile)
        self._version = protocol.version
        self._last = 0
        unnumbered = UNNUMBERED_REPLIES if side is End.PLATFORM else ()
        self._unnumbered = {number for kind in unnumbered for number in _numbers(protocol, kind)}

    def placed(self, message: Message) -> Values:
        return {}

    def build(self, message: Message, answering: Frame | None = None) -> bytes:
        number, body = self.body_of(message)
        unnumbered = number in self._unnumbered
        data = seal(
            self._version,
            self._direction,
            sequence=0 if unnumbered else self._last % SEQUENCES + 1,
            answers=answering.sequence if answering else 0,
            pile=self._pile,
            gun=message.gun,
            number=number,
            body=body,
        )
        if not unnumbered:
            self._last = self._last % SEQUENCES + 1
        return data

    def reset(self) -> None:
        self._last = 0


def _numbers(protocol: EvlinkProtocol, kind: type[Message]) -> set[int]:
    return {entry.row.number for entry in protocol.meaning(kind)}


EVLINK_PROTOCOLS = tuple(EvlinkProtocol(version) for version in VERSIONS)
