"""Protocols of other packages: found by name, and told of in a sentence where they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilesim.cli.main import run
from pilesim.conformance.applicable import unprovable
from pilesim.conformance.runner import Options, run_scenario
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenario
from pilesim.trace.decoder import Decoder, Seen
from pilesim.units import S
from pilesim.wire.describe import tell_protocol
from pilesim.wire.dialects import remember
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Bill, GunReport, GunState, Stamp
from pilesim.wire.offered import troubles
from pilesim.wire.protocol import protocol_named, protocols

sys.path.insert(0, str(Path(__file__).parent / "third_party"))
from offering import forget, install_tiny, look_in, offer

PILE = "44030500"
BEAT = "aa10010144030500" + "0101" + "260303120001" + "7b000000" + "64000000" + "28"
"""Charging, cable in, order 260303120001, 1.23 kWh, 1.00 yuan; written by hand."""


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_tiny(tmp_path, monkeypatch)


@pytest.mark.usefixtures("tiny")
def test_it_finds_a_protocol_of_another_package_by_its_name() -> None:
    assert list(protocols())[-1] == "tiny"
    assert protocol_named("tiny") is protocols()["tiny"]
    assert contract_of("tiny").beat_idle_ns == 30 * S
    assert troubles() == []


@pytest.mark.usefixtures("tiny")
def test_it_reads_and_builds_its_messages() -> None:
    protocol = protocol_named("tiny")
    (found,) = protocol.framer(Direction.UP).feed(bytes.fromhex(BEAT), 0)
    assert isinstance(found, Frame)
    beat = GunReport(
        gun=1, state=GunState.CHARGING, cable=True, order="260303120001", energy_dwh=12_300, amount_mfen=100_000
    )
    assert protocol.decode(found).message == beat
    assert protocol.session(End.PILE, PILE).build(beat) == bytes.fromhex(BEAT)
    bill = Bill(order="260303120001", start=Stamp(1_583_208_000 * S), stages_dwh=(12_300,), amount_mfen=100_000)
    (sent,) = protocol.framer(Direction.UP).feed(protocol.session(End.PILE, PILE).build(bill), 0)
    assert isinstance(sent, Frame)
    read = protocol.decode(sent).message
    assert isinstance(read, Bill)
    assert (read.order, read.start, read.energy_dwh, read.fees_mfen) == (bill.order, bill.start, 12_300, 100_000)


@pytest.mark.usefixtures("tiny")
def test_it_tells_it_among_all_protocols_by_its_frames(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_protocol(list(protocols().values()), bytes.fromhex(BEAT), None).equals == ("tiny",)
    assert run(["decode", BEAT]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Told by its frames: tiny.\n0x01 heartbeat")
    assert "1.23 kWh" in said


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", ["order/full", "order/unplugged"])
def test_pile_and_platform_play_a_charge_in_it(name: str) -> None:
    scenario = load_scenario(scenario_folder() / f"{name}.yaml", {row.id for row in RULES})
    played = run_scenario(scenario, Options(target=parse_target("sim:reference"), protocol="tiny", seed=1))
    assert played.result.verdict is Verdict.PASS
    decoder = Decoder(protocol_named("tiny"))
    seen = [item for event in played.trace.events for item in decoder.feed(event) if isinstance(item, Seen)]
    assert all(item.decoded.problems == () for item in seen)
    (bill, *_) = [m for item in seen for m in [item.decoded.message] if isinstance(m, Bill)]
    assert bill.energy_dwh > 0
    # Nobody told it a tariff, and the platform's ledger has the same: energy and service together cost 0.80 to 1.49.
    assert 80_000 <= bill.fees_mfen * 10_000 // bill.energy_dwh <= 149_000


@pytest.mark.usefixtures("tiny")
def test_it_knows_what_follows_from_the_messages_that_it_lacks() -> None:
    reasons = contract_of("tiny").not_applicable
    assert reasons["start.answered"] == "tiny has no start-reply"
    assert reasons["bill.plug-times"] == "the bill of tiny carries no arrive"
    assert reasons["beat.charging"] == "the contract of tiny sets no limit for it"
    assert reasons["platform.replies"] == "no message of tiny has a reply"
    assert reasons["bill.amount"] == "no message of tiny tells a tariff"
    assert "beat.period" not in reasons and "bill.energy" not in reasons


@pytest.mark.usefixtures("tiny")
def test_it_says_that_a_scenario_sets_a_tariff_that_nobody_can_tell() -> None:
    scenario = load_scenario(scenario_folder() / "bill" / "occupancy-rates.yaml", {row.id for row in RULES})
    reason = unprovable(scenario, protocol_named("tiny"), contract_of("tiny"))
    assert reason == "it sets a tariff, which no message of tiny tells"


@pytest.mark.usefixtures("tiny")
def test_a_dialect_may_lie_on_it() -> None:
    protocol = remember("protocol: tiny\nname: d\nmessages: {heartbeat: {change: {energy: {scale: 1}}}}", "d.yaml")
    (found,) = protocol.framer(Direction.UP).feed(bytes.fromhex(BEAT), 0)
    assert isinstance(found, Frame)
    message = protocol.decode(found).message
    assert isinstance(message, GunReport)
    assert message.energy_dwh == 123 * 10_000


BROKEN = [
    ("missing", "no_such_module:X", "expected no_such_module:X to load, found ModuleNotFoundError"),
    ("failing", "fails_when_imported:X", "found ZeroDivisionError: division by zero"),
    ("without", "fails_not:NOTHING", "found AttributeError"),
    ("wrong", "fails_not:NUMBER", "expected a protocol (an object of pilesim.wire.protocol.Protocol), found 7"),
    ("misnamed", "tiny_pile:TINY", "expected a protocol that calls itself 'misnamed', found 'tiny'"),
]


@pytest.mark.parametrize(("name", "value", "reason"), BROKEN, ids=[row[0] for row in BROKEN])
@pytest.mark.usefixtures("tiny")
def test_it_names_a_package_that_fails_and_the_others_still_work(
    name: str,
    value: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = tmp_path / "broken"
    offer(broken, "broken-pile", {"pilesim.protocols": {name: value}})
    (broken / "fails_when_imported.py").write_text("X = 1 / 0\n")
    (broken / "fails_not.py").write_text("NUMBER = 7\n")
    look_in(broken, monkeypatch)
    assert name not in protocols()
    assert "tiny" in protocols()
    (trouble,) = troubles()
    assert trouble.startswith(f"pilesim.protocols: {name} (broken-pile): ")
    assert reason in trouble
    with pytest.raises(UsageError) as told:
        protocol_named(name)
    assert str(told.value) == trouble
    assert run(["decode", BEAT]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Told by its frames: tiny.")
    assert trouble in said.err


@pytest.mark.usefixtures("tiny")
def test_it_takes_a_name_that_two_packages_offer_for_neithers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path / "other", "other-pile", {"pilesim.protocols": {"tiny": "tiny_pile:TINY"}})
    look_in(tmp_path / "other", monkeypatch)
    (trouble,) = troubles()
    assert "expected one package with this name, found 2" in trouble
    assert "tiny-pile" in trouble and "other-pile" in trouble


def test_it_lets_nobody_take_the_name_of_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = protocol_named("lhc")
    offer(tmp_path, "thief-pile", {"pilesim.protocols": {"lhc": "tiny_pile:TINY"}})
    look_in(tmp_path, monkeypatch)
    assert protocol_named("lhc") is ours
    assert protocols()["lhc"] is ours
    (trouble,) = troubles()
    assert trouble == "pilesim.protocols: lhc (thief-pile): expected a name of its own, found that of pilesim's lhc"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "or one whose package offers its contract (pilesim.contracts); found 'tiny'"),
        ("contract_of_tiny:NUMBER", "expected a contract (pilesim.contract.contract.Contract), found 7"),
        ("contract_of_tiny:LHC", "expected the contract of 'tiny', found that of 'lhc'"),
    ],
    ids=["none", "wrong", "another's"],
)
def test_it_says_that_a_protocol_has_no_contract(
    value: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "third_party"))
    (tmp_path / "contract_of_tiny.py").write_text(
        "from pilesim.contract.contracts import contract_of\nNUMBER = 7\nLHC = contract_of('lhc')\n"
    )
    contracts = {} if value is None else {"pilesim.contracts": {"tiny": value}}
    offer(tmp_path, "tiny-pile", {"pilesim.protocols": {"tiny": "tiny_pile:TINY"}, **contracts})
    look_in(tmp_path, monkeypatch)
    with pytest.raises(UsageError) as told:
        contract_of("tiny")
    assert reason in str(told.value)
