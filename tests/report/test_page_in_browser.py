"""The HTML page in a real browser: its order, its width, its colours, opening by keyboard, and that nothing runs.

Skipped where there is no Chromium: Debian's package `chromium` has one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorded import GREEN, HOSTILE, RED, HandMade, Numbered, bytes_of, result_in, run_of, trace_in

from pilesim.conformance.result import LogWorth
from pilesim.report.html import page_html
from pilesim.units import S
from pilesim.wire.messages import GunState, Hello

sync_api = pytest.importorskip("playwright.sync_api", reason="the library playwright is not installed")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDE, NARROW = 1280, 390

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on the path (Debian's package chromium has one)")

CONTRAST = """(selector) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts(colour).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return Array.from(document.querySelectorAll(selector)).map((element) => {
    const ink = light(getComputedStyle(element).color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of a page of one run, of several, and of a hostile pile."""
    green, red = result_in(GREEN), result_in(RED)
    evil = HandMade().passes(0, bytes_of(Hello(firmware="<script>a()</script>"))).passes(1, HOSTILE.encode()).trace()
    traces = {str(path): trace_in(path) for path in (GREEN, RED)}
    run = run_of(green, red, facts={"firmware": HOSTILE, "a long one": "x" * 300})
    html = {
        "one": page_html([run], lambda run, result: traces[result.capture]),
        "several": page_html([run_of(green, red, pile=f"sim:pile-{n}") for n in range(6)], lambda run, result: None),
        "hostile": page_html(
            [replace(run, pile=HOSTILE, scenarios=(replace(red, title=HOSTILE, reason=HOSTILE, id=HOSTILE),))],
            lambda run, result: evil,
        ),
    }
    long = HandMade()
    numbered = Numbered()
    for number in range(900):
        long.passes(number, numbered.beat((GunState.IDLE, GunState.FAULT)[number % 2], meter_dwh=number))
    late = tuple(
        replace(row, findings=tuple(replace(one, t_ns=850 * S, frame=None) for one in row.findings))
        for row in red.rules
    )
    worth = LogWorth(
        form="hex",
        vantage="unknown",
        clock="to the millisecond",
        missing=("what was done at the pile",),
        remarks=("x" * 200,),
        unread=("y" * 200,),
        unread_count=1,
    )
    html["long"] = page_html(
        [run_of(replace(red, rules=late, log=worth, diagnosis=("z" * 200,)))], lambda run, result: long.trace(900)
    )
    folder = tmp_path_factory.mktemp("pages")
    return {name: _written(folder / f"{name}.html", text) for name, text in html.items()}


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def opened(browser: Any, address: str, **context: Any) -> Any:
    page = browser.new_page(**{"viewport": {"width": WIDE, "height": 900}, **context})
    page.requested = []
    page.said = []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("dialog", lambda dialog: page.said.append(dialog.message))
    page.goto(address)
    return page


@pytest.mark.parametrize("name", ["one", "several", "hostile", "long"])
def test_it_is_no_wider_than_the_screen_whatever_is_open(browser: Any, pages: dict[str, str], name: str) -> None:
    page = opened(browser, pages[name])
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    found = {}
    for width in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)
            found[width, scheme] = page.evaluate("document.documentElement.scrollWidth")
    assert [screen for screen, width in found.items() if width > screen[0]] == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_both_colour_schemes(browser: Any, pages: dict[str, str], scheme: str) -> None:
    page = opened(browser, pages["one"], color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    for selector in (
        "body",
        ".muted",
        ".v",
        ".verdict",
        ".finding dt",
        ".l b",
        ".l i",
        ".l em",
        ".t",
        ".no",
        "a",
        ".fields td",
    ):
        contrasts = page.evaluate(CONTRAST, selector)
        assert not contrasts or min(contrasts) >= 4.5, (selector, min(contrasts))
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")
    page.close()


def test_the_verdict_comes_first_and_what_failed_before_what_passed(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["one"])
    assert page.inner_text("main").split()[:2] == ["✗", "FAIL"]
    assert [text.split()[1] for text in page.locator("details.s > summary .v").all_inner_texts()] == ["fail", "pass"]
    assert page.locator("details.s").first.locator(".finding dl").first.is_visible()
    page.close()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_it_opens_a_chart_and_a_frames_fields_by_keyboard(browser: Any, pages: dict[str, str], script: bool) -> None:
    page = opened(browser, pages["one"], java_script_enabled=script)
    chart = page.locator("details.s").first.locator(".chartbox")
    frame = chart.locator("details.bad")
    assert not frame.is_visible()
    chart.locator("> summary").press("Enter")
    frame.locator("> summary").press("Enter")
    assert frame.locator(".fields").is_visible()
    assert "stop_reason" in frame.locator(".fields").inner_text()
    page.close()


def test_it_shows_a_scenario_that_a_link_names(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["several"])
    page.locator(".matrix tbody tr").first.locator("a").last.click()
    page.wait_for_function("document.querySelector('#run5-order-start-lost').open")
    page.close()


def test_a_part_of_a_long_chart_opens_to_its_frames_and_their_fields(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["long"])
    page.locator(".chartbox > summary").click()
    chapter = page.locator("details.chapter").nth(1)
    assert chapter.locator(".chart details, details.up").count() == 0
    chapter.locator("> summary").click()
    chapter.locator("details.up").first.wait_for()
    chapter.locator("details.up > summary").first.click()
    assert chapter.locator(".fields").first.is_visible()
    assert page.said == []
    page.close()


@pytest.mark.parametrize("link", [".finding a", ".flags a"])
def test_a_finding_leads_into_the_part_that_it_lies_in(browser: Any, pages: dict[str, str], link: str) -> None:
    page = opened(browser, pages["long"])
    page.locator(link).first.click()
    place = page.locator(".chapter .mark.finding").first
    place.wait_for()
    assert place.is_visible()
    assert page.locator("details.chapter[open]").count() == 1
    page.close()


def test_it_finds_scenarios_by_words(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["one"])
    page.locator(".filter input").fill("short")
    assert page.locator("details.s:visible").count() == 1
    assert page.locator(".filter [role=status]").inner_text() == "1 of 2"
    page.close()


@pytest.mark.parametrize("name", ["one", "several", "hostile"])
def test_nothing_of_a_piles_runs_and_nothing_is_fetched(browser: Any, pages: dict[str, str], name: str) -> None:
    page = opened(browser, pages[name])
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("typeof window.owned") == "undefined"
    assert page.requested == [pages[name]]
    assert page.said == []
    assert page.locator("img").count() == 0
    page.close()


def test_the_pages_policy_lets_no_other_script_run(browser: Any, pages: dict[str, str]) -> None:
    page = opened(browser, pages["one"])
    page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.owned = 1';"
        " document.body.append(script); }"
    )
    assert page.evaluate("typeof window.owned") == "undefined"
    assert any("Content Security Policy" in text for text in page.said)
    page.close()
