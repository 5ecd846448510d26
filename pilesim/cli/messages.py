"""`pilesim messages`: the catalogue of a protocol."""

from __future__ import annotations

import click

from pilesim.cli.console import console
from pilesim.cli.options import protocol_option
from pilesim.report.frames import print_catalogue
from pilesim.wire.protocol import protocol_named


@click.command()
@protocol_option
def command(protocol: str) -> None:
    """List a protocol's messages: number, direction, English and Chinese name, size, reply, trust.

    \b
    pilesim messages --protocol evlink-2.6
    """
    print_catalogue(console(), protocol_named(protocol))
