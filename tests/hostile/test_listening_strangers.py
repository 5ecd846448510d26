"""A port that others dial in to: strangers are hung up in the end, and do not harm the piles that are served.

The line of one pile and the platform of thousands have one door; here each is tried.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from pilesim.cli.metrics import served
from pilesim.errors import RigError, UsageError
from pilesim.link.many import DialMany
from pilesim.link.urls import link_of, open_link
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, make_bench
from pilesim.rig.clock import RealClock
from pilesim.site.figures import Figures
from pilesim.site.host import PlatformHost
from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp, Note
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

LHC = protocol_named("lhc")
PILE, STRANGER = "44030500040000200026", "44030500040000200099"
LIMIT_NS = 300 * MS
"""In the place of the two minutes that a peer has for its first frame."""
SOME, MANY = 300, 20_000
AT_ONCE = 1_200


def beat(number: str = PILE) -> bytes:
    return LHC.session(End.PILE, number).build(GunReport(gun=1, state=GunState.IDLE, cable=False))


class Served:
    """The reference platform at a port, pumped by the test."""

    def __init__(self, url: str, expected_number: str) -> None:
        self.recorder = Recorder(Header(start="2020-03-03T12:00:00+08:00", protocol="lhc", pile="", guns=0))
        self.bench: Bench = make_bench(
            protocol=LHC,
            world_start_ns=0,
            pile=url,
            platform=ReferencePlatform(settings=Settings(auto=True), seed=1),
            clock=RealClock(),
            recorder=self.recorder,
            seed=1,
            expected_number=expected_number,
        )
        self.dialled: list[socket.socket] = []

    def dial(self) -> socket.socket:
        host, _, port = self.bench.pile_end.rpartition("://")[2].rpartition(":")
        peer = socket.create_connection((host, int(port)))
        peer.settimeout(20)
        self.dialled.append(peer)
        return peer

    def until(self, met: Callable[[], bool], within_s: float = 20) -> None:
        """Pump until something is so; the seconds are the computer's."""
        clock = self.bench.clock
        self.bench.pump.run_until(met, clock.now_ns() + int(within_s * S))
        assert met(), self.recorder.events

    def pump(self) -> None:
        self.bench.pump.run_until(lambda: False, self.bench.clock.now_ns() + 5 * MS)

    def all(self, kind: type[AnyEvent], end: End = End.PILE) -> list[AnyEvent]:
        return [e for e in self.recorder.events if isinstance(e, kind) and getattr(e, "end", end) is end]

    def beats(self, pile: socket.socket) -> None:
        """The pile says something and is answered."""
        pile.setblocking(False)
        pile.sendall(beat())
        heard = bytearray()

        def answered() -> bool:
            with suppress(BlockingIOError):
                heard.extend(pile.recv(4096))
            return bool(heard)

        self.until(answered)

    def close(self) -> None:
        for peer in self.dialled:
            peer.close()
        self.bench.close()


Serving = Callable[..., Served]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilesim.rig.bench.FIRST_FRAME_NS", LIMIT_NS)


@pytest.fixture
def serving() -> Iterator[Serving]:
    begun: list[Served] = []

    def serve(url: str = "tcp-listen://127.0.0.1:0", expected_number: str = "") -> Served:
        begun.append(Served(url, expected_number))
        return begun[-1]

    yield serve
    for each in begun:
        each.close()


@pytest.mark.parametrize("url", ["tcp-listen://:0", "tcp-listen://?second=replace", "tcp-listen://localhost:0"])
def test_it_listens_on_the_loopback_address_unless_told(url: str) -> None:
    if "?" in url:
        url = url.replace("//?", "//:0?")
    link = open_link(url)
    try:
        assert link.name.startswith(("tcp-listen://127.0.0.1:", "tcp-listen://[::1]:"))
    finally:
        link.close()


