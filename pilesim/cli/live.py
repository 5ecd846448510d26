"""What `pilesim pile`, `pilesim platform` and `pilesim tap` share: a live view of a real line, and its end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.markup import escape

from pilesim.cli.console import console
from pilesim.cli.ending import told_to_stop
from pilesim.cli.files import FILE
from pilesim.cli.options import F, clock_rate_option, protocol_option, seed_option
from pilesim.cli.scenarios import one_scenario
from pilesim.conformance.judged import Recording, judged
from pilesim.conformance.live import LiveOptions, play_live
from pilesim.conformance.result import EXIT_CODES
from pilesim.errors import RigError
from pilesim.pile.profiles import Profile
from pilesim.report.text import print_scenario
from pilesim.report.timeline import Routine, Teller, print_entry
from pilesim.rig.bench import Bench
from pilesim.rig.impairments import Impairment
from pilesim.rig.scribe import capture_file
from pilesim.trace.events import AnyEvent, LineUp, Note

script_option = click.option("--script", metavar="SCENARIO", help="Play this end's steps, wait for the other's.")

pile_number_option = click.option(
    "--pile-number", "number", default="", metavar="DIGITS", help="Where piles dial in, hang up any but this one."
)


def live_options(function: F) -> F:
    """The options of all three commands, in the words that `play` takes them by."""
    for option in reversed(
        (
            protocol_option,
            seed_option,
            clock_rate_option,
            click.option("--capture", type=FILE, help="Record the line here."),
            click.option("--all", "everything", is_flag=True, help="Show routine heartbeats and replies too."),
        )
    ):
        function = option(function)
    return function


def play(
    *,
    pile: Profile | str,
    platform: str | None,
    protocol: str,
    seed: int,
    clock_rate: float,
    capture: Path | None,
    everything: bool,
    script: str | None = None,
    number: str = "",
    impairments: tuple[Impairment, ...] = (),
    for_ns: int | None = None,
    strict: bool = False,
) -> int:
    """Play one end, or tap two, told line by line; judge what was recorded by a script or a tap. The exit code."""
    out = console(lasting=True)
    scenario = one_scenario(script) if script else None
    options = LiveOptions(
        pile=pile,
        platform=platform,
        protocol=protocol,
        seed=seed,
        clock_rate=clock_rate,
        world_start_ns=scenario.start_ns if scenario else time.time_ns(),
        number=number,
        script=scenario,
        impairments=impairments,
        until_ns=for_ns,
    )

    def opened(bench: Bench) -> None:
        ends = ((options.pile, bench.pile_end), (options.platform, bench.platform_end))
        for url, name in ends:
            if isinstance(url, str):
                out.print(escape(url if name == url else f"{url} is {name}"), soft_wrap=True)

    with ExitStack() as stack:
        if scenario is None and options.own_end is None:
            return _tapped(stack, out, options, capture, everything, opened, strict)
        sink = stack.enter_context(capture_file(capture)) if capture else None
        told = stack.enter_context(told_to_stop())
        viewer = partial(_viewer, options, everything)
        trace = play_live(options, sink=sink, opened=opened, viewer=viewer, stop=lambda: told() > 0)
        return 0 if scenario is None else _verdict(out, trace, options, capture, strict)


def _tapped(
    stack: ExitStack,
    out: Console,
    options: LiveOptions,
    capture: Path | None,
    everything: bool,
    opened: Callable[[Bench], None],
    strict: bool,
) -> int:
    """A tap stands there for days: what passes is in a file only, and judged from it. The exit code."""
    path = capture or Path(stack.enter_context(TemporaryDirectory(prefix="pilesim-"))) / "tap.jsonl"
    sink = stack.enter_context(capture_file(path))
    told = stack.enter_context(told_to_stop())
    viewer = partial(_viewer, options, everything)
    play_live(options, sink=sink, opened=opened, viewer=viewer, stop=lambda: told() > 0)
    # Only a tap reads again what it has written, and that at its end.
    from pilesim.trace.importers.imported import Wishes  # noqa: PLC0415
    from pilesim.trace.importers.load import StreamedLog  # noqa: PLC0415

    recording = StreamedLog(path, Wishes(form="capture"))
    last = ""
    for event in recording.events:
        if isinstance(event, LineUp):
            return _verdict(out, recording, options, capture, strict)
        if isinstance(event, Note):
            last = f": {event.text}"
    raise RigError(f"{options.pile}: nobody connected{last}")


def _verdict(out: Console, trace: Recording, options: LiveOptions, capture: Path | None, strict: bool) -> int:
    scenario = options.script
    if scenario is not None:
        title, file, repeat = scenario.title, scenario.file, click.get_current_context().obj
    elif capture is not None:
        title, file, repeat = "", str(capture), f"pilesim judge {shlex.quote(str(capture))}"
    else:
        title, file, repeat = "", "tap", "pilesim judge FILE, for a tap with --capture FILE"
    result = judged(trace, title=title, file=file, strict=strict, repeat=repeat)
    print_scenario(out, result, strict=strict)
    return EXIT_CODES[result.verdict]


def _viewer(options: LiveOptions, everything: bool) -> Callable[[AnyEvent], None]:
    """Prints each event as it comes: as the time line of the end that is ours, with the script's steps between."""
    out = console(lasting=True)
    teller = Teller(options.protocol, options.world_start_ns, options.own_end)
    routine = Routine()

    def see(event: AnyEvent) -> None:
        if isinstance(event, Note) and event.line:
            out.print(f"[dim]{options.script.id if options.script else ''}:{event.line} {escape(event.text)}[/]")
        for entry in teller.tell(event):
            if everything or not routine.has_seen(entry):
                print_entry(out, entry)

    return see
