"""The desk of a real platform: what is called, with what, and what comes of a call that fails."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pilesim.errors import RigError
from pilesim.quantities import Duration
from pilesim.rig.clock import RealClock
from pilesim.rig.desk import ApiDesk, Call, HttpCall, PlatformApi
from pilesim.rig.pump import Pump
from pilesim.units import MS, S

PILE = "44030500040000200026"
PYTHON = sys.executable


@dataclass
class Api:
    """A platform's API that keeps what it was asked. It answers with `status`; to /slow not at all."""

    status: int = 200
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Method, path, content type, body."""
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            api.asked.append((self.command, self.path, self.headers.get("Content-Type", ""), body))
            if self.path == "/slow":
                api.over.wait(20)
                return
            self.send_response(api.status)
            self.end_headers()
            self.wfile.write(b"<h1>no such\norder</h1>")

        do_GET = do_PUT = do_POST  # noqa: N815 (the names are http.server's)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield api
    api.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def run(desk: ApiDesk) -> None:
    """Until each call has been answered."""
    Pump(RealClock(), [desk]).run_until(lambda: desk.next_wakeup_ns() is None, 20 * S)
    desk.close()


def desk_of(**calls: Call) -> ApiDesk:
    return ApiDesk(PlatformApi(url="tcp://127.0.0.1:1", **calls), PILE, 1)


def test_it_calls_with_a_gun_as_a_number_an_order_and_a_balance(api: Api) -> None:
    body = {"pile": "{pile}", "gun": "{gun}", "text": "gun {gun}", "yuan": Decimal("20.50"), "of": [{"o": "{order}"}]}
    desk = desk_of(
        authorise=Call(http=HttpCall(url=f"{api.url}/scan/{{pile}}/{{gun}}?yuan={{balance}}", json=body)),
        start=Call(http=HttpCall(url=f"{api.url}/start?a={{account}}", method="PUT", body="{gun};{order}")),
        stop=Call(http=HttpCall(url=f"{api.url}/stop/{{order}}", method="GET")),
    )
    desk.authorise(0, 2, "20200311140000000001", 5_000_000, "4400")
    desk.start(0, 2, None)
    desk.stop(0, 2, "4401")
    run(desk)
    first, *others = api.asked
    assert first[:3] == ("POST", f"/scan/{PILE}/2?yuan=50.00", "application/json")
    assert json.loads(first[3]) == {
        "pile": PILE,
        "gun": 2,
        "text": "gun 2",
        "yuan": 20.5,
        "of": [{"o": "20200311140000000001"}],
    }
    assert [(method, path, body) for method, path, _, body in others] == [
        ("PUT", "/start?a=4400", "2;20200311140000000001"),
        ("GET", "/stop/20200311140000000001", ""),
    ]


def test_it_ends_the_run_with_the_status_and_what_the_platform_said(api: Api) -> None:
    api.status = 500
    desk = desk_of(start=Call(http=HttpCall(url=f"{api.url}/start")))
    desk.start(0, 1, None)
    with pytest.raises(RigError, match=rf"^start: POST {api.url}/start: 500 <h1>no such / order</h1>$"):
        run(desk)


def test_it_ends_the_run_where_nobody_listens(api: Api) -> None:
    desk = desk_of(stop=Call(http=HttpCall(url="http://127.0.0.1:1/stop")))
    desk.stop(0, 1, None)
    with pytest.raises(RigError, match=r"^stop: POST http://127.0.0.1:1/stop: .*refused"):
        run(desk)


def test_it_ends_the_run_where_the_platform_does_not_answer(api: Api) -> None:
    desk = desk_of(stop=Call(http=HttpCall(url=f"{api.url}/slow"), timeout=Duration(50 * MS)))
    desk.stop(0, 1, None)
    with pytest.raises(RigError, match=r"^stop: POST \S+/slow: .*timed out"):
        run(desk)


@pytest.mark.parametrize("url", ["gopher://x/", "http://[", "/start"])
def test_it_ends_the_run_with_a_sentence_where_the_address_is_none(url: str) -> None:
    desk = desk_of(start=Call(http=HttpCall(url=url)))
    desk.start(0, 1, None)
    with pytest.raises(RigError, match=r"^start: POST "):
        run(desk)


def test_it_runs_a_command_without_a_shell(tmp_path: Path) -> None:
    writes = "import sys; open(sys.argv[1], 'w').write('|'.join(sys.argv[2:]))"
    words = (PYTHON, "-c", writes, str(tmp_path / "did"), "{pile}", "{gun}", "{balance}", "; touch x")
    desk = desk_of(authorise=Call(command=words))
    desk.authorise(0, 1, "1", 123_000, None)
    run(desk)
    assert (tmp_path / "did").read_text() == f"{PILE}|1|1.23|; touch x"


FAILING = [
    ((PYTHON, "-c", "import os; os.write(2, b'no\\xff\\nbody'); raise SystemExit(3)"), r"ended with 3: no.+ / body"),
    ((PYTHON, "-c", "import sys; sys.exit(3)"), "ended with 3: it said nothing"),
    (("no-such-api",), r"\['no-such-api'\] cannot be run: No such file"),
    ((PYTHON, "-c", "import time; print('hm', flush=True); time.sleep(60)"), "not ended within 0.5 s: (hm|it said)"),
]


@pytest.mark.parametrize(("words", "said"), FAILING, ids=["fails", "fails in silence", "is not there", "hangs"])
def test_it_ends_the_run_with_a_command_that(words: tuple[str, ...], said: str) -> None:
    desk = desk_of(start=Call(command=words, timeout=Duration(500 * MS if "hm" in words[-1] else 20 * S)))
    desk.start(0, 1, None)
    with pytest.raises(RigError, match=rf"^start: the command .*{said}"):
        run(desk)


def test_it_says_what_it_has_no_way_to_tell() -> None:
    desk = desk_of(start=Call(command=("a",)))
    with pytest.raises(ValueError, match="the rig says no way to tell the platform to stop"):
        desk.stop(0, 1, None)
    desk.close()
