"""Work shared out: to this process, to processes of this machine, or to the workers of a Dask cluster, by one path.

Owns the executors (it alone imports distributed), how many shares are under way at once, and what becomes of those
whose worker is lost: they are done again, and one that takes its second worker with it is told. Must not know what the
work is. A share hangs on its arguments alone, so that it comes out the same wherever and in whatever order it is done;
all that it needs travels with it, since workers share no folder with this process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import SimpleQueue
from types import FrameType
from typing import Any, TypeVar

from pilesim.errors import RigError, UsageError

T = TypeVar("T")
R = TypeVar("R")

CONNECT_S = 10
"""How long a cluster's scheduler may take to answer."""
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_AHEAD = 2
"""Shares given out a process, so that none waits for its next one."""


class Crew:
    """Those who do the work; made by `hired`."""

    here = False
    """They are this very process, so that work may call back into it."""

    def __init__(self, hire: Callable[[int], Executor], workers: int, at_once: int | None) -> None:
        """`hire` makes an executor of so many workers; `at_once` shares are under way at a time, or all where None."""
        self._hire = hire
        self.hands = workers
        """So many shares are done at the same time."""
        self._at_once = at_once
        self._gave_up: tuple[type[BaseException], ...] = (CancelledError,)
        """What an executor raises for a share that it did again, or cannot do again, and gave up."""
        self._executor: Executor | None = None

    def done(
        self, work: Callable[[T], R], shares: Sequence[T], called: Callable[[T], str] = str
    ) -> Iterator[tuple[int, R]]:
        """The result of `work` for each of `shares` with its place among them, as each is done.

        What `work` raises is raised here. RigError names a share, by what it is `called`, that lost two workers.
        """
        left = deque(range(len(shares)))
        while left:
            lost = yield from self._until_lost(work, shares, left, called)
            # Nobody can tell which of them it was: one after the other, it is the one that loses its worker again.
            if lost:
                self._executor = self._hire(1)
                for number in lost:
                    try:
                        result = self._result(self._begin(work, shares[number]))
                    except BrokenProcessPool as error:
                        raise _twice(called(shares[number]), error) from None
                    yield number, result
                self.close()

    def in_order(
        self, work: Callable[[T], R], shares: Sequence[T], called: Callable[[T], str] = str, first: Iterable[int] = ()
    ) -> Iterator[R]:
        """The results in the order of `shares`; those with the numbers `first` are begun first."""
        order = [*dict.fromkeys([*first, *range(len(shares))])]
        early: dict[int, R] = {}
        due = 0
        for number, result in self.done(work, [shares[each] for each in order], called):
            early[order[number]] = result
            while due in early:
                yield early.pop(due)
                due += 1

    def close(self) -> None:
        """Let everybody go; what was not begun is not done."""
        executor, self._executor = self._executor, None
        if isinstance(executor, ProcessPoolExecutor):
            executor.shutdown(cancel_futures=True)

    def _until_lost(
        self, work: Callable[[T], R], shares: Sequence[T], left: deque[int], called: Callable[[T], str]
    ) -> Generator[tuple[int, R], None, list[int]]:
        """Results until all of `left` are done, or until a process is lost: then those that were under way."""
        finished: SimpleQueue[Future[R]] = SimpleQueue()
        running: dict[Future[R], int] = {}
        gone: set[int] = set()
        """What was done once and lost."""
        while left or running:
            while left and (self._at_once is None or len(running) < self._at_once):
                number = left.popleft()
                future = self._begin(work, shares[number])
                running[future] = number
                future.add_done_callback(finished.put)
            future = finished.get()
            number = running.pop(future)
            try:
                result = self._result(future)
            except BrokenProcessPool:
                # One process ends the whole pool; some of its futures may have been done just before.
                wait(running)
                self.close()
                whole = [each for each in running if each.exception() is None]
                yield from ((running[each], each.result()) for each in whole)
                return sorted([number, *(n for each, n in running.items() if each not in whole)])
            except self._gave_up as error:
                raise _twice(called(shares[number]), error) from None
            except _GoneError as error:
                if number in gone:
                    raise _twice(called(shares[number]), error) from None
                gone.add(number)
                left.append(number)
                continue
            yield number, result
        return []

    def _result(self, future: Future[R]) -> R:
        return future.result()

    def _begin(self, work: Callable[[T], R], share: T) -> Future[R]:
        if self._executor is None:
            self._executor = self._hire(self.hands)
        try:
            with _whole():
                return self._executor.submit(work, share)
        except BrokenProcessPool as error:
            broken: Future[R] = Future()
            broken.set_exception(error)
            return broken


class _GoneError(Exception):
    """What had been done was lost before it was fetched."""


def _twice(share: str, error: BaseException) -> RigError:
    why = f" ({error})" if str(error) else ""
    return RigError(
        f"{share}: expected it to be done, found that its worker was lost, and lost again when it was done anew{why}"
    )


