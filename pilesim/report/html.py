"""One self-contained HTML page of one result or several, with what was recorded where there are captures.

Owns the page's environment: escaping, size, the policy that lets nothing run but the page's own script. Must not know
where a capture lies: who asks for a page brings a way to find it.

Everything printed passes `_shown`, which makes control characters visible, and then autoescape; no template marks
anything as safe but what another template rendered.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from pilesim.conformance.result import RunResult, ScenarioResult
from pilesim.errors import PilesimError
from pilesim.report.page import GLYPHS, RunView, ScenarioView, matrix_of, run_view
from pilesim.report.progress import progress_of
from pilesim.report.sequence import chart_of
from pilesim.report.text import printable
from pilesim.trace.events import Trace
from pilesim.units import MS, format_duration

PAGE_BYTES = 4_800_000
"""About the most that a page may have; recordings that do not fit are left out, the green ones first."""

Find = Callable[[RunResult, ScenarioResult], Trace | None]
"""The recording of one scenario of a run; None where there is none. A PilesimError says why it does not read."""

NO_CAPTURE = "No capture was kept, so there is no chart: run it again with --captures DIR."
NO_ROOM = "The recording is left out, to keep this page small: pilesim judge CAPTURE --html FILE shows it alone."


@dataclass(frozen=True, slots=True)
class Panel:
    """A scenario with its recording, as rendered, or the sentence that stands in its place."""

    view: ScenarioView
    recording: Markup
    missing: str


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
    environment.filters.update(clock=_clock, lasted=_lasted, glyph=GLYPHS.__getitem__)
    return environment


def _clock(t_ns: int) -> str:
    """`+431.171`: seconds since the scenario's start."""
    return f"+{t_ns // MS / 1000:.3f}"


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
    recording = environment.get_template("recording.html.j2")
    for view, scenario in ranked:
        panel = _panel(recording, view, scenario, find)
        room -= len(panel.recording.encode())
        if room < 0:
            break
        panels[scenario.anchor] = panel
    return template.render(context, panels=panels)


def _source(environment: jinja2.Environment, name: str) -> Markup:
    """A file of our own that goes into the page as it is; it has no place for a value."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _panel(template: jinja2.Template, view: RunView, scenario: ScenarioView, find: Find) -> Panel:
    try:
        trace = find(view.run, scenario.result)
    except PilesimError as error:
        return Panel(scenario, Markup(), f"There is no chart: {error}")
    if trace is None:
        return Panel(scenario, Markup(), NO_CAPTURE)
    findings = [(row.id, finding) for row in scenario.result.rules for finding in row.findings]
    return Panel(scenario, Markup(template.render(chart=chart_of(trace, findings), progress=progress_of(trace))), "")
