"""Every fault against the scenarios: which rule caught it where, and whether the suite is worth anything.

Owns the proof of the suite, for each protocol that has one: each fault, once it really took effect, is caught by a rule
that it names; each rule is failed by some fault; the reference fails nothing. Must not know how a rule or a fault does
its work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from pilesim import strictyaml
from pilesim.conformance.applicable import unprovable
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, Run, run_scenario
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.faulty import FaultKind
from pilesim.library import firmware_folder, scenario_folder
from pilesim.pile.faults import FAULTS as PILE_FAULTS
from pilesim.platform.faults import FAULTS as PLATFORM_FAULTS
from pilesim.quantities import Word, quantity
from pilesim.rig.targets import SimTarget
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import Scenario, load_scenarios
from pilesim.spread import hired
from pilesim.wire.dialects import travelling
from pilesim.wire.frame import End
from pilesim.wire.messages import MESSAGE_TYPES, Message
from pilesim.wire.protocol import DEFAULT_PROTOCOL, Protocol, protocol_named

FAULTS: Mapping[End, Mapping[str, FaultKind]] = {End.PILE: PILE_FAULTS, End.PLATFORM: PLATFORM_FAULTS}
"""Every fault there is, by the end that has it."""


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a fault can be seen: with which parameters, in which scenarios, and which rules fail there; or why nowhere.

    Of `shown` and `not_applicable` it has one.
    """

    end: End = End.PILE
    fault: str
    with_: dict[str, Word] = msgspec.field(name="with", default_factory=dict)
    shown: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Scenario id to the rules that fail in it, whatever the seed; all of its scenarios together catch the fault."""
    not_applicable: str = msgspec.field(name="not-applicable", default="")
    """Why a firmware that speaks this protocol cannot have the fault, or nobody could tell."""

    @property
    def kind(self) -> FaultKind:
        return FAULTS[self.end][self.fault]

    @property
    def name(self) -> str:
        """`no-reply message=stop-reply`, `platform no-reply`."""
        end = "" if self.end is End.PILE else f"{self.end} "
        return " ".join([end + self.fault, *(f"{key}={value}" for key, value in self.with_.items())])

    def options(self, seed: int, protocol: str = DEFAULT_PROTOCOL) -> Options:
        """A run against the reference with this one fault, at its end."""
        query = "&".join([f"fault={self.fault}", *(f"fault.{key}={value}" for key, value in self.with_.items())])
        faulty = SimTarget(url=f"sim:reference?{query}", profile="reference", faults=((self.fault, self.with_),))
        pile, platform = (faulty, REFERENCE_PLATFORM) if self.end is End.PILE else (REFERENCE_PLATFORM, faulty)
        return Options(target=pile, platform=platform, protocol=protocol, seed=seed)


def load_proofs(protocol: str = DEFAULT_PROTOCOL) -> tuple[Proof, ...]:
    """The table of where each fault can be seen, from the firmware fixtures; every fault stands in it.

    A protocol without a table of its own has that of its base, or of the one that it is most like, as far as it can
    carry it. UsageError where the protocol, or its contract, cannot be had, or where the table is not whole.
    """
    spoken = protocol_named(protocol)
    tables = {path.stem: path for path in sorted((firmware_folder() / "proofs").glob("*.yaml"))}
    lineage = _lineage(spoken)
    if lineage[0] in tables:
        return _load(tables[lineage[0]])
    base = next((name for name in lineage if name in tables), "")
    if base:
        return _carried(_load(tables[base]), spoken)
    like = sorted(tables, key=lambda name: (_shared(spoken, protocol_named(name)), name == DEFAULT_PROTOCOL))
    return _carried(_merged([_load(tables[name]) for name in reversed(like)]), spoken)


def _lineage(spoken: Protocol) -> list[str]:
    """The name of the protocol, and of those that it is a dialect of, without options."""
    names = [spoken.name.partition("?")[0]]
    return names + (_lineage(protocol_named(spoken.origin)) if spoken.origin else [])


def _shared(one: Protocol, other: Protocol) -> int:
    """How many messages two protocols have in common."""
    return len(_meant(one) & _meant(other))


def _merged(tables: Sequence[tuple[Proof, ...]]) -> tuple[Proof, ...]:
    """The first table, and of others what they show and it cannot."""
    shown = {proof.name: proof for table in reversed(tables) for proof in table if proof.shown}
    return tuple(shown.get(proof.name, proof) for proof in tables[0])


def _meant(spoken: Protocol) -> set[type[Message]]:
    return {row.means for row in spoken.catalogue if row.means is not None}


def _carried(proofs: Iterable[Proof], spoken: Protocol) -> tuple[Proof, ...]:
    """`proofs` of another protocol, as far as `spoken` can carry them: what it cannot says why."""
    contract = contract_of(spoken.name)
    lost = contract.not_applicable
    scenarios = load_scenarios(scenario_folder(), [row.id for row in RULES])
    playable = {name for name, scenario in scenarios.items() if not unprovable(scenario, spoken, contract)}
    carried = []
    for proof in proofs:
        shown = {
            name: tuple(rule for rule in rules if rule not in lost)
            for name, rules in proof.shown.items()
            if name in playable
        }
        about = proof.with_.get("message", "")
        reason = proof.not_applicable
        if about in MESSAGE_TYPES and not spoken.carries(MESSAGE_TYPES[about]):
            reason = f"{spoken.name} has no {about}"
        elif not reason and all(rule in lost for rule in proof.kind.catches):
            reason = "; ".join(dict.fromkeys(lost[rule] for rule in proof.kind.catches))
        elif not reason and not shown:
            reason = f"{spoken.name} can carry none of the scenarios that show it: {', '.join(proof.shown)}"
        carried.append(msgspec.structs.replace(proof, shown={} if reason else shown, not_applicable=reason))
    return tuple(carried)


def _load(path: Path) -> tuple[Proof, ...]:
    proofs = strictyaml.load(path.read_text(encoding="utf-8"), str(path), tuple[Proof, ...], quantity)
    for proof in proofs:
        if proof.fault not in FAULTS[proof.end]:
            raise UsageError(f"{path}: expected a fault of the {proof.end}, found {proof.fault!r}")
        if bool(proof.shown) is bool(proof.not_applicable):
            raise UsageError(f"{path}: {proof.name}: expected either shown or not-applicable")
        if proof.shown and not set(proof.kind.catches) & {rule for rules in proof.shown.values() for rule in rules}:
            raise UsageError(f"{path}: {proof.name}: expected one of {', '.join(proof.kind.catches)} to fail somewhere")
    for end, table in FAULTS.items():
        missing = [name for name in table if all((p.end, p.fault) != (end, name) for p in proofs)]
        if missing:
            raise UsageError(f"{path}: expected every fault of the {end}; not found: {', '.join(missing)}")
    return proofs


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One fault in one scenario with one seed. `fault` is "" for the reference."""

    end: End
    fault: str
    name: str
    scenario: str
    seed: int
    took_effect: bool
    """By the fault's own log."""
    verdict: Verdict
    failed: tuple[str, ...]
    unproven: tuple[str, ...]
    names: tuple[str, ...]
    """The rules that must catch the fault."""
    not_applicable: str = ""
    """Why the fault is none in this protocol; then it must not be caught by what it names."""

    @property
    def caught_by(self) -> tuple[str, ...]:
        """The rules that it names and that failed, once it took effect."""
        return tuple(rule for rule in self.names if rule in self.failed) if self.took_effect else ()


