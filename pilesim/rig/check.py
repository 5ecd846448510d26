"""What was heard of a pile, beside what its rig file says: the facts for a person, and what seems to be wrong.

Owns the tables of what goes wrong at a bench and how it shows. Must not know how it was heard, nor open anything.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pilesim.contract.contracts import contract_of
from pilesim.rig.hands import Command
from pilesim.rig.listening import Beats, ClockSeen, Heard
from pilesim.rig.rigfile import RigFile
from pilesim.rig.stimuli import ACT_OF
from pilesim.units import MS, S, format_duration
from pilesim.wire.protocol import protocol_named


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about the pile: as it was heard, and as the rig file or the contract has it."""

    name: str
    heard: str
    said: str = ""


def missing_commands(rig_file: RigFile) -> list[str]:
    """What the rig would run and this computer does not have, a sentence each."""
    commands = {ACT_OF[kind]: hand.command for kind, hand in rig_file.rig.hands.items() if isinstance(hand, Command)}
    if rig_file.rig.platform is not None:
        calls = rig_file.rig.platform.calls()
        commands |= {f"the platform's {name}": call.command for name, call in calls.items() if call.command}
    return [
        f"{name}: expected a command that can be run, found no {command[0]!r}"
        for name, command in commands.items()
        if "{" not in command[0] and shutil.which(command[0]) is None
    ]


def facts(heard: Heard, rig_file: RigFile) -> Iterator[Fact]:
    """All that can be told of the pile, one row each."""
    rig, fit = rig_file.rig, heard.fits[_own(rig_file)]
    yield Fact("line", _line(heard))
    yield Fact("protocol", _protocol(heard, rig_file), rig_file.protocol)
    yield Fact("pile number", ", ".join(heard.numbers) or "none", rig_file.rig.number)
    yield Fact("guns", ", ".join(str(gun) for gun in heard.beats) or "none", str(rig.guns or ""))
    yield Fact("firmware", heard.firmware or "not told", rig.facts.get("firmware", ""))
    least = f"each {format_duration(_beat_limit_ns(rig_file))} at least"
    for gun, beats in heard.beats.items():
        yield Fact(f"heartbeat of gun {gun}", _period(beats), least)
    yield Fact("clock, not told the time", _clock(heard.clock_before))
    within = f"within {format_duration(_clock_limit_ns(rig_file))}"
    yield Fact("clock, told the time", _clock(heard.clock_after), within)
    yield Fact("noise", f"{len(heard.noise)} bytes outside frames" if heard.noise else "none", "none")
    yield Fact("checksums", f"{heard.checksum_errors} wrong of {fit.frames}", "none wrong")


def suspicions(heard: Heard, rig_file: RigFile) -> list[str]:
    """What seems to be wrong, a sentence each, the likeliest cause of the others first."""
    found = [sentence for suspicion in _SUSPICIONS if (sentence := suspicion(heard, rig_file))]
    # Of another protocol's frames nothing is as this one has it.
    return found if _other_protocol(heard, rig_file) else [*found, *heard.deviations]


# ------------------------------------------------------------------------------------------------ the facts


def _line(heard: Heard) -> str:
    if not heard.connections:
        return heard.refused or "nobody connected"
    times = f", {heard.connections} times" if heard.connections > 1 else ""
    peer = f", {heard.peer}" if heard.peer else ""
    return f"up{times}{peer}, {heard.size} bytes"


def _protocol(heard: Heard, rig_file: RigFile) -> str:
    name = _best(heard) or _own(rig_file)
    fit = heard.fits[name]
    return f"{name}: {fit.good} of {fit.frames} frames fit" if fit.frames else "not one frame"


def _own(rig_file: RigFile) -> str:
    """The protocol of the rig file by its name: a file's is in it."""
    return protocol_named(rig_file.protocol).name


def _best(heard: Heard) -> str:
    """The protocol that finds most good frames, of several the first; "" where none does."""
    name, fit = max(heard.fits.items(), key=lambda item: item[1].good)
    return name if fit.good else ""


def _period(beats: Beats) -> str:
    if not beats.periods_ns:
        return f"{beats.count}, the last one {_seconds(beats.silent_ns)} before the end"
    shortest, longest = min(beats.periods_ns), max(beats.periods_ns)
    spread = "" if longest - shortest < S else f" to {_seconds(longest)}"
    return f"{beats.count}, each {_seconds(shortest)}{spread}"


def _seconds(ns: int) -> str:
    return format_duration(round(ns / (100 * MS)) * 100 * MS)


