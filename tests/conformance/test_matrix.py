"""The suite is worth what it catches: every fault is caught by a rule that it names, every rule fails for a fault."""

from __future__ import annotations

import msgspec
import pytest
from kept import kept

from pilesim.conformance.applicable import unprovable
from pilesim.conformance.matrix import Cell, Proof, load_proofs, run_cell, run_cells, shortcomings
from pilesim.conformance.runner import Options, run_scenario
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.bill_sending import Prompt
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenarios
from pilesim.units import HOUR
from pilesim.wire.dialects import remember
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

YKC = "ykc-1.6"
LONG_NS = {DEFAULT_PROTOCOL: 4 * HOUR, YKC: HOUR}
SEEDS_OF_LONG = {DEFAULT_PROTOCOL: 3, YKC: 1}
"""With so many seeds the reference plays what is longer than an hour, wherever there is time."""
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
PROOFS = load_proofs()
PROOFS_OF = {DEFAULT_PROTOCOL: PROOFS, YKC: load_proofs(YKC)}

LAG = next(proof for proof in PROOFS if proof.fault == "unplug-lag")
LOST = next(proof for proof in PROOFS if proof.fault == "bill-lost")


def shown(protocol: str) -> list[Proof]:
    return [proof for proof in PROOFS_OF[protocol] if not proof.not_applicable]


def caught(proof: Proof, seed: int, protocol: str) -> None:
    cells = [run_cell(proof, SCENARIOS[name], seed, protocol, kept) for name in proof.shown]
    # First that it happened at all, by the fault's own log: else nothing is proved by what fails.
    assert any(cell.took_effect for cell in cells)
    for cell in cells:
        assert set(proof.shown[cell.scenario]) <= set(cell.failed), cell
    assert any(cell.caught_by for cell in cells)


@pytest.mark.parametrize("proof", shown(DEFAULT_PROTOCOL), ids=lambda proof: proof.name)
def test_each_fault_takes_effect_and_is_caught_by_a_rule_that_it_names(proof: Proof, matrix_seed: int) -> None:
    caught(proof, matrix_seed, DEFAULT_PROTOCOL)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("proof", shown(YKC), ids=lambda proof: proof.name)
def test_each_fault_is_caught_in_the_second_protocol_too(proof: Proof, second_seed: int, time_enough: bool) -> None:
    for name in proof.shown:
        in_time(name, YKC, time_enough)
    caught(proof, second_seed, YKC)


@pytest.mark.parametrize("protocol", PROOFS_OF)
def test_every_rule_that_the_protocol_can_carry_is_failed_by_some_fault(protocol: str) -> None:
    failed = {rule for proof in PROOFS_OF[protocol] for rules in proof.shown.values() for rule in rules}
    not_applicable = contract_of(protocol).not_applicable
    assert [row.id for row in RULES if row.id not in failed and row.id not in not_applicable] == []
    assert not failed & set(not_applicable)


def in_time(scenario: str, protocol: str, time_enough: bool) -> None:
    """Skips what takes long, in the second protocol earlier, where there is no time for that."""
    if SCENARIOS[scenario].estimate_ns > LONG_NS[protocol] and not time_enough:
        pytest.skip("it is long: played where there is time for many seeds, and in the first protocol by make conform")


def unfailing(scenario: str, protocol: str, seed: int, time_enough: bool) -> None:
    in_time(scenario, protocol, time_enough)
    if SCENARIOS[scenario].estimate_ns > HOUR and seed > SEEDS_OF_LONG[protocol]:
        pytest.skip("it is long: nothing strikes in it, and a seed moves no more than replies by milliseconds")
    cell = run_cell(None, SCENARIOS[scenario], seed, protocol, kept)
    assert (cell.failed, cell.unproven) == ((), ())
    applies = not unprovable(SCENARIOS[scenario], protocol_named(protocol), contract_of(protocol))
    assert cell.verdict is (Verdict.PASS if applies else Verdict.NOT_APPLICABLE)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_reference_fails_nothing_and_leaves_no_named_rule_unproven(
    scenario: str, reference_seed: int, time_enough: bool
) -> None:
    unfailing(scenario, DEFAULT_PROTOCOL, reference_seed, time_enough)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_reference_fails_nothing_in_the_second_protocol(scenario: str, second_seed: int, time_enough: bool) -> None:
    unfailing(scenario, YKC, second_seed, time_enough)


WITHOUT_A_TAIL = ("order/balance", "order/start-delayed", "auth/taps", "auth/second-scan", "line/outage-in-charge")
"""Where `lhc` is proven by what its heartbeats say of the order, and the older versions by the gun's meter."""


