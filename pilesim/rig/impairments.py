"""What can be wrong with the line, each impairment one small typed spec with two spellings.

Owns the words: a mapping as in a scenario's step, `{drop: {message: start, count: 1}}`, and a text as on the
command line, `drop start count=1`. How an impairment acts is pilesim.rig.armed's. Times are ns.

    delay       everything (or one message, and what is behind it) comes later, in its order
    hold        a message comes later; what is behind it overtakes
    stall       nothing passes for a while, then everything at once
    slow        bytes pass at a baud rate
    drop        a frame is lost
    duplicate   a frame passes twice
    reorder     a frame passes after the next one
    merge       a frame is joined with the next one into one piece
    cut         a frame passes in two pieces, or only the first of them
    corrupt     bits of a frame are flipped
    noise       random bytes stand before a frame
    disconnect  the line is down for a while
    flap        the line goes down and up again several times
    refuse      the line is hung up and connections are refused for a while (not on a serial line)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

import msgspec

from pilesim.names import perhaps
from pilesim.quantities import Duration, Fraction, quantity
from pilesim.strictyaml import scalar
from pilesim.units import MS, S, format_duration
from pilesim.wire.frame import Direction
from pilesim.wire.messages import MESSAGE_TYPES

MOST_FLAPS = 1_000
MOST_BYTES = 65_536
"""Of noise before a frame; what is larger comes from a slip of the pen, and takes the computer's memory."""


class Impairment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all. `kind` is the word that files and command lines use."""

    kind: ClassVar[str]
    after: Duration = Duration(0)
    """Begins this long after it was armed."""

    def problem(self) -> str:
        """What does not fit together, as "expected ..., found ..."; "" where all does."""
        return ""


class Traffic(Impairment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An impairment of what passes."""

    direction: Direction | None = None
    """None: both."""


