"""A story as a scenario: steps that wait for the other side, the gaps that matter, each line with what it rests on.

Owns the choice of what is told and what is left out. Must not know how a moment was found, nor where the file goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import UsageError
from pilesim.quantities import Duration, Word, Yuan
from pilesim.reconstruct.line import line_moments, outages
from pilesim.reconstruct.moments import Moment, Rank
from pilesim.reconstruct.pile import dark_spans, ends_for_no_reason, inferred_acts, recorded_acts
from pilesim.reconstruct.platform import cards_of, platform_moments
from pilesim.reconstruct.story import Story
from pilesim.reconstruct.tariffs import settings_of
from pilesim.rules.order import Order
from pilesim.scenario import steps
from pilesim.scenario.scenario import PileSettings, PlatformCard, PlatformSettings, Scenario
from pilesim.scenario.tariff import TariffSettings
from pilesim.scenario.writer import lined_steps, scenario_text
from pilesim.trace.events import Missing
from pilesim.units import MINUTE, MS, YUAN_MFEN, S, format_duration, numbered
from pilesim.wire.messages import GunReport, GunState, TimeAsk, TimeTell

LEAD_NS = 90 * S
"""Before the first act the pile has to be there and idle; a scenario waits so long for it at most."""
SMALL_NS = 1 * S
"""A gap below this is the time that answers take, and not kept."""
QUIET_NS = 10 * MINUTE
"""A longer time in which nothing is under way is cut to `QUIET_KEPT_NS`."""
QUIET_KEPT_NS = 1 * MINUTE
LEAST_WAIT_NS = 2 * MINUTE
TAIL_NS = 30 * S
CLOCK_NS = 30 * S
"""A pile's clock that is off by less is as good as right."""

