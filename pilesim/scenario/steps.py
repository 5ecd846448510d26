"""The steps of a scenario: one typed row each, by the end of the line that acts.

Owns the words that a scenario file may use. Must not know how a step is carried out (pilesim.scenario.player).
A step is a mapping of one key, `- plug: {gun: 1}`; a step that carries one value is written `- wait: 2m`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from pilesim.quantities import Duration, Kwh, Word, Yuan
from pilesim.units import MINUTE, S
from pilesim.wire.frame import End
from pilesim.wire.messages import BmsWord, GunFault, GunState


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all steps. `by` is the end that acts; None: the harness itself, or the line."""

    by: ClassVar[End | None] = None


class Stimulus(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something done at the pile."""

    by: ClassVar[End | None] = End.PILE
    kind: ClassVar[str]

    def detail(self) -> dict[str, Any]:
        """The step's own arguments, less the gun, as the trace records them."""
        return {}


class Command(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something the platform is told to send to a gun."""

    by: ClassVar[End | None] = End.PLATFORM
    gun: int


# ------------------------------------------------------------------------------------------- at the pile


class Car(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The car at the cable. A simulated pile plays it; a bench has the one it has."""

    battery_kwh: Kwh = Kwh(600_000)
    soc: int = 35
    """Percent."""
    max_kw: Kwh = Kwh(1_200_000)
    """The most its battery takes, kW."""
    full_at: int = 100
    """Percent at which it says it is full."""
    handshake: bool = True
    """False: its BMS never answers."""
    insulation: bool = True
    """False: its battery is tied to earth."""
    lacks: tuple[BmsWord, ...] = ()
    """What its BMS never says, though it answers."""


class Plug(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "plug"
    gun: int
    car: Car = Car()

    def detail(self) -> dict[str, Any]:
        return {
            "car": {
                "capacity_dwh": int(self.car.battery_kwh),
                "soc_permille": self.car.soc * 10,
                "max_w": int(self.car.max_kw) // 10,
                "full_permille": self.car.full_at * 10,
                "handshake": self.car.handshake,
                "insulation": self.car.insulation,
                **({"lacks": [str(word) for word in self.car.lacks]} if self.car.lacks else {}),
            }
        }


class Unplug(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "unplug"
    gun: int


class Tap(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The screen is tapped: into the QR page and out again."""

    kind: ClassVar[str] = "tap"
    gun: int
    times: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    every: Duration = Duration(2 * S)


class Card(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card is held to the reader."""

    kind: ClassVar[str] = "card"
    gun: int
    account: Word

    def detail(self) -> dict[str, Any]:
        return {"account": str(self.account)}


class StopButton(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "stop-button"
    gun: int


class EmergencyStop(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "emergency-stop"


class EmergencyRelease(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "emergency-release"


class PowerOff(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "power-off"


class PowerOn(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "power-on"


class Insulation(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "insulation"
    gun: int
    ok: bool

    def detail(self) -> dict[str, Any]:
        return {"ok": self.ok}


class Bms(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the car's BMS does not say to the charger from now on; none: it speaks again."""

    kind: ClassVar[str] = "bms"
    gun: int
    lacks: tuple[BmsWord, ...]

    def detail(self) -> dict[str, Any]:
        return {"lacks": [str(word) for word in self.lacks]}


class RaiseFault(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "fault"
    gun: int
    fault: GunFault

    def detail(self) -> dict[str, Any]:
        return {"fault": str(self.fault)}


class ClearFault(RaiseFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: ClassVar[str] = "fault-cleared"


class Park(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the bay is taken by a car."""

    kind: ClassVar[str] = "parking"
    gun: int
    taken: bool

    def detail(self) -> dict[str, Any]:
        return {"taken": self.taken}


class Maintain(Stimulus, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A technician takes the gun out of service, or puts it back."""

    kind: ClassVar[str] = "maintenance"
    gun: int
    on: bool

    def detail(self) -> dict[str, Any]:
        return {"on": self.on}


# --------------------------------------------------------------------------------------- at the platform


class Authorise(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    order: Word
    """A label, which becomes a fresh order number, or the field's literal number."""
    balance: Yuan
    account: Word | None = None
    """None: one made up for the order."""


class Start(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: Word | None = None
    """None: the account of the gun's last authorised order."""


class Stop(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: Word | None = None


class BalanceTell(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the order under way may cost from now on, as after the user has paid in."""

    balance: Yuan


class WorkTell(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the pile may work, and with how much of its power."""

    gun: int = 1
    stopped: bool = False
    power: Annotated[int, msgspec.Meta(ge=30, le=100)] = 100
    """Percent."""


class Reboot(Command, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    gun: int = 1
    when_idle: bool = False


# ------------------------------------------------------------------------------- the line and the harness


class Impair(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Impairments of the line, in the words of pilesim.rig.impairments."""

    spec: dict[str, dict[str, Any]]


class Heal(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends every impairment."""


class Wait(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ns: Duration


class At(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waits for a local time of day, `11:42:09.156`, today or (when it is past) tomorrow."""

    time: str


class Until(Step, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waits for what can be seen on the line; all that is given must hold."""

    gun: int | None = None
    state: str | None = None
    """One of `SHOWN_STATES`."""
    cable: bool | None = None
    energy: Kwh | None = None
    """At least this much under the running order."""
    message: str | None = None
    """Seen (for this gun, where one is given) since the last step that did something."""
    bill: Word | None = None
    """The label or number of the order whose bill has come."""
    connected: bool | None = None
    within: Duration = Duration(2 * MINUTE)


SHOWN_STATES = (*GunState, "occupied")
"""What a gun can be waited to be; `occupied` is either kind, full or not."""

STEPS: dict[str, type[Step]] = {
    "plug": Plug,
    "unplug": Unplug,
    "tap": Tap,
    "card": Card,
    "stop-button": StopButton,
    "emergency-stop": EmergencyStop,
    "emergency-release": EmergencyRelease,
    "power-off": PowerOff,
    "power-on": PowerOn,
    "insulation": Insulation,
    "bms": Bms,
    "fault": RaiseFault,
    "fault-cleared": ClearFault,
    "parking": Park,
    "maintenance": Maintain,
    "authorise": Authorise,
    "start": Start,
    "stop": Stop,
    "balance-tell": BalanceTell,
    "work-tell": WorkTell,
    "reboot": Reboot,
    "impair": Impair,
    "heal": Heal,
    "wait": Wait,
    "at": At,
    "until": Until,
}
"""Every step by its key."""

SINGLE_VALUE = {"wait": "ns", "at": "time", "impair": "spec"}
"""Steps whose value is not a mapping of arguments, and the argument that it is."""
