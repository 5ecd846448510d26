"""A real line, live: one end of it played alone, with a script or without, or a tap between two real ends.

Owns the joining of a simulated end with a URL, or of two URLs. A script's steps of the other end are waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pilesim.conformance.runner import settings_of, simulated_number
from pilesim.errors import RigError
from pilesim.faulty import FaultChoice
from pilesim.link.urls import link_of
from pilesim.pile.profiles import Profile
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import RealClock
from pilesim.rig.impairments import Impairment
from pilesim.rig.onlooker import Look, Onlooker
from pilesim.rig.scribe import Scribe
from pilesim.rig.stimuli import SimulatedHands
from pilesim.rig.targets import wire_ns_per_byte
from pilesim.scenario.player import OTHER_END_NS, Player
from pilesim.scenario.scenario import Scenario
from pilesim.scenario.view import View
from pilesim.trace.events import Finish, Header, Trace
from pilesim.trace.recorder import Recorder, TextSink
from pilesim.units import S, local_datetime
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named

_LOOK_UP_S = 0.25
"""So often, in real time, it is looked whether to stop: a signal may fall anywhere, and must not cut a turn in two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What stands at the two ends, and what is done. At least one end is real; a script needs one that is not."""

    pile: Profile | str
    """The firmware that plays the pile, or the URL of a real one."""
    platform: str | None
    """The URL of a real platform; None: the reference platform."""
    protocol: str
    seed: int
    clock_rate: float
    world_start_ns: int
    number: str = ""
    """Of the pile that is played, "" takes the protocol's usual one; or of the one that may dial in, "" lets any."""
    script: Scenario | None = None
    impairments: tuple[Impairment, ...] = ()
    """Of the line, from the beginning."""
    until_ns: int | None = None
    """When to end, in the world's time; None: when told to stop."""

    @property
    def pile_number(self) -> str:
        return self.number or simulated_number(protocol_named(self.protocol))

    @property
    def own_end(self) -> End | None:
        """The end that is played here; None: a tap."""
        if isinstance(self.pile, Profile):
            return End.PILE
        return End.PLATFORM if self.platform is None else None

    @property
    def urls(self) -> tuple[str, ...]:
        """The real ends, the pile's first."""
        return tuple(url for url in (self.pile, self.platform) if isinstance(url, str))


def play_live(
    options: LiveOptions,
    *,
    sink: TextSink | None,
    opened: Callable[[Bench], None],
    viewer: Callable[[], Look],
    stop: Callable[[], bool],
) -> Trace:
    """Play until the script is over, until `until_ns`, or until `stop` says so; RigError where a port fails.

    `sink` gets the capture, a moment after each event; `opened` is told of the bench once its ports are there; what
    `viewer` makes gets every event after it was recorded, in a process of its own, so that it never keeps the line
    waiting.
    """
    protocol = protocol_named(options.protocol)
    script = options.script
    own_end = options.own_end
    # A pile, or a tap, may stand there for months: only a script has an end, and is judged from what is kept here.
    recorder = Recorder(header_of(options), keep=script is not None)
    view = View(protocol, own_end) if own_end is not None else None
    if view is not None:
        recorder.observers.append(view.see)
    settings = settings_of(script.platform) if script else Settings(auto=True)
    reason = ""
    with ExitStack() as stack:
        # The line only forwards and collects: showing has its own process, and writing its own thread.
        onlooker = stack.enter_context(Onlooker(viewer))
        clock_error_ns = script.pile.clock_error_ns if script else 0
        bench = bench_of(options, recorder, settings=settings, clock_error_ns=clock_error_ns)
        scribe = stack.enter_context(Scribe(recorder.header, sink)) if sink is not None else None
        if scribe is not None:
            recorder.observers.append(scribe.put)
        recorder.observers.append(onlooker.put)
        try:
            opened(bench)
            player = None
            if script is not None and view is not None:
                player = Player(
                    script,
                    protocol=protocol,
                    pile=options.pile_number if own_end is End.PILE else options.number,
                    view=view,
                    recorder=recorder,
                    hands=SimulatedHands(bench.pile, recorder) if bench.pile is not None else None,
                    desk=bench.session,
                    line=bench.line,
                    ready_ns=OTHER_END_NS,
                )
                bench.pump.add(player)
            _run(bench, player, options, lambda: stop() or (scribe is not None and scribe.failed is not None))
            # Whoever plays the other half of a script may leave, and take the port along, a moment before us.
            vanished = bool(bench.line.vanished) and not (player is not None and player.played)
            if player is not None and not vanished:
                reason = player.cut_short if player.done or player.played else "it was broken off"
            if vanished:
                reason = f"the port vanished: {bench.line.vanished}"
                raise RigError(reason)
        except KeyboardInterrupt:
            reason = "it was broken off"
            raise
        finally:
            recorder.record(Finish(t_ns=bench.clock.now_ns(), reason=reason))
            bench.close()
    return recorder.trace()


