"""The bar of a log that is read: what it tells in one line, on wide terminals and on narrow ones."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pilesim.cli import bar

MEGABYTE = 1_000_000


@pytest.mark.parametrize(("width", "told"), [(80, ("47%", "28.2/60.0 MB")), (40, ("47%",)), (20, ("47%",))])
def test_it_tells_percent_and_what_is_left_in_one_line(
    width: int, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(bar, "console", lambda _: shown)
    progress = bar.bytes_bar()
    progress.add_task("platform-of-a-long-name-2020-03-03.log and pile.log", total=60 * MEGABYTE, completed=0)
    progress.update(progress.task_ids[0], completed=28_200_000)
    with shown.capture() as captured:
        shown.print(progress.get_renderable())
    (line,) = captured.get().splitlines()
    assert len(line) <= width
    assert all(word in line for word in told)
    assert "-:--" in line