def _clock(seen: ClockSeen | None) -> str:
    match seen:
        case None:
            return "not seen"
        case ClockSeen(error_ns=None):
            return "not set"
        case ClockSeen(error_ns=error_ns):
            off = _seconds(abs(error_ns or 0))
            return "right" if off == "0s" else f"{off} {'ahead' if (error_ns or 0) > 0 else 'behind'}"


def _beat_limit_ns(rig_file: RigFile) -> int:
    return rig_file.rig.limits.get("beat.period", contract_of(rig_file.protocol).limits["beat.period"].value)


def _clock_limit_ns(rig_file: RigFile) -> int:
    return rig_file.rig.limits.get("clock.synced", contract_of(rig_file.protocol).limits["clock.synced"].value)


# ------------------------------------------------------------------------------------------ what is suspicious

Suspicion = Callable[[Heard, RigFile], str]
"""A sentence, or "" where nothing of the kind is heard."""

_NOBODY = {
    "tcp-listen": "nobody dialled in: look at the pile's power, the address and port that it is told to dial "
    "(this computer's, not 0.0.0.0 or 127.0.0.1), the firewall, and whether both are in one network",
    "tcp": "nobody answers there: look at the pile's power, its address and port, and the firewall",
}
_SILENT = {
    "tcp-listen": "the pile dialled in and says nothing: it may wait for another protocol's first word, or for TLS",
    "tcp": "it takes the connection and says nothing: perhaps another service has this port",
}
_SILENT_WIRE = (
    "not one byte: look at the pile's power, the cable, whether TX and RX (or A and B) are crossed, the ground, and "
    "whether this is the right port"
)


def _scheme(rig_file: RigFile) -> str:
    return rig_file.target.url.partition(":")[0]


def _silent(heard: Heard, rig_file: RigFile) -> str:
    scheme = _scheme(rig_file)
    if not heard.connections:
        return _NOBODY.get(scheme, _SILENT_WIRE)
    return "" if heard.size else _SILENT.get(scheme, _SILENT_WIRE)


def _unframed(heard: Heard, rig_file: RigFile) -> str:
    """Bytes that are no protocol's: the first pattern that they show."""
    if not heard.size or any(fit.good for fit in heard.fits.values()):
        return ""
    on_a_wire = _scheme(rig_file) in ("serial", "rfc2217")
    shown = next(words for words, wire, shows in _PATTERNS if (on_a_wire or not wire) and shows(heard.data))
    return f"{heard.size} bytes and not one good frame of {', '.join(heard.fits)}: {shown}"


def _other_protocol(heard: Heard, rig_file: RigFile) -> str:
    said, best = _own(rig_file), _best(heard)
    if not best or heard.fits[best].good == heard.fits[said].good:
        return ""
    good, fit = heard.fits[said].good, heard.fits[best]
    return f"{fit.good} of {fit.frames} frames are {best}'s and {good} are {said}'s: try protocol: {best}"


def _echo(heard: Heard, rig_file: RigFile) -> str:
    if not heard.echoed:
        return ""
    return f"{heard.echoed} of the platform's own frames came back: a two-wire adapter that echoes, or TX and RX joined"


def _number(heard: Heard, rig_file: RigFile) -> str:
    others = [number for number in heard.numbers if number != rig_file.rig.number]
    if not rig_file.rig.number or not others:
        return ""
    return f"expected the pile {rig_file.rig.number}, found {', '.join(others)}"


def _several_numbers(heard: Heard, rig_file: RigFile) -> str:
    if rig_file.rig.number or len(heard.numbers) < 2:
        return ""
    return f"expected one pile, found {len(heard.numbers)}: say which one by number:"


def _guns(heard: Heard, rig_file: RigFile) -> str:
    guns, found = rig_file.rig.guns, list(heard.beats)
    right = found == list(range(1, guns + 1)) if guns else bool(found)
    if right or not heard.numbers:
        return ""
    expected = f"heartbeats of {_listed(range(1, guns + 1))}" if guns else "heartbeats"
    return f"expected {expected}; found {_listed(found) or 'none'}"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(f"gun {number}" for number in numbers)


def _guns_told(heard: Heard, rig_file: RigFile) -> str:
    guns, told = rig_file.rig.guns, heard.guns_told
    return f"expected {guns} guns, the pile says that it has {told}" if guns and told not in (None, guns) else ""


