"""What the line did: as it was recorded, as its two ends show it, else as requests without answers, late answers and
silences do.

Owns the inference. Must not know how the steps are written. What a rule lays to the pile is not laid to the line too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median_low
from typing import Any

import msgspec

from pilesim.quantities import Duration
from pilesim.reconstruct.moments import Moment, Rank
from pilesim.reconstruct.platform import line_of
from pilesim.reconstruct.story import Passage, Story
from pilesim.rig.impairments import Delay, Hold, Impairment, Outage, Selective, Stall, parse_impairment
from pilesim.rules.ends import Gone
from pilesim.rules.rule import BURST_NS
from pilesim.rules.verdict import Blame
from pilesim.scenario import steps
from pilesim.scenario.writer import duration_text
from pilesim.trace.events import Impaired, LineUp, Missing, Reachable
from pilesim.units import MS, S, numbered
from pilesim.wire.frame import Direction
from pilesim.wire.messages import (
    MESSAGE_TYPES,
    Alive,
    AliveReply,
    Authorise,
    Bill,
    BillReply,
    GunReport,
    GunReportReply,
    Message,
    Start,
    Stop,
)

UNANSWERED_NS = 30 * S
"""A request without its answer for so long has lost it, or was lost."""
LATE_NS = 5 * S
"""An answer later than this was kept waiting by the line, unless a rule lays it to the pile."""
ANSWERS = frozenset({"auth.answered", "start.answered", "stop.answered"})
"""The rules that lay a late answer to the pile."""
EFFECT_NS = 30 * S
"""What a command brings about shows by then."""
DARK_NS = 500 * MS
"""A line that lets nothing through did so from this long before the first frame that shows it, to as long after the
last."""
BEATS = frozenset({Alive, AliveReply, GunReport, GunReportReply})
"""They come all the time, so that none of them is meant where a line has stalled."""
BEATS_SILENT = 3
"""So many heartbeats of every gun missing at once, on a line that stands, are a line that stalls."""


def line_moments(story: Story, dark: tuple[tuple[int, int], ...]) -> Iterator[Moment]:
    """The impairments, each where its first effect was. `dark`: when the pile had no power, and so no line."""
    for down_ns, up_ns in outages(story):
        if any(down_ns == since for since, _ in dark):
            continue
        down = _armed(story, down_ns, "disconnect", {"for": Duration(up_ns - down_ns)}, "the line is down")
        yield replace(down, place=_place(story, down_ns))
        yield Moment(
            t_ns=down_ns,
            place=_place(story, down_ns),
            rank=Rank.SIGN,
            step=steps.Until(connected=False),
            note="the line is down",
        )
        for place, event in story.lines:
            # The pile has it again some time after it can be had.
            if isinstance(event, LineUp) and event.t_ns >= up_ns:
                until = steps.Until(connected=True)
                yield Moment(t_ns=event.t_ns, place=place, rank=Rank.SIGN, step=until, note="the line is back")
                break
    if story.impaired:
        yield from _recorded(story)
    if story.gone is not None:
        yield from _compared(story, story.gone)
    elif not story.impaired:
        yield from _inferred(story)


def outages(story: Story) -> list[tuple[int, int]]:
    """From when to when the line was down, as seen at the story's end; one that never came back lasts to the end."""
    reach = [event for _, event in story.lines if isinstance(event, Reachable)]
    if reach:
        ends = [(event.t_ns, event.can) for event in reach]
    else:
        ends = [(event.t_ns, isinstance(event, LineUp)) for _, event in story.lines]
    spans = [(t_ns, later_ns) for (t_ns, up), (later_ns, up_again) in pairwise(ends) if not up and up_again]
    if ends and not ends[-1][1] and ends[-1][0] < story.end_ns:
        spans.append((ends[-1][0], story.end_ns))
    return spans


def _place(story: Story, t_ns: int) -> int:
    """Of the event by which the connection changed at `t_ns`."""
    return next((place for place, event in story.lines if event.t_ns == t_ns), 0)


def _armed(
    story: Story,
    t_ns: int,
    kind: str,
    said: dict[str, Any],
    note: str,
    passage: Passage | None = None,
    gun: int | None = None,
) -> Moment:
    spelt = {name: duration_text(value) if isinstance(value, Duration) else value for name, value in said.items()}
    return Moment(
        t_ns=t_ns,
        rank=Rank.LINE,
        step=steps.Impair(spec={kind: spelt}),
        note=note,
        line=line_of(passage) if passage is not None else 0,
        gun=passage.message.gun if passage is not None else gun,
        orders=(passage.order.number,) if passage is not None and passage.order is not None else (),
    )