def run_cell(
    proof: Proof | None,
    scenario: Scenario,
    seed: int,
    protocol: str = DEFAULT_PROTOCOL,
    play: Callable[[Scenario, Options], Run] = run_scenario,
) -> Cell:
    """Play `scenario` with the fault of `proof`, or on the reference where that is None.

    What the protocol cannot carry is not played. `play` plays what is; it may have done so before.
    """
    options = (
        proof.options(seed, protocol)
        if proof is not None
        else Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=seed)
    )
    cell = Cell(
        end=proof.end if proof else End.PILE,
        fault=proof.fault if proof else "",
        name=proof.name if proof else "reference",
        scenario=scenario.id,
        seed=seed,
        took_effect=False,
        verdict=Verdict.NOT_APPLICABLE,
        failed=(),
        unproven=(),
        names=proof.kind.catches if proof else (),
        not_applicable=proof.not_applicable if proof else "",
    )
    if unprovable(scenario, protocol_named(protocol), contract_of(protocol)):
        return cell
    run = play(scenario, options)
    return msgspec.structs.replace(
        cell,
        took_effect=any(proof and mishap.fault == proof.fault for mishap in run.mishaps),
        verdict=run.result.verdict,
        failed=tuple(row.id for row in run.result.rules if row.verdict is Verdict.FAIL),
        unproven=tuple(row.id for row in run.result.unproven),
    )


