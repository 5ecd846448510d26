"""Verdicts on a platform by the recordings of many piles, and findings while these are still being made.

Owns the processes that judge: judging takes longer than playing, and must not keep the loop from its timers. Only the
rules that judge a platform count, since the piles misbehave as they are told.
"""

from __future__ import annotations

import shlex
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import msgspec

from pilesim.conformance.judged import judged, of_end
from pilesim.conformance.result import ScenarioResult
from pilesim.rules.judge import Watch
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.spread import hired, processes
from pilesim.trace.capture import read_capture
from pilesim.trace.events import AnyEvent, Header
from pilesim.wire.dialects import remember
from pilesim.wire.frame import End

WATCHED_PILES = 100
"""So many are judged while they live, in the order in which they connect: each takes some 100 KB."""
_BEHIND_BATCHES = 20
"""Findings that come so late are of no use: the rest then waits for the end."""
RED = (Verdict.FAIL, Verdict.ERROR)
_AGAIN = "pilesim judge FILE, with --captures FOLDER"
"""How to judge again what was not kept."""
_PLATFORM_ALONE = {row.id: "only the platform is judged" for row in RULES if row.judges is not End.PLATFORM}

_watches: dict[str, Watch] = {}
"""In the process that watches: by the pile's number."""


class Findings:
    """A context that judges the first piles while they live; `found` is told the rules, each time as many as failed."""

    def __init__(self, found: Callable[[Counter[str]], None]) -> None:
        self.watched: set[str] = set()
        self.behind = False
        """It could not keep up, and has stopped."""
        self._found = found
        self._pool = processes(1, apart=True)
        self._told: deque[Future[Counter[str]]] = deque()

    def __enter__(self) -> Findings:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def see(self, batch: list[tuple[Header, AnyEvent]]) -> None:
        """Judge the events of those that are watched; never waits."""
        while self._told and self._told[0].done():
            done = self._told.popleft()
            if not done.cancelled() and done.exception() is None:
                self._found(done.result())
        self.behind = self.behind or len(self._told) > _BEHIND_BATCHES
        if self.behind:
            return
        for header, _ in batch:
            if len(self.watched) < WATCHED_PILES:
                self.watched.add(header.pile)
        theirs = [item for item in batch if item[0].pile in self.watched]
        try:
            self._told.append(self._pool.submit(_feed, theirs))
        except (BrokenProcessPool, RuntimeError):
            # What is found at the end does not need it.
            self.behind = True


def _feed(batch: list[tuple[Header, AnyEvent]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for header, event in batch:
        if header.pile not in _watches:
            if header.dialect:
                remember(header.dialect, header.protocol)
            refused = {**header.not_applicable, **_PLATFORM_ALONE}
            _watches[header.pile] = Watch(msgspec.structs.replace(header, not_applicable=refused))
        found.update(finding.rule for finding in _watches[header.pile].feed(event))
    return found


def verdicts(
    recordings: Mapping[str, Path], *, strict: bool, kept: bool, jobs: int, stop: Callable[[], bool]
) -> Iterator[ScenarioResult]:
    """The verdict of each recording (by the pile's number), as they come; fewer where `stop` says so meanwhile.

    `kept`: the recordings stay where they are. RigError names a pile whose recording ends the process that judges it.
    """
    with hired(jobs, apart=True) as crew:
        judge = partial(_judge, strict, kept)
        for _, result in crew.done(judge, list(recordings.items()), lambda share: share[0]):
            yield result
            if stop():
                return


def _judge(strict: bool, kept: bool, share: tuple[str, Path]) -> ScenarioResult:
    pile, path = share
    return judge_recording(pile, path, path if kept else None, strict=strict)


def unkept(result: ScenarioResult) -> ScenarioResult:
    """`result` without its recording, which goes where nobody wants it."""
    return msgspec.structs.replace(result, capture="", file=result.id, repeat=_AGAIN)


def judge_recording(pile: str, path: Path, kept: Path | None, *, strict: bool) -> ScenarioResult:
    """The verdict on a recording, which is `kept` where it says; None: nowhere."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        trace = read_capture(stream, str(path))
    result = judged(
        trace,
        title=trace.header.target,
        file=str(kept) if kept else pile,
        strict=strict,
        repeat=f"pilesim judge {shlex.quote(str(kept))}" if kept else _AGAIN,
        capture=str(kept or path),
    )
    return msgspec.structs.replace(of_end(result, End.PLATFORM, strict), id=pile)