class _Here(Executor):
    """This process, at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # it is the asker's, by `result`
            future.set_exception(error)
        return future


class _OwnCrew(Crew):
    here = True


class _Cluster(Crew):
    """The workers of a Dask cluster; its scheduler does again what a lost worker had, and says when it gives up."""

    def __init__(self, scheduler: str, stack: ExitStack, large: bool) -> None:
        try:
            from dask import config  # noqa: PLC0415 (an extra, as the next)
            from distributed import Client, KilledWorker  # noqa: PLC0415 (an extra, and slow to import)
        except ImportError:
            raise UsageError("--scheduler: expected the extra pilesim[cluster], found no distributed") from None
        # Shares carry all that they need, which may be logs of any length: nobody is to be warned of that.
        stack.enter_context(config.set({"distributed.admin.large-graph-warning-threshold": "1PB"}))
        try:
            client = Client(  # type: ignore[no-untyped-call]
                scheduler, timeout=CONNECT_S, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError) as error:
            raise RigError(f"--scheduler {scheduler}: expected a Dask scheduler: {error}") from None
        stack.callback(client.close)
        # The same work with the same arguments is done anew each time it is asked for: none of it is remembered there.
        executor: Executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        workers = sum(client.ncores().values())  # type: ignore[no-untyped-call]
        super().__init__(lambda workers: executor, workers, at_once=_AHEAD * max(1, workers) if large else None)
        self._gave_up = (KilledWorker, CancelledError)

    def _begin(self, work: Callable[[T], R], share: T) -> Future[R]:
        return super()._begin(partial(_outcome, work), share)  # type: ignore[arg-type]

    def _result(self, future: Future[R]) -> R:
        try:
            outcome: Any = future.result()
        except self._gave_up:
            raise
        except Exception as error:
            # Where a worker goes with what it has done, distributed may trip over its own future.
            raise _GoneError(f"{type(error).__name__}: {error}") from None
        result, raised = outcome
        if raised is not None:
            raise raised
        return result  # type: ignore[no-any-return]


def _outcome(work: Callable[[T], R], share: T) -> tuple[R | None, Exception | None]:
    """What `work` gives or raises, so that what a cluster raises is the cluster's."""
    try:
        return work(share), None
    except Exception as error:  # it is the asker's
        return None, error


@contextmanager
def hired(jobs: int, scheduler: str = "", *, apart: bool = False, large: bool = False) -> Iterator[Crew]:
    """The workers of the cluster at `scheduler` (`tcp://host:port`), or without one `jobs` processes; 1 is this one.

    `apart` as in `processes`; then one is not this one either. `large`: a share takes so much memory that a cluster is
    not given all of them at once.

    RigError where there is no scheduler, UsageError where what it takes to speak to one is not installed.
    """
    with ExitStack() as stack:
        if scheduler:
            crew: Crew = _Cluster(scheduler, stack, large)
        elif jobs == 1 and not apart:
            crew = _OwnCrew(lambda workers: _Here(), workers=1, at_once=1)
        else:
            crew = Crew(partial(processes, apart=apart), jobs, _AHEAD * jobs)
            stack.enter_context(_broken_off_at_once())
        stack.callback(crew.close)
        yield crew


def processes(workers: int, *, apart: bool = False) -> ProcessPoolExecutor:
    """Processes of this machine. Those `apart` share no socket with this one, and Ctrl-C is this one's alone."""
    context = multiprocessing.get_context("spawn") if apart else _context()
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent, initargs=(apart,))


@contextmanager
def _broken_off_at_once() -> Iterator[None]:
    """What ends this process by an exception ends the processes of this one as well, else they would be waited for.

    A terminal tells each process of Ctrl-C; whoever tells this one alone, or twice, would wait for a share of minutes.
    It is done by whom the signal calls: before any other line has its turn, the next signal may have come.
    """

    def ended(number: int, frame: FrameType | None) -> None:
        try:
            before[number](number, frame)
        except BaseException:
            for process in multiprocessing.active_children():
                process.kill()
            raise

    before = {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}
    with _handled(dict.fromkeys(before, ended)):
        yield


@contextmanager
def _whole() -> Iterator[None]:
    """Who asks for an end waits until the processes that are being begun have begun: in the midst of a fork Python
    loses it."""
    told: list[int] = []
    with _handled(dict.fromkeys(_ENDING, lambda number, frame: told.append(number))):
        yield
    if told:
        signal.raise_signal(told[0])


@contextmanager
def _handled(handlers: Mapping[int, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    """Signals are this process's main thread's; elsewhere nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _end_with_parent(apart: bool) -> None:
    """Have this process end when the one that gives it work does: killed, that one lets nobody go."""
    # A terminal sends it to each of its processes. One that was forked has had its parent's patience with it so far.
    signal.signal(signal.SIGINT, signal.SIG_IGN if apart else signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _context() -> Any:
    """How processes begin: as copies of this one, which is quick, but only where no thread may hold a lock in it."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if alone else "spawn")
