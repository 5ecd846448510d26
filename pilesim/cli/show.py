"""`pilesim show`: a log in the terminal, line by line, with what the rules find marked where they find it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import datetime
from datetime import time as datetime_time
from pathlib import Path

import click

from pilesim.cli.console import console
from pilesim.cli.files import FILE
from pilesim.cli.logs import dated, log_options, print_head, print_tail
from pilesim.errors import UsageError
from pilesim.report.show import Filters, Printer, Shower
from pilesim.rules.judge import Watch, judge
from pilesim.rules.verdict import Finding
from pilesim.trace.events import Finish
from pilesim.trace.importers.imported import LineOrder, Opened, Wishes
from pilesim.trace.importers.load import open_log
from pilesim.trace.importers.source import HEAD_BYTES
from pilesim.units import (
    DAY,
    LOCAL,
    S,
    agreeing,
    epoch_ns,
    local_datetime,
    parse_duration_ns,
    parse_world_start_ns,
)
from pilesim.wire.messages import MESSAGE_TYPES

JUDGED_FIRST_BYTES = 32 * 1024 * 1024
"""A log of at most so many bytes is judged before it is shown, so that each finding stands below its frame."""
LOOK_EVERY_S = 0.2
_DATED = re.compile(r"\d{4}-")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|\d+")


@click.command()
@click.argument("log", metavar="LOG", type=FILE)
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows, until Ctrl-C or its end.")
@click.option("--gun", type=click.IntRange(min=1), metavar="N", help="Only what is about this gun.")
@click.option(
    "--order", "order_number", metavar="NUMBER", default="", help="Only this order: its number, or the end of it."
)
@click.option(
    "--message", "messages", multiple=True, metavar="NAME|NUMBER", help="Only such messages, as in `pilesim messages`."
)
@click.option("--from", "since", metavar="TIME", help="Not before: 2020-03-11 10:00:00, 10:00 or +5m from the start.")
@click.option("--to", "until", metavar="TIME", help="Not after.")
@click.option("--fields", is_flag=True, help="Every field of each frame.")
@click.option("--raw", is_flag=True, help="The bytes of each frame.")
@click.option("--findings/--no-findings", default=True, help="Judge it, and mark what was found.", show_default=True)
@log_options
def command(
    log: Path,
    follow: bool,
    gun: int | None,
    order_number: str,
    messages: tuple[str, ...],
    since: str | None,
    until: str | None,
    fields: bool,
    raw: bool,
    findings: bool,
    wishes: Wishes,
) -> None:
    """Show a log line by line: time, gap, direction, message, what was done and what became of the line.

    LOG is whatever `pilesim judge` takes, and OTHER a log from the other end of its line. `->` goes up, `<-` down, `**`
    was done at the pile, `==` became of the line, and a line with a cross is what a rule found. Of a long log, or one
    that grows, findings come when they are certain, and name their frame.

    \b
    pilesim show field.log --order 436010 --from 12:36 --fields
    """
    out = console()
    wishes = dated(log, wishes)
    opened = _opened(log, wishes, follow)
    header = opened.header
    start_ns = parse_world_start_ns(header.start)
    filters = Filters(
        gun=gun,
        order=order_number,
        messages=frozenset(map(_message, messages)),
        from_ns=_time("--from", since, start_ns),
        to_ns=_time("--to", until, start_ns),
    )
    numbered = not opened.own or bool(header.source)
    print_head(out, opened)
    printer = Printer(out, header.protocol, with_fields=fields, with_raw=raw, numbered=numbered)
    shower = Shower(header, filters, _known(log, wishes) if findings and _is_short(log) and not follow else ())
    watch = Watch(header) if findings and (follow or not _is_short(log)) else None
    try:
        for event in opened.events:
            found = watch.feed(event) if watch is not None else ()
            for shown in shower.take(event, found):
                printer.print(shown)
            if shower.over or (follow and isinstance(event, Finish)):
                break
            if follow:
                out.file.flush()
        for shown in shower.finish():
            printer.print(shown)
    except KeyboardInterrupt:
        if not follow:
            raise
    print_tail(out, opened)
    if filters != Filters():
        lines = agreeing(printer.count, f"{printer.count} line[|s] shown")
        out.print(f"{lines}, of {agreeing(shower.frames, f'{shower.frames} frame[|s]')}", style="dim")


def _is_short(log: Path) -> bool:
    return log.stat().st_size <= JUDGED_FIRST_BYTES


def _known(log: Path, wishes: Wishes) -> list[Finding]:
    """What the rules find in a log, by reading it once for them alone."""
    opened = open_log(log, wishes)
    judgement = judge(opened.header, opened.events)
    return [finding for result in judgement.rules for finding in result.findings]


def _opened(log: Path, wishes: Wishes, follow: bool) -> Opened:
    if not follow:
        return open_log(log, wishes)
    while not _begun(log):
        _wait()
    # What is late would be waited for, and nobody knows how long.
    opened = open_log(log, replace(wishes, order=LineOrder.FILE), _wait)
    if opened.form == "pcap":
        raise UsageError(f"{log}: expected with --follow a capture or a log of lines, found packets")
    return opened


def _begun(log: Path) -> bool:
    """Whether a line is whole, by which it can be told what the log is."""
    try:
        with log.open("rb") as stream:
            return b"\n" in stream.read(HEAD_BYTES)
    except OSError as error:
        raise UsageError(f"{log}: expected a log: {error.strerror}") from None


def _wait() -> bool:
    """A file that grows tells nobody: it is looked at again and again, until Ctrl-C."""
    time.sleep(LOOK_EVERY_S)
    return True


def _message(word: str) -> str | int:
    if _NUMBER.fullmatch(word):
        return int(word, 0) if word.lower().startswith("0x") else int(word)
    if word not in MESSAGE_TYPES:
        raise UsageError(
            f"--message: expected a name, one of {', '.join(MESSAGE_TYPES)}, or a number such as 0x05; found {word!r}"
        )
    return word


def _time(option: str, text: str | None, start_ns: int) -> int | None:
    """Epoch ns of a date and time, of a time of the day (the first after the log's start), or of a while after it."""
    if text is None:
        return None
    try:
        if text.startswith("+"):
            return start_ns + parse_duration_ns(text[1:])
        if _DATED.match(text):
            when = datetime.fromisoformat(text)
            return epoch_ns(when if when.tzinfo is not None else when.replace(tzinfo=LOCAL))
        clock = datetime_time.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option}: expected a time such as 2020-03-11 10:00:00, 10:00 or +5m; found {text!r}"
        ) from None
    day = local_datetime(start_ns).date()
    at_ns = epoch_ns(datetime.combine(day, clock, tzinfo=LOCAL))
    # A log begins at a full second, or within it.
    return at_ns if at_ns >= start_ns // S * S else at_ns + DAY