def test_an_address_with_colons_stands_in_brackets() -> None:
    for url in ("tcp://[::1]:9000", "tcp-listen://[::1]:9000"):
        assert link_of(url).name == url
    dialled = DialMany("::1", 9000)
    assert dialled.name == "tcp://[::1]:9000"
    dialled.close()


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"", "found 0 bytes and none"), (b"GET / HTTP/1.1\r\n\r\n", "found 18 bytes and none")],
    ids=["nothing", "something else"],
)
@pytest.mark.usefixtures("hurried")
def test_it_hangs_up_a_peer_that_says_no_frame_and_notes_it(serving: Serving, said: bytes, found: str) -> None:
    served = serving()
    peer = served.dial()
    peer.sendall(said)
    served.until(lambda: bool(served.all(LineDown)))
    assert peer.recv(100) == b""
    (note,) = served.all(Note)
    assert isinstance(note, Note)
    assert "was hung up: expected a whole frame within 300ms of the connection" in note.text
    assert note.text.endswith(found)


@pytest.mark.usefixtures("hurried")
def test_it_hangs_up_a_peer_that_trickles(serving: Serving) -> None:
    served = serving()
    peer = served.dial()
    served.until(lambda: bool(served.all(LineUp)))
    begun_ns = served.bench.clock.now_ns()
    # It never has nothing more to say, so that no byte of its may give it more time.
    while not served.all(LineDown) and served.bench.clock.now_ns() < begun_ns + 20 * LIMIT_NS:
        peer.sendall(b"\0")
        served.pump()
    assert served.all(LineDown)
    assert served.all(Note)
    assert served.all(Chunk)


@pytest.mark.usefixtures("hurried")
def test_whoever_has_said_a_frame_may_be_silent_and_the_next_pile_gets_in_after_a_stranger(serving: Serving) -> None:
    served = serving()
    served.dial()
    served.until(lambda: bool(served.all(LineDown)))
    pile = served.dial()
    served.beats(pile)
    before = len(served.all(LineDown))
    served.bench.pump.run_until(lambda: False, served.bench.clock.now_ns() + 2 * LIMIT_NS)
    assert len(served.all(LineDown)) == before


def test_it_hangs_up_a_pile_that_is_not_expected_before_the_platform_hears_it(serving: Serving) -> None:
    served = serving(expected_number=PILE)
    stranger = served.dial()
    stranger.sendall(beat(STRANGER) * 2)
    served.until(lambda: bool(served.all(LineDown)))
    assert stranger.recv(100) == b""
    assert not served.all(Chunk, End.PLATFORM)
    (note,) = served.all(Note)
    assert isinstance(note, Note)
    assert note.text.endswith(f"expected pile {PILE}, found a frame of pile {STRANGER}")
    served.beats(served.dial())


@pytest.mark.parametrize(("second", "stays"), [("refuse", 0), ("replace", 1)])
def test_a_second_connection_is_handled_as_configured(serving: Serving, second: str, stays: int) -> None:
    served = serving(f"tcp-listen://127.0.0.1:0?second={second}", PILE)
    first = served.dial()
    served.beats(first)
    peers = [first, served.dial()]
    ups = 1 + stays
    served.until(lambda: len(served.all(LineUp)) == ups and bool(stays or served.all(Note)))
    served.beats(peers[stays])
    peers[1 - stays].settimeout(20)
    assert peers[1 - stays].recv(100) == b""
    assert len(served.all(LineDown)) == stays


def test_it_says_what_can_be_done_with_a_second_connection() -> None:
    with pytest.raises(UsageError, match="expected second as one of refuse, replace; found 'both'"):
        link_of("tcp-listen://:9000?second=both")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilesim.link.silence.UNREAD_MS", 200)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such limit")
@pytest.mark.usefixtures("unread")
def test_it_gives_up_a_peer_that_never_reads(serving: Serving) -> None:
    served = serving()
    peer = served.dial()
    served.beats(peer)
    link = served.bench.line.links()[0]
    link.send(bytes(8_000_000))
    served.until(lambda: bool(served.all(LineDown)))
    (down,) = served.all(LineDown)
    assert isinstance(down, LineDown) and down.reason == "connection timed out"


