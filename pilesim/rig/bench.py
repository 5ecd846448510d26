"""A bench: one pile, one platform and the line between, joined and ready to be pumped.

Owns which ends a mode has. What differs between the simulator in virtual time, the simulator over a real line and
a real pile is which Links are opened here, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pilesim.contract.contracts import contract_of
from pilesim.faulty import FaultChoice
from pilesim.link.base import Link
from pilesim.link.urls import open_link
from pilesim.link.virtual import virtual_pair
from pilesim.pile.pile import Pile
from pilesim.pile.profiles import Profile
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.rig.clock import Clock
from pilesim.rig.door import FIRST_FRAME_NS, Door
from pilesim.rig.driver import Driver
from pilesim.rig.impairments import Impairment
from pilesim.rig.line import Line
from pilesim.rig.pump import Participant, Pump
from pilesim.rig.targets import SimLink
from pilesim.trace.recorder import Recorder
from pilesim.wire.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPile:
    """The pile's end is ours: this firmware. `link` joins it to the platform."""

    profile: Profile
    number: str
    seed: int
    link: SimLink = SimLink.VIRTUAL
    clock_error_ns: int | None = 0
    """How far its clock is ahead of the world when it is switched on; None: not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePlatform:
    """The platform's end is ours."""

    settings: Settings
    seed: int
    faults: tuple[FaultChoice, ...] = ()


@dataclass(slots=True, kw_only=True)
class Bench:
    """What stands on the bench. `pile` and `session` are None where that end is a real one."""

    clock: Clock
    pump: Pump
    line: Line
    pile: Pile | None
    platform: Platform | None
    session: PlatformSession | None
    pile_end: str
    """Name of the port at the pile's end of the line."""
    platform_end: str
    links: list[Link] = field(default_factory=list)

    def close(self) -> None:
        """Give every port back."""
        for link in self.links:
            link.close()


def make_bench(
    *,
    protocol: Protocol,
    world_start_ns: int,
    pile: SimulatedPile | str,
    platform: ReferencePlatform | str,
    clock: Clock,
    recorder: Recorder,
    seed: int,
    impairments: tuple[Impairment, ...] = (),
    expected_number: str = "",
) -> Bench:
    """Open both ends (a str is the URL of a real one) and join them; `impairments` are armed from the beginning.

    Where piles dial in, one with another number than the expected is hung up; "" expects any.
    RigError where a port cannot be had.
    """
    contract = contract_of(protocol.name)
    links: list[Link] = []
    own_pile: list[Participant] = []
    desk: list[Participant] = []
    the_pile: Pile | None = None
    the_platform: Platform | None = None
    session: PlatformSession | None = None
    door: Door | None = None
    try:
        if isinstance(pile, SimulatedPile):
            the_pile = Pile(
                protocol=protocol,
                contract=contract,
                profile=pile.profile,
                number=pile.number,
                world_start_ns=world_start_ns,
                seed=pile.seed,
                clock_error_ns=pile.clock_error_ns,
            )
            own_link, pile_link = _line_to_ourselves(pile.link, links)
            own_pile.append(Driver(the_pile, own_link))
        else:
            pile_link = _opened(open_link(pile), links)
            if not (pile_link.dials or pile_link.connectionless):
                numbers = (expected_number,) if expected_number else ()
                door = Door(protocol, numbers, int(FIRST_FRAME_NS * clock.rate))
        if isinstance(platform, ReferencePlatform):
            the_platform = Platform(
                protocol=protocol,
                contract=contract,
                world_start_ns=world_start_ns,
                settings=platform.settings,
                seed=platform.seed,
                faults=platform.faults,
            )
            session = the_platform.session()
            platform_link, desk_link = _line_to_ourselves(SimLink.VIRTUAL, links)
            desk.append(Driver(session, desk_link))
        else:
            platform_link = _opened(open_link(platform), links)
        line = Line(
            pile_link, platform_link, recorder, protocol=protocol, impairments=impairments, seed=seed, door=door
        )
    except BaseException:
        for link in links:
            link.close()
        raise
    return Bench(
        clock=clock,
        pump=Pump(clock, [*own_pile, line, *desk]),
        line=line,
        pile=the_pile,
        platform=the_platform,
        session=session,
        pile_end=pile_link.name,
        platform_end=platform_link.name,
        links=links,
    )


_REAL_LINES = {
    SimLink.TCP: ("tcp-listen://127.0.0.1:0", "tcp"),
    SimLink.PTY: ("pty:", "serial"),
}
"""A real line to ourselves: the URL of one end, and the scheme by which the other finds it."""


def _line_to_ourselves(kind: SimLink, links: list[Link]) -> tuple[Link, Link]:
    """A line whose both ends are here: (the end that dials, the end that listens)."""
    if kind is SimLink.VIRTUAL:
        dialling, listening = virtual_pair()
        links += [dialling, listening]
        dialling.open()
        listening.open()
        return dialling, listening
    listening_url, dialling_scheme = _REAL_LINES[kind]
    listening = _opened(open_link(listening_url), links)
    address = listening.name.rpartition("://")[2]
    return _opened(open_link(f"{dialling_scheme}://{address}"), links), listening


def _opened(link: Link, links: list[Link]) -> Link:
    link.open()
    links.append(link)
    return link
