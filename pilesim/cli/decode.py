"""`pilesim decode`: frames given as hex, or in a file, field by field; with --guess what no field explains."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec

from pilesim.cli.console import console, visible
from pilesim.errors import UsageError
from pilesim.files import bytes_given, bytes_in
from pilesim.report.frames import print_frames
from pilesim.report.guesses import print_guesses
from pilesim.trace.capture import is_capture, read_capture
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import Trace
from pilesim.units import parse_world_start_ns
from pilesim.wire.describe import Told, describe_frames, frames_in, tell_protocol
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.guess.frames import guess_frames
from pilesim.wire.offered import troubles
from pilesim.wire.protocol import Protocol, protocol_named, protocols

_HEX = re.compile(rb"(?:\s*(?:0x)?[0-9a-fA-F]{2})+\s*")
_SEPARATORS = re.compile(rb"0x|[\s,:-]+")


@click.command()
@click.argument("data", nargs=-1, required=True, metavar="HEX|FILE")
@click.option(
    "--protocol",
    metavar="NAME|FILE",
    help="Protocol of the line, or a dialect's file; else a capture's own, or the one that explains the bytes best.",
)
@click.option(
    "--direction",
    type=click.Choice([way.value for way in Direction]),
    help="Which way the bytes went; else by each message's number.",
)
@click.option("--guess", is_flag=True, help="Say what bodies that do not fit look like, as a dialect to begin with.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(data: tuple[str, ...], protocol: str | None, direction: str | None, guess: bool, as_json: bool) -> None:
    """Show every field of frames: offset, bytes, value, unit, and whatever is wrong with them.

    Give hex (with or without spaces), or a file that holds hex or raw bytes; `-` reads standard input. With --guess it
    may be a capture too, whose times help: the more bodies of a message there are, the more is told.

    \b
    pilesim decode 680D050000033201060021353301005718
    pilesim decode --guess --protocol evlink-2.6 recording.jsonl
    """
    goes = Direction(direction) if direction else None
    content, name = _content_of(data)
    if is_capture(content):
        if not guess:
            raise UsageError(f"{name}: found a capture: give --guess, or judge it with `pilesim judge`")
        trace = read_capture(content.decode("utf-8", "replace").splitlines(keepends=True), name)
        spoken = protocol_named(protocol or trace.header.protocol)
        _show_guesses(spoken, _passed(spoken, trace), protocol, as_json)
        return
    read = _from_hex(content)
    loose = content if read is None else read
    if protocol is None:
        for trouble in troubles():
            click.echo(visible(trouble), err=True)
        told = tell_protocol(list(protocols().values()), loose, goes)
        spoken = told.protocol
        # JSON on standard output stays nothing but JSON.
        click.echo(_choice(told), err=as_json)
    else:
        spoken = protocol_named(protocol)
    if guess:
        _show_guesses(spoken, [(frame, None) for frame in frames_in(spoken, loose, goes)], protocol, as_json)
        return
    described = describe_frames(spoken, loose, goes)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(described), indent=1))
    else:
        print_frames(console(), spoken, described)


def _passed(spoken: Protocol, trace: Trace) -> list[tuple[Frame, int | None]]:
    """The frames of a recording with their times, each as its sender sent it, where that end was recorded."""
    start_ns = parse_world_start_ns(trace.header.start)
    decoder = Decoder(spoken)
    seen = [item for event in trace.events for item in decoder.feed(event)] + decoder.finish()
    both = len(trace.header.ends) > 1
    return [
        (item.decoded.frame, start_ns + item.t_ns)
        for item in seen
        if isinstance(item, Seen) and (not both or item.end is item.direction.sender)
    ]


def _show_guesses(spoken: Protocol, frames: list[tuple[Frame, int | None]], given: str | None, as_json: bool) -> None:
    """What the frames look like, and a dialect of what was `given` that says so; without it of what is installed."""
    guessed = guess_frames(spoken, frames)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(guessed), indent=1))
    elif not frames:
        click.echo(f"No frame of {spoken.name} was found: there is nothing to guess at.")
    else:
        print_guesses(console(), given or spoken.origin or spoken.name, guessed)


def _choice(told: Told) -> str:
    """How the protocol was chosen, in a sentence."""
    match told.equals:
        case ():
            return f"No frame of any protocol ({', '.join(protocols())}) was found; read as {told.protocol.name}."
        case (name,):
            return f"Told by its frames: {name}."
        case names:
            return f"{' and '.join(names)} explain these bytes equally well; read as {told.protocol.name}."


def _content_of(words: tuple[str, ...]) -> tuple[bytes, str]:
    """What the command line means, and what messages call it: hex words, else a file, else standard input."""
    typed = " ".join(words).encode()
    if _from_hex(typed) is not None:
        return typed, "hex"
    if words == ("-",):
        return bytes_given(), "standard input"
    if len(words) > 1:
        raise UsageError(f"expected hex digits in pairs, found {' '.join(words)!r}")
    return bytes_in(Path(words[0]), "hex digits in pairs, or a file"), words[0]


def _from_hex(text: bytes) -> bytes | None:
    """The bytes written as hex in `text`; None where it is no hex."""
    compact = _SEPARATORS.sub(b"", text)
    return bytes.fromhex(compact.decode()) if compact and _HEX.fullmatch(compact) else None