class Hosted:
    """The platform for many, pumped by the test."""

    def __init__(self, **how: Any) -> None:
        self.notes: list[str] = []
        self.host = PlatformHost(
            host="127.0.0.1",
            port=0,
            protocol="lhc",
            seed=1,
            clock_rate=1,
            world_start_ns=0,
            settings=Settings(auto=True),
            noted=self.notes.append,
            **how,
        )
        self.dialled: list[socket.socket] = []

    def dial(self) -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", int(self.host.name.rpartition(":")[2])))
        peer.settimeout(20)
        self.dialled.append(peer)
        return peer

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        self.host.live(lambda: met() or time.monotonic() > deadline)
        assert met(), (self.notes, self.host.figures)

    def beats(self, pile: socket.socket, number: str = PILE) -> None:
        """The pile says something and is answered."""
        pile.setblocking(False)
        pile.sendall(beat(number))
        heard = bytearray()

        def answered() -> bool:
            with suppress(BlockingIOError):
                heard.extend(pile.recv(4096))
            self.host.links.wake()
            return bool(heard)

        self.until(answered)

    def close(self) -> None:
        for peer in self.dialled:
            peer.close()
        self.host.close()


Hosting = Callable[..., Hosted]


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    begun: list[Hosted] = []

    def host(**how: Any) -> Hosted:
        begun.append(Hosted(**how))
        return begun[-1]

    yield host
    for hosted in begun:
        hosted.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", beat()[:-1]], ids=["nothing", "else", "not all"])
