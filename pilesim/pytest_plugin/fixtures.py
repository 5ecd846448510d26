"""What a test holds in its hands: a simulated pile, the reference platform, a scenario that was played.

Owns their words, which are those of scenarios: quantities are written as there (`"50.00"`, `"2m"`), a car too. Must
not know threads or lines: pilesim.conformance.hosted does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec
import pytest

from pilesim.cli.options import impairments_said
from pilesim.cli.scenarios import one_scenario
from pilesim.conformance.asked import options_of
from pilesim.conformance.hosted import HostedEnd, HostedPile, HostedPlatform
from pilesim.conformance.live import LiveOptions
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import result_of, settings_of
from pilesim.errors import UsageError
from pilesim.faulty import Mishap
from pilesim.platform.ledger import Row
from pilesim.platform.orders import Order
from pilesim.pytest_plugin.items import Session, scenario_text, session_of
from pilesim.quantities import Duration, Yuan, quantity
from pilesim.rig.clock import present_ns
from pilesim.rig.firmware import platform_faults, profile_of
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import PlatformSettings
from pilesim.scenario.steps import SHOWN_STATES, STEPS, Stimulus, Until
from pilesim.trace.events import Trace
from pilesim.wire.frame import End
from pilesim.wire.messages import MESSAGE_TYPES
from pilesim.wire.protocol import DEFAULT_PROTOCOL

T = TypeVar("T")
Hosted = TypeVar("Hosted", bound=HostedEnd)
Faults = Collection[str] | Mapping[str, Mapping[str, Any]]
"""Faults by name, with their parameters as a file writes them: `["bill-lost"]`, `{"unplug-lag": {"lag": "2h"}}`."""


class _End(Generic[Hosted]):
    """What a pile and a platform that live on a thread have in common."""

    def __init__(self, hosted: Hosted, session: Session) -> None:
        self._hosted = hosted
        self._session = session

    @property
    def capture(self) -> Path:
        """The file that the recording is kept in."""
        return self._hosted.capture

    def wait_for(
        self,
        *,
        gun: int | None = None,
        state: str | None = None,
        cable: bool | None = None,
        energy: str | Decimal | float | None = None,
        message: str | None = None,
        bill: str | None = None,
        connected: bool | None = None,
        within: str = "2m",
    ) -> None:
        """Wait for what this end sees on the line, as a scenario's `until` does; all that is given must hold.

        `state` is a gun's, or `occupied`; `message` a message's name, seen since the last act; `bill` an order's
        number; `energy` kWh under the running order, at least. `within` is the world's time. Fails the test where it
        is over before.
        """
        __tracebackhide__ = True
        words = {
            "gun": gun,
            "state": state,
            "cable": cable,
            "energy": energy,
            "message": message,
            "bill": bill,
            "connected": connected,
        }
        given = {name: value for name, value in words.items() if value is not None}
        if energy is not None:
            given["energy"] = _number(energy)
        _one_of("state", state, SHOWN_STATES)
        _one_of("message", message, MESSAGE_TYPES)
        if not given.keys() - {"gun"}:
            conditions = ", ".join(name for name in words if name != "gun")
            raise ValueError(f"expected a condition, one of {conditions}; found none")
        if not self._hosted.wait_for(_made(Until, {**given, "within": within})):
            wanted = ", ".join(f"{name} {value}" for name, value in given.items())
            pytest.fail(f"expected {wanted} within {within} of the world's time; {self._hosted.seen(gun or 1)}")

    def wait(self, time: str) -> None:
        """Let so much of the world's time pass: `"30s"`."""
        self._hosted.pass_time(_made(Duration, time))

    def impair(self, text: str) -> None:
        """Impair the line from now on: `"drop start count=1"`."""
        impairment = parse_impairment(text)
        self._hosted.impair(lambda bench: bench.line.impair(impairment))

    def heal(self) -> None:
        """End every impairment."""
        self._hosted.impair(lambda bench: bench.line.heal())

    def order(self, gun: int = 1) -> str:
        """The number of the last order authorised on a gun, as this end has seen it; "" without one."""
        return self._hosted.orders.get(gun, "")

    def trace(self) -> Trace:
        """The recording as far as it has come."""
        return self._hosted.trace()

    def verdict(self) -> ScenarioResult:
        """What the rules that judge the other end say of the recording so far."""
        end = End.PLATFORM if self._hosted.end is End.PILE else End.PILE
        return self._hosted.verdict(end, self._session.asked.strict)

    def _assert_other_conforms(self) -> None:
        __tracebackhide__ = True
        result = self.verdict()
        if result.verdict is not Verdict.PASS:
            pytest.fail(scenario_text(result, self._session.asked.strict), pytrace=False)


