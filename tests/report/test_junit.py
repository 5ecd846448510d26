"""JUnit XML: the form that Jenkins' xUnit plugin publishes, what each verdict becomes, and counts that add up."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from recorded import GREEN, HOSTILE, RED, result_in, run_of

from pilesim.conformance.result import RunResult
from pilesim.report.junit import junit_xml
from pilesim.rules.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Form:
    """What one element may hold. `text`: characters that are not blank."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    text: bool = False


def names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# The facts of junit-10.xsd, as far as a file of ours needs them: its children come in any order and number.
OUTCOME = Form(optional=names("type message"), text=True)
FORMS = {
    "testsuites": Form(optional=names("name time tests failures errors"), children=names("testsuite")),
    "testsuite": Form(
        required=names("name tests failures errors"),
        optional=names("group time skipped timestamp hostname id package file log url"),
        children=names("testsuite properties testcase system-out system-err"),
    ),
    "testcase": Form(
        required=names("name"),
        optional=names("time classname group"),
        children=names("skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err"),
    ),
    "properties": Form(children=names("property")),
    "property": Form(required=names("name value")),
    "skipped": OUTCOME,
    "error": OUTCOME,
    "failure": OUTCOME,
    "system-out": Form(text=True),
    "system-err": Form(text=True),
}
SUITE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def misfits(element: ET.Element) -> list[str]:
    """What of `element`, and below it, the form does not allow."""
    form = FORMS.get(element.tag)
    if form is None:
        return [f"{element.tag}: no such element"]
    held = set(element.attrib)
    found = [f"{element.tag}: no {name}" for name in form.required - held]
    found += [f"{element.tag}: has {name}" for name in held - form.required - form.optional]
    found += [f"{element.tag}: holds {child.tag}" for child in element if child.tag not in form.children]
    texts = [element.text, *(child.tail for child in element)]
    if not form.text and any(text and text.strip() for text in texts):
        found.append(f"{element.tag}: holds text")
    if element.tag in ("testsuites", "testsuite") and not SUITE_TIME.fullmatch(element.get("time", "")):
        found.append(f"{element.tag}: time {element.get('time')}")
    return found + [misfit for child in element for misfit in misfits(child)]


def run_with(*verdicts: Verdict) -> RunResult:
    results = [
        replace(result_in(GREEN), id=f"made/{number}", verdict=verdict, reason=f"because {number}")
        for number, verdict in enumerate(verdicts)
    ]
    return run_of(*results)


def document(*runs: RunResult) -> ET.Element:
    return ET.fromstring(junit_xml(runs))


RUNS = {
    "green": run_of(result_in(GREEN)),
    "red": run_of(result_in(RED)),
    "of all verdicts": run_with(*Verdict),
    "with nothing": run_of(),
    "with facts": run_of(result_in(GREEN), facts={"port": "COM3", "firmware": HOSTILE}),
}


@pytest.mark.parametrize("name", RUNS)
def test_it_keeps_to_the_form(name: str) -> None:
    assert misfits(document(RUNS[name])) == []


@pytest.mark.parametrize(
    ("xml", "misfit"),
    [
        ('<testsuites skipped="1"/>', "testsuites: has skipped"),
        ('<testsuites><testsuite name="a" tests="0" failures="0"/></testsuites>', "testsuite: no errors"),
        ('<testcase name="a"><properties/></testcase>', "testcase: holds properties"),
        ("<property name='a' value='b'>c</property>", "property: holds text"),
        ("<testsuites time='1e-05'/>", "testsuites: time 1e-05"),
        ("<note/>", "note: no such element"),
    ],
)
def test_the_form_refuses_what_it_does_not_have(xml: str, misfit: str) -> None:
    assert misfit in misfits(ET.fromstring(xml))


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.PASS, None),
        (Verdict.FAIL, "failure"),
        (Verdict.ERROR, "error"),
        (Verdict.INCONCLUSIVE, "skipped"),
        (Verdict.NOT_APPLICABLE, "skipped"),
    ],
)
def test_it_tells_each_verdict_as_the_form_can(verdict: Verdict, outcome: str | None) -> None:
    (case,) = document(run_with(verdict)).iter("testcase")
    assert [child.tag for child in case] == ([outcome] if outcome else [])
    assert [child.get("message") for child in case] == (["because 0"] if outcome else [])


def test_its_counts_add_up_to_the_results() -> None:
    root = document(RUNS["of all verdicts"], RUNS["red"])
    suites = list(root.iter("testsuite"))
    for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert sum(int(suite.get(name, "")) for suite in suites) == len(list(root.iter(outcome)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "2", "1")
    assert len(list(root.iter("skipped"))) == 2
    assert len(suites) == len(list(root.iter("testcase"))) == 6


def test_it_names_scenario_and_pile_and_carries_what_a_person_asks_for() -> None:
    run = run_of(result_in(RED), pile="serial:///dev/ttyUSB0", facts={"port": "ttyUSB0"})
    (case,) = document(run).iter("testcase")
    assert (case.get("name"), case.get("classname")) == ("order/start-lost", "serial:///dev/ttyUSB0 lhc")
    properties = {p.get("name"): p.get("value") for p in document(run).iter("property")}
    assert properties["field case"] == "szds-16a"
    assert properties["proves"] == "auth.answered, stop.answered, bill.none-unstarted, bill.times"
    assert properties["failed rules"] == "frame.valid, bill.none-unstarted, bill.times"
    assert properties["seed"] == "7"
    assert properties["rig port"] == "ttyUSB0"


def test_a_failure_tells_its_findings_with_expected_found_blame_and_bytes() -> None:
    (failure,) = document(run_of(result_in(RED))).iter("failure")
    text = failure.text or ""
    assert "bill.none-unstarted MUST" in text
    assert "expected no bill for an order that never started; found a bill" in text
    assert "to blame: the pile" in text
    assert "FE6D00" in text
    assert text.endswith("again: again")


def test_a_known_failure_is_a_property_and_no_failure() -> None:
    result = result_in(RED)
    rows = tuple(replace(row, expected="issue 12" if row.findings else "") for row in result.rules)
    root = document(run_of(replace(result, rules=rows, verdict=Verdict.PASS, reason="failed as expected")))
    assert list(root.iter("failure")) == []
    properties = {p.get("name"): p.get("value") for p in root.iter("property")}
    assert properties["known failures"] == "bill.none-unstarted (issue 12), bill.times (issue 12)"


def test_it_escapes_what_xml_cannot_carry() -> None:
    result = replace(result_in(RED), title=HOSTILE, reason=HOSTILE, verdict=Verdict.ERROR)
    text = junit_xml([run_of(result, facts={HOSTILE: HOSTILE}, pile=HOSTILE)]).decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
    assert "\\x1b[31m\\x00\\u202e" in text


def test_a_scenario_that_the_run_has_not_come_to_is_skipped_and_says_so() -> None:
    run = replace(run_of(result_in(GREEN)), planned=("order/short", "order/card"))
    root = document(run)
    assert misfits(root) == []
    assert root.get("tests") == "2"
    (left,) = root.iterfind(".//testcase[skipped]")
    assert left.get("name") == "order/card"
    outcome = left.find("skipped")
    assert outcome is not None
    assert "not played" in (outcome.get("message") or "")
