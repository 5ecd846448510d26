"""The layering holds: who may import whom, which library lives in which package, who may read a clock."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import pilesim

PACKAGE = Path(pilesim.__file__).parent

GROUND = frozenset({"errors", "chance", "units", "quantities", "strictyaml", "faulty", "files", "names"})
SHARED = GROUND | {"wire", "contract"}
ENDS = SHARED | {"link", "trace", "pile", "platform"}
BENCH = ENDS | {"rig"}

MAY_IMPORT: dict[str, frozenset[str]] = {
    "": frozenset(),
    "errors": frozenset(),
    "chance": frozenset({"errors"}),
    "units": frozenset(),
    "quantities": frozenset({"units"}),
    "strictyaml": frozenset({"errors"}),
    "faulty": frozenset({"errors", "quantities", "strictyaml"}),
    "files": frozenset({"errors"}),
    "names": frozenset(),
    "library": frozenset({"errors"}),
    "spread": frozenset({"errors"}),
    "wire": GROUND,
    "link": GROUND,
    "trace": GROUND | {"wire"},
    "contract": GROUND | {"wire"},
    # Siblings: the simulator cannot lean on the judge, nor the judge on the simulator.
    "rules": SHARED | {"trace"},
    "diagnosis": SHARED | {"trace", "rules"},
    "pile": SHARED,
    "platform": SHARED,
    "rig": ENDS | {"library"},
    "scenario": BENCH - {"pile", "platform"},
    "season": BENCH | {"spread"},
    "fleet": SHARED | {"trace", "platform", "spread"},
    "conformance": BENCH | {"rules", "diagnosis", "scenario", "library", "spread"},
    "reconstruct": BENCH - {"pile", "link"} | {"rules", "scenario"},
    "site": BENCH | {"rules", "season", "conformance", "spread"},
    "explore": BENCH | {"rules", "scenario", "conformance", "spread"},
    "report": BENCH - {"pile", "platform", "link"} | {"rules", "scenario", "season", "fleet", "conformance"},
    "cli": BENCH
    | {"rules", "scenario", "season", "fleet", "conformance", "site", "explore", "report", "library", "reconstruct"},
    "pytest_plugin": BENCH | {"rules", "scenario", "conformance", "report", "library", "cli"},
    "__main__": frozenset({"cli"}),
}
"""Each package or module at the top, and what it may import beside itself."""

HOME: dict[str, frozenset[str]] = {
    "construct": frozenset({"wire"}),
    "dask": frozenset({"spread"}),
    "distributed": frozenset({"spread"}),
    "dpkt": frozenset({"trace"}),
    "simpy": frozenset({"pile"}),
    "socket": frozenset({"link"}),
    "selectors": frozenset({"link"}),
    "select": frozenset({"link"}),
    "asyncio": frozenset({"link"}),
    "serial": frozenset({"link"}),
    "click": frozenset({"cli"}),
    "jinja2": frozenset({"report"}),
    "junitparser": frozenset({"report"}),
    "time": frozenset({"link", "rig", "cli"}),
    "random": frozenset({"chance"}),
    "secrets": frozenset(),
    "numpy": frozenset(),
    "uuid": frozenset(),
}
"""Libraries that live in few packages; all others live anywhere."""

CLOCK_READERS = frozenset({"link", "rig", "cli"})
NOW = frozenset({"now", "utcnow", "today"})

SAME_DRAWS = frozenset({"random", "getrandbits"})
"""Of `random`, what every Python draws alike; all else there is made of these two, by each Python as it likes."""
OTHER_DRAWS = frozenset(name for name in dir(random.Random) if name[0] != "_") - SAME_DRAWS - {"seed"}
EXACT = frozenset({"ceil", "floor", "gcd", "lcm", "isqrt", "inf", "nan", "isfinite", "isinf", "isnan", "comb", "prod"})
"""Of `math`, what gives one answer everywhere; all else there is the C library's, and rounds as that does."""
MAY_ROUND = ("pilesim.wire.guess", "pilesim.site", "pilesim.trace.importers.packets")
"""Two look at what was recorded, or count what is going on, and nothing that they work out comes into a capture; the
third takes powers of whole numbers."""


