"""What `pilesim pile` and `pilesim platform` share: a live view of one end of a real line, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from pilesim.cli.options import F, clock_rate_option, console, protocol_option, seed_option
from pilesim.cli.scenarios import one_scenario
from pilesim.conformance.judged import judged
from pilesim.conformance.live import LiveOptions, play_live
from pilesim.conformance.result import EXIT_CODES
from pilesim.errors import UsageError
from pilesim.pile.profiles import Profile
from pilesim.report.text import print_scenario
from pilesim.report.timeline import Routine, Teller, print_entry
from pilesim.rig.bench import Bench
from pilesim.trace.events import AnyEvent, Note
from pilesim.wire.frame import End


def live_options(function: F) -> F:
    """The options of both commands, in the words that `play` takes them by."""
    for option in reversed(
        (
            click.option("--script", metavar="SCENARIO", help="Play this end's steps, wait for the other's."),
            protocol_option,
            seed_option,
            clock_rate_option,
            click.option("--capture", type=click.Path(dir_okay=False, path_type=Path), help="Record the line here."),
            click.option("--all", "everything", is_flag=True, help="Show routine heartbeats and replies too."),
        )
    ):
        function = option(function)
    return function


def play(
    *,
    url: str,
    protocol: str,
    seed: int,
    clock_rate: float,
    script: str | None,
    capture: Path | None,
    firmware: Profile | None,
    number: str,
    everything: bool,
) -> int:
    """Play one end, told line by line; with a script, judge what was recorded. The exit code."""
    out = console()
    scenario = one_scenario(script) if script else None
    options = LiveOptions(
        url=url,
        protocol=protocol,
        seed=seed,
        clock_rate=clock_rate,
        world_start_ns=scenario.start_ns if scenario else time.time_ns(),
        firmware=firmware,
        number=number,
        script=scenario,
    )
    end = End.PILE if firmware is not None else End.PLATFORM

    def opened(bench: Bench) -> None:
        name = bench.pile_end if end is End.PLATFORM else bench.platform_end
        out.print(url if name == url else f"{url} is {name}", soft_wrap=True)

    try:
        with capture.open("w", encoding="utf-8", newline="\n") if capture else nullcontext() as sink:
            trace = play_live(options, sink=sink, opened=opened, see=_printer(out, options, end, everything))
    except OSError as error:
        raise UsageError(f"{capture}: expected a file that can be written: {error.strerror}") from None
    if scenario is None:
        return 0
    result = judged(trace, title=scenario.title, file=scenario.file, strict=False, repeat=f"--script {scenario.id}")
    print_scenario(out, result, strict=False)
    return EXIT_CODES[result.verdict]


def _printer(out: Console, options: LiveOptions, end: End, everything: bool) -> Callable[[AnyEvent], None]:
    """Prints each event as it comes: as the time line of `end`, with the script's steps between."""
    teller = Teller(options.protocol, options.world_start_ns, end)
    routine = Routine()

    def see(event: AnyEvent) -> None:
        if isinstance(event, Note) and event.line:
            out.print(f"[dim]{options.script.id if options.script else ''}:{event.line} {escape(event.text)}[/]")
        for entry in teller.tell(event):
            if everything or not routine.has_seen(entry):
                print_entry(out, entry)

    return see
