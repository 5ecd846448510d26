"""Faults of orders: forgotten, replaced, started without one, not stopped.

Owns how a firmware mistakes an order's life. Must not know how a charge is carried out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from msgspec import structs

from pilesim.contract.contract import Refusal
from pilesim.faulty import NoParameters
from pilesim.pile.faults.fault import Fault
from pilesim.pile.store import Authorisation
from pilesim.quantities import Duration
from pilesim.units import MINUTE, YUAN_MFEN
from pilesim.wire.messages import Bill, GunReport, Login, Message, Start, StartReply, Tariff

_WITH_ORDER = (GunReport.name, StartReply.name, Bill.name)
_SOME_REASON = 3
"""A refusal has a number of the protocol's own; no rule asks for which."""


class TapsClearOrder(Fault[NoParameters]):
    """Going in and out of the QR page clears order and balance, and leaves the account.

    A later start is therefore accepted. From then on the gun says that it charges, under no order and from no time,
    though it is only being started; once that is done the charge ends at the instant it began, since there is no
    balance (szds-16b: 16.1 s lie between the two heartbeats, about what a start takes). The bill's times are right.
    """

    name = "taps-clear-order"
    title = "A tap on the screen clears the authorised order and its balance, though not the account."
    catches = ("auth.kept", "start.delayed", "bill.order-known", "beat.start-time")
    case = "szds-16b"

    def tapped(self, held: Authorisation) -> Authorisation:
        if held.order:
            self.happened(f"a tap clears order {held.order!r}")
        return replace(self.inner.tapped(held), order="", balance_mfen=0)

    def refuses_start(self, authorisation: Authorisation | None, obstacles: tuple[Refusal, ...]) -> Refusal | None:
        if authorisation is not None and not authorisation.order:
            obstacles = tuple(o for o in obstacles if o is not Refusal.NO_BALANCE)
        return self.inner.refuses_start(authorisation, obstacles)

    def shows_charging_in_start(self, authorisation: Authorisation) -> bool:
        return not authorisation.order or self.inner.shows_charging_in_start(authorisation)


class AuthorisationNeverEnds(Fault[NoParameters]):
    name = "authorisation-never-ends"
    title = "An order that nobody starts is held for ever."
    catches = ("auth.expires",)

    def authorisation_life_ns(self, usual_ns: int) -> int | None:
        self.happened("an authorisation is held for ever")
        return None


class SecondScanIgnored(Fault[NoParameters]):
    name = "second-scan-ignored"
    title = "A second scan is answered, and the first order stays."
    catches = ("auth.second-scan",)
    case = "szds-26"

    def scanned(self, held: Authorisation | None, new: Authorisation) -> Authorisation:
        if held is None:
            return self.inner.scanned(held, new)
        self.happened(f"order {new.order!r} is ignored, {held.order!r} stays")
        return held


class SecondScanOverwrites(Fault[NoParameters]):
    name = "second-scan-overwrites"
    title = "A scan in the midst of a charge overwrites the running order."
    catches = ("auth.second-scan", "bill.duration", "bill.energy")
    case = "szds-26"

    def scanned_in_charge(self, running: Authorisation, new: Authorisation) -> Authorisation:
        self.happened(f"order {new.order!r} overwrites the running {running.order!r}")
        return new


class OrderLostOnReconnect(Fault[NoParameters]):
    name = "order-lost-on-reconnect"
    title = "Once the line is back the charge goes on without its order."
    catches = ("link.flap-keeps-order", "beat.order")
    case = "szds-33"

    def authorisation_after_reconnect(self, running: Authorisation) -> Authorisation:
        self.happened(f"order {running.order!r} is lost as the line comes back")
        return replace(running, order="")


class StartFailsSilently(Fault[NoParameters]):
    name = "start-fails-silently"
    title = "A start that fails is not told."
    catches = ("start.outcome", "start.failure-told", "bill.begun")
    case = "szds-31, szds-32.6"

    def tells_failed_start(self, authorisation: Authorisation) -> bool:
        self.happened(f"the start of order {authorisation.order!r} fails in silence")
        return False


