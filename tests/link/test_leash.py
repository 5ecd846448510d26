"""What is on a leash hears that it has been let go of, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pilesim.errors import RigError
from pilesim.link.leash import Leash, on_leash


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
        leash.accept()
        assert not one() and not other()
        leash.let_go()
        leash.let_go()
        assert comes(one) and comes(other)


def test_whoever_was_not_taken_hold_of_yet_hears_it_too() -> None:
    leash = Leash()
    with on_leash(leash.address) as let_go:
        leash.let_go()
        assert comes(let_go)


def test_whoever_comes_later_has_been_let_go() -> None:
    leash = Leash()
    leash.let_go()
    with on_leash(leash.address) as let_go:
        assert let_go()


def test_it_lies_where_those_elsewhere_can_reach_it() -> None:
    leash = Leash("tcp://127.0.0.1:8786")
    assert leash.address.startswith("127.0.0.1:")
    leash.let_go()


def test_it_says_that_nobody_can_be_reached() -> None:
    with pytest.raises(RigError, match=r"^no-such-host.invalid:1: whoever shares out these piles cannot be reached: "):
        on_leash("no-such-host.invalid:1").__enter__()
