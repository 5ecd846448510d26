"""`pilesim season`: many charges at many piles, and the field's tables out of the platform's ledger."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pilesim.cli.console import console
from pilesim.cli.files import FILE, writable, write_json
from pilesim.cli.options import jobs_option, scheduler_option, seed_option
from pilesim.errors import InternalError, UsageError
from pilesim.files import text_in
from pilesim.library import season_folder, season_names
from pilesim.report.season import print_season, print_seasons
from pilesim.season.fixture import Season, load_season
from pilesim.season.play import play_season, season_contract
from pilesim.season.result import result_of


@click.command()
@click.argument("season", required=False, metavar="[NAME|FILE.yaml]")
@seed_option
@click.option("--charges", type=click.IntRange(min=1), metavar="N", help="Play only so much of it as holds N charges.")
@click.option("--json", "json_file", type=FILE, help="Write the result here.")
@jobs_option(1)
@scheduler_option
def command(
    season: str | None, seed: int, charges: int | None, json_file: Path | None, jobs: int, scheduler: str
) -> int:
    """Play a season of charges in virtual time and print the field's tables from the platform's ledger.

    Without a season the known ones are listed. Rates and habits are the file's; counts come out with the seed, and
    the ledger, made from frames alone, is held order by order against what was done. Exit code 4: they differ.

    \b
    pilesim season zpd-10 --charges 1000 --json season.json
    """
    out = console(lasting=json_file is not None)
    if season is None:
        print_seasons(out, map(_season_named, season_names()))
        return 0
    read = _season_named(season)
    count = read.charges if charges is None else charges
    if count > read.charges:
        raise UsageError(f"--charges: expected at most the {read.charges} of season {read.name}, found {count}")
    writable(json_file, read=(Path(season),))
    out.print(f"[bold]{escape(read.name)}[/] {escape(read.title)}: {count} charges, seed {seed}", soft_wrap=True)
    with _progress() as progress:
        task = progress.add_task("charges", total=count)
        outcomes = play_season(
            read,
            seed=seed,
            charges=count,
            jobs=jobs,
            scheduler=scheduler,
            charged=lambda done: progress.advance(task, done),
        )
    result = result_of(read, seed, outcomes)
    print_season(out, result)
    if json_file is not None:
        write_json(json_file, result)
    return 0 if result.equal else InternalError.exit_code


def _progress() -> Progress:
    """A bar on a terminal, on standard error; nothing where there is none."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def _season_named(word: str) -> Season:
    """The season in a file, where the word ends in .yaml, else the one of that name."""
    path = Path(word)
    if path.suffix not in (".yaml", ".yml"):
        if word not in season_names():
            raise UsageError(f"expected a season, one of {', '.join(season_names())}, or a file.yaml; found {word!r}")
        path = season_folder() / f"{word}.yaml"
    return load_season(text_in(path, "a season's file"), str(path), season_contract())