class Lasting(Traffic, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An impairment of what passes, with an end of its own or none."""

    within: Duration | None = None
    """Ends this long after it began; None: when it is healed."""


class Selective(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An impairment of chosen pieces of the traffic."""

    by_frame: ClassVar[bool] = True
    """Whether it acts on whole frames even when no message is named."""
    message: str | None = None
    """Only frames of this message; None: any."""
    count: int | None = None
    """Ends after so many pieces; None: never."""
    probability: Fraction = Fraction(1)
    """Each piece that fits is chosen with this probability."""

    def problem(self) -> str:
        if self.message is not None and self.message not in MESSAGE_TYPES:
            hint = perhaps(self.message, MESSAGE_TYPES) or "; `pilesim messages` has them, as said in scenarios"
            return f"expected a message's name, found {self.message!r}{hint}"
        return _counted("count", self.count)


class Delay(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "delay"
    by_frame: ClassVar[bool] = False
    by: Duration
    jitter: Duration = Duration(0)
    """Up to this much more, drawn anew for each piece."""


class Hold(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "hold"
    time: Duration = msgspec.field(name="for")


class Drop(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "drop"


class Duplicate(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "duplicate"
    later: Duration = Duration(0)
    """The second comes this long after the first; what is behind it overtakes it."""


class Reorder(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "reorder"
    limit: Duration = Duration(60 * S)
    """The longest it is held when nothing comes to go first."""


class Merge(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "merge"
    limit: Duration = Duration(60 * S)
    """The longest it is held when nothing comes to be joined with."""


class Cut(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "cut"
    gap: Duration = Duration(100 * MS)
    """Between the two pieces."""
    lose_rest: bool = False
    """The second piece never comes: a truncated frame."""


class Corrupt(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "corrupt"
    bits: int = 1
    """How many different bits are flipped."""
    length: bool = False
    """Bits of the frame's length may be among them."""

    def problem(self) -> str:
        return super().problem() or _counted("bits", self.bits, MOST_BYTES * 8)


class Noise(Selective, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "noise"
    size: int = msgspec.field(name="bytes", default=8)

    def problem(self) -> str:
        return super().problem() or _counted("bytes", self.size, MOST_BYTES)


class Stall(Traffic, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "stall"
    time: Duration = msgspec.field(name="for")


class Slow(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "slow"
    baud: int
    """Bits a second; a byte takes ten of them."""

    def problem(self) -> str:
        return _counted("baud", self.baud)


class Disconnect(Impairment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "disconnect"
    time: Duration = msgspec.field(name="for", default=Duration(0))
    """0: hung up, and at once to be had again."""


class Refuse(Impairment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "refuse"
    time: Duration = msgspec.field(name="for")


class Flap(Impairment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "flap"
    times: int
    up: Duration
    down: Duration

    def problem(self) -> str:
        return _counted("times", self.times, MOST_FLAPS)


Outage = Disconnect | Refuse | Flap
"""The impairments of the connection itself; all others are of the traffic."""


def outage_spans_ns(spec: Outage) -> tuple[tuple[int, int], ...]:
    """When the line is down: (begin, end) in order, ns since `spec` was armed."""
    match spec:
        case Flap(times=times, up=up, down=down):
            begins = [spec.after + turn * (down + up) for turn in range(times)]
            return tuple((begin, begin + down) for begin in begins)
        case Disconnect(time=time) | Refuse(time=time):
            return ((spec.after, spec.after + time),)


IMPAIRMENTS: dict[str, type[Impairment]] = {
    kind.kind: kind
    for kind in (
        Delay,
        Hold,
        Stall,
        Slow,
        Drop,
        Duplicate,
        Reorder,
        Merge,
        Cut,
        Corrupt,
        Noise,
        Disconnect,
        Flap,
        Refuse,
    )
}
"""Every impairment by its word."""


_fields = cache(msgspec.structs.fields)
"""It reads a type's annotations anew each time."""


def parse_impairment(spec: str | Mapping[str, Any]) -> Impairment:
    """The impairment in either spelling; ValueError says what was expected and what was found."""
    if isinstance(spec, str):
        return _parse_text(spec)
    if len(spec) != 1:
        raise ValueError(f"expected one impairment, found {len(spec)}: {', '.join(spec) or 'nothing'}")
    ((word, arguments),) = spec.items()
    return _make(word, arguments or {})


def _parse_text(text: str) -> Impairment:
    word, *rest = text.split() or [""]
    arguments: dict[str, Any] = {}
    for position, argument in enumerate(rest):
        name, equals, value = argument.partition("=")
        if not equals and position == 0:
            name, value = "message", argument
        elif not equals:
            raise ValueError(f"expected name=value as in count=1, found {argument!r}")
        if name in arguments:
            raise ValueError(f"expected {name} once, found it again: {argument!r}")
        arguments[name] = scalar(value)
    return _make(word, arguments)


def _make(word: str, arguments: Mapping[str, Any]) -> Impairment:
    kind = IMPAIRMENTS.get(word)
    if kind is None:
        raise ValueError(
            f"expected an impairment, one of {', '.join(IMPAIRMENTS)}; found {word!r}{perhaps(word, IMPAIRMENTS)}"
        )
    if not isinstance(arguments, Mapping):
        raise ValueError(f"{word}: expected its arguments as a mapping, found {arguments!r}")
    names = [field.encode_name for field in _fields(kind)]
    for name in arguments:
        if name not in names:
            raise ValueError(f"{word}: expected one of {', '.join(names)}; found {name!r}{perhaps(name, names)}")
    missing = [f.encode_name for f in _fields(kind) if f.required and f.encode_name not in arguments]
    if missing:
        raise ValueError(f"{word}: expected {' and '.join(missing)}, found {', '.join(arguments) or 'nothing'}")
    try:
        spec = msgspec.convert(arguments, kind, dec_hook=quantity)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        field = f"{where.rstrip('`')}: " if where else ""
        raise ValueError(f"{word}: {field}{problem[:1].lower()}{problem[1:]}") from None
    problem = spec.problem()
    if problem:
        raise ValueError(f"{word}: {problem}")
    return spec


def impairment_text(spec: Impairment) -> str:
    """The command line's spelling of `spec`, as traces name it: `drop start count=1`. It parses back to `spec`."""
    words = [spec.kind]
    for field in _fields(type(spec)):
        value = getattr(spec, field.name)
        if field.required or value != field.default:
            text = _said(value)
            words.insert(1, text) if field.name == "message" else words.append(f"{field.encode_name}={text}")
    return " ".join(words)


def _said(value: object) -> str:
    match value:
        case Duration():
            return format_duration(value)
        case bool():
            return str(value).lower()
        case Fraction():
            # The plain decimal form, for a small one would be told as 1e-05.
            return f"{Decimal(repr(float(value))):f}"
        case _:
            return str(value)


def _counted(name: str, value: int | None, most: int | None = None) -> str:
    if value is not None and value < 1:
        return f"expected {name} of at least 1, found {value}"
    return f"expected {name} of at most {most}, found {value}" if value is not None and value > (most or value) else ""


def objection(spec: Impairment, *, connectionless: bool) -> str:
    """Why a line, a serial one where `connectionless`, cannot have `spec`, in a sentence; "" when it can."""
    if isinstance(spec, Refuse) and connectionless:
        return f"{impairment_text(spec)}: nobody dials in on a serial line, so nobody can be refused"
    return ""