# What was recorded --------------------------------------------------------------------------------------------


def _recorded(story: Story) -> Iterator[Moment]:
    """Each impairment that took effect, with as many pieces as it took."""
    effects: dict[str, list[Impaired]] = {}
    for event in story.impaired:
        effects.setdefault(event.impairment, []).append(event)
    for text, run in effects.items():
        spec = parse_impairment(text)
        if isinstance(spec, Outage):
            continue  # the connection itself tells of it
        first_ns = min(event.t_ns - event.held_ns for event in run)
        count = len(run)
        if isinstance(spec, Selective):
            named = spec.message
            spec = msgspec.structs.replace(spec, count=count)
            first_ns = _armed_by_ns(story, first_ns, named, run[0].direction)
        yield Moment(
            t_ns=first_ns,
            rank=Rank.LINE,
            step=steps.Impair(spec=_spelt(msgspec.structs.replace(spec, after=Duration(0)))),
            note=f"{run[0].effect}: {count} times" if count > 1 else run[0].effect,
        )


def _spelt(spec: Impairment) -> dict[str, dict[str, Any]]:
    said: dict[str, Any] = {}
    for field in msgspec.structs.fields(spec):
        value = getattr(spec, field.name)
        if field.required or value != field.default:
            said[field.encode_name] = duration_text(value) if isinstance(value, Duration) else value
    return {spec.kind: said}


def _armed_by_ns(story: Story, first_ns: int, message: str | None, direction: Direction | None) -> int:
    """When an impairment of a message has to stand: before whatever may have brought the message about.

    Not so early that it would take an earlier one of the same, which passed.
    """
    if message is None:
        return first_ns
    kind = MESSAGE_TYPES[message]
    passed = [p.t_ns for p in story.passages if isinstance(p.message, kind) and p.t_ns < first_ns]
    causes = [p.t_ns for p in story.passages if _causes(p, kind) and p.t_ns <= first_ns]
    causes += [stimulus.began_ns for _, stimulus in story.stimuli if stimulus.began_ns <= first_ns]
    cause_ns = max(causes, default=first_ns)
    return cause_ns if not any(cause_ns <= t_ns for t_ns in passed) else first_ns


def _causes(passage: Passage, kind: type[Message]) -> bool:
    message = passage.message
    return not passage.asked and isinstance(message, Authorise | Start | Stop)


# What the two ends show -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that was sent, and what the line did to it; None: nothing."""

    t_ns: int
    kind: type[Message] | None
    gone: Gone | None


def _compared(story: Story, gone: tuple[Gone, ...]) -> Iterator[Moment]:
    """The impairments that do again what left one end and did not reach the other, or late."""
    down = outages(story)
    for way in Direction:
        here = [one for one in gone if one.direction is way]
        # What the connection took with it, it takes again.
        kept = [one for one in here if one.effect == "held" or not _within(one.t_ns, down)]
        sent = _sent(story, way, kept)
        for run in _runs(sent):
            kinds = {one.kind for one in run}
            if len(kinds) > 1:
                since_ns = _before_ns(story, way, run[0].t_ns)
                lasts_ns = run[-1].t_ns - since_ns + DARK_NS
                said: dict[str, Any] = {"direction": str(way), "within": Duration(lasts_ns)}
                note = f"{len(run)} frames {way} never arrive, and none does meanwhile: {_titles(run)}"
                yield _armed(story, since_ns, "drop", said, note)
                sent = [one for one in sent if one not in run]
        for kind in dict.fromkeys(one.kind for one in sent):
            for run in _runs([one for one in sent if one.kind is kind]):
                yield _alike(story, way, run)
        yield from _held(story, way, [one for one in kept if one.effect == "held"])