CONSOLES = "pilesim.cli.console"
"""Where consoles are made, and whatever shows something is given one: those of rich pass on what they get."""
RICH_SHOWS = frozenset({"Live", "Progress", "Status", "track"})


LOOKED_INTO = (ast.Import, ast.ImportFrom, ast.Call, ast.BinOp, ast.AugAssign, ast.Expr, ast.Constant)
"""The kinds of node that anything here asks about; of a module's nodes that is a third."""


@lru_cache(maxsize=512)
def nodes(source: str) -> tuple[ast.AST, ...]:
    """What `source` is made of, as far as it is looked into: read once, since several tests look."""
    return tuple(node for node in ast.walk(ast.parse(source)) if isinstance(node, LOOKED_INTO))


def problems(module: str, source: str) -> list[str]:
    """What breaks the architecture in `source`, the text of `module` (`pilesim.wire.frame`)."""
    package = [*module.split("."), ""][1]
    tree = nodes(source)
    found: list[str] = []
    for name in _imports(tree):
        top, _, rest = name.partition(".")
        if top == "pilesim":
            other = rest.partition(".")[0]
            if other not in (package, "") and other not in MAY_IMPORT.get(package, frozenset()):
                found.append(f"{module} imports {name}")
        elif top == "":
            found.append(f"{module} imports relatively")
        elif package not in HOME.get(top, frozenset({package})):
            found.append(f"{module} imports {name}")
    found += [f"{module}:{line} {what}" for line, what in _drawn_otherwise(tree)]
    if not module.startswith(MAY_ROUND):
        found += [f"{module}:{line} {what}" for line, what in _rounded_otherwise(tree)]
    if module != CONSOLES:
        found += [f"{module}:{line} {what}" for line, what in _consoles(tree)]
    if package not in MAY_IMPORT:
        found.append(f"{module} lies in no layer")
    if package not in CLOCK_READERS:
        found += [f"{module}:{line} {what}" for line, what in _chance_and_clock(tree)]
    return found


def _imports(tree: Iterable[ast.AST]) -> Iterator[str]:
    """Every module that is imported, anywhere in the text, in functions too; "" for a relative import."""
    for node in tree:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield ""
            elif node.module == "pilesim":
                yield from (f"pilesim.{alias.name}" for alias in node.names if alias.name in MAY_IMPORT)
            else:
                yield node.module or ""


def _chance_and_clock(tree: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Where a clock, or chance without a seed, is read."""
    for node in tree:
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from ((node.lineno, f"takes {a.name} from random") for a in node.names if a.name != "Random")
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute):
            owner = called.value.attr if isinstance(called.value, ast.Attribute) else getattr(called.value, "id", "")
            if owner in ("datetime", "date") and called.attr in NOW:
                yield node.lineno, f"reads the clock by {owner}.{called.attr}"
            if owner == "random" and called.attr != "Random":
                yield node.lineno, f"draws by random.{called.attr}"
            if (owner, called.attr) == ("os", "urandom"):
                yield node.lineno, "draws by os.urandom"
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in ("Random", "SystemRandom") and not node.args:
            yield node.lineno, f"makes a {name} without a seed"


def _consoles(tree: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Where a console is made, or taken from rich, that may pass on what a peer says as it is."""
    shows = {
        alias.name
        for node in tree
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich.")
        for alias in node.names
        if alias.name in RICH_SHOWS
    }
    for node in tree:
        match node:
            case ast.ImportFrom(module="rich", names=names):
                yield from ((node.lineno, f"takes {a.name} from rich") for a in names)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=words):
                if name in ("Console", "get_console"):
                    yield node.lineno, f"makes a {name}"
                elif name in shows and not any(word.arg == "console" for word in words):
                    yield node.lineno, f"shows a {name} on a console"


