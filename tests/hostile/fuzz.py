"""Coverage-guided fuzzing of all that takes bytes from strangers: `python tests/hostile/fuzz.py --inputs 10000000`.

Owns the processes, the bounds and what is told of them. A child hunts in one target with atheris, which sees what each
input reaches in pilesim's code; what it finds, it leaves as a file, and so its slowest input, which is played again
here without atheris' measuring. A second child takes what the first kept, since each of them reached something new, and
tries their kin, changed at random and not measured, which is several times as quick. Must not know what a target does
(fuzz_targets.py).

An input that broke something goes to tests/data/hostile/TARGET, and is tried by every `make test` from then on.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mutated import mutated

from pilesim.chance import Chance

LIMIT_MS = 50
"""No input takes longer: CPU time, without the measuring of what is reached."""
MEASURED_LIMIT_MS = 500
"""The same while it is measured, which is several times as slow; beyond it the hunt ends at once."""
QUICK_MS = 1
"""What takes no longer is not measured again."""
LONGEST_BYTES = 4096
GROWTH_BLOCKS = 20_000
"""So many more pieces of memory may be in use at the end than after a quarter: what Python and its libraries keep."""
RSS_LIMIT_MB = 1024
KIN = 4
"""So many inputs that are changed at random come on each that atheris chose."""
HERE = Path(__file__).parent
FOUND = Path(".fuzz")


def forget() -> None:
    """Empty every cache that has a bound, so that what grows is what has none."""
    gc.unfreeze()  # what a run of the tests has put away is not among the objects
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper) and thing.cache_parameters()["maxsize"] is not None:
            thing.cache_clear()
    gc.collect()


def took_ms(run: Any, data: bytes) -> float:
    """CPU time of one input; of three times the least, since a machine has other things to do."""
    least = float("inf")
    for _ in range(3):
        # It is not to be had from what is remembered of it; what any input makes for all is not of its doing.
        forget()
        run(data[:1])
        began = time.process_time_ns()
        run(data)
        least = min(least, (time.process_time_ns() - began) / 1e6)
    return least


class SlowError(Exception):
    """An input took longer than any may."""


class GrownError(Exception):
    """Memory is in use that was not a while ago."""


class Hunt:
    """What is counted of one target in this process."""

    def __init__(self, name: str, run: Any, inputs: int, seconds: float, folder: Path) -> None:
        self._name = name
        self._run = run
        self._inputs = inputs
        self._until = time.monotonic() + seconds
        self._quarter = time.monotonic() + seconds / 4
        self._folder = folder
        self._count = 0
        self._slowest_ms: float = QUICK_MS
        (folder / "slowest").write_bytes(b"")
        self._blocks = 0

    def one(self, data: bytes) -> None:
        began = time.process_time_ns()
        self._run(data)
        took_ns = time.process_time_ns() - began
        if took_ns > self._slowest_ms * 1e6:
            # Measured again: whatever takes long once, as the first of all does, would hide all that is slow.
            took = min(took_ns / 1e6, took_ms(self._run, data))
            if took > self._slowest_ms:
                self._slowest_ms = took
                (self._folder / "slowest").write_bytes(data)
            if took > MEASURED_LIMIT_MS:
                raise SlowError(f"{took:.0f} ms for {len(data)} bytes")
        self._count += 1
        now = time.monotonic()
        if not self._blocks and (self._count * 4 >= self._inputs or now > self._quarter):
            forget()
            self._blocks = sys.getallocatedblocks()
        if self._count >= self._inputs or now > self._until:
            self._end()

    def _end(self) -> None:
        forget()
        grown = sys.getallocatedblocks() - self._blocks
        if grown > GROWTH_BLOCKS:
            raise GrownError(f"{grown} pieces of memory more after {self._count} inputs than after a quarter of them")
        told = {
            "inputs": self._count,
            "grown": grown,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "cpu_s": round(time.process_time()),
        }
        (self._folder / "told").write_text(json.dumps(told))
        sys.stdout.flush()
        # libFuzzer's own way out takes a while, and has nothing more to say.
        os._exit(0)


def hunt_kin(name: str, inputs: int, seconds: float, folder: Path, seed: int) -> None:
    """Try what an earlier hunt has kept, changed at random, in this process, which ends with it."""
    targets = importlib.import_module("fuzz_targets")
    kept = [path.read_bytes() for which in ("seeds", "corpus") for path in sorted((folder / which).iterdir())]
    one = Hunt(name, targets.target_named(name).run, inputs, seconds, folder).one
    rng = Chance(f"{seed}/{name}")
    while True:
        data = mutated(kept, rng)[:LONGEST_BYTES]
        try:
            one(data)
        except BaseException:
            (folder / "found-kin").write_bytes(data)
            raise


def hunt(name: str, inputs: int, seconds: float, folder: Path, seed: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    atheris = importlib.import_module("atheris")
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["pilesim"]):
        targets = importlib.import_module("fuzz_targets")
    seeds = targets.seeds_of(name)
    for which in ("seeds", "corpus"):
        (folder / which).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (folder / "seeds" / str(number)).write_bytes(data[:LONGEST_BYTES])
    common = Counter(word for data in seeds for word in set(re.findall(rb"[A-Za-z_][\w-]{2,30}", data)))
    words = "".join(f'"{word.decode()}"\n' for word, _ in common.most_common(300))
    (folder / "words").write_text(words)
    options = [
        f"-max_len={LONGEST_BYTES}",
        f"-seed={seed}",
        *([f"-dict={folder / 'words'}"] if words else []),
        f"-artifact_prefix={folder}/found-",
        f"-rss_limit_mb={RSS_LIMIT_MB}",
        "-timeout=20",
        "-len_control=0",
        "-print_final_stats=0",
        "-verbosity=0",
    ]
    one = Hunt(name, targets.target_named(name).run, inputs, seconds, folder).one
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus"), str(folder / "seeds")], one)
    atheris.Fuzz()


KINDS = {"--one": "", "--kin-of": " of their kin"}


def hunted(
    name: str, *, inputs: int, kin: int, seconds: float, seed: int, found: Path, limit_ms: float
) -> tuple[bool, str, int]:
    """Whether a target held, what is to be told of it, and how many inputs it had: so many of atheris', and `kin` times
    as many of their kin."""
    one = functools.partial(_hunted, name=name, seconds=seconds, seed=seed, found=found, limit_ms=limit_ms)
    held, text, tried = one("--one", inputs=inputs)
    if not (held and kin):
        return held, text, tried
    held, more, kin_tried = one("--kin-of", inputs=kin * tried)
    return held, f"{text}\n{more}", tried + kin_tried


def _hunted(
    way: str, *, name: str, inputs: int, seconds: float, seed: int, found: Path, limit_ms: float
) -> tuple[bool, str, int]:
    """As `hunted`, of one hunt; it has a process of its own."""
    folder = (found / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in (folder / "told", folder / "slowest"):
        old.unlink(missing_ok=True)
    words = [sys.executable, __file__, way, name, f"--inputs={inputs}", f"--seconds={seconds}", f"--seed={seed}"]
    ran = subprocess.run([*words, f"--found={folder}"], capture_output=True, text=True, errors="replace", check=False)
    if ran.returncode != 0 or not (folder / "told").is_file():
        return False, f"{name}: ended with {ran.returncode}\n{(ran.stdout + ran.stderr)[-4000:]}", 0
    told = json.loads((folder / "told").read_text())
    targets = importlib.import_module("fuzz_targets")
    slowest = (folder / "slowest").read_bytes()
    slow_ms = took_ms(targets.target_named(name).run, slowest)
    text = (
        f"{name}: {told['inputs']} inputs{KINDS[way]} in {told['cpu_s']} s, the slowest {slow_ms:.1f} ms for "
        f"{len(slowest)} bytes, {told['rss_mb']} MB at most, {told['grown']} pieces of memory more at the end"
    )
    if slow_ms > limit_ms:
        return False, f"{text}: expected at most {limit_ms:g} ms, see {folder / 'slowest'}", told["inputs"]
    return True, text, told["inputs"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=10_000_000, help="Of all targets together.")
    parser.add_argument("--seconds", type=float, default=1e9, help="Of each target, should its inputs last longer.")
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS, help="CPU time that an input may take.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--found", type=Path, default=FOUND, help="Where inputs are kept, by target.")
    parser.add_argument("--kin", type=int, default=KIN, help="Inputs changed at random, for each that atheris chose.")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--kin-of", default="", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*")
    asked = parser.parse_args()
    if asked.one:
        hunt(asked.one, asked.inputs, asked.seconds, asked.found, asked.seed)
        return
    if asked.kin_of:
        hunt_kin(asked.kin_of, asked.inputs, asked.seconds, asked.found, asked.seed)
        return
    targets = importlib.import_module("fuzz_targets")
    chosen = asked.targets or list(targets.TARGETS)
    shares = {name: targets.target_named(name).share for name in chosen}
    whole = sum(shares.values())

    def share(name: str) -> tuple[bool, str, int]:
        return hunted(
            name,
            inputs=asked.inputs * shares[name] // whole // (1 + asked.kin),
            kin=asked.kin,
            seconds=asked.seconds,
            seed=asked.seed,
            found=asked.found,
            limit_ms=asked.limit_ms,
        )

    tried, failed = 0, 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        for held, text, inputs in pool.map(share, chosen):
            print(text, flush=True)
            tried, failed = tried + inputs, failed + (not held)
    print(f"{tried} inputs, {failed} of {len(chosen)} targets did not hold")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
