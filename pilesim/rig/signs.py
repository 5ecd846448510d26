"""What of an act at the pile shows on the line: by which message, and when.

Owns the table of acts and their signs. Must not know who does the act: an operator and a command are seen alike.
Where a sign comes the act is done, though whoever does it may not have said so yet: what the pile sends next answers
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, LineDown, LineUp, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Bill, CardAsk, GunFault, GunReport, GunState, Message, StopAsk
from pilesim.wire.protocol import Protocol

Shown = Message | LineUp | LineDown
"""What the pile's end of the line may show."""
Sign = Callable[[Shown, Mapping[str, Any]], bool]
"""Whether this shows the act with these arguments."""

CABLE_AFTER = {"plug": True, "unplug": False}
"""The acts after which each report says where the cable is, and what it says then."""


def _cable(connected: bool) -> Sign:
    return lambda shown, _: isinstance(shown, GunReport) and shown.cable is connected


def _fault(is_so: Callable[[GunFault, Mapping[str, Any]], bool]) -> Sign:
    return lambda shown, detail: isinstance(shown, GunReport) and shown.fault is not None and is_so(shown.fault, detail)


def _stopped(shown: Shown, _: Mapping[str, Any]) -> bool:
    return isinstance(shown, StopAsk) or (isinstance(shown, GunReport) and shown.state is not GunState.CHARGING)


def _maintained(shown: Shown, detail: Mapping[str, Any]) -> bool:
    return isinstance(shown, GunReport) and (shown.state is GunState.MAINTENANCE) is detail.get("on")


SIGNS: Mapping[str, Sign] = {
    **{kind: _cable(connected) for kind, connected in CABLE_AFTER.items()},
    "card": lambda shown, _: isinstance(shown, CardAsk | StopAsk),
    "stop-button": _stopped,
    "emergency-stop": _fault(lambda fault, _: fault is GunFault.EMERGENCY_STOP),
    "emergency-release": _fault(lambda fault, _: fault is not GunFault.EMERGENCY_STOP),
    "power-off": lambda shown, _: isinstance(shown, LineDown),
    # A pile without power says nothing at all.
    "power-on": lambda shown, _: isinstance(shown, LineUp | Message),
    "fault": _fault(lambda fault, detail: fault == detail.get("fault")),
    "fault-cleared": _fault(lambda fault, _: fault is GunFault.NONE),
    "maintenance": _maintained,
}
"""By the kind of stimulus; what is missing here shows nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """An act that was begun and has not shown yet."""

    kind: str
    gun: int | None
    detail: Mapping[str, Any]
    shown: Callable[[int], Stimulus]
    """Is told when, and says what is to be recorded."""

    def shown_by(self, shown: Shown) -> bool:
        sign = SIGNS.get(self.kind)
        if sign is None or (self.gun is not None and isinstance(shown, Message) and shown.gun != self.gun):
            return False
        return sign(shown, self.detail)


class Signs:
    """Watches the pile's end of the line for the signs of acts."""

    def __init__(self, recorder: Recorder, protocol: Protocol) -> None:
        self._decoder = Decoder(protocol)
        self._acts: list[Act] = []
        self._cables: dict[int, bool] = {}
        self._cable_was_ns: dict[tuple[int, bool], int] = {}
        self._billed: set[int] = set()
        """Guns of which a bill has come since the last report of their cable."""
        self.line_is_up = False
        """Whether the pile has a line to be heard by."""
        recorder.heralds.append(self._see)

    def watch(self, act: Act) -> None:
        """From now on the first sign of `act` is told to it, once."""
        self._acts.append(act)

    def forget(self, act: Act) -> None:
        """It is known by other means that `act` is done, or that nobody does it."""
        if act in self._acts:
            self._acts.remove(act)
        if act.kind in CABLE_AFTER and act.gun is not None:
            # The last report is older: what it says of the cable is no longer so.
            self._cables[act.gun] = CABLE_AFTER[act.kind]

    def cable(self, gun: int) -> bool | None:
        """Where the cable of `gun` is, as far as is known."""
        return self._cables.get(gun)

    def cable_was_ns(self, gun: int, connected: bool) -> int:
        """When the cable of `gun` was last reported in, or out; 0 for never."""
        return self._cable_was_ns.get((gun, connected), 0)

    def earliest_ns(self, kind: str, gun: int | None, asked_ns: int) -> int:
        """When an act that is asked for at `asked_ns`, and has not shown yet, was begun at the earliest.

        Then: but a bill may be of a cable that somebody pulled before he was asked to, and come before the report that
        shows it. So where there is one the cable may have been pulled since the report that last showed it in.
        """
        if kind == "unplug" and gun in self._billed:
            return self.cable_was_ns(gun, True)
        return asked_ns

    def _see(self, event: AnyEvent) -> list[Stimulus]:
        """What an event shows was done before it: what the pile sends because of an act comes after the act."""
        done: list[Stimulus] = []
        if isinstance(event, LineUp | LineDown) and event.end is End.PILE:
            self.line_is_up = isinstance(event, LineUp)
            done += self._shown_by(event, event.t_ns)
        for seen in self._decoder.feed(event):
            if isinstance(seen, Seen) and seen.end is End.PILE and seen.direction is Direction.UP:
                message = seen.decoded.message
                if isinstance(message, GunReport) and message.cable is not None:
                    self._cables[message.gun] = message.cable
                    self._cable_was_ns[message.gun, message.cable] = seen.t_ns
                    self._billed.discard(message.gun)
                elif isinstance(message, Bill):
                    self._billed.add(message.gun)
                if message is not None:
                    done += self._shown_by(message, event.t_ns)
        return done

    def _shown_by(self, shown: Shown, t_ns: int) -> list[Stimulus]:
        """A message is a sign of the oldest act at its gun; the next act is for a later message."""
        of_gun = shown.gun if isinstance(shown, Message) else None
        act = next((act for act in self._acts if of_gun is None or act.gun in (None, of_gun)), None)
        if act is None or not act.shown_by(shown):
            return []
        self._acts.remove(act)
        return [act.shown(t_ns)]
