"""Runs scenarios on a rig and judges what was recorded.

Owns one scenario's run from the pile's boot to the verdict. Must not know output formats: who wants to show
progress is told of each scenario as it begins and ends.
"""

from __future__ import annotations

import io
import os
import shlex
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType

import msgspec

from pilesim import __version__
from pilesim.conformance.applicable import fitted, unprovable, why_not
from pilesim.conformance.expected import Expected
from pilesim.conformance.judged import judged
from pilesim.conformance.result import RunResult, ScenarioResult, heard_facts, worst
from pilesim.contract.contracts import contract_of
from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import EncodingError, InternalError, PilesimError, RigError, UsageError
from pilesim.faulty import Mishap
from pilesim.library import scenario_folder
from pilesim.pile.profiles import Profile
from pilesim.platform.settings import Card, Settings, check_tariff
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import RealClock, VirtualClock, present_ns
from pilesim.rig.desk import ApiDesk
from pilesim.rig.firmware import platform_faults, profile_of
from pilesim.rig.hands import RigHands
from pilesim.rig.impairments import Impairment, impairment_text
from pilesim.rig.operator import Operator, Silence, Terminal
from pilesim.rig.relay import Relay
from pilesim.rig.rigfile import Rig, plain_rig
from pilesim.rig.scribe import capture_file
from pilesim.rig.signs import Signs
from pilesim.rig.stimuli import Hands, SimulatedHands
from pilesim.rig.targets import LinkTarget, SimLink, SimTarget, Target, port_facts, wire_ns_per_byte
from pilesim.rules.verdict import Verdict
from pilesim.scenario.player import NOBODY_CONNECTED, READY_NS, SETTLING_NS, Player
from pilesim.scenario.scenario import PlatformSettings, Scenario
from pilesim.scenario.view import View
from pilesim.spread import hired
from pilesim.trace.events import AnyEvent, Finish, Header, Trace
from pilesim.trace.recorder import Recorder, TextSink
from pilesim.units import HOUR, format_duration, local_datetime
from pilesim.wire.dialects import travelling
from pilesim.wire.frame import End
from pilesim.wire.protocol import FRAMES_REMEMBERED, Protocol, protocol_named

_PILE_NUMBER = "44030500040000200026"
"""The pile number of a simulated pile: the field's own, of szds-33."""
REFERENCE_PLATFORM = SimTarget(url="sim:reference", profile="reference")
NOTHING_DONE: Mapping[str, ScenarioResult] = MappingProxyType({})
NO_FILES: Mapping[str, str] = MappingProxyType({})
_SLACK_NS = 6 * HOUR
"""Past a scenario's own estimate: its conditions have deadlines, so only a fault of ours takes longer."""


