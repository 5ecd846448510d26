"""The simulated charger, seen from outside: bytes, time and stimuli in, actions out.

Owns power, the command queue and the wiring of its parts. Must not know the platform, the rules or any
layout. Times are world ns since the scenario's start and never go back; the pile's own clock is another matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pilesim.chance import Chance
from pilesim.contract.contract import Contract
from pilesim.contract.tariff import DEFAULT_TARIFF, TELL_TARIFF
from pilesim.faulty import Mishap
from pilesim.pile.behaviour import Behaviour
from pilesim.pile.bills import BillBook
from pilesim.pile.car import CarSpec
from pilesim.pile.clock import Clock
from pilesim.pile.faults import FAULTS
from pilesim.pile.faults.fault import MishapLog
from pilesim.pile.gun import Gun
from pilesim.pile.profiles import Profile, ReplyDelay
from pilesim.pile.screen import Page
from pilesim.pile.store import Store
from pilesim.pile.timeline import Timeline
from pilesim.pile.uplink import Uplink
from pilesim.pile.works import Works
from pilesim.quantities import Duration
from pilesim.units import S
from pilesim.wire.actions import Action
from pilesim.wire.frame import Frame
from pilesim.wire.messages import (
    AliveReply,
    Authorise,
    BalanceTell,
    BillReply,
    BmsWord,
    CardReply,
    GunFault,
    Hello,
    HelloReply,
    Message,
    Reboot,
    RebootReply,
    ReportAsk,
    Start,
    Stop,
    TariffAsk,
    TariffTell,
    TariffTold,
    TimeAsk,
    TimeTell,
    TimeTold,
    WorkTell,
    WorkTold,
)
from pilesim.wire.protocol import Protocol

T = TypeVar("T")

TIME_RETRY_NS = 20 * S
"""How long the pile waits for the time before it asks again."""
TIME_STALE_NS = 30 * S
"""A time told so long after it was asked for is not taken: half of what a clock may be wrong by."""
HELLO_RETRY_NS = 10 * S
HELLOS = 3
"""So often a pile that has to be let in says who it is before it takes the line for lost."""
NO_MODEL = "0000"
"""What a pile that has no tariff yet says it has."""
REBOOT_NS = 20 * S
"""How long the pile is gone when it is told to start anew."""
_REBOOT_AFTER_NS = 1 * S
"""After its answer to that; so often too it looks whether its guns are idle."""
_COMMANDS_KEPT = 256
"""Commands that wait to be worked off; what comes beyond is lost, as in any small controller."""


class Pile:
    """A charger with `guns` guns, switched on at world time 0.

    `clock_error_ns` is how far its clock is ahead of the world when it is switched on; None: the clock has no
    battery and is not set after power-up until the platform tells the time. Give a `store` to keep it beyond
    this object. The same arguments and calls give the same bytes, on any machine.
    """

    def __init__(
        self,
        *,
        protocol: Protocol,
        contract: Contract,
        profile: Profile,
        number: str,
        guns: int | None = None,
        world_start_ns: int,
        seed: int,
        clock_error_ns: int | None = 0,
        store: Store | None = None,
    ) -> None:
        self._timeline = Timeline()
        self._mishaps = MishapLog(self._timeline)
        self._protocol = protocol
        self._profile = profile
        self._contract = contract
        self._clock_error_ns = clock_error_ns
        self._store = store if store is not None else Store()
        if not any(protocol.carries(kind) for kind in TELL_TARIFF):
            # Nobody can tell it one.
            self._store.tariff = DEFAULT_TARIFF
        self._behaviour = self._firmware(profile, f"{seed}/{number}")
        self._reply_chance = Chance(f"{seed}/{number}/reply-delay")
        usual = Duration(contract.reply_delay_ns)
        self._reply_delay = profile.reply_delay or ReplyDelay(usual, usual)
        self._clock = Clock(world_start_ns)
        count = profile.guns if guns is None else guns
        self._uplink = Uplink(
            timeline=self._timeline,
            protocol=protocol,
            number=number,
            guns=count,
            behaviour=self._behaviour,
            heard=self._heard,
        )
        self._bills = BillBook(self._timeline, self._clock, contract, self._behaviour, self._store, self._uplink)
        works = Works(
            timeline=self._timeline,
            clock=self._clock,
            contract=contract,
            profile=profile,
            behaviour=self._behaviour,
            store=self._store,
            uplink=self._uplink,
            bills=self._bills,
        )
        self._guns = [Gun(n, works) for n in range(1, count + 1)]
        self._commands: deque[tuple[Message, Frame, int]] = deque()
        self._working = False
        self._time_answered = False
        self._tariff_settled = False
        self._alives_unanswered = 0
        self._powered = False
        self._power_on()

    def _firmware(self, profile: Profile, seed: str) -> Behaviour:
        """The reference behaviour inside its faults; each draws from a random stream of its own."""
        behaviour = Behaviour()
        for n, use in enumerate(profile.faults):
            chance = Chance(f"{seed}/{n}/{use.name}")
            behaviour = FAULTS[use.name](behaviour, use.parameters, self._mishaps, chance)
        return behaviour

    # --- the rig's side

    def line_up(self, now_ns: int) -> None:
        """A connection stands. A pile without power does not see it."""
        self._timeline.reach(now_ns)
        if not self._powered:
            return
        self._uplink.line_up()
        if self._contract.hello_first:
            self._timeline.start(self._ask_to_be_let_in(self._uplink.connection))
        else:
            self._say_hello()
            self._let_in()

    def _say_hello(self) -> None:
        version = self._profile.firmware[: self._protocol.firmware_length]
        self._uplink.send(Hello(firmware=version, guns=len(self._guns), kind=self._profile.kind))

    def _ask_to_be_let_in(self, connection: int) -> Iterator[int]:
        """Say hello until the platform answers; a line on which nobody does is given up."""
        for _ in range(HELLOS):
            self._say_hello()
            yield HELLO_RETRY_NS
            if self._uplink.up or not self._is_on(connection):
                return
        self._give_up_line()

    def _is_on(self, connection: int) -> bool:
        return self._uplink.connected and self._uplink.connection == connection

    def _hello_answered(self, reply: HelloReply, frame: Frame) -> None:
        if not self._contract.hello_first or self._uplink.up:
            return
        if reply.accepted:
            self._let_in()
        else:
            self._give_up_line()

    def _let_in(self) -> None:
        """The connection is there to be used: all that waited for it begins."""
        self._uplink.let_in()
        self._uplink.tell_what_waited()
        connection = self._uplink.connection
        if self._uplink.carries(TimeAsk):
            self._timeline.start(self._keep_time(connection))
        if self._contract.alive_ns is not None:
            self._alives_unanswered = 0
            self._timeline.start(self._say_alive(connection, self._contract.alive_ns))
        if self._uplink.carries(TariffAsk):
            self._timeline.start(self._keep_tariff(connection))
        kept_ns = self._behaviour.hangs_up_after_ns()
        if kept_ns is not None:
            self._timeline.start(self._hang_up(kept_ns, self._uplink.connection))
        for gun in self._guns:
            gun.line_up()
        self._bills.line_up()

    def line_down(self, now_ns: int) -> None:
        """The connection is gone, or could not be had."""
        self._timeline.reach(now_ns)
        if self._powered:
            self._without_line()

    def _without_line(self) -> None:
        self._uplink.line_down()
        self._bills.line_down()
        for gun in self._guns:
            gun.line_down()

    def _hang_up(self, kept_ns: int, connection: int) -> Iterator[int]:
        yield kept_ns
        if self._is_on(connection):
            self._give_up_line()

    def _give_up_line(self) -> None:
        self._uplink.hang_up()
        self._without_line()

    def _say_alive(self, connection: int, every_ns: int) -> Iterator[int]:
        while self._is_on(connection):
            if self._alives_unanswered >= self._contract.alives_lost:
                self._give_up_line()
                return
            self._alives_unanswered += 1
            for gun in self._guns:
                gun.say_alive()
            yield every_ns

    def _keep_tariff(self, connection: int) -> Iterator[int]:
        """Ask whether the tariff is still in force, or for one, until there is one that is."""
        self._tariff_settled = False
        while self._is_on(connection) and not self._tariff_settled:
            self._uplink.send(TariffAsk(model=self._store.model or NO_MODEL))
            yield TIME_RETRY_NS

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes have arrived; timers at exactly `now_ns` come after them."""
        self._timeline.reach(now_ns)
        if self._powered:
            self._uplink.receive(data)

    def advance(self, to_ns: int) -> None:
        """Let time pass up to and including `to_ns`."""
        self._timeline.run_through(to_ns)

    def next_wakeup_ns(self) -> int | None:
        """When `advance` next has something to do; None: only when something arrives."""
        return self._timeline.next_event_ns()

    def take_actions(self) -> list[Action]:
        """What it wants done since the last call, in order."""
        return self._uplink.take_actions()

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """Every time that a fault of the firmware really took effect."""
        return self._mishaps.all

    def screen(self, gun: int) -> Page:
        """What the screen of `gun` says."""
        return self._gun("screen", gun).screen if self._powered else Page.DARK

    # --- power

    def _power_on(self) -> None:
        self._powered = True
        self._behaviour.powered_up()
        ahead_ns = self._behaviour.clock_ahead_ns(self._clock_error_ns)
        self._clock.power_up(self._timeline.now_ns, ahead_ns, self._behaviour.clock_drift_ns_per_day())
        self._bills.power_on()
        for gun in self._guns:
            gun.power_on()
        self._uplink.dial()

    def _power_off(self) -> None:
        for gun in self._guns:
            gun.power_off()
        self._timeline.call_off_all()
        self._powered = False
        self._commands.clear()
        self._working = False
        self._bills.line_down()
        self._uplink.power_off()
        if not self._behaviour.keeps_records_without_power(self._store.orders):
            self._store.bills.clear()
            self._store.records.clear()

    # --- what is heard

    def _keep_time(self, connection: int) -> Iterator[int]:
        """Ask the time at connect until it is told, and then as often as the contract wants."""
        while connection == self._uplink.connection and self._uplink.up:
            self._time_answered = False
            self._uplink.send(TimeAsk(pile_time=self._clock.stamp(self._timeline.now_ns)))
            yield TIME_RETRY_NS
            if self._time_answered:
                yield self._contract.time_ask_ns - TIME_RETRY_NS

    def _heard(self, message: Message, frame: Frame) -> None:
        hear = _HEARD.get(type(message))
        if hear is not None:
            hear(self, message, frame)

    def _alive_answered(self, reply: AliveReply, frame: Frame) -> None:
        self._alives_unanswered = 0

    def _told_time(self, message: TimeTell, frame: Frame) -> None:
        self._set_clock(message)
        if self._uplink.carries(TimeTold):
            told = TimeTold(pile_time=self._clock.stamp(self._timeline.now_ns))
            self._uplink.reply(told, frame, self._uplink.connection)

    def _asked_for_report(self, ask: ReportAsk, frame: Frame) -> None:
        self._guns[ask.gun - 1].report_now(frame)

    def _bill_answered(self, reply: BillReply, frame: Frame) -> None:
        if reply.accepted:
            self._bills.acknowledged(reply.order)

    def _command(self, message: Message, frame: Frame) -> None:
        if len(self._commands) < _COMMANDS_KEPT:
            self._commands.append((message, frame, self._uplink.connection))
            if not self._working:
                self._working = True
                self._timeline.start(self._work())

    def _take_tariff(self, message: TariffTell, frame: Frame) -> None:
        if message.tariff is None:
            self._tariff_settled = message.same is True
            if not self._tariff_settled:
                self._uplink.send(TariffAsk(model=None))
            return
        self._store.model, self._store.tariff = message.model, message.tariff
        self._tariff_settled = True
        if not message.asked:
            self._uplink.reply(TariffTold(accepted=True), frame, self._uplink.connection)

    def _set_clock(self, message: TimeTell) -> None:
        if self._is_stale(message):
            return
        self._time_answered = True
        told_ns = message.platform_time.epoch_ns
        if told_ns is not None and self._behaviour.takes_time():
            self._clock.tell(self._timeline.now_ns, told_ns)

    def _is_stale(self, message: TimeTell) -> bool:
        """The line has held question or answer, as the pile's own time in it tells: what was told is no longer so."""
        asked_ns = message.pile_time.epoch_ns if message.pile_time is not None else None
        is_ns = self._clock.epoch_ns(self._timeline.now_ns)
        return asked_ns is not None and is_ns is not None and abs(is_ns - asked_ns) > TIME_STALE_NS

    def _work(self) -> Iterator[int]:
        """Work off commands one after the other, in the order in which they came."""
        while self._commands:
            yield self._reply_chance.between(self._reply_delay.least, self._reply_delay.most)
            message, frame, connection = self._commands.popleft()
            gun = self._guns[message.gun - 1]
            if isinstance(message, Authorise):
                gun.authorise(message, frame, connection)
            elif isinstance(message, CardReply):
                gun.card_answered(message)
            elif isinstance(message, Start):
                yield from gun.start(message, frame, connection)
            elif isinstance(message, Stop):
                gun.stop(message, frame, connection)
            elif isinstance(message, BalanceTell):
                gun.take_balance(message, frame, connection)
            elif isinstance(message, WorkTell):
                self._work_told(message, frame, connection)
            elif isinstance(message, Reboot):
                self._uplink.reply(RebootReply(), frame, connection)
                self._timeline.start(self._reboot(message))
        self._working = False

    def _work_told(self, message: WorkTell, request: Frame, connection: int) -> None:
        self._store.stopped, self._store.power_percent = message.stopped, message.power_percent
        self._uplink.reply(WorkTold(), request, connection)
        for gun in self._guns:
            gun.work_changed()

    def _reboot(self, message: Reboot) -> Iterator[int]:
        yield _REBOOT_AFTER_NS
        while message.when_idle and any(gun.busy for gun in self._guns):
            yield _REBOOT_AFTER_NS
        self._power_off()
        self._timeline.start(self._boot())

    def _boot(self) -> Iterator[int]:
        yield REBOOT_NS
        if not self._powered:
            self._power_on()

    # --- what is done at the pile

    def stimulate(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do at the pile what trace.events.Stimulus names. `gun` is None for the whole pile.

        ValueError says in a sentence what cannot be done, or what of `detail` does not fit.
        """
        if kind not in _STIMULI:
            raise ValueError(f"expected a stimulus, one of {', '.join(_STIMULI)}; found {kind!r}")
        self._timeline.reach(now_ns)
        _STIMULI[kind](self, kind, gun, detail)

    def _gun(self, kind: str, gun: int | None) -> Gun:
        if gun is None or not 1 <= gun <= len(self._guns):
            raise ValueError(f"{kind}: expected a gun from 1 to {len(self._guns)}, found {gun}")
        return self._guns[gun - 1]

    def _gun_or_all(self, kind: str, gun: int | None) -> list[Gun]:
        return self._guns if gun is None else [self._gun(kind, gun)]

    def _plug(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).plug(_field(kind, detail, "car", CarSpec, CarSpec()))

    def _unplug(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).unplug()

    def _tap(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).tap()

    def _card(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).card(_field(kind, detail, "account", str))

    def _stop_button(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).stop_button()

    def _emergency(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        # One button for the whole pile: whichever gun is named, all of them stop.
        for each in self._guns:
            each.set_emergency(kind == "emergency-stop")

    def _power(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        wanted = kind == "power-on"
        if wanted == self._powered:
            raise ValueError(f"{kind}: the power is {'on' if wanted else 'off'} already")
        if wanted:
            self._power_on()
        else:
            self._power_off()

    def _insulation(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).set_insulation(_field(kind, detail, "ok", bool))

    def _bms(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).set_bms(_field(kind, detail, "lacks", tuple[BmsWord, ...]))

    def _fault(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        fault = _field(kind, detail, "fault", GunFault)
        for each in self._gun_or_all(kind, gun):
            each.set_fault(fault)

    def _fault_cleared(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        for each in self._gun_or_all(kind, gun):
            each.set_fault(GunFault.NONE)

    def _parking(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).set_parking(_field(kind, detail, "taken", bool))

    def _maintenance(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._gun(kind, gun).set_maintenance(_field(kind, detail, "on", bool))


def _field(kind: str, detail: Mapping[str, Any], key: str, of: type[T], default: T | None = None) -> T:
    if key not in detail and default is not None:
        return default
    try:
        return msgspec.convert(detail.get(key), of)
    except msgspec.ValidationError as error:
        raise ValueError(f"{kind}: {key}: {str(error)[:1].lower()}{str(error)[1:]}") from None


_COMMANDS = (Authorise, CardReply, Start, Stop, BalanceTell, WorkTell, Reboot)
"""What is worked off one after the other, each after the firmware's delay."""

_HEARD: Mapping[type[Message], Callable[[Pile, Any, Frame], None]] = {
    HelloReply: Pile._hello_answered,
    AliveReply: Pile._alive_answered,
    TimeTell: Pile._told_time,
    TariffTell: Pile._take_tariff,
    ReportAsk: Pile._asked_for_report,
    BillReply: Pile._bill_answered,
    **dict.fromkeys(_COMMANDS, Pile._command),
}
"""What a message of the platform's does; any other does nothing."""

_STIMULI: dict[str, Callable[[Pile, str, int | None, Mapping[str, Any]], None]] = {
    "plug": Pile._plug,
    "unplug": Pile._unplug,
    "tap": Pile._tap,
    "card": Pile._card,
    "stop-button": Pile._stop_button,
    "emergency-stop": Pile._emergency,
    "emergency-release": Pile._emergency,
    "power-off": Pile._power,
    "power-on": Pile._power,
    "insulation": Pile._insulation,
    "bms": Pile._bms,
    "fault": Pile._fault,
    "fault-cleared": Pile._fault_cleared,
    "parking": Pile._parking,
    "maintenance": Pile._maintenance,
}
"""What can be done at a pile, by the kinds of trace.events.Stimulus."""
