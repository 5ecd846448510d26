"""`pilesim decode`: frames given as hex, or in a file, field by field."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import msgspec

from pilesim.cli.options import console
from pilesim.errors import UsageError
from pilesim.report.frames import print_frames
from pilesim.wire.describe import Told, describe_frames, tell_protocol
from pilesim.wire.frame import Direction
from pilesim.wire.protocol import protocol_named, protocols

_HEX = re.compile(rb"(?:\s*(?:0x)?[0-9a-fA-F]{2})+\s*")
_SEPARATORS = re.compile(rb"0x|[\s,:-]+")


@click.command()
@click.argument("data", nargs=-1, required=True, metavar="HEX|FILE")
@click.option("--protocol", metavar="NAME", help="Protocol of the line; else the one that explains the bytes best.")
@click.option(
    "--direction", type=click.Choice(list(Direction)), help="Which way the bytes went; else by each message's number."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(data: tuple[str, ...], protocol: str | None, direction: str | None, as_json: bool) -> None:
    """Show every field of frames: offset, bytes, value, unit, and whatever is wrong with them.

    Give hex (with or without spaces), or a file that holds hex or raw bytes; `-` reads standard input.
    """
    goes = Direction(direction) if direction else None
    if protocol is None:
        told = tell_protocol(list(protocols().values()), _bytes_of(data), goes)
        spoken, described = told.protocol, told.described
        # JSON on standard output stays nothing but JSON.
        click.echo(_choice(told), err=as_json)
    else:
        spoken = protocol_named(protocol)
        described = describe_frames(spoken, _bytes_of(data), goes)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(described), indent=1))
    else:
        print_frames(console(), spoken, described)


def _choice(told: Told) -> str:
    """How the protocol was chosen, in a sentence."""
    match told.equals:
        case ():
            return f"No frame of any protocol ({', '.join(protocols())}) was found; read as {told.protocol.name}."
        case (name,):
            return f"Told by its frames: {name}."
        case names:
            return f"{' and '.join(names)} explain these bytes equally well; read as {told.protocol.name}."


def _bytes_of(words: tuple[str, ...]) -> bytes:
    """The bytes that the command line means: hex words, else a file, else standard input."""
    typed = _from_hex(" ".join(words).encode())
    if typed is not None:
        return typed
    if words == ("-",):
        content = sys.stdin.buffer.read()
    elif len(words) == 1:
        try:
            content = Path(words[0]).read_bytes()
        except OSError as error:
            raise UsageError(f"{words[0]}: expected hex digits in pairs, or a file: {error.strerror}") from None
    else:
        raise UsageError(f"expected hex digits in pairs, found {' '.join(words)!r}")
    read = _from_hex(content)
    return content if read is None else read


def _from_hex(text: bytes) -> bytes | None:
    """The bytes written as hex in `text`; None where it is no hex."""
    compact = _SEPARATORS.sub(b"", text)
    return bytes.fromhex(compact.decode()) if compact and _HEX.fullmatch(compact) else None
