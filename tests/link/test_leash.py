"""What is on a leash hears that it has been let go of, and nothing else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from pilesim.errors import RigError
from pilesim.link.leash import LINE_BYTES, Leash, on_leash


def comes(met: Callable[[], bool]) -> bool:
    """Whether it holds within a while."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if met():
            return True
    return False


def test_whoever_is_on_it_hears_that_it_is_let_go() -> None:
    leash = Leash()
    with on_leash(leash.address) as one, on_leash(leash.address) as other:
        assert not [*leash.heard()]
        assert not one.let_go() and not other.let_go()
        leash.let_go()
        leash.let_go()
        assert comes(one.let_go) and comes(other.let_go)


def test_whoever_was_not_taken_hold_of_yet_hears_it_too() -> None:
    leash = Leash()
    with on_leash(leash.address) as end:
        leash.let_go()
        assert comes(end.let_go)


def test_whoever_comes_later_has_been_let_go() -> None:
    leash = Leash()
    leash.let_go()
    with on_leash(leash.address) as end:
        assert end.let_go()


def test_what_is_said_on_it_is_heard_line_by_line_and_after_it_is_let_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    leash = Leash()
    heard: list[bytes] = []

    def hears(line: bytes) -> bool:
        heard.extend(leash.heard())
        return bool(heard) and heard[-1] == line

    with on_leash(leash.address) as end:
        end.say(lambda: b"half of it")
        end.say(lambda: b"too soon")
        assert comes(lambda: hears(b"half of it"))
        monkeypatch.setattr("pilesim.link.leash._SAID_EVERY_S", 0)
        leash.let_go()
        assert comes(end.let_go)
        end.say(lambda: b"all of it")
        end.say(lambda: bytes(LINE_BYTES))
        end.say(lambda: b"more of it")
        assert comes(lambda: hears(b"more of it"))
    assert heard == [b"half of it", b"all of it", b"more of it"]
    leash.close()


def test_whoever_says_a_line_without_end_is_let_go_of_and_the_others_are_not() -> None:
    leash = Leash()
    host, _, port = leash.address.rpartition(":")
    with on_leash(leash.address) as ours, socket.create_connection((host, int(port))) as stranger:
        stranger.setblocking(False)

        def is_gone() -> bool:
            assert not [*leash.heard()]
            try:
                stranger.send(bytes(LINE_BYTES))
            except BlockingIOError:
                return False
            except OSError:
                return True
            return False

        assert comes(is_gone)
        assert not ours.let_go()
    leash.close()


def test_it_lies_where_those_elsewhere_can_reach_it() -> None:
    leash = Leash("tcp://127.0.0.1:8786")
    assert leash.address.startswith("127.0.0.1:")
    leash.let_go()


def test_it_says_that_nobody_can_be_reached() -> None:
    with pytest.raises(RigError, match=r"^no-such-host.invalid:1: whoever shares out these piles cannot be reached: "):
        on_leash("no-such-host.invalid:1").__enter__()
