"""The HTML page: its order, its words, what is left out, and that nothing a pile sends is more than text."""

from __future__ import annotations

import base64
import gzip
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from recorded import CAPTURES, GREEN, HOSTILE, RED, HandMade, Numbered, bytes_of, result_in, run_of, trace_in

from pilesim.conformance.result import LogWorth, RunResult, ScenarioResult
from pilesim.errors import FileError
from pilesim.report import html
from pilesim.report.chart import CHAPTER_ROWS
from pilesim.report.html import NO_CAPTURE, NO_ROOM, page_html
from pilesim.report.page import FINDINGS_SHOWN, line_words, matrix_of, rule_failures, run_view, summary
from pilesim.rules.verdict import Verdict
from pilesim.trace.events import Trace
from pilesim.units import S
from pilesim.wire.messages import GunState, Hello

LAG = CAPTURES / "robinson-gen5-lag" / "stop-phone-cable-in.jsonl"
TRACES = {str(path): trace_in(path) for path in (GREEN, RED, LAG)}


def recorded(run: RunResult, result: ScenarioResult) -> Trace | None:
    return TRACES.get(result.capture)


def nothing(run: RunResult, result: ScenarioResult) -> Trace | None:
    return None


def made(name: str, verdict: Verdict, **fields: Any) -> ScenarioResult:
    return replace(result_in(GREEN), id=name, verdict=verdict, **fields)


class Seen(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "No scenario was judged."),
        ([Verdict.PASS], "1 of 1 scenario passes."),
        ([Verdict.PASS, Verdict.FAIL, Verdict.PASS], "1 of 3 scenarios fails, 2 pass."),
        (
            [Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.ERROR],
            "2 of 4 scenarios met a fault of pilesim, 1 is inconclusive, 1 does not apply.",
        ),
    ],
)
def test_it_sums_up_in_a_sentence(verdicts: list[Verdict], sentence: str) -> None:
    assert summary(run_of(*(made(f"a/{number}", verdict) for number, verdict in enumerate(verdicts)))) == sentence


def test_it_says_what_was_judged_that_is_no_scenario() -> None:
    piles = replace(run_of(made("a/1", Verdict.PASS), made("a/2", Verdict.FAIL)), each="pile")
    assert summary(piles) == "1 of 2 piles fails, 1 passes."


def test_it_puts_what_is_wrong_first_and_the_worst_of_it_before_the_rest() -> None:
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.FAIL, Verdict.ERROR)
    view = run_view(run_of(*(made(verdict, verdict) for verdict in order)), 0)
    assert [scenario.verdict for scenario in view.wrong] == [Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE]
    assert [scenario.verdict for scenario in view.rest] == [Verdict.NOT_APPLICABLE, Verdict.PASS]


def test_it_opens_few_failures_at_once_and_of_many_only_the_first() -> None:
    few = run_view(run_of(*(made(f"a/{n}", Verdict.FAIL) for n in range(3)), made("b", Verdict.PASS)), 0)
    assert [few.opens(view) for view in (*few.wrong, *few.rest)] == [True, True, True, False]
    many = run_view(run_of(*(made(f"a/{n}", Verdict.FAIL) for n in range(9))), 0)
    assert [many.opens(view) for view in many.wrong] == [True, *[False] * 8]


def test_it_tells_rules_that_failed_by_how_often_they_did_and_should_last() -> None:
    failures = rule_failures(run_of(result_in(LAG), result_in(RED)), 0)
    levels = [failure.level for failure in failures]
    assert levels == sorted(levels)
    (bill_times,) = [failure for failure in failures if failure.id == "bill.times"]
    assert ("run0-order-start-lost", "order/start-lost") in bill_times.scenarios
    assert "1999" in bill_times.expects


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, ""),
        ({"lost": 1}, "lost 1"),
        ({"lost": 0, "held": 2, "held_longest_ns": 43_800_000_000}, "held 2 (longest 43.8s)"),
        ({"outages": 3, "flaps": 2, "outage_longest_ns": 60_000_000_000}, "outages 3, flaps 2 (longest 1m)"),
    ],
)
def test_it_tells_what_the_line_did(line: dict[str, int], words: str) -> None:
    assert line_words(line) == words


def test_it_tells_what_the_line_did_frame_by_frame() -> None:
    page = page_html([run_of(result_in(RED))], nothing)
    assert "0x14 start 启动充电 down: lost</p>" in page


def test_it_shows_so_many_findings_of_a_rule_and_counts_the_rest() -> None:
    result = result_in(RED)
    rows = tuple(replace(row, findings=row.findings * 10) for row in result.rules)
    (view,) = run_view(run_of(replace(result, rules=rows)), 0).wrong
    shown = [finding.rule for finding in view.findings]
    assert shown.count("bill.times") == FINDINGS_SHOWN
    assert any(sentence.startswith("bill.times: 5 more in the result file") for sentence in view.more), view.more


