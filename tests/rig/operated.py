"""A terminal without a person, and what a test asks of a recording."""

from __future__ import annotations

from dataclasses import dataclass, field

from toys import up_frame

from pilesim.trace.events import Chunk, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport, GunState, Message


@dataclass
class Desk:
    """A terminal that keeps what it was told; `keys` are the key strokes to come."""

    has_key: bool = True
    told: list[str] = field(default_factory=list)
    keys: int = 0

    def tell(self, text: str) -> None:
        self.told.append(text)

    def key_pressed(self) -> bool:
        pressed, self.keys = self.keys > 0, 0
        return pressed


def stimuli(recorder: Recorder) -> list[Stimulus]:
    return [event for event in recorder.events if isinstance(event, Stimulus)]


def hears(recorder: Recorder, t_s: float, message: Message, end: End = End.PILE) -> None:
    """The platform, or the pile's end, hears `message` at `t_s`."""
    recorder.record(Chunk(t_ns=int(t_s * S), end=end, direction=Direction.UP, data=up_frame(message)))


def report(gun: int, cable: bool, state: GunState = GunState.IDLE) -> GunReport:
    return GunReport(gun=gun, state=state, cable=cable)
