"""What is seen of a site while it is played: a table that is drawn anew, or a line a minute where there is no terminal.

Owns the wording. Must not change what is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from pilesim.cli.console import tell
from pilesim.report.text import printable
from pilesim.site.figures import Figures
from pilesim.site.play import spread_text
from pilesim.units import S, format_duration

_LINE_EVERY_S = 60.0
_DRAWN_A_SECOND = 2
_RULES_SHOWN = 5


class Dashboard:
    """A context in which the figures are shown; `tick` is called now and then by whoever plays."""

    def __init__(self, console: Console, figures: Figures) -> None:
        self._console = console
        self._figures = figures
        self._began_s = self._lined_s = self._looked_s = time.monotonic()
        self._frames = 0
        self._frames_a_second = 0.0
        self.doing = "playing"

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while this lasts, where there is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self.table, console=self._console, refresh_per_second=_DRAWN_A_SECOND, transient=True):
            yield

    def tick(self) -> None:
        """Say a line, if it is time for one."""
        now_s = time.monotonic()
        if self._console.is_terminal or now_s - self._lined_s < _LINE_EVERY_S:
            return
        self._lined_s = now_s
        tell(self._console, "; ".join(f"{name} {value}" for name, value in self.rows()))

    def table(self) -> Table:
        """The figures as they stand."""
        table = Table.grid(padding=(0, 2))
        for name, value in self.rows():
            table.add_row(f"[dim]{name}[/]", escape(printable(value)))
        return table

    def rows(self) -> list[tuple[str, str]]:
        """What is shown, name and text."""
        figures = self._figures
        answers, lateness = figures.answers, figures.lateness
        visits = ", ".join(f"{count} {what}" for what, count in sorted(figures.visits.copy().items()) if count)
        found = ", ".join(f"{rule} {count}" for rule, count in figures.findings.copy().most_common(_RULES_SHOWN))
        watched = f" (at the {figures.watched} piles that are judged while they live)" if figures.watched else ""
        return [
            (self.doing, format_duration(int(time.monotonic() - self._began_s) * S)),
            ("piles up", f"{figures.up} of {figures.piles}, {figures.lost} lost, {figures.refused} dials in vain"),
            ("frames/s", f"{self._rate():.0f}, {figures.frames} in all"),
            ("answers", spread_text(answers.percentile_ns(50), answers.percentile_ns(99))),
            ("timers late by", spread_text(lateness.percentile_ns(50), lateness.percentile_ns(99))),
            ("visits", visits or "none"),
            ("findings", f"{found or 'none'}{watched}"),
            *([("failed calls", f"{figures.calls_failed}")] if figures.calls_failed else []),
            *([("last failure", figures.last_failure)] if figures.last_failure else []),
        ]

    def _rate(self) -> float:
        """Frames a second since some time ago."""
        now_s, frames = time.monotonic(), self._figures.frames
        if now_s - self._looked_s >= 1:
            self._frames_a_second = (frames - self._frames) / (now_s - self._looked_s)
            self._looked_s, self._frames = now_s, frames
        return self._frames_a_second
