"""Which known cases and faults a recording looks like, best first, each with its reason in words.

Owns the weighing and the wording. Must not know any one case: they are `signatures`.
"""

from __future__ import annotations

import re

import msgspec

from pilesim.diagnosis.shows import all_empty, leave_empty, of_another
from pilesim.diagnosis.signatures import SIGNATURES, Signature
from pilesim.diagnosis.story import HELD_SHOWN_NS, Life, Story
from pilesim.rules.judge import Judgement
from pilesim.rules.verdict import Finding, Verdict
from pilesim.units import format_duration, format_local

SHOWN = 3
"""As many are told: what is worse than two others explains little."""
LEAST = 0.2
"""What accounts for a smaller share of the rules that failed is not told."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that the recording looks like."""

    name: str
    """The field case, or a fault where no case shows it."""
    title: str
    cases: tuple[str, ...] = ()
    """Other field cases of the same make."""
    faults: tuple[str, ...] = ()
    """Faults by which `pilesim conform` shows the like."""
    reason: str
    """By what it is told, with times."""
    explains: tuple[str, ...] = ()
    """The rules that failed and that it accounts for."""
    score: float
    """Share of the failed rules that it accounts for, and a little for each mark that it needs."""
    doubt: str = ""
    """What else may be behind it, and what would tell."""
    right: bool = False
    """Nothing is wrong."""

    @property
    def sentence(self) -> str:
        """`looks like szds-16a: order ... authorised 12:36:46, never started, ...`, and what else is known by it."""
        others = ", ".join(self.cases)
        faults = ", ".join(f"fault {name}" for name in self.faults if name != self.name)
        known = "; ".join(part for part in (f"also {others}" if others else "", faults) if part)
        right = ", where the pile did right" if self.right else ""
        doubt = f"; {self.doubt}" if self.doubt else ""
        return f"looks like {self.name}{f' ({known})' if known else ''}{right}: {self.title}: {self.reason}{doubt}"


def named_in(judgement: Judgement) -> frozenset[str]:
    """The orders that findings name."""
    return frozenset(finding.order for findings in _failed(judgement).values() for finding in findings if finding.order)


def _failed(judgement: Judgement) -> dict[str, tuple[Finding, ...]]:
    return {rule.id: rule.findings for rule in judgement.rules if rule.verdict is Verdict.FAIL and rule.findings}


def diagnose(story: Story, judgement: Judgement) -> tuple[Diagnosis, ...]:
    """What explains the findings of `judgement` on the recording of `story`, best first; none where nothing known does.

    Where nothing failed, what somebody may have complained of and was the pile's due is told. A log that leaves lines
    out is also held against signatures that need no finding, since few rules can say anything of it.
    """
    failed = _failed(judgement)
    if not failed and not story.excerpt:
        # Rules that could have found something have found nothing.
        known = [signature for signature in SIGNATURES if signature.right]
    else:
        known = list(SIGNATURES)
    best: dict[str, Diagnosis] = {}
    for signature in known:
        found = _fits(signature, story, failed)
        if found is not None and found.score > best.get(_key(signature), _NOTHING).score:
            best[_key(signature)] = found
    ranked = sorted(best.values(), key=lambda one: -one.score)
    told: list[Diagnosis] = []
    for one in [one for one in ranked if not one.right] or ranked:
        if not any(_says_less(one, better) for better in told):
            told.append(one)
    return tuple(told[:SHOWN])


def _says_less(one: Diagnosis, better: Diagnosis) -> bool:
    """It is a part of what the better one says."""
    same = set(one.faults) & set(better.faults)
    return set(one.explains) < set(better.explains) or bool(same and set(one.explains) <= set(better.explains))


_NOTHING = Diagnosis(name="", title="", reason="", score=0.0)


def _key(signature: Signature) -> str:
    """The pile's faults and the platform's may have one name."""
    return f"{signature.name} {signature.faults[:1]}"


