"""A message built, cut out of the stream, decoded and dissected again."""

from __future__ import annotations

from handmade import PILE

from pilesim.wire.frame import Direction, Frame
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol, protocol_named


def pile_of(protocol: Protocol) -> str:
    """A pile number of `protocol`."""
    return PILE[: protocol.pile_digits]


def there_and_back(name: str, message: Message, number: int) -> None:
    """`message` is built as `number`, and reads back as it was; its fields are all its bytes."""
    protocol = protocol_named(name)
    direction = next((row.direction for row in protocol.catalogue if row.number == number), Direction.UP)
    data = protocol.session(direction.sender, pile_of(protocol)).build(message)
    (frame,) = protocol.framer(direction).feed(data, 0)
    assert isinstance(frame, Frame)
    assert (frame.number, frame.problems) == (number, ())
    assert frame.gun in (message.gun, None)
    assert protocol.decode(frame).message == message
    views = protocol.dissect(frame)
    assert b"".join(view.raw for view in views) == data
    assert [view.offset for view in views] == [sum(len(v.raw) for v in views[:i]) for i in range(len(views))]
