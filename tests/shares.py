"""Work that is handed out, for the tests of who does it.

Owns what a worker imports to do it, which is as good as nothing: it is begun anew each time that it is lost. Must not
know who does it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pilesim.errors import FileError


def doubled(number: int) -> int:
    return 2 * number


def killing(places: Path, times: int, number: int) -> int:
    """Twice `number`; but share 3 ends the process that does it, the first so many times."""
    if number == 3:
        for time in range(times):
            try:
                (places / str(time)).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def failing(number: int) -> int:
    raise FileError("a.yaml", number, "expected a word")


def protocol_and(protocol: str, number: int) -> tuple[str, int]:
    """The name of `protocol`, as it is known where this is done, and `number`."""
    from pilesim.wire.protocol import protocol_named  # noqa: PLC0415 (nobody else's work needs it)

    return protocol_named(protocol).name, number