def _drawn_otherwise(tree: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Where a draw is one that another Python may make otherwise."""
    for node in tree:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OTHER_DRAWS:
            yield node.lineno, f"draws by {node.func.attr}"


def _rounded_otherwise(tree: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Where a number hangs on how the C library rounds: its functions, and powers that may be of floats."""
    for node in tree:
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"imports {a.name}") for a in names if a.name in ("math", "cmath"))
            case ast.ImportFrom(module="math" | "cmath" as library, names=names):
                yield from ((node.lineno, f"takes {a.name} from {library}") for a in names if a.name not in EXACT)
            case ast.Call(func=ast.Name(id="pow")):
                yield node.lineno, "takes a power by pow"
            case ast.BinOp(op=ast.Pow(), left=ast.Constant(value=int()), right=ast.Name() | ast.BinOp()):
                pass
            case ast.BinOp(op=ast.Pow(), left=ast.Constant(value=int()), right=ast.Constant(value=int())):
                pass
            case ast.BinOp(op=ast.Pow()) | ast.AugAssign(op=ast.Pow()):
                yield node.lineno, "takes a power that may be of a float"


MODULES = {
    ".".join(("pilesim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def test_every_module_keeps_to_its_layer() -> None:
    found = {module: problems(module, path.read_text(encoding="utf-8")) for module, path in MODULES.items()}
    assert {module: wrong for module, wrong in found.items() if wrong} == {}


FAMILIES = {"evlink": "pilesim.wire.evlink", "lhc": "pilesim.wire.evlink", "ykc": "pilesim.wire.ykc"}
"""Families, or a version of one, and their packages. Only these, the registry and the contracts may name them."""


def family_names(source: str) -> set[str]:
    """Families that `source` imports, or that a text of it names which is no docstring."""
    tree = nodes(source)
    # A docstring is an expression of its own; every other text is part of something.
    alone = {id(node.value) for node in tree if isinstance(node, ast.Expr)}
    constants = [n.value for n in tree if isinstance(n, ast.Constant) and id(n) not in alone]
    texts = [text for text in constants if isinstance(text, str)]
    names = list(_imports(tree))
    return {
        family
        for family in FAMILIES
        if any(name.startswith(f"pilesim.wire.{family}") for name in names)
        or any(family in text.lower() for text in texts)
    }


def test_no_family_is_named_but_in_its_own_package_and_the_registry() -> None:
    named: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        own = {family for family, home in FAMILIES.items() if module.startswith((home, "pilesim.contract."))}
        named[module] = family_names(path.read_text(encoding="utf-8")) - own
    del named["pilesim.wire.protocol"]
    assert {module: families for module, families in named.items() if families} == {}


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("from pilesim.wire.ykc.protocol import YkcProtocol", {"ykc"}),
        ("def late():\n    import pilesim.wire.evlink.payloads", {"evlink"}),
        ('if protocol.name == "ykc-1.6":\n    pass', {"ykc"}),
        ('NAMES = ("evlink-2.5", "ykc-1.6")', {"evlink", "ykc"}),
        ('if header.protocol == "lhc":\n    pass', {"lhc"}),
        ('"""As in ykc-1.6."""\nimport pilesim.wire.frame', set()),
    ],
)
def test_it_finds_what_names_a_family(source: str, named: set[str]) -> None:
    assert family_names(source) == named


def test_it_looks_at_every_layer_that_stands() -> None:
    looked_at = {[*module.split("."), ""][1] for module in MODULES}
    assert looked_at >= {"", "errors", "units", "wire", "link", "trace", "contract", "rules", "pile", "platform", "rig"}


def test_it_has_no_circle_among_the_layers() -> None:
    done: set[str] = set()
    while waiting := [layer for layer in MAY_IMPORT if layer not in done]:
        ready = [layer for layer in waiting if MAY_IMPORT[layer] <= done]
        assert ready, f"each of {waiting} needs another"
        done.update(ready)


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        ("pilesim.platform.ledger", "from pilesim.pile.pile import Pile", "imports pilesim.pile.pile"),
        ("pilesim.pile.gun", "import pilesim.rules.facts", "imports pilesim.rules.facts"),
        ("pilesim.rules.bill", "from pilesim import platform", "imports pilesim.platform"),
        ("pilesim.wire.frame", "def late():\n    from pilesim.trace import events", "imports pilesim.trace"),
        ("pilesim.link.tcp", "from pilesim.wire.frame import End", "imports pilesim.wire.frame"),
        ("pilesim.units", "from pilesim.errors import UsageError", "imports pilesim.errors"),
        ("pilesim.wire.frame", "from .messages import Message", "imports relatively"),
        ("pilesim.rules.bill", "import construct", "imports construct"),
        ("pilesim.platform.platform", "from simpy.core import Environment", "imports simpy.core"),
        ("pilesim.rig.line", "import socket", "imports socket"),
        ("pilesim.cli.main", "import serial.tools", "imports serial.tools"),
        ("pilesim.pile.clock", "import time", "imports time"),
        ("pilesim.scenario.player", "import asyncio", "imports asyncio"),
        ("pilesim.stray", "", "lies in no layer"),
        ("pilesim.pile.clock", "import datetime\ndatetime.datetime.now()", ":2 reads the clock by datetime.now"),
        ("pilesim.report.html", "from datetime import date\ndate.today()", ":2 reads the clock by date.today"),
        ("pilesim.pile.faults", "import random\nrandom.random()", ":2 draws by random.random"),
        ("pilesim.chance", "import random\nrandom.Random()", ":2 makes a Random without a seed"),
        ("pilesim.chance", "from random import choice", ":1 takes choice from random"),
        ("pilesim.pile.faults", "import random", "imports random"),
        ("pilesim.chance", "def gauss(self):\n    return self._bits.gauss(0, 1)", ":2 draws by gauss"),
        ("pilesim.rig.armed", "piece = rng.choice(pieces)", ":1 draws by choice"),
        ("pilesim.rig.armed", "jitter_ns = rng.randint(0, 5)", ":1 draws by randint"),
        ("pilesim.pile.meter", "import math\nmath.exp(1)", ":1 imports math"),
        ("pilesim.pile.meter", "from math import floor, sin", ":1 takes sin from math"),
        ("pilesim.pile.meter", "watts = volts ** 2", ":1 takes a power that may be of a float"),
        ("pilesim.pile.meter", "part = 10 ** -places", ":1 takes a power that may be of a float"),
        ("pilesim.pile.meter", "watts **= 2", ":1 takes a power that may be of a float"),
        ("pilesim.pile.meter", "watts = pow(volts, 2)", ":1 takes a power by pow"),
        ("pilesim.pile.meter", "import numpy", "imports numpy"),
        ("pilesim.wire.frame", "import os\nos.urandom(4)", ":2 draws by os.urandom"),
        ("pilesim.cli.bar", "from rich.console import Console\nConsole(file=sys.stderr)", ":2 makes a Console"),
        ("pilesim.report.text", "import rich.console\nrich.console.Console()", ":2 makes a Console"),
        ("pilesim.report.text", "from rich import print", ":1 takes print from rich"),
        (
            "pilesim.cli.bar",
            "from rich.progress import Progress\nProgress()",
            ":2 shows a Progress on a console",
        ),
    ],
)
def test_it_finds_what_breaks_a_layer(module: str, source: str, problem: str) -> None:
    assert [found for found in problems(module, source) if found.endswith(problem)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pilesim.cli.main", "import time\ntime.monotonic_ns()"),
        ("pilesim.rig.clock", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
        ("pilesim.chance", "import random\nrandom.Random('7/bill-lost').random()"),
        ("pilesim.pile.faults", "from pilesim.chance import Chance\nChance('7/bill-lost').one_of('ab')"),
        ("pilesim.wire.fields", "from math import ceil\nhighest = 256**size - 1"),
        ("pilesim.wire.guess", "from math import log"),
        ("pilesim.pile.timeline", "import simpy"),
        ("pilesim.cli.console", "from rich.console import Console\nConsole()"),
        ("pilesim.cli.bar", "from rich.progress import Progress\nProgress(console=console(sys.stderr))"),
        ("pilesim.wire.evlink.payloads", "import construct\nfrom pilesim.wire.fields import Layout"),
    ],
)
def test_it_lets_pass_what_breaks_none(module: str, source: str) -> None:
    assert problems(module, source) == []
