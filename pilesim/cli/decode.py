"""`pilesim decode`: frames given as hex, or in a file, field by field."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import msgspec

from pilesim.cli.options import console, protocol_option
from pilesim.errors import UsageError
from pilesim.report.frames import print_frames
from pilesim.wire.describe import describe_frames
from pilesim.wire.frame import Direction
from pilesim.wire.protocol import protocol_named

_HEX = re.compile(rb"(?:\s*(?:0x)?[0-9a-fA-F]{2})+\s*")
_SEPARATORS = re.compile(rb"0x|[\s,:-]+")


@click.command()
@click.argument("data", nargs=-1, required=True, metavar="HEX|FILE")
@protocol_option
@click.option(
    "--direction", type=click.Choice(list(Direction)), help="Which way the bytes went; else by each message's number."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(data: tuple[str, ...], protocol: str, direction: str | None, as_json: bool) -> None:
    """Show every field of frames: offset, bytes, value, unit, and whatever is wrong with them.

    Give hex (with or without spaces), or a file that holds hex or raw bytes; `-` reads standard input.
    """
    spoken = protocol_named(protocol)
    described = describe_frames(spoken, _bytes_of(data), Direction(direction) if direction else None)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(described), indent=1))
    else:
        print_frames(console(), spoken, described)


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
