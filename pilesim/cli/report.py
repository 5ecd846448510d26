"""`pilesim report`: result files as JUnit XML and as one HTML page; and what other commands need to write the same.

Owns where a scenario's capture is looked for: as the result names it, then beside the result file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from pilesim.cli.console import console
from pilesim.cli.files import FILE, NoRoomError, writable, write_whole
from pilesim.cli.options import F
from pilesim.conformance.result import RunResult, ScenarioResult, decode_result, encode_result
from pilesim.files import bytes_in
from pilesim.report.text import print_summary
from pilesim.trace.events import Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log

if TYPE_CHECKING:
    from pilesim.report.html import Find


def report_options(function: F) -> F:
    """`--junit` and `--html`, in the words of `write_reports`."""
    for name, what in (("html", "one HTML page"), ("junit", "JUnit XML")):
        function = click.option(
            f"--{name}",
            f"{name}_file",
            type=FILE,
            help=f"Write the result as {what} here.",
        )(function)
    return function


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULT...", type=click.Path(path_type=Path))
@report_options
def command(results: tuple[Path, ...], junit_file: Path | None, html_file: Path | None) -> None:
    """Show result files (`conform --json`) as JUnit XML, as an HTML page, or in a line each.

    Of several results the page begins with the matrix of scenarios by firmware. The exit code says whether the
    reports were written; the verdict's is that of the run itself.

    \b
    pilesim report old.json new.json --html both.html
    """
    runs = [read_result(path) for path in results]
    writable(junit_file, html_file, read=results)
    out = console(lasting=bool(junit_file or html_file))
    for run in runs:
        print_summary(out, run)
    folders = {id(run): path.parent for run, path in zip(runs, results, strict=True)}
    write_reports(
        runs,
        lambda run, result: find_capture(result, folders[id(run)]),
        junit_file=junit_file,
        html_file=html_file,
    )


def read_result(path: Path) -> RunResult:
    """The result in a file; UsageError says what is wrong with it."""
    return decode_result(bytes_in(path, "a result file"), str(path))


@contextmanager
def captures_for(html_file: Path | None, captures: Path | None) -> Iterator[Path | None]:
    """The folder for a run's captures: the one asked for, else one that lasts as long as the page is built."""
    if html_file is None or captures is not None:
        yield captures
        return
    with TemporaryDirectory(prefix="pilesim-") as folder:
        yield Path(folder)


def without_captures(run: RunResult) -> RunResult:
    """`run` once its captures are gone."""
    return replace(run, scenarios=tuple(replace(result, capture="") for result in run.scenarios))


def write_result(
    run: RunResult,
    find: Find,
    *,
    kept: bool,
    json_file: Path | None = None,
    junit_file: Path | None = None,
    html_file: Path | None = None,
) -> None:
    """Write what is asked for of one run; `kept`: its captures are there still when it is read."""
    told = run if kept else without_captures(run)
    # That of which the others can be made, and which needs the least room, comes first: a disk may be full.
    if json_file is not None:
        content = encode_result(told)
        try:
            write_whole(json_file, content)
        except NoRoomError:
            if html_file is None or not html_file.is_file():
                raise
            # The page so far has taken it, and is to be made anew of this.
            html_file.unlink()
            write_whole(json_file, content)
    write_reports([told], lambda run, result: None, junit_file=junit_file)
    write_reports([run], find, html_file=html_file)


def write_reports(
    runs: Sequence[RunResult], find: Find, *, junit_file: Path | None = None, html_file: Path | None = None
) -> None:
    """Write what is asked for; `find` finds the recordings."""
    if junit_file is not None:
        from pilesim.report.junit import junit_xml  # noqa: PLC0415 (heavy, and seldom asked for)

        write_whole(junit_file, junit_xml(runs))
    if html_file is not None:
        from pilesim.report.html import page_html  # noqa: PLC0415 (as above)

        write_whole(html_file, page_html(runs, find).encode())


def find_capture(result: ScenarioResult, beside: Path | None = None) -> Trace | None:
    """The recording that `result` names: where it says, then by its name in the folder `beside`; None without one."""
    if not result.capture:
        return None
    named = Path(result.capture)
    places = [named] if beside is None else [named, beside / named, beside / named.name]
    found = next((path for path in places if path.is_file()), None)
    return None if found is None else load_log(found, Wishes(form="capture")).trace
