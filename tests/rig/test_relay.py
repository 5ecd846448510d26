"""Commands that act at the pile: run as they are written, never by a shell, and never trusted blindly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from operated import stimuli
from toys import LHC, header

from pilesim.errors import RigError
from pilesim.rig.relay import Relay, filled
from pilesim.rig.signs import Signs
from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import MINUTE, MS, S

PYTHON = sys.executable
WRITES = (PYTHON, "-c", "import sys; open(sys.argv[1], 'w').write('\\n'.join(sys.argv[2:]))")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(header())


@pytest.fixture
def relay(recorder: Recorder) -> Iterator[Relay]:
    relay = Relay(recorder, Signs(recorder, LHC))
    yield relay
    relay.close()


def looks(relay: Relay, now_ns: int) -> None:
    """Look until what runs has ended, at one instant of the world."""
    deadline = time.monotonic() + 20
    while not relay.look(now_ns):
        assert time.monotonic() < deadline


def test_it_fills_the_words_and_records_the_act_when_the_command_has_ended(
    tmp_path: Path, relay: Relay, recorder: Recorder
) -> None:
    detail = {"account": "4400", "car": {"soc_permille": 350, "handshake": True}}
    words = (*WRITES, str(tmp_path / "did"), "{act}", "{gun}", "{detail}", "a{account}b", "{{}}")
    relay.do(5 * S, "card", 2, detail, words, MINUTE)
    assert relay.pending() == ("the command for card to end",)
    assert stimuli(recorder) == []
    looks(relay, 7 * S)
    told = (tmp_path / "did").read_text().splitlines()
    assert told == ["card", "2", "account=4400 soc_permille=350 handshake=true", "a4400b", "{}"]
    assert stimuli(recorder) == [Stimulus(t_ns=7 * S, began_ns=5 * S, kind="card", gun=2, detail=detail)]
    assert relay.pending() == ()


@pytest.mark.parametrize("argument", ["; touch {gun}", "$(touch x)", "`touch x`", "a b  c", "*", "&& false", "| cat"])
def test_it_runs_no_shell(tmp_path: Path, relay: Relay, argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relay.do(0, "plug", 1, {}, (*WRITES, "did", argument), MINUTE)
    looks(relay, 0)
    assert (tmp_path / "did").read_text() == argument.format(gun="1")
    assert [path.name for path in tmp_path.iterdir()] == ["did"]


SAYS = "import sys; print('relay board: '); print('no such port', file=sys.stderr); sys.exit(7)"


def test_it_ends_the_run_with_the_command_its_code_and_what_it_said(relay: Relay, recorder: Recorder) -> None:
    relay.do(0, "plug", 1, {}, (PYTHON, "-c", SAYS, "gun{gun}"), MINUTE)
    with pytest.raises(RigError) as raised:
        looks(relay, 1 * S)
    said = str(raised.value)
    assert said.startswith(f"plug: the command ['{PYTHON}', '-c',")
    assert "'gun1'] ended with 7: " in said
    assert "no such port" in said
    assert "\n" not in said
    assert stimuli(recorder) == [], "what failed was not done"


def test_it_says_that_a_command_which_failed_said_nothing(relay: Relay) -> None:
    relay.do(0, "plug", 1, {}, (PYTHON, "-c", "raise SystemExit(1)"), MINUTE)
    with pytest.raises(RigError, match="ended with 1: it said nothing"):
        looks(relay, 0)


def test_it_ends_the_run_when_a_command_hangs_with_what_it_said_so_far_and_ends_the_command(tmp_path: Path) -> None:
    recorder = Recorder(header())
    relay = Relay(recorder, Signs(recorder, LHC), clock_rate=10)
    hangs = "import sys, time; print('turning', flush=True); open(sys.argv[1], 'w').close(); time.sleep(600)"
    relay.do(0, "unplug", 1, {}, (PYTHON, "-c", hangs, str(tmp_path / "began")), 30 * S)
    deadline = time.monotonic() + 20
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline
    assert not relay.look(300 * S), "its time is the computer's, of which ten times as much has passed in the world"
    with pytest.raises(RigError, match=r"^unplug: the command .* has not ended within 30s: turning$"):
        relay.look(300 * S + MS)
    relay.close()
    assert relay.pending() == ()


def test_it_says_which_command_cannot_be_run(relay: Relay) -> None:
    with pytest.raises(RigError, match=r"plug: the command \['no-such-relay', '1'\] cannot be run: No such file"):
        relay.do(0, "plug", 1, {}, ("no-such-relay", "{gun}"), MINUTE)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("{gnu}", r"\{gnu\}"),
        ("{gun", "expected '}'"),
        ("{}", "positional"),
        ("{gun.real.x}", "attribute"),
        ("{gun[1]}", "string indices|index"),
    ],
)
def test_it_says_what_can_stand_in_braces(word: str, found: str) -> None:
    with pytest.raises(ValueError, match=rf"expected only \{{act\}} \{{gun\}}, and braces.*{found}"):
        filled([word], {"act": "plug", "gun": "1"})
