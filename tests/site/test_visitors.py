"""One pile of a site and all who come to it, against the reference platform, in memory and in the world's time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from pilesim.contract.contracts import contract_of
from pilesim.link.base import Data, Up
from pilesim.link.many import DialMany
from pilesim.platform.ledger import Anomaly, BillSource, Row
from pilesim.platform.orders import OrderState
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.rig.desk import Call, PlatformApi
from pilesim.rules.judge import judge
from pilesim.site.figures import Figures
from pilesim.site.piles import PileSeat, Surroundings, replies_of
from pilesim.site.traffic import load_traffic, numbers_from, parse_mix, plans_of
from pilesim.trace.events import AnyEvent, Chunk, Header, Impaired, Stimulus
from pilesim.units import DAY, HOUR, YUAN_MFEN, S, local_datetime
from pilesim.wire.actions import HangUp, Send
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import protocol_named

LHC = protocol_named("lhc")
START_NS = 1_583_200_000 * S
NUMBER = "44030500040000200026"
TRAFFIC = """
days: 1
charges: 1
hours: {9: 1}
power-kw: {from: 25, to: 60}
habits:
  - {name: short, weight: 1, charge: {from: 2m, to: 5m}, parking: {from: 6m, to: 8m}}
endings: {ENDING: 1}
"""


class Wire(DialMany):
    """The pile's connection, of which the other end is here."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 9)
        self.dialled = 0
        self.sent: list[bytes] = []

    def dial(self, key: int) -> None:
        self.dialled += 1

    def send(self, key: int, data: bytes) -> None:
        self.sent.append(data)


class Told(ThreadPoolExecutor):
    """Makes the calls of the platform's API at once, and on no thread: their words are what is called."""

    def __init__(self) -> None:
        super().__init__(1)
        self.acts: dict[str, Callable[..., None]] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        name, words, *_ = args
        self.acts[name](*words)
        done: Future[Any] = Future()
        done.set_result(None)
        return done


@dataclass
class Life:
    """What one pile's life has come to."""

    header: Header
    platform: Platform
    figures: Figures
    events: list[AnyEvent] = field(default_factory=list)

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.platform.ledger.rows()

    @property
    def lost(self) -> list[str]:
        return [event.impairment for event in self.events if isinstance(event, Impaired)]

    @property
    def acts(self) -> list[str]:
        return [event.kind for event in self.events if isinstance(event, Stimulus)]


def lived(text: str, ending: str = "full", until_ns: int = 2 * DAY) -> Life:
    """A pile's life under `text`, until an hour after the last visit."""
    season = load_traffic(TRAFFIC.replace("ENDING", ending) + text, "traffic.yaml", contract_of("lhc"), START_NS)
    (plan,) = plans_of(season, parse_mix("reference"), count=1, first_number=NUMBER, seed=1, for_ns=None)
    assert numbers_from(NUMBER, 1) == (plan.number,)
    platform = Platform(
        protocol=LHC, contract=contract_of("lhc"), world_start_ns=START_NS, settings=Settings(auto=True)
    )
    session = platform.session()
    header = Header(
        start=local_datetime(START_NS).isoformat(), protocol="lhc", pile=NUMBER, guns=2, ends=(End.PLATFORM,)
    )
    life = Life(header, platform, Figures(piles=1))
    wire, calls = Wire(), Told()
    words = ("{gun}", "{order}", "{balance}")
    api = PlatformApi(url="tcp://127.0.0.1:9", **{n: Call(command=words) for n in ("authorise", "start", "stop")})
    around = Surroundings(
        protocol=LHC,
        contract=contract_of("lhc"),
        links=wire,
        figures=life.figures,
        world_start_ns=START_NS,
        seed=1,
        rate=1,
        api=api,
        calls=calls,
        see=lambda header, event: life.events.append(event),
        replies=replies_of(LHC),
    )
    now_ns = 0
    calls.acts = {
        "authorise": lambda gun, order, balance: session.authorise(
            now_ns, int(gun), order, round(float(balance) * YUAN_MFEN)
        ),
        "start": lambda gun, *_: session.start(now_ns, int(gun)),
        "stop": lambda gun, *_: session.stop(now_ns, int(gun)),
    }
    seat = PileSeat(0, plan, header, around)
    seat.switch_on(0)
    last_ns = plan.visits[-1].arrives_ns + HOUR
    while now_ns <= min(last_ns, until_ns):
        seat.advance(now_ns)
        session.advance(now_ns)
        pump(seat, session, wire, now_ns)
        dues = [due for due in (seat.next_wakeup_ns(), session.next_wakeup_ns()) if due is not None]
        now_ns = max(now_ns + 1, min(dues))
    seat.end(now_ns)
    wire.close()
    return life


def pump(seat: PileSeat, session: PlatformSession, wire: Wire, now_ns: int) -> None:
    """Carry what there is to carry at this instant."""
    while True:
        seat.settle(now_ns)
        sent, wire.sent = wire.sent, []
        for data in sent:
            session.receive(data, now_ns)
        if wire.dialled:
            wire.dialled = 0
            session.line_up(now_ns)
            seat.take(Up("here"), now_ns)
            continue
        actions = session.take_actions()
        for action in actions:
            assert not isinstance(action, HangUp)
            if isinstance(action, Send):
                seat.take(Data(action.data), now_ns)
        if not (sent or actions):
            return


def test_who_comes_charges_and_leaves() -> None:
    life = lived("")
    assert life.acts == ["plug", "unplug"]
    assert [(row.bill, row.codes) for row in life.rows] == [(BillSource.PILE, ())]
    assert life.lost == []


@pytest.mark.parametrize(
    ("traffic", "lost"),
    [
        ("lost-bills: 1", ["drop bill direction=up count=1"]),
        ("lost-acknowledgements: 1", ["drop bill-reply direction=down count=1"]),
        (
            "lost-bills: 1\nlost-acknowledgements: 1",
            ["drop bill direction=up count=1", "drop bill-reply direction=down count=1"],
        ),
    ],
)
def test_the_line_loses_what_the_traffic_says_and_the_bill_is_sent_again(traffic: str, lost: list[str]) -> None:
    life = lived(traffic)
    assert life.lost == lost
    (row,) = life.rows
    assert row.bill is BillSource.PILE
    assert row.codes == ((Anomaly.DUPLICATE_BILL,) if "acknowledgements" in traffic else ())
    passed = {event.data for event in life.events if isinstance(event, Chunk)}
    for event in life.events:
        if isinstance(event, Impaired):
            # The platform has sent the acknowledgement, and has not got the bill.
            assert (event.data in passed) is (event.direction is Direction.DOWN)
    judgement = judge(life.header, life.events)
    assert judgement.line.lost == len(lost)
    assert judgement.failed() == ()
    assert sum(life.figures.visits[f"{kind} lost on the line"] for kind in ("bill", "bill-reply")) == len(lost)


def test_somebody_scans_while_the_car_is_parked_and_takes_it_back() -> None:
    life = lived("scanned-again: 1")
    first, second = life.platform.book.all()
    assert (first.state, second.state) == (OrderState.BILLED, OrderState.OVER)
    assert second.stop_ns is not None and second.start_ns is None
    assert life.acts == ["plug", "unplug"]
    assert life.figures.visits["scanned in vain"] == 1


def test_who_pulls_the_cable_does_not_wait_for_a_power_cut() -> None:
    cuts = "power-cuts: {share: 1, lasts: {from: 1m, to: 2m}}"
    assert "power-off" in lived(cuts).acts
    assert lived(cuts, "unplug").acts == ["plug", "unplug"]
