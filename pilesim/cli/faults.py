"""`pilesim faults`: what can be wrong with a pile or a platform, and the matrix that proves the suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec
from rich.progress import track

from pilesim.cli.console import console
from pilesim.cli.options import protocol_option, scheduler_option
from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.matrix import FAULTS, Proof, load_proofs, run_cells, shortcomings
from pilesim.errors import UsageError
from pilesim.report.tables import print_faults, print_matrix
from pilesim.scenario.scenario import Scenario

_PROCESSES = os.cpu_count() or 1


@click.command()
@click.option("--matrix", is_flag=True, help="Run every fault in every scenario: which rule caught it where.")
@click.option("--shown", is_flag=True, help="With --matrix: only the scenarios that can show each fault.")
@protocol_option
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), metavar="N", help="Seeds 1 to N.")
@click.option("--jobs", default=_PROCESSES, show_default=True, type=click.IntRange(min=1), help="Processes.")
@scheduler_option
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write every cell here.")
def command(
    matrix: bool, shown: bool, protocol: str, seeds: int, jobs: int, scheduler: str, json_file: Path | None
) -> int:
    """List the faults of pile and platform; each goes into `--pile 'sim:reference?fault=NAME'` or --platform.

    A fault that the protocol leaves no room for is listed with the reason.
    """
    out = console()
    proofs = load_proofs(protocol)
    if not matrix:
        if shown or json_file is not None or seeds > 1:
            raise UsageError("expected --matrix too: --shown, --seeds and --json are about its runs")
        print_faults(out, FAULTS, {proof.name: proof.not_applicable for proof in proofs})
        return 0
    scenarios = all_scenarios()
    wanted = range(1, seeds + 1)
    work: list[tuple[Proof | None, Scenario, int]] = [
        (None, scenario, seed) for scenario in scenarios.values() for seed in wanted
    ]
    work += [
        (proof, scenarios[name], seed)
        for proof in proofs
        for name in (proof.shown if shown else scenarios)
        for seed in wanted
    ]
    by = f"by {scheduler}," if scheduler else jobs
    out.print(f"{len(proofs)} faults, {len(scenarios)} scenarios, {seeds} seeds: {len(work)} runs, {by} side by side")
    quiet = not sys.stdout.isatty()
    cells = list(track(run_cells(work, jobs, protocol, scheduler), "runs", total=len(work), console=out, disable=quiet))
    wrong = shortcomings(cells, wanted, protocol)
    for proof in proofs:
        if proof.not_applicable:
            out.print(f"[dim]not applicable[/] {proof.name}: {proof.not_applicable}", soft_wrap=True)
    print_matrix(out, cells, wrong)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode({"cells": cells, "wrong": wrong}), indent=1))
    return 1 if wrong else 0