def test_of_many_it_hangs_up_who_says_no_frame_and_serves_the_others(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("pilesim.site.host.FIRST_FRAME_NS", LIMIT_NS)
    hosted = hosting()
    pile, stranger = hosted.dial(), hosted.dial()
    hosted.beats(pile)
    stranger.sendall(said)
    hosted.until(lambda: bool(hosted.notes))
    assert stranger.recv(100) == b""
    (note,) = hosted.notes
    assert f"was hung up: expected a whole frame within 300ms of the connection, found {len(said)} bytes" in note
    hosted.beats(pile)


def test_of_many_it_hangs_up_a_pile_that_is_not_expected_before_the_platform_hears_it(hosting: Hosting) -> None:
    hosted = hosting(expected=[PILE])
    stranger = hosted.dial()
    stranger.sendall(beat(STRANGER))
    hosted.until(lambda: bool(hosted.notes))
    assert stranger.recv(100) == b""
    assert hosted.notes[0].endswith(f"expected pile {PILE}, found a frame of pile {STRANGER}")
    assert hosted.host.platform.session_of(STRANGER) is None
    hosted.beats(hosted.dial())


@pytest.mark.parametrize(("replace", "stays"), [(False, 0), (True, 1)])
def test_of_many_a_second_connection_of_a_pile_is_handled_as_configured(
    hosting: Hosting, replace: bool, stays: int
) -> None:
    hosted = hosting(replace=replace)
    peers = [hosted.dial()]
    hosted.beats(peers[0])
    peers.append(hosted.dial())
    peers[1].sendall(beat())
    hosted.until(lambda: bool(hosted.notes))
    hosted.beats(peers[stays])
    peers[1 - stays].settimeout(20)
    assert peers[1 - stays].recv(100) == b""
    assert "found a second one" in hosted.notes[0] or "took its place" in hosted.notes[0]
    hosted.beats(hosted.dial(), STRANGER)


def test_of_many_strangers_beyond_a_number_push_each_other_out_and_are_told_of_in_so_many_words(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilesim.site.host.STRANGERS", 5)
    monkeypatch.setattr("pilesim.site.host.NOTES", 3)
    hosted = hosting()
    pile = hosted.dial()
    hosted.beats(pile)
    for _ in range(15):
        hosted.dial()
    hosted.until(lambda: hosted.host.figures.connects == 16)
    assert hosted.host.figures.up == 6
    assert len(hosted.notes) == 4
    assert "expected at most 5 connections without a frame" in hosted.notes[0]
    hosted.beats(pile)


def test_of_many_those_who_all_dial_again_at_once_are_let_in(hosting: Hosting) -> None:
    hosted = hosting()
    piles = [hosted.dial() for _ in range(AT_ONCE)]
    hosted.until(lambda: hosted.host.figures.connects == AT_ONCE)
    for number, pile in enumerate(piles):
        pile.sendall(beat(f"{int(PILE) + number}"))
    hosted.until(lambda: hosted.host.figures.frames_up == AT_ONCE)
    assert not hosted.notes
    assert hosted.host.figures.up == AT_ONCE


def test_of_many_those_inside_take_room_from_strangers_and_never_the_other_way_round(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilesim.site.host.take_room", lambda most: 8)
    hosted = hosting()
    piles = {f"{int(PILE) + i}": hosted.dial() for i in range(5)}
    for number, pile in piles.items():
        hosted.beats(pile, number)
    oldest, *others = [hosted.dial() for _ in range(3)]
    hosted.until(lambda: bool(hosted.notes))
    assert "expected at most 2 connections without a frame, found one more" in hosted.notes[0]
    assert oldest.recv(100) == b""
    for late_number, pile in enumerate(others, 90):
        hosted.beats(pile, f"{int(PILE) + late_number}")
    # Where there is room for nobody more, it is the newcomer that goes.
    late = hosted.dial()
    hosted.until(lambda: len(hosted.notes) == 2)
    assert late.recv(100) == b""
    for number, pile in piles.items():
        hosted.beats(pile, number)


@pytest.mark.parametrize("length", ["-1", "many", "9" * 40, "1" * 5000])
def test_its_api_refuses_a_length_that_cannot_be(hosting: Hosting, length: str) -> None:
    hosted = hosting()
    with hosted.host.api("127.0.0.1", 0) as url:
        at = url.rpartition("/")[2].split(":")
        peer = socket.create_connection((at[0], int(at[1])))
        peer.settimeout(20)
        hosted.dialled.append(peer)
        peer.sendall(f"POST /start HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = b""
        while piece := peer.recv(4096):
            answer += piece
    assert b" 400 " in answer.splitlines()[0]
    assert b"expected a Content-Length of at most 65536 bytes" in answer


HEAD = b"POST /start HTTP/1.1\r\n"
BEGUN = {"its call": b"PO", "a header": HEAD + b"X: ", "a body": HEAD + b"Content-Length: 60000\r\n\r\n"}


def api_caller(hosted: Hosted, url: str) -> socket.socket:
    host, _, port = url.rpartition("/")[2].partition(":")
    peer = socket.create_connection((host, int(port)))
    peer.settimeout(20)
    hosted.dialled.append(peer)
    return peer


def is_hung_up(peer: socket.socket) -> bool:
    """Within the next hundredth of a second."""
    if not select.select([peer], [], [], 0.01)[0]:
        return False
    with suppress(ConnectionResetError):
        return peer.recv(1) == b""
    return True


@pytest.mark.parametrize("begun", BEGUN)
@pytest.mark.parametrize("more", [b"x", b""], ids=["trickles", "stops"])
def test_its_api_hangs_up_who_does_not_come_to_an_end(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch, begun: str, more: bytes
) -> None:
    monkeypatch.setattr("pilesim.link.callers.CALL_LIMIT_S", LIMIT_NS / S)
    hosted = hosting()
    with hosted.host.api("127.0.0.1", 0) as url:
        peer = api_caller(hosted, url)
        peer.sendall(BEGUN[begun])
        deadline = time.monotonic() + 20 * LIMIT_NS / S
        while not is_hung_up(peer):
            assert time.monotonic() < deadline
            with suppress(ConnectionError):
                peer.sendall(more)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"POST /" + b"a" * 100_000, b"414"),
        (HEAD + b"X: " + b"a" * 100_000, b"431"),
        (HEAD + b"X: a\r\n" * 10_000, b"431"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"ff\r\n" + b"a" * 255, b"400"),
    ],
    ids=["line", "header", "headers", "body of no length"],
)
def test_its_api_reads_nothing_without_end(hosting: Hosting, said: bytes, status: bytes) -> None:
    hosted = hosting()
    with hosted.host.api("127.0.0.1", 0) as url:
        peer = api_caller(hosted, url)
        # It answers in the midst of it, and what is said after that meets nobody.
        with suppress(ConnectionError):
            peer.sendall(said)
        assert peer.recv(100).split()[1] == status


def test_its_api_hears_so_many_at_once_and_others_again_when_they_are_gone(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilesim.link.callers.CALLERS", 2)
    monkeypatch.setattr("pilesim.link.callers.CALL_LIMIT_S", 1000)
    hosted = hosting()
    with hosted.host.api("127.0.0.1", 0) as url:
        inside = [api_caller(hosted, url) for _ in range(2)]
        assert api_caller(hosted, url).recv(1) == b""
        inside[0].close()
        deadline = time.monotonic() + 20
        answered = 0
        while not answered:
            assert time.monotonic() < deadline
            with suppress(httpx.TransportError):
                answered = httpx.post(f"{url}/start", content=b"no call").status_code
        assert answered == 400


def test_its_api_refuses_json_that_is_nested_without_end(hosting: Hosting) -> None:
    hosted = hosting()
    with hosted.host.api("127.0.0.1", 0) as url:
        answer = httpx.post(f"{url}/start", content=b'{"pile":' * 8000)
    assert answer.status_code == 400


@pytest.mark.parametrize("page", ["https://strange.example", "null", ""])
def test_its_api_is_no_web_pages(hosting: Hosting, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    hosted = hosting()
    told: list[str] = []
    monkeypatch.setattr(hosted.host, "call", lambda name, asked: told.append(name))
    # A browser sends this to the loopback address for whoever wrote the page that it shows, and asks nobody.
    asked = {"content": f'{{"pile":"{PILE}","gun":1}}', "headers": {"Content-Type": "text/plain"}}
    with hosted.host.api("127.0.0.1", 0) as url:
        by_program = httpx.post(f"{url}/start", **asked)  # type: ignore[arg-type]
        asked["headers"] |= {"Origin": page}  # type: ignore[operator]
        by_page = httpx.post(f"{url}/start", **asked)  # type: ignore[arg-type]
    assert (by_program.status_code, by_page.status_code, told) == (200, 403, ["start"])
    assert by_page.headers["Content-Type"].startswith("text/plain")
    assert f"found one of a web page of {page!r}" in by_page.text


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this computer has no IPv6")
def test_its_api_stands_at_an_address_with_colons(hosting: Hosting) -> None:
    with hosting().host.api("::1", 0) as url:
        assert url.startswith("http://[::1]:")
        assert httpx.get(url).status_code == 501


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 64])
def test_its_api_says_where_it_cannot_stand(hosting: Hosting, host: str) -> None:
    with pytest.raises(RigError, match=f"http://{host}:0: the port cannot be taken: "), hosting().host.api(host, 0):
        pass


def test_its_figures_hang_up_who_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prometheus_client")
    monkeypatch.setattr("pilesim.link.callers.CALL_LIMIT_S", LIMIT_NS / S)
    with served(Figures(piles=1), 0) as url:
        host, _, port = url.split("/")[2].partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as peer:
            peer.sendall(b"GET /metrics HTTP/1.1\r\n")
            assert peer.recv(1) == b""


def test_a_flood_of_connections_does_not_stop_the_pile_that_is_served(
    serving: Serving, request: pytest.FixtureRequest
) -> None:
    served = serving()
    pile = served.dial()
    served.beats(pile)
    attempts = MANY if request.config.getoption("--soak") else SOME
    address = pile.getpeername()
    standing: list[socket.socket] = []
    for number in range(attempts):
        # Nobody reads the answer, and a hundred at a time stand in the queue: there the system's own limit is met.
        stranger = socket.socket()
        stranger.setblocking(False)
        stranger.connect_ex(address)
        standing.append(stranger)
        if len(standing) == 100:
            served.pump()
            while standing:
                standing.pop().close()
        if number % (attempts // 20) == 0:
            served.beats(pile)
    served.beats(pile)
    assert len(served.all(LineUp)) == 1
    assert not served.all(LineDown)
    # One host is told of once, however often it dials.
    assert len(served.all(Note)) == 1
    for stranger in standing:
        stranger.close()
