"""A command called in this process: what it says and its exit code are those that a process of its own would give.

For what only says, plays in virtual time or judges: the start of a Python takes longer than most of that.
"""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from pilesim.cli.main import run


def called(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`pilesim` with these arguments in the folder `cwd`, with no terminal and nothing to read."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), patch.object(sys, "stdin", io.StringIO()), redirect_stdout(out), redirect_stderr(err):
        code = run([*arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
