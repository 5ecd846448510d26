"""`pilesim`: the group of commands, and the one place where exceptions become exit codes.

Commands are imported only when called, so that `pilesim --help` is quick.
"""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click

from pilesim import __version__
from pilesim.cli.console import no_room, visible
from pilesim.cli.ending import stopping
from pilesim.errors import InternalError, PilesimError, UsageError
from pilesim.names import text_of

COMMANDS = {
    "conform": "Run the conformance scenarios against a pile, simulated or real.",
    "repro": "Play a field case and print its time line as the field saw it.",
    "explore": "Play random lives and faults, and reduce what breaks a rule.",
    "season": "Play a season of charges and print the field's tables from the ledger.",
    "judge": "Give the verdict on a recording or a log; of a folder of logs the field's tables.",
    "show": "Show a log line by line, with what the rules find in it; of one that grows too.",
    "convert": "Write a log in another form: a capture, packets for Wireshark, lines of hex.",
    "case": "Make a scenario that does again what a log tells.",
    "bill": "Say what each bill of a log should have been, with bounds.",
    "report": "Show result files as JUnit XML, or as one HTML page.",
    "rig": "Check a bench: what is heard of its pile, and what seems to be wrong.",
    "pile": "Put a simulated pile on a real line, or thousands against a platform.",
    "platform": "Put the reference platform on a real line.",
    "tap": "Stand between a real pile and a real platform: pass on, record, impair, judge.",
    "rules": "List the expectations, or explain one.",
    "faults": "List the faults of pile and platform; --matrix proves that the suite catches them.",
    "decode": "Show every field of frames given as hex or in a file.",
    "dissector": "Write a protocol's messages as a dissector for Wireshark.",
    "messages": "List a protocol's messages.",
}
"""Each command, its line of help; its code is the `command` of the module of that name beside this one."""

NOBODY_READS = 128 + 13
"""The exit code of a program that a shell's pipe has ended, as shells tell it."""
BROKEN_OFF = 128 + signal.SIGINT
"""That of one that was broken off by a key; where another signal did it, that one's."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help before their code is loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pilesim.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pilesim")
def pilesim() -> None:
    """Charging-pile simulator and conformance tester.

    Exit codes: 0 green; 1 a rule failed or a named rule was not proven; 2 usage, or a bad file; 3 the rig (port
    missing, taken or vanished, nobody connected); 4 a fault of this program; 5 nothing selected.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    _open_what_is_closed()
    ended: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        ended.append(number)
        raise KeyboardInterrupt

    # Whoever ends a program from outside, as a CI does, is to have what it has seen, as whoever presses a key has.
    for number in stopping():
        if number is not signal.SIGINT:
            signal.signal(number, end)
    code = run(arguments)
    if ended and code == BROKEN_OFF:
        code = 128 + ended[0]
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        # Python would try once more as it ends, and end with a code of its own.
        sys.stdout = None
        full = no_room(error)
        code = code or (_refused(UsageError(full)) if full else NOBODY_READS)
    sys.exit(code)


def _open_what_is_closed() -> None:
    """What is said where whoever called has closed a standard stream (`>&-`) goes nowhere, and the exit code stays.

    The next file that is opened would get its number, and what commands of the rig's say would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (as long as the program)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line; every PilesimError becomes one sentence on standard error.

    The commands find that line, as it was said, in their context's `obj`.
    """
    said = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for word in said:
            if text_of(word) != word:
                raise UsageError(f"expected words and names of files in UTF-8, found {word!r}")
        code: Any = pilesim.main(said, prog_name="pilesim", standalone_mode=False, obj=shlex.join(["pilesim", *said]))
    except click.ClickException as error:
        with suppress(OSError):  # as in `_refused`
            error.show()
        return error.exit_code
    except SystemExit:
        # click ends so where a reader of ours has hung up, and with the code of a failed rule.
        return NOBODY_READS
    except click.Abort:
        with suppress(OSError):  # the terminal may be gone
            click.echo("pilesim: broken off", err=True)
        return BROKEN_OFF
    except PilesimError as error:
        return _refused(error)
    except Exception as error:  # but for these a fault of this program: exit code 4, and all there is to find it
        why = no_room(error) or _too_long(error)
        if why:
            return _refused(UsageError(why))
        click.echo(f"pilesim: a fault of this program:\n{traceback.format_exc()}", err=True)
        return InternalError.exit_code
    return code if isinstance(code, int) else 0


def _too_long(error: Exception) -> str:
    """What to say of a name that no file can have, wherever it is first looked for; "" of any other error."""
    if isinstance(error, OSError) and error.filename and error.errno == errno.ENAMETOOLONG:
        return f"{error.filename}: expected the name of a file: {error.strerror}"
    return ""


def _refused(error: PilesimError) -> int:
    """Its sentence is told."""
    with suppress(OSError):  # where that cannot be written either, the exit code is left
        click.echo(f"pilesim: {visible(str(error))}", err=True)
    return error.exit_code
