"""`pilesim judge`: the same rules on a recording, or on any log of bytes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import replace
from rich.console import Console

from pilesim import __version__
from pilesim.cli.bar import reading
from pilesim.cli.console import console, tell
from pilesim.cli.files import FILE, writable, write_whole
from pilesim.cli.logs import dated, log_options, log_worth, print_import
from pilesim.cli.options import scheduler_option
from pilesim.cli.report import report_options, write_reports
from pilesim.conformance.judged import Recording, judged
from pilesim.conformance.result import EXIT_CODES, RunResult, ScenarioResult, encode_result, heard_facts
from pilesim.errors import UsageError
from pilesim.report.page import DEEDS_SHOWN, deed_words, line_words
from pilesim.report.text import print_rules, print_scenario, printable
from pilesim.rules.facts import Facts
from pilesim.rules.reading import Reader
from pilesim.rules.verdict import Verdict
from pilesim.trace.decoder import Seen
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog
from pilesim.units import agreeing, format_local, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Hello, Message
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("capture", metavar="LOG|FOLDER", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@report_options
@click.option("--rules", "all_rules", is_flag=True, help="Print every rule's verdict, with its margin or reason.")
@click.option("--json", "json_file", type=FILE, help="Write the result here.")
@click.option("--csv", "csv_file", type=FILE, help="Write a folder's tables as CSV here.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Read a folder in so many processes; else in all."
)
@scheduler_option
@log_options
def command(
    capture: Path,
    strict: bool,
    all_rules: bool,
    junit_file: Path | None,
    html_file: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
    jobs: int | None,
    scheduler: str,
    wishes: Wishes,
) -> int:
    """Give the verdict on a recording: the same as the run gave that made it.

    LOG is a capture of pilesim's, or any other log of the line's bytes: packets (pcap, pcapng), lines of hex, a serial
    sniffer's. What such a log is worth and what it does not hold is said first; findings name its lines. With OTHER, a
    log of the same pile from the other end of its line, they become one recording at both ends, by which the line can
    be blamed too.

    Of a FOLDER every log in it is read, however deep it lies, and counted as the field counts: successful charges and
    anomalies by firmware, pile and day, and the piles that drop off the line most.

    \b
    pilesim judge field.log --vantage platform --html one.html
    pilesim judge pile.log platform.log
    pilesim judge logs --csv logs.csv
    """
    _only_together(
        capture.is_dir(),
        {"--strict": strict, "--rules": all_rules, "--junit": junit_file, "--html": html_file, "OTHER": wishes.other},
        {"--csv": csv_file, "--jobs": jobs, "--scheduler": scheduler},
    )
    if capture.is_dir():
        from pilesim.cli.folder import judge_all  # noqa: PLC0415 (the platform's ledger, which one log needs not)

        return judge_all(capture, wishes, jobs=jobs, scheduler=scheduler, json_file=json_file, csv_file=csv_file)
    wishes = dated(capture, wishes)
    with reading(capture, wishes) as told:
        source = StreamedLog(capture, wishes, told)
        # A page shows every event, and so do the reports that quote the run; a verdict alone needs none of them kept.
        kept = source.kept() if html_file or junit_file else None
        recording: Recording = kept or source
        writable(junit_file, html_file, json_file, read=(capture, wishes.other))
        header = recording.header
        heard = _Heard(header.ends[-1])
        result = judged(
            recording,
            title="",
            # The steps that were recorded have the lines of their scenario, and none of the recording.
            file=f"{header.scenario}.yaml" if header.scenario else _lines_of(source),
            files=source.files,
            strict=strict,
            repeat=shlex.join(["pilesim", "judge", *source.names, *(["--strict"] if strict else []), *_said(wishes)]),
            explain=True,
            readers=[heard],
        )
    imported = source.imported()
    result = replace(result, heard=heard.told, log=log_worth(imported))
    out = console(lasting=bool(json_file or junit_file or html_file))
    print_import(out, imported)
    print_scenario(out, result, strict)
    _print_line(out, result, parse_world_start_ns(header.start))
    for sentence in result.diagnosis:
        tell(out, f"  {printable(sentence)}")
    if header.source:
        open_rules = sum(row.verdict is Verdict.INCONCLUSIVE for row in result.rules)
        stay = f"{open_rules} of {len(result.rules)} rules stay[s|] open by this log: --rules says why"
        out.print(agreeing(open_rules, stay), soft_wrap=True, markup=False)
    if all_rules:
        print_rules(out, result)
    run = RunResult(
        pilesim=__version__,
        seed=header.seed,
        pile=header.target or header.pile or imported.called,
        protocol=header.protocol,
        dialect=header.dialect,
        provisional=protocol_named(header.protocol).provisional,
        strict=strict,
        verdict=result.verdict,
        scenarios=(result,),
        each="recording",
        facts={
            "recording": imported.called,
            "recorded at the": " and the ".join(header.ends) if header.vantage is None else header.vantage,
            **heard_facts([result]),
        },
    )
    if json_file is not None:
        write_whole(json_file, encode_result(run))
    write_reports([run], lambda run, result: kept, junit_file=junit_file, html_file=html_file)
    return EXIT_CODES[result.verdict]


class _Heard(Reader):
    """What the pile tells of itself at one end, name to text."""

    def __init__(self, end: End) -> None:
        self._end = end
        self.told: dict[str, str] = {}

    def take(self, facts: Facts, seen: Seen, message: Message) -> None:
        if seen.direction is not Direction.UP or seen.end is not self._end:
            return
        frame = seen.decoded.frame
        if frame.sound and frame.pile:
            self.told["pile number"] = frame.pile
        if frame.sound and isinstance(message, Hello) and message.firmware:
            self.told["firmware"] = message.firmware


def _only_together(folder: bool, of_a_log: Mapping[str, object], of_a_folder: Mapping[str, object]) -> None:
    """UsageError for an option of the one with the other."""
    what, asked = ("a folder", of_a_log) if folder else ("one log", of_a_folder)
    for option, value in asked.items():
        if value:
            raise UsageError(f"{option}: expected none with {what}: it is for {'one log' if folder else 'a folder'}")


def _print_line(out: Console, result: ScenarioResult, start_ns: int) -> None:
    """What the line itself did, summed up and frame by frame."""
    said = line_words(result.line)
    if not said:
        return
    out.print(f"  the line itself: {said}", markup=False)
    deeds = result.line.get("deeds", [])
    for deed in deeds[:DEEDS_SHOWN]:
        told = f"    {format_local(start_ns + deed['t_ns'])} {deed_words(deed)}"
        out.print(printable(told), soft_wrap=True, markup=False)
    if len(deeds) > DEEDS_SHOWN:
        out.print(f"    ... and {len(deeds) - DEEDS_SHOWN} more: --json has them")


def _lines_of(log: StreamedLog) -> str:
    """The file whose lines the findings name: a capture that was imported keeps the lines of its log."""
    return log.header.source if log.own and log.header.source else " and ".join(log.names)


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
        ("tz", f"{datetime(2000, 1, 1, tzinfo=wishes.zone):%z}" if wishes.zone_told else None, None),
        ("lines", wishes.order, usual.order),
    ):
        if value != default:
            words += [f"--{option}", str(value)]
    return [*words, "--mask"] if wishes.mask is not None else words