def _before_ns(story: Story, way: Direction, t_ns: int) -> int:
    """A little before what was sent then, for another run sends it a little earlier or later; after what was before."""
    before_ns = max((p.t_ns for p in story.passages if p.seen.direction is way and p.t_ns < t_ns), default=0)
    return max(t_ns - DARK_NS, (before_ns + t_ns) // 2)


def _sent(story: Story, way: Direction, gone: list[Gone]) -> list[_Sent]:
    """All that was sent this way, in order; of what has a moment of its own, when it was held, as if it had passed."""
    missed = [one for one in gone if one.effect != "held"]
    never = {(one.t_ns, one.kind) for one in missed}
    passed = [
        _Sent(p.t_ns, type(p.message), None)
        for p in story.passages
        if p.seen.direction is way and (p.t_ns, type(p.message)) not in never
    ]
    return sorted([*passed, *(_Sent(one.t_ns, one.kind, one) for one in missed)], key=lambda one: one.t_ns)


def _runs(sent: list[_Sent]) -> list[list[_Sent]]:
    """What never arrived, as far as nothing in between did, and all of it came to the same."""
    groups = groupby(sent, key=lambda one: one.gone.effect if one.gone is not None else "")
    return [list(run) for effect, run in groups if effect]


def _titles(run: list[_Sent]) -> str:
    return ", ".join(dict.fromkeys(one.gone.title for one in run if one.gone is not None))


def _alike(story: Story, way: Direction, run: list[_Sent]) -> Moment:
    """Messages of one kind, none of which arrived."""
    first = run[0].gone
    assert first is not None, "a run is of what has not arrived"
    said: dict[str, Any] = {"direction": str(way)} if first.kind is None else {"message": first.kind.name}
    spoilt = first.effect == "corrupted"
    t_ns = _armed_by_ns(story, first.t_ns, None if first.kind is None else first.kind.name, way)
    times = f" {len(run)} times" if len(run) > 1 else ""
    note = f"{first.title} {'arrives spoilt' if spoilt else 'never arrives'}{times}, as the two ends show"
    return _armed(story, t_ns, "corrupt" if spoilt else "drop", {**said, "count": len(run)}, note, gun=first.gun)


def _held(story: Story, way: Direction, held: list[Gone]) -> Iterator[Moment]:
    """What came late: alone a frame that was held, else what stood behind one, or a line that stalled."""
    bursts: list[list[Gone]] = []
    for one in sorted(held, key=lambda one: one.t_ns):
        arrived_ns = one.t_ns + one.lasted_ns
        if bursts and abs(arrived_ns - bursts[-1][-1].t_ns - bursts[-1][-1].lasted_ns) <= BURST_NS:
            bursts[-1].append(one)
        else:
            bursts.append([one])
    for burst in bursts:
        first = burst[0]
        lasted = Duration(first.lasted_ns // MS * MS)
        later = f"{first.title} {duration_text(lasted)} later, as the two ends show"
        alone = len(burst) == 1
        if first.kind is None or (first.kind in BEATS and not alone):
            since_ns = _before_ns(story, way, first.t_ns)
            stalls = Duration((first.t_ns + first.lasted_ns - since_ns) // MS * MS)
            note = f"{len(burst)} frames {way} arrive late: {later}"
            yield _armed(story, since_ns, Stall.kind, {"for": stalls, "direction": str(way)}, note)
            continue
        t_ns = _armed_by_ns(story, first.t_ns, first.kind.name, way)
        kind, word = (Hold.kind, "for") if alone else (Delay.kind, "by")
        note = f"it arrives late: {later}" if alone else f"it arrives late, and {len(burst) - 1} behind it: {later}"
        said: dict[str, Any] = {"message": first.kind.name, word: lasted, "count": 1}
        yield _armed(story, t_ns, kind, said, note, gun=first.gun)


# What is inferred ---------------------------------------------------------------------------------------------


def _inferred(story: Story) -> Iterator[Moment]:
    blamed = {finding.t_ns for finding in story.findings if finding.blame is Blame.PILE}
    unanswered = {finding.t_ns for finding in story.findings if finding.rule in ANSWERS}
    answered = {id(p.answers): p for p in story.passages if p.answers is not None}
    delays = [p.t_ns - p.answers.t_ns for p in answered.values() if p.answers is not None and _is_up(p)]
    usual_ns = median_low(delays) if delays else story.contract.reply_delay_ns
    down = outages(story)
    for passage in story.passages:
        message = passage.message
        if passage.asked or not isinstance(message, Authorise | Start | Stop):
            continue
        reply = answered.get(id(passage.seen))
        if reply is None:
            if Missing.LINES in story.header.missing:
                continue  # what is not mentioned may have happened
            lost = story.end_ns - passage.t_ns > UNANSWERED_NS and not _within(passage.t_ns, down)
            if lost:
                yield _lost(story, passage)
        elif reply.t_ns - passage.t_ns > LATE_NS and reply.t_ns not in unanswered:
            held_ns = (reply.t_ns - passage.t_ns - usual_ns) // MS * MS
            said = {"message": message.name, "for": Duration(held_ns), "count": 1}
            note = f"its answer comes {duration_text(reply.t_ns - passage.t_ns)} later: held on its way"
            yield _armed(story, passage.t_ns, "hold", said, note, passage)
    yield from _acknowledgements_lost(story, blamed)
    if Missing.LINES not in story.header.missing:
        yield from _stalls(story, down)


def _is_up(passage: Passage) -> bool:
    return passage.seen.direction is Direction.UP


def _within(t_ns: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(since <= t_ns <= until for since, until in spans)


def _lost(story: Story, passage: Passage) -> Moment:
    """A command without its answer: either of them is lost. Which of them, what came of it shows."""
    message = passage.message
    taken = _took_effect(story, passage)
    reply = story.contract.replies.get(type(message))
    name = reply.name if taken and reply is not None else message.name
    note = "it took effect without an answer: that is lost" if taken else "no answer, and nothing comes of it: lost"
    return _armed(story, passage.t_ns, "drop", {"message": name, "count": 1}, note, passage)


def _took_effect(story: Story, passage: Passage) -> bool:
    order, t_ns = passage.order, passage.t_ns
    if order is None:
        return False
    match passage.message:
        case Authorise():
            return order.first is not None or order.ended_ns is not None
        case Start():
            return order.first is not None or (order.ended_ns is not None and order.ended_ns >= t_ns)
        case _:
            over_ns = order.over.late_ns if order.over is not None else order.ended_ns
            return over_ns is not None and t_ns <= over_ns <= t_ns + EFFECT_NS


def _acknowledgements_lost(story: Story, blamed: set[int]) -> Iterator[Moment]:
    """A bill that comes again soon, though it was acknowledged: that was lost."""
    again_ns = 2 * story.contract.bill_resend_ns
    last: dict[str, Passage] = {}
    first: dict[str, Passage] = {}
    lost: dict[str, int] = {}
    acknowledged: set[str] = set()
    for passage in story.passages:
        message = passage.message
        if isinstance(message, BillReply):
            acknowledged.add(message.order)
        if not isinstance(message, Bill) or not message.order:
            continue
        earlier = last.get(message.order)
        first.setdefault(message.order, passage)
        last[message.order] = passage
        if earlier is None or message.order not in acknowledged or passage.t_ns in blamed:
            continue
        if passage.t_ns - earlier.t_ns <= again_ns and earlier.message == message:
            lost[message.order] = lost.get(message.order, 0) + 1
    for number, count in lost.items():
        passage = first[number]
        said = {"message": BillReply.name, "count": count}
        note = f"the bill comes {numbered(count, 'time[|s]')} again though it was acknowledged: that is lost"
        yield _armed(story, _before_bill_ns(story, passage), "drop", said, note, passage)


def _before_bill_ns(story: Story, bill: Passage) -> int:
    """Before what brought the bill about, so that the impairment stands in time."""
    order = bill.order
    leave = order.leave.late_ns if order is not None and order.leave is not None else bill.t_ns
    earlier = [p.t_ns for p in story.passages if isinstance(p.message, BillReply) and p.t_ns < bill.t_ns]
    return leave if not any(leave <= t_ns for t_ns in earlier) else bill.t_ns


def _stalls(story: Story, down: list[tuple[int, int]]) -> Iterator[Moment]:
    """Nothing at all passes for several heartbeats, on a line that stands, and no rule has found the pile silent."""
    least_ns = BEATS_SILENT * story.contract.beat_idle_ns
    found = [finding.t_ns for finding in story.findings]
    for earlier, later in pairwise(story.passages):
        gap_ns = later.t_ns - earlier.t_ns
        if gap_ns < least_ns or any(since < later.t_ns and earlier.t_ns < until for since, until in down):
            continue
        if not any(earlier.t_ns < t_ns <= later.t_ns for t_ns in found):
            said = {"for": Duration(gap_ns)}
            yield _armed(story, earlier.t_ns, Stall.kind, said, f"nothing passes for {duration_text(gap_ns)}", later)
