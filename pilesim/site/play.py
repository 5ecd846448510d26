"""Plays a site: many piles against one real platform, until it is over or stopped, then the verdict of each.

Owns the order of a run: ramp, storms, end, judging. Must not know who shows it, nor where the result goes.

The run is recorded at the platform's end of each line, a file a pile. It ends in order whatever ends it: what was
recorded is judged.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pilesim.conformance.runner import outpaced
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.link.many import DialMany, make_room
from pilesim.link.tcp import TcpDial
from pilesim.link.urls import link_of
from pilesim.rig.clock import RealClock
from pilesim.rig.desk import PlatformApi
from pilesim.season.plan import PilePlan
from pilesim.site.figures import Figures
from pilesim.site.loop import Loop
from pilesim.site.piles import PileSeat, Surroundings, replies_of
from pilesim.site.recordings import Recordings
from pilesim.site.verdicts import Findings
from pilesim.trace.events import Header
from pilesim.units import MS, S, local_datetime, parse_duration_ns
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named

CALLS_AT_ONCE = 16
"""Calls of the platform's API that are made at the same time; more wait."""
_LOOK_UP_NS = 100 * MS
"""So often, in the computer's time, it is looked whether to stop, or what is due for all."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Every line is lost at `at_ns` and cannot be had for `for_ns`; then all dial again."""

    at_ns: int
    for_ns: int


def parse_storm(text: str) -> Storm:
    """The storm in `at=10m for=30s`; UsageError says what was expected."""
    said = dict(word.partition("=")[::2] for word in text.split())
    try:
        if sorted(said) != ["at", "for"]:
            raise ValueError("both at and for")
        return Storm(parse_duration_ns(said["at"]), parse_duration_ns(said["for"]))
    except ValueError as error:
        raise UsageError(f"--storm: expected such as 'at=10m for=30s', found {text!r}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """What is played. Durations are the world's."""

    url: str
    """tcp://host:port"""
    plans: tuple[PilePlan, ...]
    protocol: str
    seed: int
    clock_rate: float
    world_start_ns: int
    captures: Path
    """Where the recordings go."""
    api: PlatformApi | None = None
    """How the platform is told to scan, start and stop; None: nobody can."""
    ramp_ns: int = 0
    """Over so long the piles are switched on, one after the other."""
    storms: tuple[Storm, ...] = ()
    for_ns: int | None = None
    """None: until told to stop."""
    watch: bool = True
    """Whether some piles are judged while they live."""


def play_site(options: SiteOptions, figures: Figures, stop: Callable[[], bool]) -> dict[str, Path]:
    """Play until `for_ns`, or until `stop` says so: the recordings, by the pile's number.

    `figures` are kept up meanwhile. RigError where there is no room for so many connections, or the disk fails.
    """
    link = link_of(options.url)
    if not isinstance(link, TcpDial):
        raise UsageError(f"expected a platform that many piles can dial, tcp://host:port; found {options.url!r}")
    parts = urlsplit(options.url)
    assert parts.hostname is not None and parts.port is not None
    make_room(len(options.plans))
    with ExitStack() as stack:
        links = DialMany(parts.hostname, parts.port)
        stack.callback(links.close)
        findings = stack.enter_context(_watched(options, figures))
        recordings = stack.enter_context(Recordings(options.captures, findings))
        stack.enter_context(_undisturbed_by_rubbish())
        calls = None
        if options.api is not None:
            calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="platform-api")
            stack.callback(calls.shutdown, wait=False, cancel_futures=True)
        _Run(options, figures, links, recordings, calls).live(stop)
    return {pile: recordings.path_of(pile) for pile in recordings.written}


@contextmanager
def _watched(options: SiteOptions, figures: Figures) -> Iterator[Callable[..., None]]:
    if not options.watch:
        yield lambda batch: None
        return

    def found(rules: Counter[str]) -> None:
        figures.findings.update(rules)
        figures.watched = len(findings.watched)

    with Findings(found) as findings:
        yield findings.see


@contextmanager
def _undisturbed_by_rubbish() -> Iterator[None]:
    """To look through a thousand piles for rubbish takes longer than a timer may be late."""
    try:
        yield
    finally:
        gc.unfreeze()


