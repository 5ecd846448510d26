"""`pilesim judge`: the same rules on a recording."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from msgspec.structs import replace

from pilesim import __version__
from pilesim.cli.options import console
from pilesim.cli.report import read_trace, report_options, writable, write_reports
from pilesim.conformance.judged import judged
from pilesim.conformance.result import EXIT_CODES, RunResult, heard_facts
from pilesim.report.text import print_rules, print_scenario
from pilesim.scenario.view import View
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("capture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@report_options
@click.option("--rules", "all_rules", is_flag=True, help="Print every rule's verdict, with its margin or reason.")
def command(capture: Path, strict: bool, all_rules: bool, junit_file: Path | None, html_file: Path | None) -> int:
    """Give the verdict on a recording: the same as the run gave that made it."""
    trace = read_trace(capture)
    writable(junit_file, html_file)
    result = judged(
        trace, title="", file=str(capture), strict=strict, repeat=f"pilesim judge {shlex.quote(str(capture))}"
    )
    header = trace.header
    view = View(protocol_named(header.protocol), header.ends[-1])
    for event in trace.events:
        view.see(event)
    result = replace(result, heard=view.heard)
    out = console()
    print_scenario(out, result, strict)
    if all_rules:
        print_rules(out, result)
    run = RunResult(
        pilesim=__version__,
        seed=header.seed,
        pile=header.target or header.pile or str(capture),
        protocol=header.protocol,
        provisional=protocol_named(header.protocol).provisional,
        strict=strict,
        verdict=result.verdict,
        scenarios=(result,),
        facts={"recording": str(capture), "recorded at the": " and the ".join(header.ends), **heard_facts([result])},
    )
    write_reports([run], lambda run, result: trace, junit_file=junit_file, html_file=html_file)
    return EXIT_CODES[result.verdict]