def test_it_tells_a_known_failure_as_such_and_not_among_what_is_wrong() -> None:
    result = result_in(RED)
    rows = tuple(replace(row, expected="vendor's issue 12" if row.findings else "") for row in result.rules)
    known = run_of(replace(result, rules=rows, verdict=Verdict.PASS, reason="failed as expected: bill.times"))
    (view,) = run_view(known, 0).rest
    assert {finding.known for finding in view.findings} == {"vendor's issue 12"}
    assert view.reason == ("failed as expected: bill.times",)
    assert rule_failures(known, 0) == ()
    assert "Known:</b> vendor&#39;s issue 12" in page_html([known], nothing)


def test_it_says_what_a_run_that_was_broken_off_has_left() -> None:
    run = replace(run_of(made("a", Verdict.PASS)), planned=("a", "b", "c"))
    assert run_view(run, 0).unplayed == "2 of 3 planned scenarios were not played: b, c."
    assert "2 of 3 planned" in page_html([run], nothing)
    assert run_view(run_of(made("a", Verdict.PASS)), 0).unplayed == ""


def test_it_compares_runs_scenario_by_scenario_the_differing_ones_first() -> None:
    one = run_of(made("a", Verdict.PASS), made("b", Verdict.FAIL), made("c", Verdict.PASS))
    other = run_of(made("a", Verdict.PASS), made("b", Verdict.PASS))
    rows = [(row.name, [cell.verdict for cell in row.cells], row.agreed) for row in matrix_of([one, other])]
    assert rows == [
        ("b", [Verdict.FAIL, Verdict.PASS], False),
        ("a", [Verdict.PASS, Verdict.PASS], True),
        ("c", [Verdict.PASS, None], True),
    ]


def test_every_link_of_a_page_of_several_runs_leads_somewhere() -> None:
    seen = Seen(page_html([run_of(result_in(RED), result_in(GREEN)), run_of(result_in(RED))], recorded))
    anchors = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    links = {attributes["href"] for tag, attributes in seen.elements if tag == "a"}
    assert len(anchors) == len(set(anchors))
    assert links and links <= {f"#{anchor}" for anchor in anchors}


def test_it_refers_to_nothing_outside() -> None:
    page = page_html([run_of(result_in(RED), result_in(GREEN))], recorded)
    for tag, attributes in Seen(page).elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "action", "data", "xlink:href"} & set(attributes), tag
    assert "url(" not in re.sub(r"url\(#\w+\)", "", page)
    assert "@import" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


@pytest.mark.parametrize(("find", "shown"), [(nothing, False), (recorded, True)], ids=["no capture", "a capture"])
def test_it_says_where_there_is_no_recording(find: Any, shown: bool) -> None:
    page = page_html([run_of(result_in(RED))], find)
    assert ('class="chart"' in page) is shown
    assert (NO_CAPTURE in page) is not shown


def test_it_says_why_a_capture_does_not_read() -> None:
    def broken(run: RunResult, result: ScenarioResult) -> Trace | None:
        raise FileError("x.jsonl", 3, "expected a JSON object, found nonsense")

    assert "There is no chart: x.jsonl:3: expected a JSON object" in page_html([run_of(result_in(RED))], broken)


def test_it_keeps_small_and_leaves_out_what_is_green_first() -> None:
    run = run_of(result_in(GREEN), result_in(RED))
    whole = page_html([run], recorded)
    capped = page_html([run], recorded, page_bytes=len(whole.encode()) - 1_000)
    assert len(capped) < len(whole) - 1_000
    assert NO_ROOM not in whole
    assert capped.count(NO_ROOM) == 1
    before, _, after = capped.partition("All the others")
    assert 'class="chart"' in before and NO_ROOM not in before
    assert NO_ROOM in after


