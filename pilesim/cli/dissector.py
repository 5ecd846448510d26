"""`pilesim dissector`: a protocol's tables for Wireshark."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pilesim.cli.console import console, tell
from pilesim.cli.files import writable, write_whole
from pilesim.cli.options import output_option, protocol_option
from pilesim.errors import UsageError
from pilesim.report.dissector import dissector_lua
from pilesim.wire.dissection import dissection
from pilesim.wire.protocol import protocol_named

_SLUG = re.compile(r"[a-z][a-z0-9_]*")


@click.command()
@protocol_option
@output_option("script", "Write the dissector here, as Lua.")
@click.option(
    "--name", "slug", metavar="NAME", help="What filters in Wireshark begin with; else by the protocol's name."
)
def command(protocol: str, script: Path, slug: str | None) -> None:
    """Write a dissector for Wireshark, in Lua, from the tables by which frames are decoded here.

    Each field has a name for filters, such as lhc.heartbeat.meter. It is tried on a recording with
    `tshark -X lua_script:FILE -r RECORDING.pcapng -V`.

    \b
    pilesim dissector --protocol ykc-1.6 -o ykc.lua
    """
    if slug is not None and not _SLUG.fullmatch(slug):
        raise UsageError(f"--name: expected small letters, digits and _, such as pile_7; found {slug!r}")
    tables = dissection(protocol_named(protocol), slug or "")
    text = dissector_lua(tables)
    writable(script)
    write_whole(script, text.encode())
    out = console()
    counts = f"{len(tables.messages)} messages of {tables.name}, {len(tables.fields)} fields"
    tell(out, f"{script}: {counts}, whose names begin with {tables.slug}.")
    for name in tables.left_out:
        tell(out, f"  shown as its bytes, for want of its text in Lua: {name}")
