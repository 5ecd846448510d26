"""What only TCP does: a second peer, a refused port, a peer that stops reading."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack

import pytest

from pilesim.link.base import Down, Link, LinkEvent, TurnedAway, Up
from pilesim.link.stream import QUEUE_LIMIT_BYTES
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.link.waiting import monotonic_ns, wait
from pilesim.units import MS, S


def events_until(link: Link, kind: type[LinkEvent]) -> list[LinkEvent]:
    deadline_ns = monotonic_ns() + 10 * S
    found: list[LinkEvent] = []
    while not any(isinstance(e, kind) for e in found) and monotonic_ns() < deadline_ns:
        wait([link], 100 * MS)
        found += link.events()
    return found


def dialled(listening: TcpListen) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", listening.port))
    peer.settimeout(20)
    return peer


def test_it_hangs_up_a_second_peer_tells_it_once_and_keeps_the_first() -> None:
    listening = TcpListen()
    listening.open()
    with dialled(listening) as first:
        assert [type(e) for e in events_until(listening, Up)] == [Up]
        for told in (1, 0):
            with dialled(listening) as second:
                wait([listening], S)
                events = listening.events()
                assert [type(e) for e in events] == [TurnedAway] * told
                assert second.recv(1) == b""
        listening.send(b"for the first")
        assert first.recv(100) == b"for the first"
    listening.close()


def test_it_comes_back_to_the_first_peer_before_all_who_wait_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dials without end would keep it at the door."""
    monkeypatch.setattr("pilesim.link.tcp._ACCEPTED_A_ROUND", 3)
    listening = TcpListen()
    listening.open()
    with dialled(listening), ExitStack() as waiting:
        events_until(listening, Up)
        strangers = [waiting.enter_context(dialled(listening)) for _ in range(8)]
        for hung_up in (3, 6, 8):
            listening.events()
            assert sum(bool(select.select([stranger], [], [], 0)[0]) for stranger in strangers) == hung_up
    listening.close()


def test_it_tells_that_as_many_files_are_open_as_may_be_and_dials_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*how: object) -> None:
        raise OSError(24, "Too many open files")

    with socket.create_server(("127.0.0.1", 0)) as server:
        link = TcpDial("127.0.0.1", server.getsockname()[1])
        link.open()
        with monkeypatch.context() as patched:
            patched.setattr("pilesim.link.tcp.socket.socket", full)
            link.dial()
        assert link.events() == [Down("too many open files")]
        link.dial()
        wait([link], 20 * S)
        assert [type(event) for event in link.events()] == [Up]
        link.close()


def test_it_has_the_system_refuse_peers_and_keeps_its_port() -> None:
    listening = TcpListen()
    listening.open()
    port = listening.port
    listening.refuse(True)
    with socket.socket() as peer:
        assert peer.connect_ex(("127.0.0.1", port)) != 0
    listening.refuse(True)
    listening.refuse(False)
    with dialled(listening):
        assert [type(e) for e in events_until(listening, Up)] == [Up]
    assert listening.port == port
    listening.close()


def test_it_gives_up_a_peer_that_does_not_read() -> None:
    listening = TcpListen()
    listening.open()
    with dialled(listening):
        events_until(listening, Up)
        piece = bytes(1024 * 1024)
        for _ in range(2 * QUEUE_LIMIT_BYTES // len(piece)):
            listening.send(piece)
        (down,) = (e for e in events_until(listening, Down) if isinstance(e, Down))
        assert "does not read" in down.reason
    listening.close()


def test_it_ends_peers_that_were_hung_up_and_do_not_read() -> None:
    listening = TcpListen()
    listening.open()
    peers = []
    for _ in range(12):
        peers.append(dialled(listening))
        events_until(listening, Up)
        listening.send(bytes(8 * 1024 * 1024))
        listening.hang_up()
    assert len(listening.waitables()) == 1 + 8, "the listener, and as many as are waited for"
    for peer in peers:
        peer.close()
    listening.close()


def test_it_tells_why_a_connection_was_reset() -> None:
    listening = TcpListen()
    listening.open()
    with dialled(listening) as peer:
        events_until(listening, Up)
        # Lingering for no time makes the close a reset.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    (down,) = (e for e in events_until(listening, Down) if isinstance(e, Down))
    assert "reset" in down.reason
    assert not down.vanished
    listening.close()


def test_it_waits_no_longer_than_told_for_nobody() -> None:
    began_ns = monotonic_ns()
    wait([], 20 * MS)
    listening = TcpListen()
    listening.open()
    wait([listening], 20 * MS)
    listening.close()
    assert 39 * MS <= monotonic_ns() - began_ns < 5 * S
