"""`pilesim faults`: what can be wrong with a pile or a platform, and the matrix that proves the suite."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.progress import track

from pilesim.cli.console import console
from pilesim.cli.files import FILE, writable, write_json
from pilesim.cli.options import jobs_option, protocol_option, scheduler_option
from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.matrix import FAULTS, Proof, load_proofs, run_cells, shortcomings
from pilesim.errors import UsageError
from pilesim.report.tables import print_faults, print_matrix
from pilesim.scenario.scenario import Scenario


@click.command()
@click.option("--matrix", is_flag=True, help="Run every fault in every scenario: which rule caught it where.")
@click.option("--shown", is_flag=True, help="With --matrix: only the scenarios that can show each fault.")
@protocol_option
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), metavar="N", help="Seeds 1 to N.")
@jobs_option()
@scheduler_option
@click.option("--json", "json_file", type=FILE, help="Write every cell here.")
def command(
    matrix: bool, shown: bool, protocol: str, seeds: int, jobs: int, scheduler: str, json_file: Path | None
) -> int:
    """List the faults of pile and platform; each goes into `--pile 'sim:reference?fault=NAME'` or --platform.

    A fault that the protocol leaves no room for is listed with the reason.

    \b
    pilesim faults --matrix --shown --json matrix.json
    """
    out = console(lasting=json_file is not None)
    proofs = load_proofs(protocol)
    if not matrix:
        if shown or json_file is not None or seeds > 1:
            raise UsageError("expected --matrix too: --shown, --seeds and --json are about its runs")
        print_faults(out, FAULTS, {proof.name: proof.not_applicable for proof in proofs})
        return 0
    writable(json_file)
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
        write_json(json_file, {"cells": cells, "wrong": wrong})
    return 1 if wrong else 0
