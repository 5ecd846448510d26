"""One self-contained HTML page of one result or several, with what was recorded where there are captures.

Owns the page's environment: escaping, size, the policy that lets nothing run but the page's own script. Must not know
where a capture lies: who asks for a page brings a way to find it.

Everything printed passes `_shown`, which makes control characters visible, and then autoescape; no template marks
anything as safe but what another template rendered.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from pilesim.conformance.result import RunResult, ScenarioResult
from pilesim.errors import PilesimError
from pilesim.report.chart import ROWS_WHOLE, Chapter, Chart, Row
from pilesim.report.page import GLYPHS, RunView, ScenarioView, findings_of, matrix_of, run_view
from pilesim.report.progress import progress_of
from pilesim.report.sequence import chart_of
from pilesim.report.text import printable
from pilesim.trace.events import Trace
from pilesim.units import MS, agreeing, format_duration, numbered

PAGE_BYTES = 4_800_000
"""About the most that a page may have; recordings that do not fit are left out, the green ones first."""

PART_BYTES = 400
"""As much of a page has what stands around a chapter, or in place of one that is left out."""
FIELDS_ROWS = 8_000
"""Rows of a long recording whose frames open to their fields; the others keep their bytes."""

Find = Callable[[RunResult, ScenarioResult], Trace | None]
"""The recording of one scenario of a run; None where there is none. A PilesimError says why it does not read."""

NO_CAPTURE = "No capture was kept, so there is no chart: run it again with --captures FOLDER."
NO_ROOM = "The recording is left out, to keep this page small: pilesim judge CAPTURE --html FILE shows it alone."


@dataclass(frozen=True, slots=True)
class Panel:
    """A scenario with its recording, as rendered, or the sentence that stands in its place."""

    view: ScenarioView
    recording: Markup
    missing: str
    marked: frozenset[int] = frozenset()
    """The findings that can be seen in the recording, by their numbers."""


@dataclass(frozen=True, slots=True)
class Part:
    """A chapter of a long chart: its rows, packed so that the page stays small and opens at once; or left out."""

    chapter: Chapter
    packed: str
    """gzip, in base64; "" for one that is left out."""
    whole: bool
    """With the fields of its frames."""


def _shown(value: object) -> object:
    """What is printed of a value: a peer's control characters are seen and do nothing."""
    return value if isinstance(value, Markup) else printable(str(value))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pilesim.report"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(lasted=_lasted, glyph=GLYPHS.__getitem__, numbered=numbered)
    return environment


def _lasted(ns: int) -> str:
    return format_duration(ns // MS * MS)


def page_html(runs: Sequence[RunResult], find: Find, *, page_bytes: int = PAGE_BYTES) -> str:
    """The page of all `runs`, in their order; of several it begins with the matrix of scenarios by runs."""
    environment = _environment()
    views = [run_view(run, number) for number, run in enumerate(runs)]
    ranked = [(view, scenario) for view in views for scenario in view.wrong]
    ranked += [(view, scenario) for view in views for scenario in view.rest]
    script = _source(environment, "page.js")
    template = environment.get_template("page.html.j2")
    context = {
        "title": ", ".join(dict.fromkeys(view.pile for view in views)),
        "runs": views,
        "matrix": matrix_of(runs) if len(runs) > 1 else (),
        "style": _source(environment, "page.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    panels = {scenario.anchor: Panel(scenario, Markup(), NO_ROOM) for _, scenario in ranked}
    room = page_bytes - len(template.render(context, panels=panels).encode())
    for view, scenario in ranked:
        panel = _panel(environment, view, scenario, find, room)
        room -= len(panel.recording.encode())
        if room < 0:
            break
        panels[scenario.anchor] = panel
    return template.render(context, panels=panels)


def _source(environment: jinja2.Environment, name: str) -> Markup:
    """A file of our own that goes into the page as it is; it has no place for a value."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _panel(environment: jinja2.Environment, view: RunView, scenario: ScenarioView, find: Find, room: int) -> Panel:
    try:
        trace = find(view.run, scenario.result)
    except PilesimError as error:
        return Panel(scenario, Markup(), f"There is no chart: {error}")
    if trace is None:
        return Panel(scenario, Markup(), NO_CAPTURE)
    findings = findings_of(scenario.result)
    chart = chart_of(trace, findings)
    rows = environment.get_template("rows.html.j2")
    template = environment.get_template("recording.html.j2")
    seen = frozenset(range(1, len(findings) + 1))
    context: dict[str, object] = {
        "anchor": scenario.anchor,
        "chart": chart,
        "seen": seen,
        "rows": Markup(),
        "parts": (),
        "parted": "",
        "progress": progress_of(trace, findings),
    }
    if len(chart.rows) <= ROWS_WHOLE:
        context["rows"] = _rows(rows, chart, chart.rows, scenario.anchor, whole=True)
    else:
        beside = len(template.render(context).encode())
        parts = _parts(rows, chart, scenario.anchor, room - beside)
        seen = frozenset(number for part in parts if part.packed for number in part.chapter.numbers)
        context |= {"parts": parts, "parted": parted_words(parts), "seen": seen}
    return Panel(scenario, Markup(template.render(context)), "", seen)


def _rows(template: jinja2.Template, chart: Chart, rows: Sequence[Row], anchor: str, *, whole: bool) -> Markup:
    return Markup(template.render(chart=chart, rows=rows, anchor=anchor, whole=whole))


def _parts(template: jinja2.Template, chart: Chart, anchor: str, room: int) -> list[Part]:
    """The chapters: those with findings have room before the others, and fields as long as there are not too many."""
    chapters = chart.chapters()
    room -= PART_BYTES * len(chapters)
    with_fields = FIELDS_ROWS
    parts: dict[int, Part] = {}
    for at in sorted(range(len(chapters)), key=lambda at: (not chapters[at].numbers, at)):
        chapter = chapters[at]
        whole = with_fields > 0
        with_fields -= len(chapter.rows)
        packed = ""
        if room > 0:
            text = _rows(template, chart, chapter.rows, anchor, whole=whole).encode()
            # No time of packing in it: the same result gives the same page.
            packed = base64.b64encode(gzip.compress(text, 6, mtime=0)).decode()
        room -= len(packed)
        parts[at] = Part(chapter, packed if room > 0 else "", whole)
    return [parts[at] for at in range(len(chapters))]


def parted_words(parts: Sequence[Part]) -> str:
    """What is said of a chart that is cut into parts, and of what of it is left out."""
    if not parts:
        return ""
    rows = sum(len(part.chapter.rows) for part in parts)
    said = [numbered(rows, f"row[|s] in {len(parts)} ") + agreeing(len(parts), "part[|s]; each opens on a click.")]
    bare = sum(len(part.chapter.rows) for part in parts if part.packed and not part.whole)
    left = [part for part in parts if not part.packed]
    if bare:
        said.append(numbered(bare, "row[|s] keep[s|] the bytes of [its frame|their frames] without the fields."))
    if left:
        count = sum(len(part.chapter.rows) for part in left)
        said.append(numbered(count, "row[|s] [is|are] left out, to keep this page small."))
    if bare or left:
        said.append("pilesim show LOG --from TIME --to TIME --fields shows them.")
    return " ".join(said)