def _fits(signature: Signature, story: Story, failed: dict[str, tuple[Finding, ...]]) -> Diagnosis | None:
    told: list[Finding] = []
    for says in signature.says:
        match = next((f for f in failed.get(says.rule, ()) if re.search(says.words, _sentence(f))), None)
        if match is None:
            return None
        told.append(match)
    life = None
    if signature.life:
        lives = [life for life in story.lives if all(shows(story, life) for shows in signature.life)]
        if not lives:
            return None
        named = {finding.order for findings in failed.values() for finding in findings}
        life = next((life for life in lives if life.order.number in named), lives[0])
    elif told and told[0].order:
        life = next((life for life in story.lives if life.order.number == told[0].order), None)
    explained = tuple(rule for rule in failed if rule in signature.rules)
    share = len(explained) / len(failed) if failed else 1.0
    if failed and share < LEAST:
        return None
    marks = len(signature.life) + len(signature.says)
    reasons = [*([_life_words(story, life)] if life is not None else []), *(_finding_words(story, f) for f in told)]
    return Diagnosis(
        name=signature.name,
        title=signature.title,
        cases=signature.cases,
        faults=signature.faults,
        reason="; ".join(reasons),
        explains=explained,
        score=round(share + marks / 100, 4),
        doubt=signature.doubt(story, life) if signature.doubt is not None and life is not None else "",
        right=signature.right,
    )


def _sentence(finding: Finding) -> str:
    return f"expected {finding.expected}; found {finding.actual}"


def _finding_words(story: Story, finding: Finding) -> str:
    at = f" {_clock(story, finding.t_ns)}" if story.timed else ""
    return f"{finding.rule}{at}: {_sentence(finding)}"


# An order's life in words ---------------------------------------------------------------------------------------


def _clock(story: Story, t_ns: int) -> str:
    return format_local(story.start_epoch_ns + t_ns)[11:19]


def _life_words(story: Story, life: Life) -> str:
    """`order ...: authorised 12:36:46, never started, stopped 12:42:27, bill with an empty time 12:43:50`."""
    parts: list[tuple[int, str]] = []

    def tell(t_ns: int | None, words: str, trusted: bool = True) -> None:
        if t_ns is not None:
            parts.append((t_ns, f"{words} {_clock(story, t_ns)}" if trusted and story.timed else words))

    order = life.order
    tell(order.authorised_ns, "authorised")
    if life.start_sent_ns is not None:
        how = "start lost on the line" if life.start_lost else "start sent"
        held = f", held for {format_duration(life.held_ns)}," if life.held_ns >= HELD_SHOWN_NS else ""
        tell(life.start_sent_ns, how + held)
    first = order.first or (life.at_pile.first if life.at_pile is not None else None)
    if first is not None:
        tell(first.t_ns, "charging")
        tell(life.over_ns, "no longer charging")
        tell(life.left_ns, "left")
    tell(life.start_empty_ns, "a charge since 1999")
    tell(life.stop_ns, "stopped")
    tell(life.ended_ns, "ended by the pile")
    if life.next_ns is not None and any(sent.again for sent in life.bills):
        tell(life.next_ns, "the next order authorised")
    tell(life.stopped_meanwhile_ns, "another order stopped")
    for sent in life.bills[:2] + life.bills[2:][-1:]:
        tell(sent.t_ns, _bill_words(story, life, sent.again, all_empty(sent), leave_empty(sent)))
    tell(life.orderless_ns, "bill with an empty order")
    parts.sort(key=lambda part: part[0])
    words = [text for _, text in parts]
    started = first is not None or life.start_empty_ns is not None
    unsent = life.start_sent_ns is None or life.start_lost
    # What an excerpt does not tell of may have been, unless the bill denies it.
    if not started and unsent and (not story.excerpt or any(all_empty(sent) for sent in life.bills)):
        words.insert(1 if order.authorised_ns is not None else 0, "never started")
    if not life.bills and life.orderless_ns is None and first is not None:
        words.append("no bill")
    if life.taps:
        words.append(f"{life.taps} taps on the screen")
    return f"order {order.number}: {', '.join(words)}"


def _bill_words(story: Story, life: Life, again: bool, empty: bool, without_leave: bool) -> str:
    words = "the same bill again" if again else "bill"
    other = of_another(story, life)
    if empty:
        words += " with an empty time"
    elif without_leave:
        words += " without a leave time"
    elif other is not None:
        words += f" with the data of order {other.order.number}"
    return words
