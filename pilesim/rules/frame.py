"""frame.valid, frame.echo, frame.survives-garbage; the platform's twins of them are the same classes.

Owns what is expected of frames as such. Must not know orders or charges.
"""

from __future__ import annotations

from pilesim.rules.order import Request
from pilesim.rules.pairs import identities
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Noise, Seen
from pilesim.trace.events import LineDown, LineUp, Reachable
from pilesim.units import S
from pilesim.wire.frame import ProblemKind
from pilesim.wire.messages import GunReport, GunReportReply, Message, TariffTell, TimeAsk, TimeTell

TOLD_ONCE = frozenset(
    {
        ProblemKind.LONG,
        ProblemKind.ENUM,
        ProblemKind.TAIL_ABSENT,
        ProblemKind.UNKNOWN,
        ProblemKind.ENCRYPTED,
        ProblemKind.BYTE_ORDER,
        ProblemKind.PEER,
    }
)
"""What a later version of a protocol may do, or many piles in use do: a finding of level SHOULD, told once."""
SILENCE_NS = 1 * S
"""After bad bytes and so much silence the next good frame must be understood."""
ANSWER_NS = 5 * S
"""How soon an answer follows, where the limit of the rule is not a time."""


class Valid(Rule):
    """What the judged end sends is well formed."""

    own = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._sends = row.judges.sends
        self._pile = scene.header.pile
        self._guns = scene.header.guns
        self._heard = False
        self._right: set[tuple[str | None, int | None]] = set()
        """The pile's number and the gun of frames that were right."""

    def on_frame(self, seen: Seen, message: Message | None) -> None:
        if seen.altered:
            return
        self._heard = True
        frame, wrong = seen.decoded.frame, False
        if seen.decoded.problems:
            found = self._wrong(seen)
            if found is None:
                return
            wrong = found
        elif (frame.pile, frame.gun) in self._right:
            self.passed()
            return
        self._pile = self._pile or frame.pile or ""
        if frame.pile is not None and frame.pile != self._pile:
            self.failed(f"pile number {self._pile}", f"pile number {frame.pile}", seen=seen, gun=frame.gun)
        elif frame.gun is not None and self._guns and not 1 <= frame.gun <= self._guns:
            self.failed(f"a gun from 1 to {self._guns}", f"gun {frame.gun}", seen=seen, gun=frame.gun)
        elif not wrong:
            self._right.add((frame.pile, frame.gun))
            self.passed()

    def _wrong(self, seen: Seen) -> bool | None:
        """Whether any of its problems is more than what is told once; None where the frame cannot be believed."""
        frame = seen.decoded.frame
        if self.remote and not frame.sound:
            self.open(f"a frame came with a wrong checksum: {self.would_tell} who did it")
            return None
        # A body that is too short is understood only where it is known whose it is.
        understood = {ProblemKind.SHORT} if seen.decoded.message is not None else set()
        lesser = TOLD_ONCE | understood
        wrong = [problem for problem in seen.decoded.problems if problem.kind not in lesser]
        for problem in seen.decoded.problems:
            if problem.kind in lesser:
                self.deviated(
                    "nothing that the protocol does not list",
                    problem.text,
                    seen=seen,
                    once=f"{frame.number} {problem.kind} {problem.field}",
                )
        for problem in wrong:
            self.failed(f"a well-formed frame ({problem.kind})", problem.text, seen=seen, gun=frame.gun)
        return None if ProblemKind.CHECKSUM in {problem.kind for problem in wrong} else bool(wrong)

    def on_noise(self, noise: Noise) -> None:
        if noise.direction is not self._sends or noise.altered or noise.broken_off or self.remote:
            # At the far end, or cut off by the end of a connection, the line may have lost what was missing.
            return
        if self.scene.header.connectionless and not self._heard:
            # Whoever opens a serial port hears the end of a frame that began before.
            return
        found = f"{len(noise.garbage.raw)} bytes that are none: {noise.garbage.reason}"
        self.failed("frames", found, t_ns=noise.t_ns, line=noise.line)


class Echo(Rule):
    """A reply carries what its request said of itself."""

    wants = (Message,)
    own = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self.matters = ()

    def on_seen(self, seen: Seen, message: Message) -> None:
        request = self.facts.at.request
        if request is None or seen.altered:
            return
        if _echoed(self, request, seen, message):
            self.passed()


def _echoed(rule: Rule, request: Request, seen: Seen, reply: Message) -> bool:
    """Whether a reply says of its request what that said of itself; what is wrong is told, by the first of it.

    Replies are told by what they are about; that one carries another number than its request is a lesser finding.
    """
    differs = _difference(request, seen, reply)
    if differs is not None:
        what, was, now = differs
        rule.failed(f"{what} {was!r} of its request", f"{what} {now!r}", seen=seen, gun=request.message.gun)
        return False
    answers, number = seen.decoded.frame.answers, request.seen.decoded.frame.sequence
    if answers is not None and answers != number:
        rule.deviated(f"the number of its request, {number}", f"{answers}", seen=seen, once=str(type(request.message)))
    return True


