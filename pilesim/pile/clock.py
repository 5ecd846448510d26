"""The pile's own clock: how far it is ahead of the world, how it drifts, and what the platform's time does to it.

Owns the translation of instants (world ns, the pile's quartz) into what the pile takes for the time. Must not
know what is timed. An instant is kept as such and translated when it is shown, so that times taken before the
first TimeTell since power-up are corrected by the step that it brings.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from pilesim.units import DAY, MS
from pilesim.wire.messages import NO_TIME, Stamp

UNSET_EPOCH_NS = 946_656_000 * 1_000 * MS
"""2000-01-01 00:00 local: where the calendar of a clock that was never set begins."""
_BEYOND_NS = 4_102_416_000 * 1_000 * MS
"""2100-01-01 00:00 local: no frame carries a time of another century."""

_SETTINGS_KEPT = 64
"""A setting a day at most in order: older ones can only matter to charges that are long billed."""


@dataclass(frozen=True, slots=True)
class _Setting:
    since_ns: int
    ahead_ns: int | None
    """Ahead of the world at `since_ns`; None: not set."""


class Clock:
    """`ahead_ns` is the error at power-up, None for a clock that is not set until told."""

    def __init__(self, world_start_ns: int) -> None:
        self._world_start_ns = world_start_ns
        self._settings: deque[_Setting] = deque(maxlen=_SETTINGS_KEPT)
        self._drift_ns_per_day = 0
        self.told = False
        """The platform has told the time since power-up."""
        self.version = 0
        """Changes whenever an instant that was translated before may now read differently."""

    def power_up(self, now_ns: int, ahead_ns: int | None, drift_ns_per_day: int) -> None:
        """Power is back: a clock with a battery goes on as it was, one without starts unset."""
        self.told = False
        self._drift_ns_per_day = drift_ns_per_day
        if not self._settings or ahead_ns is None:
            self._settings.append(_Setting(now_ns, ahead_ns))
            self.version += 1

    def tell(self, now_ns: int, epoch_ns: int) -> None:
        """The platform says that it is `epoch_ns` now."""
        ahead_ns = epoch_ns - self._world_start_ns - now_ns
        if self.told:
            self._settings.append(_Setting(now_ns, ahead_ns))
        else:
            self._settings[-1] = replace(self._settings[-1], ahead_ns=ahead_ns)
            # The drift since power-up is corrected with the rest: the step brings the clock to the time told.
            drifted = self._drift_ns(now_ns - self._settings[-1].since_ns)
            self._settings[-1] = replace(self._settings[-1], ahead_ns=ahead_ns - drifted)
        self.told = True
        self.version += 1

    def _drift_ns(self, elapsed_ns: int) -> int:
        return elapsed_ns * self._drift_ns_per_day // DAY

    def epoch_ns(self, instant_ns: int) -> int | None:
        """What the clock takes `instant_ns` for; None while it is not set."""
        setting = self._settings[-1]
        if setting.since_ns > instant_ns:
            # Most instants that are asked for are the present one.
            setting = next((s for s in reversed(self._settings) if s.since_ns <= instant_ns), self._settings[0])
        if setting.ahead_ns is None:
            return None
        drift_ns = self._drift_ns(instant_ns - setting.since_ns)
        return self._world_start_ns + instant_ns + setting.ahead_ns + drift_ns

    def reading_ns(self, instant_ns: int) -> int:
        """As `epoch_ns`, but an unset clock counts on from its calendar's beginning: prices need some half-hour."""
        known = self.epoch_ns(instant_ns)
        return UNSET_EPOCH_NS + instant_ns if known is None else known

    def stamp(self, instant_ns: int | None) -> Stamp:
        """`instant_ns` as frames carry it, cut to milliseconds; no time where there is none or none is known."""
        known = None if instant_ns is None else self.epoch_ns(instant_ns)
        if known is None or not UNSET_EPOCH_NS <= known < _BEYOND_NS:
            return NO_TIME
        return Stamp(known - known % MS)
