"""Every fault against the scenarios: which rule caught it where, and whether the suite is worth anything.

Owns the proof of the suite: each fault, once it really took effect, is caught by a rule that it names; each rule is
failed by some fault; the reference fails nothing. Must not know how a rule or a fault does its work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import msgspec

from pilesim import strictyaml
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, run_scenario
from pilesim.errors import UsageError
from pilesim.faulty import FaultKind
from pilesim.library import firmware_folder
from pilesim.pile.faults import FAULTS as PILE_FAULTS
from pilesim.platform.faults import FAULTS as PLATFORM_FAULTS
from pilesim.quantities import Word, quantity
from pilesim.rig.targets import SimTarget
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import Scenario
from pilesim.wire.frame import End
from pilesim.wire.protocol import DEFAULT_PROTOCOL

FAULTS: Mapping[End, Mapping[str, FaultKind]] = {End.PILE: PILE_FAULTS, End.PLATFORM: PLATFORM_FAULTS}
"""Every fault there is, by the end that has it."""


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a fault can be seen: with which parameters, in which scenarios, and which rules fail there."""

    end: End = End.PILE
    fault: str
    with_: dict[str, Word] = msgspec.field(name="with", default_factory=dict)
    shown: dict[str, tuple[str, ...]]
    """Scenario id to the rules that fail in it, whatever the seed; all of its scenarios together catch the fault."""

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


def load_proofs() -> tuple[Proof, ...]:
    """The table of where each fault can be seen, from the firmware fixtures; every fault stands in it."""
    path = firmware_folder() / "proofs" / "faults.yaml"
    proofs = strictyaml.load(path.read_text(encoding="utf-8"), str(path), tuple[Proof, ...], quantity)
    for proof in proofs:
        if proof.fault not in FAULTS[proof.end]:
            raise UsageError(f"{path}: expected a fault of the {proof.end}, found {proof.fault!r}")
        if not set(proof.kind.catches) & {rule for rules in proof.shown.values() for rule in rules}:
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

    @property
    def caught_by(self) -> tuple[str, ...]:
        """The rules that it names and that failed, once it took effect."""
        return tuple(rule for rule in self.names if rule in self.failed) if self.took_effect else ()


def run_cell(proof: Proof | None, scenario: Scenario, seed: int) -> Cell:
    """Play `scenario` with the fault of `proof`, or on the reference where that is None."""
    options = (
        proof.options(seed)
        if proof is not None
        else Options(target=REFERENCE_PLATFORM, protocol=DEFAULT_PROTOCOL, seed=seed)
    )
    run = run_scenario(scenario, options)
    return _cell(proof, run.result, seed, any(proof and mishap.fault == proof.fault for mishap in run.mishaps))


def _cell(proof: Proof | None, result: ScenarioResult, seed: int, took_effect: bool) -> Cell:
    return Cell(
        end=proof.end if proof else End.PILE,
        fault=proof.fault if proof else "",
        name=proof.name if proof else "reference",
        scenario=result.id,
        seed=seed,
        took_effect=took_effect,
        verdict=result.verdict,
        failed=tuple(row.id for row in result.rules if row.verdict is Verdict.FAIL),
        unproven=tuple(row.id for row in result.unproven),
        names=proof.kind.catches if proof else (),
    )


def run_cells(jobs: Sequence[tuple[Proof | None, Scenario, int]], processes: int) -> Iterator[Cell]:
    """Every cell, in the order of `jobs`, whatever the number of processes."""
    if processes <= 1:
        yield from (run_cell(*job) for job in jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(run_cell, *zip(*jobs, strict=True), chunksize=4)


def shortcomings(cells: Iterable[Cell], seeds: Sequence[int]) -> list[str]:
    """What the cells do not prove, a sentence each; empty when the suite is worth its name.

    Every fault took effect, and is caught by a rule that it names, for each seed; every rule is failed by some
    fault; the reference fails nothing and leaves no named rule unproven.
    """
    seen = list(cells)
    wrong = []
    for cell in seen:
        if not cell.fault and cell.verdict is not Verdict.PASS:
            what = ", ".join((*cell.failed, *(f"{rule} not proven" for rule in cell.unproven))) or cell.verdict
            wrong.append(f"{cell.scenario} seed {cell.seed}: the reference: {what}")
    faulty = [cell for cell in seen if cell.fault]
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
    wrong += [f"{row.id}: no fault makes it fail" for row in RULES if row.id not in failed]
    return wrong
