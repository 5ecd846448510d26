"""The terminal at which an operator reads prompts and presses Enter.

Owns the reading of keys, which keeps nobody waiting. Must not know what was asked.
"""

from __future__ import annotations

import sys
import threading

from rich.console import Console
from rich.markup import escape


class ConsoleTerminal:
    """Prompts go to `console`; each line on standard input is one key, where that is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pressed = threading.Event()
        self.has_key = sys.stdin is not None and sys.stdin.isatty()
        if self.has_key:
            # A thread, because no terminal can be polled for a line on every system; it ends with the program.
            threading.Thread(target=self._read, name="operator", daemon=True).start()

    def tell(self, text: str) -> None:
        self._console.print(f"[bold]{escape(text)}[/]", highlight=False, soft_wrap=True)

    def key_pressed(self) -> bool:
        pressed = self._pressed.is_set()
        self._pressed.clear()
        return pressed

    def _read(self) -> None:
        for _ in sys.stdin:
            self._pressed.set()
