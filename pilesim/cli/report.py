"""`pilesim report`: result files as JUnit XML and as one HTML page; and what other commands need to write the same.

Owns where a scenario's capture is looked for: as the result names it, then beside the result file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from pilesim.cli.console import console
from pilesim.cli.options import F
from pilesim.conformance.result import RunResult, ScenarioResult, decode_result
from pilesim.errors import PilesimError, UsageError
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
            type=click.Path(dir_okay=False, path_type=Path),
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
    """
    runs = [read_result(path) for path in results]
    folders = {id(run): path.parent for run, path in zip(runs, results, strict=True)}
    write_reports(
        runs,
        lambda run, result: find_capture(result, folders[id(run)]),
        junit_file=junit_file,
        html_file=html_file,
    )
    out = console()
    for run in runs:
        print_summary(out, run)


def read_result(path: Path) -> RunResult:
    """The result in a file; UsageError says what is wrong with it."""
    try:
        return decode_result(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: expected a result file: {error.strerror}") from None


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
    return None if found is None else read_trace(found)


def read_trace(path: Path) -> Trace:
    """The recording in a file; UsageError says what is wrong with it."""
    return load_log(path, Wishes(form="capture")).trace


def writable(*paths: Path | None) -> None:
    """A file that cannot be written is told before the run, not after it."""
    for path in paths:
        if path is not None:
            _touch(path)


def _touch(path: Path) -> None:
    try:
        path.touch()
    except OSError as error:
        raise _unwritable(path, error) from None


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """All of it or, where this is broken off, what was there before. UsageError where it cannot be written."""
    pieces = [content] if isinstance(content, bytes) else content
    beside = path.with_name(path.name + ".part")
    try:
        if path.exists() and not path.is_file():
            _write(path, pieces)  # a pipe, or /dev/stdout
            return
        _write(beside, pieces)
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    except PilesimError:
        # What was to be written has come to nothing.
        beside.unlink(missing_ok=True)
        raise


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: expected a file that can be written: {error.strerror}")