def hostile(value: Any) -> Any:
    """`value`, a result as plain data, with every text that is no word of the schema made hostile."""
    words = {"verdict", "level", "judges", "blame", "end", "protocol", "raw", "each"}
    if isinstance(value, dict):
        return {key: item if key in words else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_nothing_that_a_pile_sends_is_more_than_text() -> None:
    run = run_of(result_in(RED), result_in(GREEN))
    plain = {**hostile(msgspec.to_builtins(run)), "facts": {HOSTILE: HOSTILE}}
    plain["scenarios"][0]["verdict"] = "inconclusive"
    evil = msgspec.convert(plain, RunResult)
    hello = bytes_of(Hello(firmware="<script>a()</script>"))
    trace = HandMade().passes(0, hello).passes(1, b"<script>b()</script>\x1b[31m").trace()
    page = page_html([evil, evil], lambda run, result: trace)
    seen = Seen(page)
    assert [tag for tag, _ in seen.elements].count("script") == 1
    assert not [tag for tag, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert not [tag for tag, _ in seen.elements if tag == "img"]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    assert "<script>owned=1</script>" in seen.text
    assert "\\x1b[31m\\x00\\u202e" in seen.text
    assert "firmware <script>a()</script>" in seen.text


def test_it_tells_of_a_log_what_it_is_worth_and_what_could_not_be_read() -> None:
    worth = LogWorth(
        form="hex",
        vantage="between",
        clock="to the second",
        missing=("what was done at the pile",),
        remarks=("the year is taken to be 2020",),
        unread=("7: <b>noise</b>",),
        unread_count=12,
    )
    text = Seen(page_html([run_of(replace(result_in(RED), log=worth))], recorded)).text
    for words in ("hex", "between", "to the second", "what was done at the pile", "the year is taken to be 2020"):
        assert words in text
    for words in ("12 lines could not be read", "7: <b>noise</b>", "and 11 more"):
        assert words in text
    assert "The log" not in Seen(page_html([run_of(result_in(RED))], recorded)).text


def test_it_says_what_explains_the_findings_before_them() -> None:
    result = replace(result_in(RED), diagnosis=("looks like a lost start", "or like an unplug"))
    page = page_html([run_of(result)], recorded)
    first, second = page.index("looks like a lost start"), page.index("or like an unplug")
    assert first < second < page.index('<div class="findings">')


def test_each_finding_leads_to_its_place_in_the_chart_from_the_list_and_from_the_guns_time_line() -> None:
    seen = Seen(page_html([run_of(result_in(LAG))], recorded))
    anchors = {attributes["id"] for _, attributes in seen.elements if "id" in attributes}
    links = [a["href"] or "" for tag, a in seen.elements if tag == "a" and "-f" in (a["href"] or "")]
    assert links and {link[1:] for link in links} <= anchors
    flags = [a for tag, a in seen.elements if tag == "a" and "left:" in (a.get("style") or "")]
    assert flags and all(flag["title"] for flag in flags)


def long_trace(count: int) -> Trace:
    line, numbered = HandMade(), Numbered()
    for number in range(count):
        line.passes(number, numbered.beat((GunState.IDLE, GunState.FAULT)[number % 2]))
    return line.trace(count)


def unpacked(page: str) -> list[str]:
    """The rows of each part that is packed."""
    parts = re.findall(r'<script type="application/gzip">([^<]*)</script>', page)
    return [gzip.decompress(base64.b64decode(part)).decode() for part in parts]


def test_a_long_recording_is_cut_into_parts_that_hold_all_of_it_and_the_page_says_so() -> None:
    page = page_html([run_of(result_in(GREEN))], lambda run, result: long_trace(1_000))
    parts = unpacked(page)
    # The first row tells that the line came up.
    assert [part.count('class="up') for part in parts] == [CHAPTER_ROWS - 1, *[CHAPTER_ROWS] * 4, 1]
    assert "1001 rows in 6 parts; each opens on a click." in page
    assert all('class="fields"' in part for part in parts)
    assert "left out" not in page


def test_of_a_recording_that_is_too_long_the_parts_with_findings_are_kept_and_the_rest_is_named() -> None:
    result = result_in(RED)
    rows = tuple(
        replace(row, findings=tuple(replace(finding, t_ns=950 * S, frame=None) for finding in row.findings))
        for row in result.rules
    )
    run = run_of(replace(result, rules=rows))
    room = len(page_html([run], nothing).encode()) + 40_000
    parts = unpacked(page := page_html([run], lambda run, result: long_trace(1_000), page_bytes=room))
    assert 0 < len(parts) < 6
    assert any("bill.times" in part for part in parts)
    assert re.search(r"\d+ rows are left out", page)
    assert "pilesim show LOG --from TIME --to TIME" in page


def test_past_so_many_rows_frames_keep_their_bytes_without_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "FIELDS_ROWS", 300)
    page = page_html([run_of(result_in(GREEN))], lambda run, result: long_trace(1_000))
    assert ['class="fields"' in part for part in unpacked(page)] == [True, True, False, False, False, False]
    assert "601 rows keep the bytes of their frames without the fields." in page


def test_times_are_the_days_where_no_scenario_gives_a_beginning() -> None:
    trace = long_trace(3)
    result = replace(result_in(GREEN), id="")
    assert "10:00:01.000" in page_html([run_of(result)], lambda run, result: trace)
    played = Trace(replace(trace.header, scenario="order/short"), trace.events)
    page = page_html([run_of(result)], lambda run, result: played)
    assert "+1.000" in page and "10:00:01.000" not in page


def test_a_recording_of_one_end_without_a_scenario_or_a_gun_is_shown_all_the_same() -> None:
    result = replace(result_in(GREEN), id="", file="field.jsonl", rules=(), case="", title="")
    trace = replace_ends(HandMade().passes(0, bytes_of(Hello(firmware="V1"))).trace())
    page = page_html([run_of(result)], lambda run, result: trace)
    assert "field.jsonl" in page
    assert "Recorded at the platform only" in page
    assert "Guns over time" not in page


def replace_ends(trace: Trace) -> Trace:
    """As if only the platform's end had been recorded."""
    ends = tuple(end for end in trace.header.ends if end == "platform")
    kept = tuple(event for event in trace.events if getattr(event, "end", "platform") == "platform")
    return Trace(replace(trace.header, ends=ends), kept)