class PileEnd(_End[HostedPile]):
    """A simulated pile that dials the platform of whoever tests; its acts are a scenario's steps at the pile."""

    def plug(self, gun: int = 1, **car: Any) -> None:
        """The cable goes into a car: `battery_kwh`, `soc`, `max_kw`, `full_at`, `handshake`, `insulation`."""
        self._do("plug", gun=gun, car=car)

    def unplug(self, gun: int = 1) -> None:
        self._do("unplug", gun=gun)

    def tap(self, gun: int = 1) -> None:
        """The screen is tapped: into the QR page and out again."""
        self._do("tap", gun=gun)

    def card(self, gun: int, account: str) -> None:
        """A card is held to the reader."""
        self._do("card", gun=gun, account=account)

    def stop_button(self, gun: int = 1) -> None:
        self._do("stop-button", gun=gun)

    def emergency_stop(self) -> None:
        self._do("emergency-stop")

    def emergency_release(self) -> None:
        self._do("emergency-release")

    def power_off(self) -> None:
        self._do("power-off")

    def power_on(self) -> None:
        self._do("power-on")

    def insulation(self, gun: int, ok: bool) -> None:
        self._do("insulation", gun=gun, ok=ok)

    def bms(self, gun: int, lacks: Sequence[str]) -> None:
        """What the BMS of the car does not say from now on, `bcl`, `bcs` ...; nothing: it speaks again."""
        self._do("bms", gun=gun, lacks=list(lacks))

    def fault(self, gun: int, fault: str) -> None:
        """A gun's fault by its name, `meter`, `fan` ..."""
        self._do("fault", gun=gun, fault=fault)

    def fault_cleared(self, gun: int, fault: str) -> None:
        self._do("fault-cleared", gun=gun, fault=fault)

    def parking(self, gun: int, taken: bool) -> None:
        """Whether the bay is taken by a car."""
        self._do("parking", gun=gun, taken=taken)

    def maintenance(self, gun: int, on: bool) -> None:
        """A technician takes the gun out of service, or puts it back."""
        self._do("maintenance", gun=gun, on=on)

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """Every time that a fault of the firmware took effect."""
        return self._hosted.mishaps

    def assert_platform_conforms(self) -> None:
        """Fail the test with the findings where a rule that judges the platform fails, or none had a thing to judge."""
        __tracebackhide__ = True
        self._assert_other_conforms()

    def _do(self, kind: str, **arguments: Any) -> None:
        step = _made(STEPS[kind], arguments)
        assert isinstance(step, Stimulus)
        self._hosted.do(kind, arguments.get("gun"), step.detail())


class PlatformEnd(_End[HostedPlatform]):
    """The reference platform, listening for the pile of whoever tests."""

    @property
    def url(self) -> str:
        """Where the pile dials."""
        return f"tcp://{self._hosted.address}"

    @property
    def host(self) -> str:
        return self._hosted.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self._hosted.address.rpartition(":")[2])

    def authorise(
        self, gun: int = 1, balance: str | Decimal | float = "50.00", *, account: str | None = None, order: str = ""
    ) -> str:
        """Send an order to a gun, as a scan does; `balance` in yuan. Gives the order's number, a fresh one without one.

        RigError where no pile has been heard yet.
        """
        mfen = int(_made(Yuan, _number(balance)))

        def act(desk: Any, session: Any, now_ns: int) -> str:
            number = desk.protocol.normal_order(order) if order else desk.new_order(session.pile, gun, now_ns)
            session.authorise(now_ns, gun, number, mfen, account)
            return str(number)

        return self._hosted.at_desk(act)

    def start(self, gun: int = 1, *, account: str | None = None) -> None:
        """Start the gun's latest order (of `account`)."""
        self._hosted.at_desk(lambda desk, session, now_ns: session.start(now_ns, gun, account))

    def stop(self, gun: int = 1, *, account: str | None = None) -> None:
        """Stop what charges on the gun: the remote stop."""
        self._hosted.at_desk(lambda desk, session, now_ns: session.stop(now_ns, gun, account))

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order with what has become of it, in the order in which they were made."""
        return self._hosted.at_desk(lambda desk, session, now_ns: desk.book.all())

    @property
    def ledger(self) -> tuple[Row, ...]:
        """Every order as the ledger has it, then the bills of unknown ones."""
        return self._hosted.at_desk(lambda desk, session, now_ns: desk.ledger.rows())

    def assert_pile_conforms(self) -> None:
        """Fail the test with the findings where a rule that judges the pile fails, or none had a thing to judge."""
        __tracebackhide__ = True
        self._assert_other_conforms()


class MakePile:
    """The fixture `pile`: makes piles, and stops them when the test is over."""

    def __init__(self, request: pytest.FixtureRequest, captures: Path) -> None:
        self._node = request.node
        self._session = session_of(request.config)
        self._captures = captures
        self._made = 0
        self._stack = ExitStack()

    def __enter__(self) -> MakePile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(
        self,
        firmware: str = "reference",
        *,
        url: str,
        number: str = "",
        seed: int | None = None,
        faults: Faults = (),
        protocol: str | None = None,
        clock_rate: float | None = None,
        impair: Collection[str] = (),
    ) -> PileEnd:
        """A pile of this firmware, switched on now, that dials the platform at `url` until the test is over.

        UsageError where there is no such firmware or fault, RigError where the port cannot be had.
        """
        asked = self._session.asked
        given = faults if isinstance(faults, Mapping) else {name: {} for name in faults}
        self._made += 1
        hosted = HostedPile(
            LiveOptions(
                pile=profile_of(_simulated(firmware)).with_faults(given.items()),
                platform=url,
                protocol=protocol or asked.protocol or DEFAULT_PROTOCOL,
                seed=asked.seed if seed is None else seed,
                clock_rate=clock_rate or asked.clock_rate,
                world_start_ns=present_ns(1),
                number=number,
                impairments=(*asked.impairments, *impairments_said(list(impair))),
            ),
            _told(self._node, self._captures / f"pile-{self._made}.jsonl"),
            settings=settings_of(PlatformSettings()),
        )
        self._stack.callback(hosted.stop)
        return PileEnd(hosted, self._session)


@contextmanager
def reference_platform(request: pytest.FixtureRequest, captures: Path) -> Iterator[PlatformEnd]:
    """The fixture `platform`, set up by the marker `reference_platform` and the session's options."""
    session = session_of(request.config)
    asked = session.asked
    marker = request.node.get_closest_marker("reference_platform")
    settings = _made(PlatformSettings, {"auto": True, **(marker.kwargs if marker is not None else {})})
    hosted = HostedPlatform(
        LiveOptions(
            pile="tcp-listen://127.0.0.1:0",
            platform=None,
            protocol=asked.protocol or DEFAULT_PROTOCOL,
            seed=asked.seed,
            clock_rate=asked.clock_rate,
            world_start_ns=present_ns(1),
            impairments=asked.impairments,
        ),
        _told(request.node, captures / "platform.jsonl"),
        settings=settings_of(settings),
        faults=platform_faults(_simulated(asked.platform)),
    )
    try:
        yield PlatformEnd(hosted, session)
    finally:
        hosted.stop()


