"""The exceptions of pilesim; owns the tree and the exit codes, and knows nothing else.

What a peer does wrong (bad bytes, hang-ups, silence) is data in the trace and never an exception.

    PilesimError
    ├── UsageError            exit 2: what was asked for cannot be meant (an option, a URL, a name)
    │   └── FileError         exit 2: a file does not read: file, line, expected, found
    ├── RigError              exit 3: the bench: a port missing, taken, vanished; nobody connected
    ├── EncodingError         exit 4: a message that this protocol cannot carry was to be built
    └── InternalError         exit 4: pilesim contradicts itself
"""

from __future__ import annotations


class PilesimError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 4


class UsageError(PilesimError):
    """What was asked for cannot be meant."""

    exit_code = 2


class FileError(UsageError):
    """A file does not read. The text is `file:line: what was expected, what was found`."""

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem

    def __reduce__(self) -> tuple[type[FileError], tuple[str, int | None, str]]:
        # As it was made: another process tells it too.
        return type(self), (self.file, self.line, self.problem)


class RigError(PilesimError):
    """The bench fails: a port does not exist, is taken, vanished, or nobody connected."""

    exit_code = 3


class EncodingError(PilesimError):
    """A message was to be built that the protocol has no layout for, or a value that does not fit its field."""


class InternalError(PilesimError):
    """pilesim contradicts itself."""
