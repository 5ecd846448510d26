"""`pilesim judge`: the same rules on a recording."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pilesim.cli.options import console
from pilesim.conformance.judged import judged
from pilesim.conformance.result import EXIT_CODES
from pilesim.errors import UsageError
from pilesim.report.text import print_rules, print_scenario
from pilesim.trace.capture import read_capture


@click.command()
@click.argument("capture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@click.option("--rules", "all_rules", is_flag=True, help="Print every rule's verdict, with its margin or reason.")
def command(capture: Path, strict: bool, all_rules: bool) -> int:
    """Give the verdict on a recording: the same as the run gave that made it."""
    try:
        with capture.open(encoding="utf-8", newline="\n") as stream:
            trace = read_capture(stream, str(capture))
    except OSError as error:
        raise UsageError(f"{capture}: expected a capture: {error.strerror}") from None
    result = judged(
        trace, title="", file=str(capture), strict=strict, repeat=f"pilesim judge {shlex.quote(str(capture))}"
    )
    out = console()
    print_scenario(out, result, strict)
    if all_rules:
        print_rules(out, result)
    return EXIT_CODES[result.verdict]