class Played:
    """A scenario that was played."""

    def __init__(self, result: ScenarioResult, strict: bool) -> None:
        self.result = result
        self._strict = strict

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of the rules that fail."""
        return tuple(row.id for row in self.result.failed(self._strict))

    @property
    def capture(self) -> Path:
        """The file that the recording is kept in."""
        return Path(self.result.capture)

    def assert_passed(self) -> None:
        """Fail the test with the findings unless the verdict is PASS; skip it where the scenario is not applicable."""
        __tracebackhide__ = True
        if self.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(self.result.reason)
        if self.verdict is not Verdict.PASS:
            pytest.fail(scenario_text(self.result, self._strict), pytrace=False)


class PlayScenario:
    """The fixture `scenario`: plays scenarios by id or file with the session's options, or with those given."""

    def __init__(self, request: pytest.FixtureRequest, captures: Path) -> None:
        self._node = request.node
        self._session = session_of(request.config)
        self._captures = captures
        self._played = 0

    def __call__(
        self,
        word: str | Path,
        *,
        pile: str | None = None,
        rig: Path | None = None,
        platform: str | None = None,
        impair: Collection[str] = (),
        protocol: str | None = None,
        seed: int | None = None,
        clock_rate: float | None = None,
    ) -> Played:
        """Play the scenario with this id, or in this file; what is given goes before the session's options.

        UsageError where something cannot be meant, RigError where the rig fails.
        """
        asked = self._session.asked
        self._played += 1
        if pile is not None or rig is not None:
            asked = replace(asked, pile=pile, rig_file=rig)
        asked = replace(
            asked,
            platform=platform or asked.platform,
            protocol=protocol or asked.protocol,
            clock_rate=clock_rate or asked.clock_rate,
            impairments=(*asked.impairments, *impairments_said(list(impair))),
            seed=asked.seed if seed is None else seed,
            captures=self._captures / f"scenario-{self._played}",
        )
        options = options_of(asked, self._session.operator, None)
        result = result_of(one_scenario(str(word)), options)
        if result.capture:
            _told(self._node, Path(result.capture))
        if result.verdict is Verdict.ERROR:
            pytest.fail(scenario_text(result, asked.strict), pytrace=False)
        return Played(result, asked.strict)


def _told(node: Any, capture: Path) -> Path:
    """`capture`, named in what pytest says of the test where it fails."""
    node.add_report_section("call", "pilesim capture", str(capture))
    return capture


def _simulated(word: str) -> SimTarget:
    """The end called `word`: a name, or a URL `sim:NAME?fault=...`."""
    target = parse_target(word if ":" in word else f"sim:{word}")
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected a simulated one such as sim:reference, found {word!r}")
    return target


def _made(kind: type[T], value: Any) -> T:
    """`value` in a scenario's words as `kind`; ValueError says what was expected and what was found."""
    try:
        made: T = msgspec.convert(_exact(value), kind, dec_hook=quantity)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return made


def _exact(value: Any) -> Any:
    """Python's floats as the decimals that they are written as, at any depth."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value


def _number(value: str | Decimal | float) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"expected a number, found {value!r}") from None


def _one_of(what: str, word: str | None, known: Collection[str]) -> None:
    if word is not None and word not in known:
        raise ValueError(f"expected a {what}, one of {', '.join(known)}; found {word!r}")