class _Run:
    def __init__(
        self,
        options: SiteOptions,
        figures: Figures,
        links: DialMany,
        recordings: Recordings,
        calls: ThreadPoolExecutor | None,
    ) -> None:
        protocol = protocol_named(options.protocol)
        self._options = options
        self._recordings = recordings
        self._clock = RealClock(options.clock_rate)
        around = Surroundings(
            protocol=protocol,
            contract=contract_of(protocol.name),
            links=links,
            figures=figures,
            world_start_ns=options.world_start_ns,
            seed=options.seed,
            rate=options.clock_rate,
            api=options.api,
            calls=calls,
            see=recordings.see,
            replies=replies_of(protocol),
        )
        self._seats = [PileSeat(key, plan, self._header(plan), around) for key, plan in enumerate(options.plans)]
        self._loop = Loop(self._clock, options.clock_rate, links, self._seats.__getitem__)
        figures.lateness = self._loop.lateness
        self._storms = sorted(options.storms, key=lambda storm: storm.at_ns)

    def _header(self, plan: PilePlan) -> Header:
        protocol = protocol_named(self._options.protocol)
        return Header(
            start=local_datetime(self._options.world_start_ns).isoformat(),
            protocol=protocol.name,
            dialect=protocol.overlay,
            pile=plan.number,
            guns=plan.profile.guns,
            # What is handed to the platform's socket has reached it, as on any line that is ours.
            ends=(End.PLATFORM,),
            target=f"sim:{plan.profile.name}",
            seed=self._options.seed,
            not_applicable=outpaced(self._options.clock_rate),
        )

    def live(self, stop: Callable[[], bool]) -> None:
        look_ns = int(_LOOK_UP_NS * self._options.clock_rate)
        on = 0
        while not stop():
            now_ns = self._clock.now_ns()
            if self._options.for_ns is not None and now_ns >= self._options.for_ns:
                break
            on = self._switch_on(on, now_ns)
            self._break_lines(now_ns)
            self._recordings.check()
            until_ns = min(now_ns + look_ns, *self._due_for_all_ns(on), self._options.for_ns or now_ns + look_ns)
            self._loop.turn(until_ns)
        now_ns = self._clock.now_ns()
        for seat in self._seats:
            seat.end(now_ns)

    def _due_for_all_ns(self, on: int) -> list[int]:
        switched = [self._on_ns(on)] if on < len(self._seats) else []
        return [*switched, *(storm.at_ns for storm in self._storms[:1])]

    def _on_ns(self, key: int) -> int:
        return self._options.ramp_ns * key // len(self._seats)

    def _switch_on(self, on: int, now_ns: int) -> int:
        """Switch on whoever is due; how many are on."""
        before = on
        while on < len(self._seats) and self._on_ns(on) <= now_ns:
            seat = self._seats[on]
            seat.switch_on(now_ns)
            self._loop.settle(seat, now_ns)
            on += 1
        if before < on == len(self._seats):
            gc.freeze()
        return on

    def _break_lines(self, now_ns: int) -> None:
        while self._storms and self._storms[0].at_ns <= now_ns:
            storm = self._storms.pop(0)
            for seat in self._seats:
                seat.take_line(now_ns, storm.for_ns)
                self._loop.settle(seat, now_ns)


def figures_text(figures: Figures) -> dict[str, str]:
    """The figures as a result file keeps them, name to text."""
    return {
        "piles": f"{figures.switched_on} of {figures.piles} switched on",
        "connections": f"{figures.connects} made, {figures.lost} lost, {figures.refused} dials in vain",
        "frames": f"{figures.frames_up} up, {figures.frames_down} down",
        "answers": spread_text(figures.answers.percentile_ns(50), figures.answers.percentile_ns(99)),
        "timers late by": spread_text(figures.lateness.percentile_ns(50), figures.lateness.percentile_ns(99)),
        "visits": ", ".join(f"{count} {what}" for what, count in sorted(figures.visits.items()) if count) or "none",
        "failed calls": f"{figures.calls_failed}",
        **({"last failure": figures.last_failure} if figures.last_failure else {}),
    }


def spread_text(median_ns: int | None, high_ns: int | None) -> str:
    """Two percentiles for a person."""
    if median_ns is None or high_ns is None:
        return "none"
    return f"p50 {_short(median_ns)}, p99 {_short(high_ns)}"


def _short(ns: int) -> str:
    return f"{ns / S:.1f}s" if ns >= S else f"{ns / MS:.1f}ms"
