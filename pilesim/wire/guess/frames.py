"""Guesses at frames whose bodies no layout fits, by what the frames that are understood tell.

Owns which bodies are looked at, and from where on. Must not know what bytes look like: bodies are given to `bodies`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pilesim.wire.frame import Direction, Frame, ProblemKind
from pilesim.wire.guess.bodies import guess_fields
from pilesim.wire.guess.guess import Guessed, Sample, Told
from pilesim.wire.messages import Opaque
from pilesim.wire.protocol import Protocol

_LEAST_DIGITS = 6
"""Shorter texts of digits stand anywhere."""


def guess_frames(protocol: Protocol, frames: Iterable[tuple[Frame, int | None]]) -> list[Guessed]:
    """What the bodies that do not fit look like, by message and size; each frame with its time, ns since 1970."""
    unfit: dict[tuple[int, Direction, int], list[tuple[Frame, int | None]]] = defaultdict(list)
    texts: dict[str, dict[str, None]] = {"order": {}, "account": {}, "pile": {}}
    order_fields: dict[int, str] = {}
    for frame, at_ns in frames:
        if not frame.sound or frame.encrypted:
            continue
        if frame.pile:
            texts["pile"][frame.pile] = None
        if _fits(protocol, frame):
            message = protocol.decode(frame).message
            for what in ("order", "account"):
                said = getattr(message, what, None)
                if isinstance(said, str) and len(said) >= _LEAST_DIGITS:
                    texts[what][said] = None
                    row = protocol.row(frame.number, frame.direction)
                    for view in protocol.dissect(frame) if what == "order" and row is not None else ():
                        if view.name == "order":
                            order_fields.setdefault(len(view.raw), f"{row.name}.order" if row else "")
        else:
            unfit[frame.number, frame.direction, len(frame.body)].append((frame, at_ns))
    told = Told(tuple(texts["pile"]), tuple(texts["order"]), tuple(texts["account"]), order_fields)
    return [_guessed(protocol, group, told) for group in sorted(unfit.values(), key=lambda group: -len(group))]


def _fits(protocol: Protocol, frame: Frame) -> bool:
    """Whether the layout of `frame` explains all of its body."""
    decoded = protocol.decode(frame)
    if {problem.kind for problem in decoded.problems} & {ProblemKind.UNKNOWN, ProblemKind.SHORT, ProblemKind.LONG}:
        return False
    # What has a meaning has a layout; to look at every field takes far longer.
    return not isinstance(decoded.message, Opaque) or not any(
        view.note == "no layout" for view in protocol.dissect(frame)
    )


def _guessed(protocol: Protocol, group: Sequence[tuple[Frame, int | None]], told: Told) -> Guessed:
    frame = group[0][0]
    views = protocol.dissect(frame)
    rest = next((view for view in views if view.note == "outside the layout"), None)
    begin = len(frame.body) - len(rest.raw) if rest is not None else 0
    known = [v.name for v in views if rest is not None and rest.offset - begin <= v.offset < rest.offset]
    samples = [Sample(each.body, at_ns, (each.pile, each.gun)) for each, at_ns in group]
    row = protocol.row(frame.number, frame.direction)
    wrong = [p.text for p in protocol.decode(frame).problems]
    kinds = (ProblemKind.UNKNOWN, ProblemKind.SHORT, ProblemKind.LONG)
    why = [p.text for p in protocol.decode(frame).problems if p.kind in kinds] or wrong or ["kept as bytes: no layout"]
    return Guessed(
        number=frame.number,
        direction=frame.direction,
        name=row.name if row else "",
        why=why[0],
        size=len(frame.body),
        bodies=len(group),
        begin=begin,
        last=known[-1] if known else "",
        guesses=guess_fields(samples, told, begin),
    )