def bench_of(
    options: LiveOptions,
    recorder: Recorder,
    *,
    settings: Settings,
    faults: tuple[FaultChoice, ...] = (),
    clock_error_ns: int | None = 0,
) -> Bench:
    """Both ends, joined; RigError where a port cannot be had.

    `settings` and `faults` are those of the reference platform, `clock_error_ns` that of a simulated pile's clock
    when it is switched on, None where it is not set.
    """
    return make_bench(
        protocol=protocol_named(options.protocol),
        world_start_ns=options.world_start_ns,
        pile=options.pile
        if isinstance(options.pile, str)
        else SimulatedPile(
            profile=options.pile, number=options.pile_number, seed=options.seed, clock_error_ns=clock_error_ns
        ),
        platform=ReferencePlatform(settings=settings, seed=options.seed, faults=faults)
        if options.platform is None
        else options.platform,
        clock=RealClock(options.clock_rate),
        recorder=recorder,
        seed=options.seed,
        impairments=options.impairments,
        expected_number=options.number,
    )


def _run(bench: Bench, player: Player | None, options: LiveOptions, stop: Callable[[], bool]) -> None:
    """Pump until one of the ends that `play_live` names."""
    look_up_ns = int(_LOOK_UP_S * S * options.clock_rate)

    def over() -> bool:
        return bool(bench.line.vanished) or (player is not None and player.done)

    while not over() and not stop():
        now_ns = bench.clock.now_ns()
        if options.until_ns is not None and now_ns >= options.until_ns:
            return
        bench.pump.run_until(over, min(now_ns + look_up_ns, options.until_ns or now_ns + look_up_ns))


def header_of(options: LiveOptions) -> Header:
    """The first line of the recording."""
    script, own_end, firmware = options.script, options.own_end, options.pile
    return Header(
        start=local_datetime(options.world_start_ns).isoformat(),
        protocol=protocol_named(options.protocol).name,
        dialect=protocol_named(options.protocol).overlay,
        pile=options.pile_number if isinstance(firmware, Profile) else "",
        guns=firmware.guns if isinstance(firmware, Profile) else 0,
        target=f"sim:{firmware.name}" if isinstance(firmware, Profile) else firmware,
        scenario=script.id if script else "",
        case=script.case if script else "",
        # The platform alone does not know what was done at the pile, so it cannot be asked to prove everything.
        proves=script.proves if script and own_end is End.PILE else (),
        seed=options.seed,
        stimuli=own_end is End.PILE,
        timers=own_end is not End.PLATFORM or script is None or script.platform.auto,
        # Each side of a script begins a world of its own, so that what the other says of the time proves nothing here.
        not_applicable={"platform.clock": "the two sides of a script began at different times"}
        if script is not None and own_end is End.PILE
        else {},
        # What the pile's end is says what a lost connection means; only where we are the pile it is the other's.
        connectionless=link_of(options.urls[0]).connectionless,
        wire_ns_per_byte=wire_ns_per_byte(
            firmware if isinstance(firmware, str) else None, options.platform, options.clock_rate
        ),
    )