def _difference(request: Request, seen: Seen, reply: Message) -> tuple[str, object, object] | None:
    """What both tell, and should tell alike, and do not: the name of the first such, as asked, as replied.

    What a log does not tell of either is no difference.
    """
    asked = request.message
    if asked.gun != reply.gun and None not in (request.seen.decoded.frame.gun, seen.decoded.frame.gun):
        return "gun", asked.gun, reply.gun
    was, now = identities(asked, reply)
    if was != now:
        return "account or order", was, now
    if isinstance(asked, GunReport) and isinstance(reply, GunReportReply):
        if asked.change is not reply.change and None not in (asked.change, reply.change):
            return "kind of report", asked.change, reply.change
    elif isinstance(asked, TimeAsk) and isinstance(reply, TimeTell):
        times = asked.pile_time, reply.pile_time
        if times[0] != times[1] and None not in times:
            return "pile time", *times
    return None


class PlatformFrames(Valid):
    """Well-formed frames and right echoes, for what the platform sends."""

    wants = (Message,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        request = self.facts.at.request
        if seen.altered:
            return
        if request is None:
            # From afar the line may have doubled what asked for it.
            tells = isinstance(message, TariffTell) and message.asked and not self.remote
            if tells and self.contract.replies.get(TariffTell) is not None:
                self.deviated(
                    "the message for a tariff that nobody asked for", "the answer", seen=seen, once="unasked tariff"
                )
            return
        _echoed(self, request, seen, message)


class SurvivesGarbage(Rule):
    """Bad bytes do no harm: the next good frame after a silence is answered, a bad one has no effect."""

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._hears = row.judges.other.sends
        self._dirty = False
        self._bad_answers: dict[int, int] = {}
        self._last_ns: int | None = None
        """When it last heard anything, as long as there is anything to watch for."""
        self._waiting: dict[int, Duty] = {}
        self._hung_up = False
        self.matters = self._alert = set[str]()
        """Not empty while what was bad may yet do harm."""

    def on_noise(self, noise: Noise) -> None:
        # What is left over when a connection ends was cut off by that, unless the line had put it there.
        if noise.direction is self._hears and (noise.altered or not noise.broken_off):
            self._dirty = True
            self._last_ns = noise.t_ns
            self._watch()

    def on_frame(self, seen: Seen, message: Message | None) -> None:
        if self._alert or seen.touched or seen.decoded.problems:
            self._look(seen, message)
            self._watch()

    def _watch(self) -> None:
        if self._dirty or self._hung_up or self._waiting or self._bad_answers:
            self._alert.add("harm")
        else:
            self._alert.clear()

    def _look(self, seen: Seen, message: Message | None) -> None:
        if self._hung_up and seen.direction is not self._hears:
            self._hung_up = False
            self.passed()
        if seen.decoded.problems and seen.direction is self._hears and not seen.decoded.frame.sound:
            self._damaged(seen)
        if message is not None and (self._dirty or seen.touched or self._waiting or self._bad_answers):
            self._good(seen, message)

    def _damaged(self, seen: Seen) -> None:
        self._dirty = True
        self._last_ns = seen.t_ns
        row = self.scene.protocol.row(seen.decoded.frame.number, self._hears)
        if row is not None and row.reply is not None:
            self._bad_answers[row.reply] = seen.t_ns

    def _good(self, seen: Seen, message: Message) -> None:
        if seen.direction is self._hears:
            silence = seen.t_ns - self._last_ns if self._last_ns is not None else SILENCE_NS
            self._last_ns = seen.t_ns
            wants_reply = type(message) in self.contract.replies and not self.facts.at.asked
            if not wants_reply or seen.altered:
                return
            if (self._dirty and silence >= SILENCE_NS) or seen.touched:
                self._waiting = {index: duty for index, duty in self._waiting.items() if not duty.closed}
                self._waiting[seen.index] = self.expect(
                    "an answer, for this frame is good whatever came before it",
                    since_ns=seen.t_ns,
                    waits=Waits.REPLY,
                    limit_ns=ANSWER_NS + self.scene.header.resolution_ns,
                    asked=seen,
                    gun=message.gun,
                )
                self._dirty = False
            return
        self._answer(seen)

    def _answer(self, seen: Seen) -> None:
        request = self.facts.at.request
        if request is not None:
            duty = self._waiting.pop(request.seen.index, None)
            if duty is not None:
                self.met(duty, seen.t_ns)
            return
        bad_ns = self._bad_answers.pop(seen.decoded.frame.number, None)
        if bad_ns is not None and seen.t_ns - bad_ns <= ANSWER_NS:
            self.failed("no effect of a frame whose checksum is wrong", "it was answered", seen=seen)

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineDown):
            self._waiting.clear()
            self._last_ns = None
            # Hanging up on bad bytes is fair; whether it comes back in time is link.reconnects' to say.
            if self._dirty and event.by == self.row.judges.value:
                self._hung_up, self._dirty = True, False