class EnergisesWithoutOrder(Fault[NoParameters]):
    name = "energises-without-order"
    title = "A start for an account without an order energises."
    catches = ("start.needs-order",)
    case = "szds-16b"

    def authorisation_for(self, held: Authorisation | None, start: Start, now_ns: int) -> Authorisation | None:
        known = self.inner.authorisation_for(held, start, now_ns)
        if known is not None:
            return known
        self.happened(f"gun {start.gun}: a start without an order is accepted")
        return Authorisation(
            order="",
            account=start.account or "",
            login=Login.QR,
            credential=start.credential,
            balance_mfen=1_000 * YUAN_MFEN,
            tariff=Tariff(energy_mfen=(0,) * 48, service_mfen=(0,) * 48),
            since_ns=now_ns,
        )


class RefusesAndCharges(Fault[NoParameters]):
    name = "refuses-and-charges"
    title = "A start is answered with a refusal, and carried out."
    catches = ("start.refused",)

    def outgoing(self, message: Message) -> Message:
        message = self.inner.outgoing(message)
        if not isinstance(message, StartReply) or not message.accepted:
            return message
        self.happened(f"the start of order {message.order!r} is refused, and carried out")
        return structs.replace(message, accepted=False, reason=message.reason or _SOME_REASON)


class InWhich(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    message: str = GunReport.name
    """The message that carries another order."""

    def __post_init__(self) -> None:
        if self.message not in _WITH_ORDER:
            raise ValueError(f"expected a message, one of {', '.join(_WITH_ORDER)}; found {self.message!r}")


class OrderDiffers(Fault[InWhich]):
    name = "order-differs"
    title = "One message carries another order than the one that was started."
    # Where the start carries no number, a heartbeat of another order's is one in place of it.
    catches = ("beat.order", "auth.kept", "frame.echo", "bill.order-known")
    parameters = InWhich

    def outgoing(self, message: Message) -> Message:
        message = self.inner.outgoing(message)
        if message.name != self.params.message or not isinstance(message, GunReport | StartReply | Bill):
            return message
        if not message.order:
            return message
        other = message.order[:-1] + ("0" if message.order[-1] != "0" else "1")
        self.happened(f"{message.name} of order {message.order!r} carries {other!r}", message.order)
        return structs.replace(message, order=other)


class DoubleStart(Fault[NoParameters]):
    name = "double-start"
    title = "A second start of the running charge begins it anew, with a bill for each."
    catches = ("start.once",)

    def begins_again(self, authorisation: Authorisation) -> bool:
        self.happened(f"order {authorisation.order!r} begins again")
        return True


class StopIgnored(Fault[NoParameters]):
    name = "stop-ignored"
    title = "A stop is answered, and the charge goes on."
    catches = ("stop.ends-charge",)
    case = "szds-32.3"

    def obeys_stop(self, authorisation: Authorisation) -> bool:
        self.happened(f"order {authorisation.order!r} charges on")
        return False


class PastTheBalance(Fault[NoParameters]):
    name = "past-the-balance"
    title = "A charge goes on when its balance is used up."
    catches = ("balance.stops",)
    case = "szds-33, szds-18"

    def stops_at_balance(self, authorisation: Authorisation) -> bool:
        self.happened(f"order {authorisation.order!r} charges past its balance")
        return False


class ChargesOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duration: Duration = Duration(MINUTE)
    """For how long."""


class ChargesAfterUnplug(Fault[ChargesOn]):
    name = "charges-after-unplug"
    title = "The charge goes on after the cable was pulled."
    catches = ("safe.unplug-stops", "beat.legal-path")
    case = "zpd-4"
    parameters = ChargesOn

    def charges_on_unplugged_ns(self, gun: int) -> int:
        self.happened(f"gun {gun} charges on without a cable")
        return self.params.duration


class EnergisesAfterInsulationFailure(Fault[NoParameters]):
    name = "energises-after-insulation-failure"
    title = "A failed insulation test is passed over."
    catches = ("safe.insulation", "fault.told")
    case = "szds-29"

    def insulation_passes(self, gun: int, isolated: bool) -> bool:
        if not isolated:
            self.happened(f"gun {gun} passes over a failed insulation test")
        return True


GROUP: tuple[type[Fault[Any]], ...] = (
    TapsClearOrder,
    AuthorisationNeverEnds,
    SecondScanIgnored,
    SecondScanOverwrites,
    OrderLostOnReconnect,
    StartFailsSilently,
    EnergisesWithoutOrder,
    RefusesAndCharges,
    OrderDiffers,
    DoubleStart,
    StopIgnored,
    PastTheBalance,
    ChargesAfterUnplug,
    EnergisesAfterInsulationFailure,
)
