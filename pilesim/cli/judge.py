"""`pilesim judge`: the same rules on a recording, or on any log of bytes."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import replace

from pilesim import __version__
from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.options import console
from pilesim.cli.report import report_options, writable, write_reports
from pilesim.conformance.judged import judged
from pilesim.conformance.result import EXIT_CODES, RunResult, heard_facts
from pilesim.report.text import print_rules, print_scenario
from pilesim.rules.verdict import Verdict
from pilesim.scenario.view import View
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("capture", metavar="LOG", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@report_options
@click.option("--rules", "all_rules", is_flag=True, help="Print every rule's verdict, with its margin or reason.")
@log_options
def command(
    capture: Path, strict: bool, all_rules: bool, junit_file: Path | None, html_file: Path | None, wishes: Wishes
) -> int:
    """Give the verdict on a recording: the same as the run gave that made it.

    LOG is a capture of pilesim's, or any other log of the line's bytes: packets (pcap, pcapng), lines of hex, a serial
    sniffer's. What such a log is worth and what it does not hold is said first; findings name its lines.
    """
    imported = load_log(capture, dated(capture, wishes))
    trace = imported.trace
    writable(junit_file, html_file)
    header = trace.header
    result = judged(
        trace,
        title="",
        # The steps that were recorded have the lines of their scenario, and none of the recording.
        file=f"{header.scenario}.yaml" if header.scenario else _lines_of(capture, header.source, imported.own),
        strict=strict,
        repeat=shlex.join(["pilesim", "judge", str(capture), *(["--strict"] if strict else []), *_said(wishes)]),
    )
    view = View(protocol_named(header.protocol), header.ends[-1])
    for event in trace.events:
        view.see(event)
    result = replace(result, heard=view.heard)
    out = console()
    print_import(out, str(capture), imported)
    print_scenario(out, result, strict)
    if header.source:
        open_rules = sum(row.verdict is Verdict.INCONCLUSIVE for row in result.rules)
        out.print(f"{open_rules} of {len(result.rules)} rules stay open by this log: --rules says why", soft_wrap=True)
    if all_rules:
        print_rules(out, result)
    run = RunResult(
        pilesim=__version__,
        seed=header.seed,
        pile=header.target or header.pile or str(capture),
        protocol=header.protocol,
        dialect=header.dialect,
        provisional=protocol_named(header.protocol).provisional,
        strict=strict,
        verdict=result.verdict,
        scenarios=(result,),
        facts={
            "recording": str(capture),
            "recorded at the": " and the ".join(header.ends) if header.vantage is None else header.vantage,
            **heard_facts([result]),
        },
    )
    write_reports([run], lambda run, result: trace, junit_file=junit_file, html_file=html_file)
    return EXIT_CODES[result.verdict]


def _lines_of(capture: Path, source: str, own: bool) -> str:
    """The file whose lines the findings name: a capture that was imported keeps the lines of its log."""
    return source if own and source else str(capture)


def _said(wishes: Wishes) -> list[str]:
    """The options again that told what the log does not."""
    usual = Wishes()
    words: list[str] = []
    for option, value, default in (
        ("form", wishes.form, usual.form),
        ("protocol", wishes.protocol, usual.protocol),
        ("vantage", wishes.vantage, usual.vantage),
        ("pile", wishes.pile, usual.pile),
        ("stream", wishes.stream, usual.stream),
        ("year", wishes.year, usual.year),
        ("day", wishes.day, usual.day),
        ("tz", f"{datetime(2000, 1, 1, tzinfo=wishes.zone):%z}", f"{datetime(2000, 1, 1, tzinfo=usual.zone):%z}"),
        ("order", wishes.order, usual.order),
    ):
        if value != default:
            words += [f"--{option}", str(value)]
    return words
