"""One end of a line on a thread of its own: a simulated pile, or the reference platform, for somebody's own tests.

Owns the thread, what is to be done on it, and the waiting for what its end of the line shows. The other end is real
and lives its own life, so time is the computer's, as many times as fast as is asked. Must not know who tests what.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pilesim.conformance.judged import judged, of_end
from pilesim.conformance.live import LiveOptions, bench_of, header_of
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import outpaced
from pilesim.errors import InternalError, RigError
from pilesim.faulty import FaultChoice, Mishap
from pilesim.pile.pile import Pile
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench
from pilesim.rig.stimuli import SimulatedHands
from pilesim.scenario.steps import Until
from pilesim.scenario.view import View, holds
from pilesim.trace.events import AnyEvent, Finish, Header, LineDown, LineUp, Trace
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, S
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named

T = TypeVar("T")

LOOK_NS = 5 * MS
"""So often, in the computer's time, the thread looks whether there is something to do."""
_JOIN_S = 20.0
"""A thread that has not ended by then, of the computer's time, never will: its turns are short."""


class HostedEnd:
    """The end that is played, from the opening of its port until `stop`. Times are ns of its own world.

    What its thread fails of is raised by the next call, and by `stop`.
    """

    def __init__(
        self, options: LiveOptions, capture: Path, *, settings: Settings, faults: tuple[FaultChoice, ...] = ()
    ) -> None:
        """`options` have one end that is played; `capture` is the file that the recording is kept in.

        RigError where the port cannot be had.
        """
        own_end = options.own_end
        if own_end is None:
            raise InternalError("a line between two real ends has no end to host")
        self.end: End = own_end
        self.capture = capture
        self._rate = options.clock_rate
        self._protocol = protocol_named(options.protocol)
        self._news = threading.Condition()
        self._acts: deque[tuple[Callable[[int], Any], Future[Any]]] = deque()
        self._stopping = False
        self._over = False
        self._failed: BaseException | None = None
        self._far_up = False
        """Whether the other end's connection stands: a pile is up before the platform it dials has refused it."""
        self._sink = capture.open("w", encoding="utf-8", newline="\n")
        try:
            self._recorder = Recorder(_header(options), self._sink)
            self._view = View(self._protocol, self.end)
            self._recorder.observers.append(self._see)
            self._bench: Bench = bench_of(options, self._recorder, settings=settings, faults=faults)
        except BaseException:
            self._sink.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"hosted-{self.end}", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------------------------- for whoever tests

    @property
    def orders(self) -> dict[int, str]:
        """The last order authorised on each gun, as this end has seen it."""
        with self._news:
            return dict(self._view.orders)

    def told(self, act: Callable[[int], T]) -> T:
        """What `act` gives, done on the end's own thread at the instant that it is given; its exceptions too."""
        done: Future[T] = Future()
        with self._news:
            self._check()
            if self._over:
                raise InternalError(f"the {self.end} has been stopped")
            self._acts.append((act, done))
        return done.result()

    def mark(self) -> None:
        """From here on messages are waited for anew."""
        with self._news:
            self._view.mark()

    def wait_for(self, until: Until) -> bool:
        """Whether what `until` describes is seen before its time, of this world, is over; it may be so already."""

        def met() -> bool:
            stands = self._far_up or not until.connected
            return stands and holds(until, self._view, self._protocol.normal_order)

        return self._wait(met, until.within)

    def pass_time(self, ns: int) -> None:
        """Let so much of this world's time pass."""
        self._wait(lambda: False, ns)

    def seen(self, gun: int) -> str:
        """What this end knows of a gun, in words for a person who waited for something else."""
        with self._news:
            report = self._view.reports.get(gun)
            if not self._view.connected or not self._far_up:
                return "nobody is connected"
            if report is None:
                return f"no heartbeat of gun {gun} has come"
            cable = {True: "cable in", False: "cable out", None: "cable not told"}[report.cable]
            return f"the last heartbeat of gun {gun} says {report.state}, {cable}"

    def impair(self, act: Callable[[Bench], None]) -> None:
        """Do something to the line."""
        self.told(lambda now_ns: act(self._bench))

    def trace(self) -> Trace:
        """The recording as far as it has come."""
        if self._over:
            return self._recorder.trace()
        trace = self.told(lambda now_ns: (self._recorder.trace(), now_ns))
        # Until now nothing more was seen: a deadline that has passed since the last event has passed.
        return Trace(trace[0].header, (*trace[0].events, Finish(t_ns=trace[1])))

    def verdict(self, of: End, strict: bool) -> ScenarioResult:
        """What the rules that judge one end say of the recording so far. INCONCLUSIVE where no rule says anything."""
        result = judged(
            self.trace(),
            title="",
            file=str(self.capture),
            strict=strict,
            repeat=f"pilesim judge {self.capture}",
            capture=str(self.capture),
        )
        return of_end(result, of, strict)

    def stop(self) -> None:
        """End it and give its port back; raises what the thread failed of, if nobody was told of it yet."""
        self._stopping = True
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            raise InternalError(f"the thread of the {self.end} has not ended")
        self._check()

    # ------------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        reason = ""
        try:
            self._live()
        except BaseException as error:  # whatever it is, it belongs to whoever tests
            self._failed = error
            reason = str(error)
        finally:
            with self._news:
                self._over = True
                acts, self._acts = self._acts, deque()
                self._news.notify_all()
            for _, done in acts:
                done.set_exception(self._failed or InternalError(f"the {self.end} has been stopped"))
            self._close(reason)

    def _live(self) -> None:
        bench = self._bench
        look_ns = int(LOOK_NS * self._rate)
        while not self._stopping:
            while self._acts:
                act, done = self._acts.popleft()
                try:
                    done.set_result(act(bench.clock.now_ns()))
                except Exception as error:  # it belongs to whoever asked for the act
                    done.set_exception(error)
            bench.pump.run_until(self._wanted, bench.clock.now_ns() + look_ns)
            if bench.line.vanished:
                raise RigError(f"the port vanished: {bench.line.vanished}")

    def _wanted(self) -> bool:
        return self._stopping or bool(self._acts) or bool(self._bench.line.vanished)

    def _close(self, reason: str) -> None:
        try:
            self._recorder.record(Finish(t_ns=self._bench.clock.now_ns(), reason=reason))
        finally:
            self._bench.close()
            self._sink.close()

    def _see(self, event: AnyEvent) -> None:
        with self._news:
            self._view.see(event)
            if isinstance(event, LineUp | LineDown) and event.end is not self.end:
                self._far_up = isinstance(event, LineUp)
            self._news.notify_all()

    # --------------------------------------------------------------------------------------------- waiting

    def _wait(self, met: Callable[[], bool], ns: int) -> bool:
        clock = self._bench.clock
        until_ns = clock.now_ns() + ns
        with self._news:
            while True:
                self._check()
                if met():
                    return True
                left_ns = until_ns - clock.now_ns()
                if left_ns <= 0 or self._over:
                    return False
                self._news.wait(left_ns / self._rate / S)

    def _check(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed


class HostedPile(HostedEnd):
    """A simulated pile, switched on, that dials somebody's platform again and again."""

    def do(self, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do at the pile what a stimulus of this kind says, at once; ValueError says why it cannot be done."""

        def act(now_ns: int) -> None:
            self.mark()
            SimulatedHands(self._pile, self._recorder).do(now_ns, kind, gun, detail)

        self.told(act)

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """Every time that a fault of the firmware took effect."""
        return self._pile.mishaps

    @property
    def _pile(self) -> Pile:
        assert self._bench.pile is not None
        return self._bench.pile


class HostedPlatform(HostedEnd):
    """The reference platform, listening for one pile."""

    @property
    def address(self) -> str:
        """HOST:PORT, or the device, at which it is found."""
        return self._bench.pile_end.rpartition("://")[2]

    def at_desk(self, act: Callable[[Platform, PlatformSession, int], T]) -> T:
        """What `act` gives of platform, session and the instant, done on the platform's thread."""
        platform, session = self._bench.platform, self._bench.session
        assert platform is not None and session is not None

        def do(now_ns: int) -> T:
            self.mark()
            return act(platform, session, now_ns)

        return self.told(do)


def _header(options: LiveOptions) -> Header:
    header = header_of(options)
    if options.own_end is not End.PILE:
        return header
    return msgspec.structs.replace(header, not_applicable={**header.not_applicable, **outpaced(options.clock_rate)})