TIME_OF_DAY_RULES = frozenset(
    {"bill.amount", "bill.times", "bill.plug-times", "bill.occupancy", "bill.duration", "clock.synced"}
)
"""What these find hangs on the time of day, so that no gap before it is cut."""
_EPILOGUE_BALANCE = Yuan(50 * YUAN_MFEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a log is meant; empty: all of it."""

    orders: tuple[str, ...] = ()
    gun: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario made from a log."""

    scenario: Scenario
    text: str
    """Of its file."""
    orders: tuple[Order, ...]
    """Those that it is about."""
    dropped: tuple[str, ...]
    """What was left out, in sentences."""
    supposed: tuple[str, ...]
    """What is concluded, and stands nowhere in the log, in sentences."""


def chosen_orders(story: Story, choice: Choice) -> tuple[Order, ...]:
    """The orders that are meant; UsageError names those that there are."""
    known = [order for order in story.orders if choice.gun in (None, order.gun)]
    if not choice.orders:
        return tuple(known)
    chosen = []
    for word in choice.orders:
        found = [order for order in known if _is_called(story, order, word)]
        if not found:
            listed = ", ".join(f"{_short(o.number)} (gun {o.gun})" for o in known) or "none"
            raise UsageError(f"--order: expected an order of the log, one of {listed}; found {word!r}")
        chosen += found
    return tuple(chosen)


def _is_called(story: Story, order: Order, word: str) -> bool:
    return word in (order.number, _short(order.number)) or (word.isdecimal() and _short(order.number).endswith(word))


def _short(number: str) -> str:
    return number.lstrip("0") or number


def case_of(story: Story, choice: Choice, *, identifier: str, source: str, left_open: Collection[str] = ()) -> Case:
    """The scenario that does again what `story` tells. `identifier` is its id, `source` what the log is called.

    `left_open`: rules that a good pile leaves open in it, and that it must not be said to prove.
    """
    orders = chosen_orders(story, choice)
    if choice.gun is not None and not any(_is_of(p.message, choice.gun) for p in story.passages):
        raise UsageError(f"--gun: expected a gun that the log tells of, found {choice.gun}")
    dark = () if story.acts_told else dark_spans(story)
    moments = [
        *line_moments(story, dark),
        *platform_moments(story),
        *(recorded_acts(story) if story.acts_told else inferred_acts(story, dark)),
        *_states(story),
        *_found(story),
    ]
    moments = _meant(story, moments, choice, orders)
    moments = _without_blind_signs(sorted(moments, key=lambda moment: (moment.t_ns, moment.place, moment.rank)))
    telling = _Telling(story, moments)
    telling.tell()
    rules = tuple(dict.fromkeys(finding.rule for finding in story.findings if _is_meant(finding, choice, orders)))
    if _wants_a_good_order(story, orders):
        telling.end_with_a_good_order(_last_gun(orders))
    chosen_steps = tuple(step for step, _ in telling.steps)
    named = ", ".join(_short(order.number) for order in orders) or "no order"
    scenario = Scenario(
        id=identifier,
        title=f"From {source}: {named}" if len(orders) <= 2 else f"From {source}: {len(orders)} orders",
        case=story.header.case,
        proves=tuple(rule for rule in rules if rule not in left_open),
        start_ns=telling.start_epoch_ns,
        platform=_platform_settings(story),
        steps=lined_steps(chosen_steps),
        field_log=(),
        file=f"{identifier}.yaml",
        pile=_pile_settings(story),
    )
    supposed = tuple(f"{story.clock(m.t_ns)}: {_words(m.step)}: {m.note}" for m in moments if m.supposed)
    text = scenario_text(
        scenario,
        _head(story, source, orders, rules, telling.dropped, supposed, left_open),
        remarks={at: remark for at, (_, remark) in enumerate(telling.steps) if remark},
    )
    return Case(scenario, text, orders, tuple(telling.dropped), supposed)


def _words(step: steps.Step | None) -> str:
    return lined_steps((step,))[0].words if step is not None else ""


def _is_of(message: object, gun: int) -> bool:
    return isinstance(message, GunReport) and message.gun == gun


def _is_meant(finding: object, choice: Choice, orders: tuple[Order, ...]) -> bool:
    gun, order = getattr(finding, "gun", None), getattr(finding, "order", "")
    if choice.gun is not None and gun not in (None, choice.gun):
        return False
    return not choice.orders or not order or order in {o.number for o in orders}


# Which moments ------------------------------------------------------------------------------------------------


def _states(story: Story) -> Iterable[Moment]:
    """What reports show of each gun that a scenario can wait for: the cable, a charge, its end."""
    cables: dict[int, bool | None] = {}
    for passage in story.passages:
        message = passage.message
        if isinstance(message, GunReport) and not message.change and message.cable is not None:
            if cables.get(message.gun) is not message.cable and (message.cable or message.gun in cables):
                until = steps.Until(gun=message.gun, cable=message.cable)
                yield Moment(
                    t_ns=passage.t_ns,
                    place=passage.place,
                    rank=Rank.SIGN,
                    step=until,
                    note="the report shows it",
                    gun=message.gun,
                )
            cables[message.gun] = message.cable
    for order in story.orders:
        of = (order.number,)
        if order.first is not None:
            until = steps.Until(gun=order.gun, state=str(GunState.CHARGING))
            yield Moment(
                t_ns=order.first.t_ns,
                place=story.place_of(order.first.seen),
                rank=Rank.SIGN,
                step=until,
                note="it charges",
                gun=order.gun,
                orders=of,
            )
        if order.over is not None and order.after is not None:
            state = order.after.message.state
            shown = "occupied" if state is GunState.OCCUPIED_NOT_FULL else str(state)
            if shown in steps.SHOWN_STATES and state is not GunState.UNKNOWN:
                # A good pile would wait here in vain.
                until = steps.Until(gun=order.gun, state=shown)
                waits = not ends_for_no_reason(story, order)
                yield Moment(
                    t_ns=order.over.late_ns,
                    place=story.place_of(order.after.seen),
                    rank=Rank.SIGN,
                    step=until if waits else None,
                    note="it is over",
                    gun=order.gun,
                    orders=of,
                )


def _found(story: Story) -> Iterable[Moment]:
    """What was found wrong has to be given its time again."""
    for finding in story.findings:
        yield Moment(
            t_ns=finding.t_ns,
            rank=Rank.SIGN,
            step=None,
            note=finding.rule,
            gun=finding.gun,
            orders=(finding.order,) if finding.order else (),
        )


def _meant(story: Story, moments: list[Moment], choice: Choice, orders: tuple[Order, ...]) -> list[Moment]:
    """The moments of the chosen gun, and of the chosen orders from the cable in to the cable out."""
    guns = {choice.gun} if choice.gun is not None else {order.gun for order in orders} if choice.orders else set()
    if not guns:
        return moments
    kept = [moment for moment in moments if moment.gun is None or moment.gun in guns]
    if not choice.orders:
        return kept
    from_ns = min(_begins_ns(story, moments, order) for order in orders)
    until_ns = max(_ends_ns(story, moments, order) for order in orders)
    numbers = {order.number for order in orders}
    return [
        moment
        for moment in kept
        if from_ns <= moment.t_ns <= until_ns and (not moment.orders or numbers.intersection(moment.orders))
    ]


def _begins_ns(story: Story, moments: list[Moment], order: Order) -> int:
    born_ns = order.authorised_ns
    if born_ns is None:
        born_ns = order.first.t_ns if order.first is not None else 0
    plugs = [m.t_ns for m in moments if isinstance(m.step, steps.Plug) and m.gun == order.gun and m.t_ns <= born_ns]
    unplugs = [m.t_ns for m in moments if isinstance(m.step, steps.Unplug) and m.gun == order.gun and m.t_ns <= born_ns]
    plugged_ns = max(plugs, default=born_ns)
    return plugged_ns if plugged_ns > max(unplugs, default=-1) else born_ns


def _ends_ns(story: Story, moments: list[Moment], order: Order) -> int:
    known = [
        order.closed_ns,
        order.bill_seen.t_ns if order.bill_seen is not None else None,
        order.leave.late_ns if order.leave is not None else None,
        max((m.t_ns for m in moments if order.number in m.orders), default=None),
    ]
    last_ns = max((t_ns for t_ns in known if t_ns is not None), default=story.end_ns)
    unplugs = [m.t_ns for m in moments if isinstance(m.step, steps.Unplug) and m.gun == order.gun and m.t_ns >= last_ns]
    return max(last_ns, min(unplugs, default=last_ns)) + S


def _without_blind_signs(moments: list[Moment]) -> list[Moment]:
    """Without the signs that a scenario cannot see: a message counts since the last act only.

    Where something else was done between a command and its answer, the answer may come before that, and is not seen.
    """
    kept: list[Moment] = []
    for moment in moments:
        until = moment.step
        if isinstance(until, steps.Until) and until.message is not None:
            last = next((m for m in reversed(kept) if m.is_act), None)
            if last is None or last.gun not in (None, until.gun):
                continue
            if moment.since_ns is not None and last.t_ns > moment.since_ns:
                continue
        kept.append(moment)
    return kept


# The telling --------------------------------------------------------------------------------------------------


class _Telling:
    """Moments to steps, with the gaps between them."""

    def __init__(self, story: Story, moments: Sequence[Moment]) -> None:
        self.story = story
        self.moments = moments
        self.steps: list[tuple[steps.Step, str]] = []
        self.dropped: list[str] = []
        first_ns = next((moment.t_ns for moment in moments if moment.is_act), 0)
        self._cursor_ns = first_ns
        self._first_ns = first_ns
        self._small = 0
        self.start_epoch_ns = (story.start_epoch_ns + first_ns - LEAD_NS) // S * S
        self._busy = _Busy(story)

    def tell(self) -> None:
        story = self.story
        if self.moments and self._first_ns - 0 > LEAD_NS:
            self.dropped.append(f"{format_duration(self._first_ns // S * S)} before the first act")
        if any(moment.is_act for moment in self.moments):
            at = steps.At(time=story.clock(self._first_ns))
            self.steps.append((at, ""))
        for moment in self.moments:
            if moment.t_ns < self._first_ns or moment.step is None:
                continue
            if moment.is_sign:
                self._wait_for(moment)
            else:
                self._pass_until(moment.t_ns)
                self.steps.append((moment.step, self._remark(moment)))
                lasts_ns = (moment.step.times - 1) * moment.step.every if isinstance(moment.step, steps.Tap) else 0
                self._cursor_ns = max(self._cursor_ns, moment.t_ns + lasts_ns)
        self._end()
        if self._small:
            small = numbered(self._small, f"gap[|s] below {format_duration(SMALL_NS)}")
            self.dropped.append(f"{small}, which answers take by themselves")

    def _remark(self, moment: Moment) -> str:
        place = ""
        if moment.line:
            place = f"{'line' if self.story.header.source else 'frame'} {moment.line}, "
        supposed = "supposed: " if moment.supposed else ""
        return f"{place}{self.story.clock(moment.t_ns)}: {supposed}{moment.note}"

    def _wait_for(self, moment: Moment) -> None:
        until = moment.step
        assert isinstance(until, steps.Until)
        if self.steps and isinstance(self.steps[-1][0], steps.Until) and _same_sign(self.steps[-1][0], until):
            return
        gap_ns = max(0, moment.t_ns - self._cursor_ns)
        if until.connected and gap_ns > LEAST_WAIT_NS:
            # The line is down for as long as it was, whatever the pile does.
            self._pass_until(moment.t_ns - MINUTE)
            gap_ns = max(0, moment.t_ns - self._cursor_ns)
        within_ns = max(LEAST_WAIT_NS, -(-(2 * gap_ns) // MINUTE) * MINUTE + MINUTE)
        self.steps.append((msgspec.structs.replace(until, within=Duration(within_ns)), self._remark(moment)))
        self._cursor_ns = max(self._cursor_ns, moment.t_ns)

    def _pass_until(self, t_ns: int) -> None:
        gap_ns = t_ns - self._cursor_ns
        if gap_ns < SMALL_NS:
            self._small += gap_ns > 0
            return
        kept_ns = gap_ns // MS * MS
        if gap_ns > QUIET_NS and self._busy.is_quiet(self._cursor_ns, t_ns):
            kept_ns = QUIET_KEPT_NS
            since = f"{self.story.clock(self._cursor_ns)} to {self.story.clock(t_ns)}"
            cut = format_duration((gap_ns - kept_ns) // S * S)
            self.dropped.append(f"{cut} of {since}, in which nothing was under way")
        self.steps.append((steps.Wait(ns=Duration(kept_ns)), ""))
        self._cursor_ns = t_ns

    def _end(self) -> None:
        """What is left of the log is waited out as far as anything may come of it."""
        story = self.story
        last_ns = max((moment.t_ns for moment in self.moments), default=story.end_ns)
        left_ns = story.end_ns - self._cursor_ns
        needed_ns = max(last_ns - self._cursor_ns + TAIL_NS, story.contract.quiet_ns + TAIL_NS)
        kept_ns = min(max(left_ns, TAIL_NS), needed_ns) // MS * MS
        if any(order.due_ns is not None and order.bill is None for order in story.orders):
            # A bill that has not come by the log's end may come later: so the scenario ends when the log does.
            kept_ns = max(0, left_ns) // MS * MS
        if left_ns - kept_ns > MINUTE:
            self.dropped.append(f"{format_duration((left_ns - kept_ns) // S * S)} at the end")
        self.steps.append((steps.Wait(ns=Duration(kept_ns)), "what is left of the log"))

    def end_with_a_good_order(self, gun: int) -> None:
        """A good order, by which it shows that what must not come has not come, and that the gun is none the worse."""
        cable = _cable_at_end(self.story, self.moments, gun)
        quiet_ns = self.story.contract.quiet_ns + TAIL_NS
        last = self.steps[-1][0]
        if isinstance(last, steps.Wait) and last.ns < quiet_ns:
            self.steps[-1] = (steps.Wait(ns=Duration(quiet_ns)), "long enough for what must not come")
        added: list[steps.Step] = [steps.Unplug(gun=gun), steps.Until(gun=gun, cable=False)] if cable else []
        added += [
            steps.Plug(gun=gun),
            steps.Until(gun=gun, cable=True),
            steps.Authorise(gun=gun, order=Word("AFTER"), balance=_EPILOGUE_BALANCE),
            steps.Until(gun=gun, message="authorise-reply"),
            steps.Start(gun=gun),
            steps.Until(gun=gun, state="charging"),
            steps.Wait(ns=Duration(90 * S)),
            steps.Stop(gun=gun),
            steps.Until(gun=gun, state="occupied"),
            steps.Unplug(gun=gun),
            steps.Until(bill=Word("AFTER")),
            steps.Wait(ns=Duration(TAIL_NS)),
        ]
        remark = "not of the log: a good order, which shows that nothing more is wrong"
        self.steps += [(step, remark if at == 0 else "") for at, step in enumerate(added)]


def _same_sign(one: steps.Until, other: steps.Until) -> bool:
    return msgspec.structs.replace(one, within=other.within) == other


class _Busy:
    """When anything is under way, so that the time until the next act matters."""

    def __init__(self, story: Story) -> None:
        self._spans: list[tuple[int, int]] = list(outages(story))
        timed = [f.t_ns for f in story.findings if f.rule in TIME_OF_DAY_RULES]
        self._no_cut_before_ns = max(timed, default=-1)
        self._found = [finding.t_ns for finding in story.findings]
        cabled: dict[int, int] = {}
        for passage in story.passages:
            message = passage.message
            if not isinstance(message, GunReport) or message.cable is None:
                continue
            if message.cable:
                cabled.setdefault(message.gun, passage.t_ns)
            elif message.gun in cabled:
                self._spans.append((cabled.pop(message.gun), passage.t_ns))
        self._spans += [(since, story.end_ns) for since in cabled.values()]
        for order in story.orders:
            since = next((t for t in (order.authorised_ns, order.start_ns, 0) if t is not None), 0)
            ends = [order.closed_ns, order.acked_ns, order.over.late_ns if order.over is not None else None]
            self._spans.append((since, max((t for t in ends if t is not None), default=story.end_ns)))

    def is_quiet(self, from_ns: int, to_ns: int) -> bool:
        """Nothing is under way after a minute of this span."""
        if from_ns < self._no_cut_before_ns:
            return False
        settled_ns = from_ns + QUIET_KEPT_NS
        if any(settled_ns < t_ns <= to_ns for t_ns in self._found):
            return False
        return not any(since < to_ns and settled_ns < until for since, until in self._spans)


def _cable_at_end(story: Story, moments: Sequence[Moment], gun: int) -> bool:
    cable = False
    for moment in moments:
        if moment.gun == gun and isinstance(moment.step, steps.Plug | steps.Unplug):
            cable = isinstance(moment.step, steps.Plug)
    return cable


# What stands around the steps ---------------------------------------------------------------------------------


def _wants_a_good_order(story: Story, orders: tuple[Order, ...]) -> bool:
    """Something is found wrong with what did not charge, and no order charged after it: then a good one has to.

    That nothing came which must not come shows by what comes next.
    """
    charged = {order.number for order in story.orders if order.charged}
    wrong = [finding.t_ns for finding in story.findings if finding.order and finding.order not in charged]
    return bool(wrong) and not any(
        order.charged and order.bill_seen is not None and order.first is not None and order.first.t_ns > max(wrong)
        for order in orders
    )


def _last_gun(orders: tuple[Order, ...]) -> int:
    return orders[-1].gun if orders else 1


def _platform_settings(story: Story) -> PlatformSettings:
    cards = tuple(
        PlatformCard(account=Word(account), balance=Yuan(balance)) for account, balance in cards_of(story).items()
    )
    tariff = next((order.tariff for order in story.orders if order.tariff is not None), None)
    told = TariffSettings() if tariff is None or tariff == DEFAULT_TARIFF else settings_of(tariff)
    return PlatformSettings(cards=cards, tariff=told)


def _pile_settings(story: Story) -> PileSettings:
    """How far the pile's clock was off when it first asked for the time, before it was told."""
    for passage in story.passages:
        match passage.message:
            case TimeTell():
                break
            case TimeAsk(pile_time=stamp):
                if stamp.epoch_ns is None:
                    return PileSettings(clock_set=False)
                ahead_ns = stamp.epoch_ns - (story.start_epoch_ns + passage.t_ns)
                if abs(ahead_ns) > CLOCK_NS and Missing.TIMES not in story.header.missing:
                    return PileSettings(clock_ahead=Duration(ahead_ns)) if ahead_ns > 0 else PileSettings()
                break
            case _:
                pass
    return PileSettings()


def _head(
    story: Story,
    source: str,
    orders: tuple[Order, ...],
    rules: tuple[str, ...],
    dropped: Sequence[str],
    supposed: Sequence[str],
    left_open: Collection[str],
) -> list[str]:
    header = story.header
    at = f"{'frames' if not header.source else 'lines'} are those of the recording at the {story.end}"
    lines = [f"Made by `pilesim case` from {source}: {at}."]
    lines += [f"Order {_short(order.number)} on gun {order.gun}." for order in orders]
    lines.append(f"It fails: {', '.join(rules)}." if rules else "Nothing is found wrong with it.")
    open_rules = [rule for rule in rules if rule in left_open]
    if open_rules:
        lines.append(f"A good pile leaves open here, and so it proves nothing of it: {', '.join(open_rules)}.")
    if not story.acts_told:
        lines.append("What was done at the pile is inferred from what its reports show.")
    lines += [f"Left out: {sentence}." for sentence in dropped]
    lines += [f"Supposed: {sentence}." for sentence in supposed]
    return lines