def run_cells(
    jobs: Sequence[tuple[Proof | None, Scenario, int]],
    processes: int,
    protocol: str = DEFAULT_PROTOCOL,
    scheduler: str = "",
) -> Iterator[Cell]:
    """Every cell, in the order of `jobs`, whatever the number of processes, or by the cluster at `scheduler`."""
    with hired(processes, scheduler) as crew:
        yield from crew.in_order(travelling(partial(_run_job, protocol), protocol), jobs, _job_name)


def _run_job(protocol: str, job: tuple[Proof | None, Scenario, int]) -> Cell:
    return run_cell(*job, protocol)


def _job_name(job: tuple[Proof | None, Scenario, int]) -> str:
    proof, scenario, seed = job
    return f"{scenario.id} with {proof.name if proof else 'the reference'}, seed {seed}"


def shortcomings(cells: Iterable[Cell], seeds: Sequence[int], protocol: str = DEFAULT_PROTOCOL) -> list[str]:
    """What the cells do not prove, a sentence each; empty when the suite is worth its name.

    Every fault took effect, and is caught by a rule that it names, for each seed; every rule that the protocol can
    carry is failed by some fault; the reference fails nothing and leaves no named rule unproven. A fault that is said
    to be none in this protocol is caught nowhere.
    """
    seen = list(cells)
    wrong = []
    for cell in seen:
        if not cell.fault and cell.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE):
            what = ", ".join((*cell.failed, *(f"{rule} not proven" for rule in cell.unproven))) or cell.verdict
            wrong.append(f"{cell.scenario} seed {cell.seed}: the reference: {what}")
        if cell.not_applicable and cell.caught_by:
            wrong.append(f"{cell.name}: not applicable, it is said, but {cell.scenario} fails {cell.caught_by[0]}")
    faulty = [cell for cell in seen if cell.fault and not cell.not_applicable]
    for name in dict.fromkeys(cell.name for cell in faulty):
        for seed in seeds:
            mine = [cell for cell in faulty if cell.name == name and cell.seed == seed]
            if not any(cell.took_effect for cell in mine):
                wrong.append(f"{name} seed {seed}: it took effect in none of {', '.join(c.scenario for c in mine)}")
            elif not any(cell.caught_by for cell in mine):
                found = sorted({rule for cell in mine for rule in cell.failed})
                named = ", ".join(mine[0].names)
                wrong.append(f"{name} seed {seed}: expected one of {named} to fail; found {', '.join(found) or 'none'}")
    failed = {rule for cell in faulty if cell.took_effect for rule in cell.failed}
    carried = [row.id for row in RULES if row.id not in contract_of(protocol).not_applicable]
    wrong += [f"{rule}: no fault makes it fail" for rule in carried if rule not in failed]
    return wrong
