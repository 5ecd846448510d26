"""The diagnosis: a known case or fault comes first for a recording that shows it; where all is well there is none."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from kept import kept
from msgspec import structs
from msgspec.structs import replace

from pilesim.conformance.matrix import Proof, load_proofs
from pilesim.conformance.runner import Options
from pilesim.diagnosis.diagnose import Diagnosis, diagnose
from pilesim.diagnosis.signatures import SIGNATURES, UNSHOWN
from pilesim.diagnosis.story import Sent, Story, StoryReader, story_of
from pilesim.library import scenario_folder
from pilesim.pile.faults import FAULTS as PILE_FAULTS
from pilesim.platform.faults import FAULTS as PLATFORM_FAULTS
from pilesim.rig.firmware import firmware_of_case
from pilesim.rig.targets import parse_target
from pilesim.rules.judge import Judgement, judge
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenarios
from pilesim.trace.events import LineDown, Missing, Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import HOUR, YUAN_MFEN
from pilesim.wire.frame import End

SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
WITH_CASE = [scenario for scenario in SCENARIOS.values() if scenario.case]
SHOWN = {name: [proof for proof in load_proofs(name) if proof.shown] for name in ("lhc", "ykc-1.6")}
PROOFS = {
    "lhc": SHOWN["lhc"],
    # What only this protocol can show.
    "ykc-1.6": [proof for proof in SHOWN["ykc-1.6"] if proof.fault not in {shown.fault for shown in SHOWN["lhc"]}],
}
FIELD_LOGS = Path(__file__).parents[1] / "data" / "field-logs"


@cache
def played(scenario: str, url: str) -> tuple[Trace, Judgement, Story]:
    run = kept(SCENARIOS[scenario], Options(target=parse_target(url), protocol="lhc", seed=1))
    return run.trace, *read(run.trace)


def read(trace: Trace) -> tuple[Judgement, Story]:
    telling = StoryReader()
    return judge(trace.header, trace.events, readers=[telling]), telling.story()


def told(judgement: Judgement, story: Story) -> tuple[Diagnosis, ...]:
    return diagnose(story, judgement)


def is_of(name: str, case: str) -> bool:
    """`szds-16b` is a sighting of szds-16, and `szds-32.6` an item of szds-32."""
    rest = name.removeprefix(case)
    return name.startswith(case) and (rest == "" or rest[0] == "." or rest.isalpha())


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("scenario", "firmware"),
    [(s.id, firmware_of_case(s.case)) for s in WITH_CASE if firmware_of_case(s.case) != "reference"],
)
def test_the_case_comes_first_for_a_recording_of_the_firmware_that_shows_it(scenario: str, firmware: str) -> None:
    _, judgement, story = played(scenario, f"sim:{firmware}")
    found = told(judgement, story)
    if judgement.failed():
        assert is_of(found[0].name, SCENARIOS[scenario].case), found
    else:
        assert not found


WELL = [s.id for s in WITH_CASE if s.estimate_ns < HOUR]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("scenario", WELL)
def test_nothing_is_wrong_in_a_recording_of_the_reference(scenario: str) -> None:
    trace, judgement, story = played(scenario, "sim:reference")
    assert not [one for one in told(judgement, story) if not one.right]
    if any(isinstance(event, LineDown) and event.by == "line" for event in trace.events):
        return  # the bill of one who was cut off is late, and an excerpt would not tell why
    excerpt = replace(trace.header, source="a.log", missing=(Missing.LINES,))
    assert not [one for one in told(judgement, story_of(excerpt, trace.events)) if not one.right]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("protocol", "proof", "scenario"),
    [
        pytest.param(protocol, proof, scenario, id=f"{protocol}-{proof.name}-{scenario}")
        for protocol, proofs in PROOFS.items()
        for proof in proofs
        for scenario in proof.shown
    ],
)
def test_a_fault_comes_first_for_a_recording_that_it_spoilt(protocol: str, proof: Proof, scenario: str) -> None:
    run = kept(SCENARIOS[scenario], proof.options(1, protocol))
    found = told(*read(run.trace))
    name = proof.fault if proof.end is End.PILE else f"platform {proof.fault}"
    assert found, run.result.reason
    assert name in found[0].faults, found


@pytest.mark.parametrize(
    ("log", "case", "reason"),
    [
        (
            "szds-16a",
            "szds-16a",
            "order 20200303123645436010: authorised 12:36:46, never started, stopped 12:42:27, "
            "bill with an empty time 12:43:50",
        ),
        (
            "szds-16b",
            "szds-16b",
            "order 20200303114016074186: authorised 11:40:16, start sent 11:42:09, charging 11:42:53, "
            "a charge since 1999 11:42:53, no longer charging 11:43:09, bill with an empty order 11:44:44",
        ),
        (
            "szds-25",
            "szds-25",
            "order 20200308232332102674: authorised, the next order authorised, bill, the same bill again",
        ),
        (
            "szds-34",
            "szds-34",
            "order 20200312155407387826: authorised 15:54:07, start sent 15:54:10, ended by the pile 15:54:43",
        ),
    ],
)
def test_the_fields_own_log_looks_like_its_case(log: str, case: str, reason: str) -> None:
    trace = load_log(FIELD_LOGS / f"{log}.log", Wishes()).trace
    best, *_ = told(*read(trace))
    assert (best.name, best.reason, best.right) == (case, reason, case == "szds-34")
    assert f"looks like {case}" in best.sentence


RIGHT = {
    "start/handshake-fails": "szds-34",
    "start/insulation-fails": "szds-29",
    "start/fails-cable-left": "szds-29",
    "bill/short-then-parked": "zpd-5",
}


@pytest.mark.parametrize("scenario", [scenario.id for scenario in WITH_CASE if scenario.estimate_ns < HOUR])
def test_a_recording_of_our_own_says_where_the_pile_did_right_and_somebody_complained(scenario: str) -> None:
    names = [one.name for one in told(*played(scenario, "sim:reference")[1:])]
    assert names[:1] == [RIGHT[scenario]] if scenario in RIGHT else "zpd-5" not in names and "szds-29" not in names


def lost_in_the_charge(*, back_in_time: bool) -> tuple[Diagnosis, ...]:
    fault = "" if back_in_time else "?fault=past-the-balance"
    return told(*played("order/balance-offline", f"sim:reference{fault}")[1:])


def test_a_charge_that_went_past_its_balance_while_the_line_was_down_is_szds_18() -> None:
    assert lost_in_the_charge(back_in_time=False)[0].name == "szds-18"
    assert lost_in_the_charge(back_in_time=True) == ()


def test_an_occupancy_fee_for_a_start_that_failed_is_zpd_5a() -> None:
    """By a life as frames tell it; no firmware that is known by name bills so."""
    trace, *_ = played("start/service-fails", "sim:robinson-gen5-0309")
    story = story_of(trace.header, trace.events)
    (life,) = [life for life in story.lives if life.bills]
    (signature,) = [signature for signature in SIGNATURES if signature.name == "zpd-5a"]
    assert not all(shows(story, life) for shows in signature.life)
    dear = structs.replace(life.bills[0].bill, occupancy_fee_mfen=YUAN_MFEN)
    life.bills[0] = Sent(life.bills[0].t_ns, dear, again=False)
    assert all(shows(story, life) for shows in signature.life)


def test_the_line_is_named_where_it_lost_the_start() -> None:
    _, judgement, story = played("order/start-lost", "sim:robinson-gen5-0303")
    assert "never started, start lost on the line 12:36:46" in told(judgement, story)[0].reason


def test_a_diagnosis_that_says_less_than_a_better_one_is_left_out() -> None:
    _, judgement, story = played("order/start-lost", "sim:robinson-gen5-0303")
    assert [one.name for one in told(judgement, story)] == ["szds-16a"]


def test_every_fault_has_a_signature_and_every_signature_names_what_there_is() -> None:
    known = {*PILE_FAULTS, *(f"platform {name}" for name in PLATFORM_FAULTS)}
    assert {fault for signature in SIGNATURES for fault in signature.faults} == known
    rules = {row.id for row in RULES}
    for signature in SIGNATURES:
        assert signature.rules <= rules, signature.name
        assert signature.life or signature.says, signature.name


def test_every_field_case_that_concerns_the_pile_is_known_by_some_signature_or_fault() -> None:
    named = {name for signature in SIGNATURES for name in (signature.name, *signature.cases)}
    shown = {
        s.case
        for s in WITH_CASE
        if firmware_of_case(s.case) != "reference" and played(s.id, f"sim:{firmware_of_case(s.case)}")[1].failed()
    }
    assert all(any(is_of(name, case) for name in named) for case in shown)


FIELD_CASES = (
    *(f"szds-{n}" for n in ("15", "16", "16a", "16b", "17", "18", "19", "23", "25", "26", "29", "30", "31", "32")),
    *(f"szds-{n}" for n in ("32.3", "32.5", "32.6", "32.7", "32.8", "32.9", "33", "34")),
    *(f"zpd-{n}" for n in ("1", "2", "3", "4", "5", "5a", "7", "10")),
)
"""What the diaries tell of pile, platform and line; the rest is about accounts, logos and the like."""


@pytest.mark.parametrize("case", FIELD_CASES)
def test_each_field_case_has_a_signature_or_a_reason_why_not(case: str) -> None:
    named = {name for signature in SIGNATURES for name in (signature.name, *signature.cases)}
    assert (case in named) is not (case in UNSHOWN)


def test_every_scenario_of_a_case_is_of_one_that_is_listed() -> None:
    assert {scenario.case for scenario in WITH_CASE} <= set(FIELD_CASES)


def test_a_recording_that_cannot_be_explained_has_no_diagnosis() -> None:
    _, judgement, story = played("order/short", "sim:reference")
    assert judgement.verdict("bill.times") is Verdict.PASS
    assert told(judgement, story) == ()