@pytest.mark.parametrize("protocol", ["evlink-2.5", "evlink-2.6"])
@pytest.mark.parametrize("scenario", [*WITHOUT_A_TAIL, "line/flaps", "start/twice", "order/balance-offline"])
def test_the_reference_proves_as_much_in_the_older_versions(scenario: str, protocol: str) -> None:
    options = Options(target=parse_target("sim:reference"), protocol=protocol, seed=1)
    result = run_scenario(SCENARIOS[scenario], options).result
    assert (result.verdict, result.reason, result.waited_in_vain) == (Verdict.PASS, "", ())


def proof_of(protocol: str, name: str) -> Proof:
    (proof,) = [proof for proof in load_proofs(protocol) if proof.name == name]
    return proof


def test_options_of_a_protocol_leave_its_table_as_it_is() -> None:
    assert load_proofs("ykc-1.6?bill_retry=1x5m") == PROOFS_OF[YKC]


def test_a_protocol_without_a_table_has_that_of_the_one_that_it_is_like() -> None:
    assert proof_of("evlink-2.5", "bill-lost").shown == LOST.shown
    loses = proof_of("evlink-2.5", "loses-order-on-flap")
    assert loses.not_applicable == contract_of("evlink-2.5").not_applicable["link.flap-keeps-order"]
    assert loses.shown == {}
    # Of batteries the older versions can tell what lhc cannot.
    assert proof_of(DEFAULT_PROTOCOL, "soc-differs").not_applicable
    assert proof_of("evlink-2.6", "soc-differs").shown == proof_of(YKC, "soc-differs").shown


def test_a_dialect_has_the_table_of_its_base_as_far_as_its_messages_go() -> None:
    poorer = remember("protocol: lhc\nname: d\nmessages: {heartbeat: {remove: [order]}}", "d.yaml").name
    assert proof_of(poorer, "bill-lost").shown == LOST.shown
    assert proof_of(poorer, "loses-order-on-flap").not_applicable == "the gun-report of this dialect carries no order"
    twice = remember(f"protocol: {poorer}\nname: e", "e.yaml").name
    assert load_proofs(twice) == load_proofs(poorer)


@pytest.mark.parametrize("protocol", ["evlink-2.6", "d"])
def test_a_fault_is_caught_by_such_a_table(protocol: str) -> None:
    name = remember("protocol: ykc-1.6\nname: d\nperiods: {alive: 9s}", "d.yaml").name if protocol == "d" else protocol
    caught(proof_of(name, LAG.name), 1, name)


def test_it_says_that_there_is_no_such_protocol() -> None:
    with pytest.raises(UsageError, match="expected a protocol, one of lhc"):
        load_proofs("semaphore")


def about_lag(cells: list[Cell]) -> list[str]:
    return [sentence for sentence in shortcomings(cells, [1]) if sentence.startswith(LAG.name)]


def test_it_is_red_when_a_rule_is_weakened(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [(LAG, SCENARIOS["order/short"], 1)]
    assert about_lag(list(run_cells(jobs, 1))) == []
    for rule in (Prompt, *Prompt.__mro__[1:-1]):
        monkeypatch.setattr(rule, "failed", lambda *_, **__: None, raising=False)
    (sentence,) = about_lag(list(run_cells(jobs, 1)))
    assert "expected one of bill.prompt, bill.at-once to fail" in sentence


def test_it_is_red_when_a_fault_took_no_effect() -> None:
    cells = list(run_cells([(LAG, SCENARIOS["start/insulation-fails"], 1)], 1))
    (sentence,) = about_lag(cells)
    assert "it took effect in none of start/insulation-fails" in sentence


def test_it_is_red_when_a_fault_that_is_said_not_to_apply_is_caught() -> None:
    lag = msgspec.structs.replace(LAG, shown={}, not_applicable="bills have no time here")
    (sentence,) = about_lag(list(run_cells([(lag, SCENARIOS["order/short"], 1)], 1)))
    assert sentence == "unplug-lag: not applicable, it is said, but order/short fails bill.prompt"


def test_it_is_red_when_the_reference_fails() -> None:
    cell = run_cell(LAG, SCENARIOS["order/short"], 1)
    as_reference = Cell(**{name: getattr(cell, name) for name in cell.__struct_fields__} | {"fault": ""})
    assert any("the reference: bill.prompt" in sentence for sentence in shortcomings([as_reference], [1]))


def test_two_processes_give_the_cells_of_one() -> None:
    jobs = [(proof, SCENARIOS["order/short"], 1) for proof in PROOFS[:4]]
    assert list(run_cells(jobs, 2)) == list(run_cells(jobs, 1))