def simulated_number(protocol: Protocol) -> str:
    """The number of a simulated pile, with as many digits as the protocol has."""
    return _PILE_NUMBER[: protocol.pile_digits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for; `target` is the pile under test."""

    target: Target
    protocol: str
    seed: int
    platform: SimTarget = REFERENCE_PLATFORM
    impairments: tuple[Impairment, ...] = ()
    """Of the line, from the beginning of each scenario, beside the scenario's own."""
    strict: bool = False
    timeout_scale: float = 1.0
    clock_rate: float = 1.0
    captures: Path | None = None
    """The folder in which each scenario's capture is kept; None keeps none."""
    pile_number: str = ""
    """Of a pile on a URL; "" takes the rig's."""
    rig: Rig | None = None
    """Who does what at the pile, and what it claims; None: as `plain_rig` has it for the target."""
    terminal: Terminal | None = field(default_factory=Silence)
    """Where an operator is told what to do, and says that it is done; None: no operator is there."""
    watch: Callable[[AnyEvent], None] | None = None
    """Sees every event as it is recorded."""
    opened: Callable[[str], None] | None = None
    """Is told the name of the port at the pile's end, once it is there."""
    expected: Expected = field(default_factory=dict)
    """Failures that are known."""
    expect_file: str = ""
    """Where they are told."""

    @property
    def bench_rig(self) -> Rig:
        return self.rig or plain_rig(self.target)

    @property
    def expected_number(self) -> str:
        """Of the pile on a URL; "" takes whatever number it tells."""
        return self.pile_number or self.bench_rig.number


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario played: what was recorded, what the rules say of it, and which faults took effect."""

    trace: Trace
    result: ScenarioResult
    mishaps: tuple[Mishap, ...]


def run_all(
    scenarios: list[Scenario],
    options: Options,
    *,
    begun: Callable[[Scenario, RunResult], None] = lambda scenario, so_far: None,
    ended: Callable[[ScenarioResult, RunResult], None] = lambda result, so_far: None,
    done: Mapping[str, ScenarioResult] = NOTHING_DONE,
    scheduler: str = "",
) -> RunResult:
    """Run `scenarios` but those that are `done`, by id; `begun` and `ended` are told of each, in their order, with the
    result so far.

    On a real line they run one after the other; in virtual time, where only the processor is busy, side by side, on
    the cluster at `scheduler` where one is named. UsageError where that is asked of a real line.
    """
    if scheduler and not in_memory(options):
        raise UsageError(f"--scheduler: expected a pile in virtual time, found {options.target.url!r} on a real line")
    planned = tuple(scenario.id for scenario in scenarios)
    results = [done[name] for name in planned if name in done]
    files = {scenario.id: scenario.file for scenario in scenarios if _word_of(scenario) != scenario.id}
    left = [scenario for scenario in scenarios if scenario.id not in done]
    with ExitStack() as stack:
        running = _side_by_side(left, options, scheduler, stack) if in_memory(options) else None
        for scenario in left:
            begun(scenario, run_result(results, planned, options, files))
            result = result_of(scenario, options) if running is None else next(running)
            results.append(result)
            ended(result, run_result(results, planned, options, files))
    return run_result(results, planned, options, files)


def run_result(
    results: Sequence[ScenarioResult], planned: tuple[str, ...], options: Options, files: Mapping[str, str] = NO_FILES
) -> RunResult:
    """The run as far as it has come; `files` are those of the scenarios that do not travel with pilesim, by id."""
    protocol = protocol_named(options.protocol)
    return RunResult(
        pilesim=__version__,
        seed=options.seed,
        pile=options.target.url,
        protocol=protocol.name,
        dialect=protocol.overlay,
        provisional=protocol.provisional,
        strict=options.strict,
        verdict=worst(result.verdict for result in results),
        scenarios=tuple(results),
        planned=planned,
        files=dict(files),
        facts={**port_facts(options.target), **options.bench_rig.facts, **heard_facts(results)},
    )


def _side_by_side(
    scenarios: list[Scenario], options: Options, scheduler: str, stack: ExitStack
) -> Iterator[ScenarioResult]:
    """The results in the scenarios' order, by as many processes as there are processors, the longest begun first."""
    crew = stack.enter_context(hired(max(1, min(os.cpu_count() or 1, len(scenarios))), scheduler))
    longest_first = sorted(range(len(scenarios)), key=lambda number: scenarios[number].estimate_ns, reverse=True)
    # In this process nobody waits for the longest, and what is told of each scenario comes while it is played.
    first = () if crew.here else longest_first
    work = travelling(partial(_result_and_capture, options), options.protocol)
    played = crew.in_order(work, scenarios, lambda scenario: scenario.id, first)
    for scenario, (result, capture) in zip(scenarios, played, strict=True):
        if capture:
            with _sink(scenario, options) as (sink, _):
                assert sink is not None
                sink.write(capture)
        yield result


def _result_and_capture(options: Options, scenario: Scenario) -> tuple[ScenarioResult, str]:
    """The result and the text of the capture, which is kept where it was asked for: the folder may not be here."""
    sink = io.StringIO()
    return result_of(scenario, options, sink), sink.getvalue()


def why_unplayed(scenario: Scenario, options: Options) -> str:
    """Why `scenario` is not applicable here, in a sentence; "" where it is."""
    return unprovable(scenario, protocol_named(options.protocol), contract_of(options.protocol)) or why_not(
        scenario, options.target, options.bench_rig, options.terminal
    )


def result_of(scenario: Scenario, options: Options, sink: TextSink | None = None) -> ScenarioResult:
    """The result of a scenario, even where this program fails in it: the others are still run. `sink` as below."""
    reason = why_unplayed(scenario, options)
    if reason:
        return _unplayed(scenario, options, Verdict.NOT_APPLICABLE, reason)
    try:
        return run_scenario(scenario, options, sink).result
    except PilesimError as error:
        if not isinstance(error, EncodingError | InternalError):
            raise
        return _unplayed(scenario, options, Verdict.ERROR, str(error))
    except Exception:  # whatever it is, it is a fault of this program, to be shown as one
        return _unplayed(scenario, options, Verdict.ERROR, traceback.format_exc())


def _unplayed(scenario: Scenario, options: Options, verdict: Verdict, reason: str) -> ScenarioResult:
    """The result of a scenario that was not played, or not to its end."""
    return ScenarioResult(
        id=scenario.id,
        title=scenario.title,
        case=scenario.case,
        file=scenario.file,
        verdict=verdict,
        reason=reason,
        rules=(),
        line={},
        waited_in_vain=(),
        world_ns=0,
        repeat=repeat_command(_word_of(scenario), options),
    )


def run_scenario(scenario: Scenario, options: Options, sink: TextSink | None = None) -> Run:
    """Play one scenario and judge it. RigError where the port fails; what was recorded until then is kept.

    A capture that is to be kept is written to `sink`, where one is given, in place of its file.
    """
    protocol = protocol_named(options.protocol)
    # The judge reads them all again when it is over.
    protocol.remember(FRAMES_REMEMBERED)
    target, rig = options.target, options.bench_rig
    # A real platform's clock runs at 1, and what it tells the pile is held against this world's.
    scenario = fitted(scenario, rig, present_ns(1 if rig.platform is not None else options.clock_rate))
    if rig.platform is None:
        check_tariff(settings_of(scenario.platform).tariff, protocol, f"{scenario.file}: platform: tariff")
    simulated = isinstance(target, SimTarget)
    profile = profile_of(target) if isinstance(target, SimTarget) else None
    header = Header(
        start=local_datetime(scenario.start_ns).isoformat(),
        protocol=protocol.name,
        dialect=protocol.overlay,
        pile=simulated_number(protocol) if simulated else options.expected_number,
        guns=profile.guns if profile else rig.guns,
        target=target.url,
        scenario=scenario.id,
        case=scenario.case,
        proves=scenario.proves,
        seed=options.seed,
        stimuli=simulated,
        timers=scenario.platform.auto or rig.platform is not None,
        connectionless=target.connectionless,
        wire_ns_per_byte=wire_ns_per_byte(
            target.url if isinstance(target, LinkTarget) else None,
            rig.platform.url if rig.platform is not None else None,
            options.clock_rate,
        ),
        not_applicable={**rig.not_applicable, **(outpaced(options.clock_rate) if rig.platform is not None else {})},
        limits=dict(rig.limits),
    )
    with _sink(scenario, options, sink) as (written, capture):
        recorder = Recorder(header, written)
        view = View(protocol, End.PLATFORM if rig.platform is None else End.PILE)
        mishaps = _play(scenario, options, protocol, profile, recorder, view)
    trace = recorder.trace()
    result = judged(
        trace,
        title=scenario.title,
        file=scenario.file,
        strict=options.strict,
        repeat=repeat_command(_word_of(scenario), options),
        capture=capture,
        expected=options.expected.get(scenario.id, {}),
    )
    return Run(trace, msgspec.structs.replace(result, heard=view.heard), mishaps)


@contextmanager
def _sink(scenario: Scenario, options: Options, given: TextSink | None = None) -> Iterator[tuple[TextSink | None, str]]:
    """Where the capture goes, and what its file is called, if it is to be kept."""
    if options.captures is None:
        yield None, ""
        return
    path = options.captures / f"{scenario.id.replace('/', '-')}.jsonl"
    if given is not None:
        yield given, str(path)
        return
    try:
        options.captures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{options.captures}: expected a folder for captures: {error.strerror}") from None
    with capture_file(path) as sink:
        yield sink, str(path)


def _play(
    scenario: Scenario, options: Options, protocol: Protocol, profile: Profile | None, recorder: Recorder, view: View
) -> tuple[Mishap, ...]:
    """From the pile's boot to the last reply; which faults of the simulated ends took effect."""
    target, rig = options.target, options.bench_rig
    recorder.observers.append(view.see)
    if options.watch is not None:
        recorder.observers.append(options.watch)
    bench = make_bench(
        protocol=protocol,
        world_start_ns=scenario.start_ns,
        pile=_pile_end(target, profile, protocol, options.seed, scenario.pile.clock_error_ns),
        platform=rig.platform.url
        if rig.platform is not None
        else ReferencePlatform(
            settings=settings_of(scenario.platform), seed=options.seed, faults=platform_faults(options.platform)
        ),
        clock=VirtualClock() if in_memory(options) else RealClock(options.clock_rate),
        recorder=recorder,
        seed=options.seed,
        impairments=options.impairments,
        expected_number=options.expected_number,
    )
    if options.opened is not None:
        options.opened(bench.pile_end)
    hands = _hands(scenario, options, protocol, recorder, bench)
    desk = (
        ApiDesk(rig.platform, recorder.header.pile, options.clock_rate) if rig.platform is not None else bench.session
    )
    try:
        for participant in (hands, desk):
            if isinstance(participant, RigHands | ApiDesk):
                bench.pump.add(participant)
        act_wait_ns = int(rig.operator_wait_ns * options.clock_rate)
        player = Player(
            scenario,
            protocol=protocol,
            pile=recorder.header.pile,
            view=view,
            recorder=recorder,
            hands=hands,
            desk=desk,
            indirect=rig.platform is not None,
            line=bench.line,
            timeout_scale=options.timeout_scale,
            act_wait_ns=act_wait_ns,
            needs_time=isinstance(target, LinkTarget) and rig.world_time,
        )
        bench.pump.add(player)
        slack_ns = READY_NS + _SLACK_NS + (1 + len(scenario.steps)) * act_wait_ns
        limit_ns = int((scenario.estimate_ns + slack_ns) * options.timeout_scale)
        bench.pump.run_until(lambda: player.done or bool(bench.line.vanished), limit_ns)
        now_ns = bench.clock.now_ns()
        if bench.line.vanished:
            recorder.record(Finish(t_ns=now_ns, reason=f"the port vanished: {bench.line.vanished}"))
            raise RigError(f"{target.url}: the port vanished in the middle of {scenario.id}: {bench.line.vanished}")
        reason = player.cut_short if player.done else f"it was not over after {format_duration(limit_ns)}"
        recorder.record(Finish(t_ns=now_ns, reason=reason))
        real = [target.url] if isinstance(target, LinkTarget) else []
        real += [rig.platform.url] if rig.platform is not None else []
        # Where the platform cannot be had the pile may just have dialled in, and will be hung up.
        if real and (player.cut_short == NOBODY_CONNECTED or (player.cut_short and not bench.line.met)):
            waited = format_duration(int((SETTLING_NS + READY_NS) * options.timeout_scale))
            why = f": {bench.line.refused}" if bench.line.refused else ""
            raise RigError(f"{' and '.join(real)}: {NOBODY_CONNECTED} within {waited}{why}")
    finally:
        for participant in (hands, desk):
            if isinstance(participant, RigHands | ApiDesk):
                participant.close()
        bench.close()
    ends = (bench.pile, bench.platform)
    return tuple(mishap for end in ends if end is not None for mishap in end.mishaps)


def _hands(scenario: Scenario, options: Options, protocol: Protocol, recorder: Recorder, bench: Bench) -> Hands:
    """Who does what at the pile: in virtual time the pile itself, else whom the rig names."""
    simulated = SimulatedHands(bench.pile, recorder) if bench.pile is not None else None
    if simulated is not None and in_memory(options):
        return simulated
    checks = f"Then checked: {', '.join(scenario.proves)}." if scenario.proves else ""
    signs = Signs(recorder, protocol)
    somebody = options.terminal if simulated is None else None
    return RigHands(
        options.bench_rig.hands,
        operator=Operator(recorder, signs, somebody, checks) if somebody is not None else None,
        simulated=simulated,
        relay=Relay(recorder, signs, options.clock_rate),
        clock_rate=options.clock_rate,
    )


def _pile_end(
    target: Target, profile: Profile | None, protocol: Protocol, seed: int, clock_error_ns: int | None
) -> SimulatedPile | str:
    if isinstance(target, LinkTarget):
        return target.url
    assert profile is not None
    return SimulatedPile(
        profile=profile,
        number=simulated_number(protocol),
        seed=seed if target.seed is None else target.seed,
        link=target.link,
        clock_error_ns=clock_error_ns,
    )


def in_memory(options: Options) -> bool:
    """Whether nothing real takes part: time is virtual."""
    target = options.target
    virtual = isinstance(target, SimTarget) and target.link is SimLink.VIRTUAL
    return virtual and options.bench_rig.platform is None


def outpaced(clock_rate: float) -> dict[str, str]:
    """The rules by which a real platform cannot be judged in a world that is faster than its clock, with the reason."""
    if clock_rate == 1:
        return {}
    return {"platform.clock": f"this world runs {clock_rate:g} times as fast as the platform's clock"}


def settings_of(asked: PlatformSettings) -> Settings:
    """How the reference platform is set up where a scenario, or a test, asks for this."""
    return Settings(
        auto=asked.auto,
        cards=tuple(Card(str(card.account), card.balance) for card in asked.cards),
        tariff=asked.tariff.applied(DEFAULT_TARIFF),
    )


def _word_of(scenario: Scenario) -> str:
    """What the command line calls a scenario: one that travels with pilesim by its id, another by its file."""
    travels = scenario.file == f"{scenario.id}.yaml" and (scenario_folder() / scenario.file).is_file()
    return scenario.id if travels else scenario.file


_UNSAID = ("terminal", "watch", "opened", "captures", "expected")
"""Fields of Options that say where a run is shown and kept, and not what it is; `expected` goes by its file."""


def _said(options: Options) -> dict[str, tuple[str, ...]]:
    """What the command line says of each field of Options, whatever it holds, but for those that are `_UNSAID`."""
    rig = options.bench_rig
    return {
        "target": () if rig.file else ("--pile", options.target.url),
        "rig": ("--rig", rig.file) if rig.file else (),
        "seed": ("--seed", str(options.seed)),
        "protocol": ("--protocol", options.protocol),
        "platform": ("--platform", options.platform.url),
        "impairments": tuple(word for each in options.impairments for word in ("--impair", impairment_text(each))),
        "strict": ("--strict",),
        "timeout_scale": ("--timeout-scale", f"{options.timeout_scale:g}"),
        "clock_rate": ("--clock-rate", f"{options.clock_rate:g}"),
        "pile_number": ("--pile-number", options.pile_number),
        "expect_file": ("--expect", options.expect_file),
    }


def repeat_command(scenario: str, options: Options) -> str:
    """The command that runs one scenario again as this one was run: what is not at its default is said."""
    words = ["pilesim", "conform", scenario]
    for field_of, said in _said(options).items():
        if getattr(options, field_of) != _DEFAULTS[field_of]:
            words += said
    # A terminal is an object of the run; only that there is none was said.
    words += ["--no-operator"] if options.terminal is None else []
    return shlex.join(words)


_DEFAULTS = {each.name: each.default for each in fields(Options)}
