"""One end of a real line played alone: the simulated pile, or the reference platform, with a script or without.

Owns the joining of one simulated end with one URL. A script's steps of the other end are waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from pilesim.conformance.runner import PILE_NUMBER, settings_of
from pilesim.errors import RigError
from pilesim.link.urls import link_of
from pilesim.pile.profiles import Profile
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import RealClock
from pilesim.rig.stimuli import SimulatedHands
from pilesim.scenario.player import OTHER_END_NS, Player
from pilesim.scenario.scenario import Scenario
from pilesim.scenario.view import View
from pilesim.trace.events import AnyEvent, Finish, Header, Trace
from pilesim.trace.recorder import Recorder
from pilesim.units import DAY, local_datetime
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """`firmware` plays the pile's end, None the platform's; `url` is the real line to the other end."""

    url: str
    protocol: str
    seed: int
    clock_rate: float
    world_start_ns: int
    firmware: Profile | None = None
    number: str = PILE_NUMBER
    script: Scenario | None = None


def play_live(
    options: LiveOptions,
    *,
    sink: TextIO | None,
    opened: Callable[[Bench], None],
    see: Callable[[AnyEvent], None],
) -> Trace:
    """Play until the script is over, or, without one, until KeyboardInterrupt; RigError where the port fails.

    `sink` gets the capture, event by event; `opened` is told of the bench once its ports are there; `see` gets
    every event as it is recorded.
    """
    protocol = protocol_named(options.protocol)
    script = options.script
    own_end = End.PILE if options.firmware is not None else End.PLATFORM
    recorder = Recorder(
        Header(
            start=local_datetime(options.world_start_ns).isoformat(),
            protocol=protocol.name,
            pile=options.number if options.firmware is not None else "",
            guns=options.firmware.guns if options.firmware is not None else 0,
            target=options.url if options.firmware is None else f"sim:{options.firmware.name}",
            scenario=script.id if script else "",
            case=script.case if script else "",
            # The platform alone does not know what was done at the pile, so it cannot be asked to prove everything.
            proves=script.proves if script and own_end is End.PILE else (),
            seed=options.seed,
            stimuli=own_end is End.PILE,
            timers=own_end is End.PILE or script is None or script.platform.auto,
            connectionless=link_of(options.url).connectionless,
        ),
        sink,
    )
    view = View(protocol, own_end)
    recorder.observers += [view.see, see]
    bench = make_bench(
        protocol=protocol,
        world_start_ns=options.world_start_ns,
        pile=options.url
        if options.firmware is None
        else SimulatedPile(
            profile=options.firmware,
            number=options.number,
            seed=options.seed,
            clock_error_ns=script.pile.clock_error_ns if script else 0,
        ),
        platform=ReferencePlatform(settings=settings_of(script) if script else Settings(auto=True), seed=options.seed)
        if options.firmware is None
        else options.url,
        clock=RealClock(options.clock_rate),
        recorder=recorder,
        seed=options.seed,
    )
    reason = ""
    try:
        opened(bench)
        player = None
        if script is not None:
            player = Player(
                script,
                protocol=protocol,
                pile=options.number,
                view=view,
                recorder=recorder,
                hands=SimulatedHands(bench.pile, recorder) if bench.pile is not None else None,
                desk=bench.session,
                line=bench.line,
                ready_ns=OTHER_END_NS,
            )
            bench.pump.add(player)
        while not (player and player.done) and not bench.line.vanished:
            bench.pump.run_until(
                lambda: bool(bench.line.vanished) or (player is not None and player.done),
                bench.clock.now_ns() + DAY,
            )
        reason = player.unready if player else ""
        if bench.line.vanished:
            reason = f"the port vanished: {bench.line.vanished}"
            raise RigError(f"{options.url}: {reason}")
    except KeyboardInterrupt:
        reason = "broken off from the keyboard"
    finally:
        recorder.record(Finish(t_ns=bench.clock.now_ns(), reason=reason))
        bench.close()
    return recorder.trace()
