"""A port that was lost, while it is waited for: opened again as soon as it is there, given up after a while.

Owns the thread that tries, because opening may take the network's time, and closing what was lost too. Must not know
what kind of port it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pilesim.errors import RigError
from pilesim.link.waiting import monotonic_ns
from pilesim.link.waker import Waker

AGAIN_S = 0.25
"""Between two tries: a person who puts a plug back does not notice it."""


class Closable(Protocol):
    def close(self) -> None: ...


P = TypeVar("P", bound=Closable)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It did not come back in time; `reason` is why the last try failed."""

    reason: str


class Reopening(Generic[P]):
    """Tries `opened` until it gives a port, for `wait_ns` of the computer's time after `close_old` returned."""

    def __init__(self, close_old: Callable[[], None], opened: Callable[[], P], wait_ns: int) -> None:
        """`opened` raises RigError while the port is not to be had."""
        self._close_old = close_old
        self._opened = opened
        self._wait_ns = wait_ns
        self._waker = Waker()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._outcome: P | GivenUp | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._close_old()
        deadline_ns = monotonic_ns() + self._wait_ns
        while not self._stop.is_set():
            try:
                port = self._opened()
            except RigError as error:
                if monotonic_ns() >= deadline_ns:
                    self._settle(GivenUp(str(error)))
                    return
                self._stop.wait(AGAIN_S)
                continue
            except Exception as error:  # whatever it is, whoever waits must hear of it
                self._settle(GivenUp(f"{type(error).__name__}: {error}"))
                return
            self._settle(port)

    def _settle(self, outcome: P | GivenUp) -> None:
        with self._lock:
            if not self._stop.is_set():
                self._stop.set()
                self._outcome = outcome
                self._waker.wake()
                return
        # Nobody waits for the port any more.
        if not isinstance(outcome, GivenUp):
            outcome.close()

    def outcome(self) -> P | GivenUp | None:
        """The port, which belongs to the caller from now on; why there is none; None while it is waited for."""
        with self._lock:
            outcome, self._outcome = self._outcome, None
        if outcome is not None:
            self._waker.close()
        return outcome

    def waitable(self) -> tuple[int, bool]:
        return self._waker.fd, False

    def close(self) -> None:
        """Wait no longer. What the thread is about to open it closes itself."""
        with self._lock:
            self._stop.set()
            outcome, self._outcome = self._outcome, None
        if outcome is not None and not isinstance(outcome, GivenUp):
            outcome.close()
        self._waker.close()