def _firmware(heard: Heard, rig_file: RigFile) -> str:
    said = rig_file.rig.facts.get("firmware", "")
    if not said or heard.firmware in ("", said):
        return ""
    return f"expected the firmware {said}, the pile says {heard.firmware}"


def _slow(heard: Heard, rig_file: RigFile) -> str:
    limit_ns = _beat_limit_ns(rig_file)
    slow = {
        gun: longest
        for gun, beats in heard.beats.items()
        if (longest := max([*beats.periods_ns, beats.silent_ns])) > limit_ns
    }
    if not slow:
        return ""
    found = ", ".join(f"{_seconds(ns)} without one of gun {gun}" for gun, ns in slow.items())
    return f"expected a heartbeat each {format_duration(limit_ns)} at least, found {found}"


def _wrong_time(heard: Heard, rig_file: RigFile) -> str:
    seen, limit_ns = heard.clock_after, _clock_limit_ns(rig_file)
    if seen is None or (seen.error_ns is not None and abs(seen.error_ns) <= limit_ns):
        return ""
    if not rig_file.rig.world_time:
        return f"the pile was told the time, and its clock is {_clock(seen)}"
    return f"the pile was told the time, and its clock is {_clock(seen)}: does it need world-time: false?"


def _lost(heard: Heard, rig_file: RigFile) -> str:
    return f"the line was lost {heard.lost} times" if heard.lost else ""


def _noise(heard: Heard, rig_file: RigFile) -> str:
    if not heard.noise or not any(fit.good for fit in heard.fits.values()):
        return ""
    begin = heard.noise[:16].hex(" ")
    return f"{len(heard.noise)} bytes outside frames, such as {begin}: look at the ground, the shield and the ends"


def _miscounted(heard: Heard, rig_file: RigFile) -> str:
    if not heard.checksum_errors:
        return ""
    return f"{heard.checksum_errors} frames with a wrong checksum: look at the ground, the shield and the baud rate"


_SUSPICIONS: tuple[Suspicion, ...] = (
    _silent,
    _unframed,
    _other_protocol,
    _echo,
    _number,
    _several_numbers,
    _guns,
    _guns_told,
    _firmware,
    _slow,
    _wrong_time,
    _lost,
    _noise,
    _miscounted,
)


# ------------------------------------------------------------------------- what bytes without a frame look like


def _share(data: bytes, wanted: Callable[[int], bool]) -> float:
    return sum(wanted(byte) for byte in data) / len(data)


def _printable(byte: int) -> bool:
    return byte in b"\t\r\n" or 0x20 <= byte < 0x7F


def _bit_changes(data: bytes) -> float:
    """How often, on average, a bit differs from the one before it in its byte; 3.5 in chance."""
    return sum(((byte ^ (byte >> 1)) & 0x7F).bit_count() for byte in data) / len(data)


def _one_parity(data: bytes) -> bool:
    return len(data) >= 32 and len({byte.bit_count() % 2 for byte in data}) == 1


def _extra_bit(data: bytes) -> bool:
    """A parity bit that is 0 stands where a stop bit should, and reads as the start of a byte of nothing but ones."""
    return _share(data, lambda byte: byte == 0xFF) > 0.2 and _share(data, lambda byte: 0x30 <= byte <= 0x39) > 0.1


_HTTP = re.compile(rb"(GET|POST|PUT|HEAD|OPTIONS) ")

_PATTERNS: tuple[tuple[str, bool, Callable[[bytes], bool]], ...] = (
    # (what it means, only on a wire, how it shows): the first that shows is told.
    ("it speaks TLS", False, lambda data: data.startswith(b"\x16\x03")),
    ("it speaks HTTP, as OCPP over WebSocket does", False, lambda data: _HTTP.match(data) is not None),
    ("it is text, as a console's: another port of the controller", False, lambda data: _share(data, _printable) > 0.95),
    (
        "no byte has its high bit: 7 data bits here or there; frames need 8 (bits=8)",
        True,
        lambda data: len(data) >= 32 and max(data) < 0x80,
    ),
    ("the high bit of each byte is its parity: 7 data bits at the pile; frames need 8", True, _one_parity),
    ("there are digits, and FF after every other byte: the pile sends a parity bit (parity=even)", True, _extra_bit),
    ("all bits look stretched: the pile's baud rate is lower than this one", True, lambda data: _bit_changes(data) < 2),
    ("perhaps another baud rate, likely a higher one, or another parity, or A and B crossed", True, lambda data: True),
    ("perhaps a protocol that is not known here, or one in a tunnel", False, lambda data: True),
)
