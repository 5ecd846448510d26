"""A question to the platform about an account, until it is answered or has waited long enough.

Owns its patience. Must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pilesim.pile.timeline import Activity, Timeline


class Ask:
    """At most one question at a time; a new one takes the place of the last."""

    def __init__(self, timeline: Timeline, patience_ns: int) -> None:
        self._timeline = timeline
        self._patience_ns = patience_ns
        self._patience: Activity | None = None
        self._account = ""

    @property
    def account(self) -> str | None:
        """Whom the question is about; None: nothing is asked."""
        return None if self._patience is None else self._account

    def begin(self, account: str, unanswered: Callable[[], None] | None = None) -> None:
        """Wait from now on; `unanswered` is told when that was in vain."""
        self.end()
        self._account = account
        self._patience = self._timeline.start(self._wait(unanswered))

    def _wait(self, unanswered: Callable[[], None] | None) -> Iterator[int]:
        yield self._patience_ns
        self._patience = None
        if unanswered is not None:
            unanswered()

    def end(self) -> None:
        """Answered, or of no interest any more."""
        if self._patience is not None:
            self._patience.call_off()
            self._patience = None
