"""The desk of a real platform: authorise, start and stop through its own API, by a command or an HTTP call.

Owns the calls and what they are filled with. Must not know what the platform then sends: that is seen on the line.
httpx is heavy, and imported by the first call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pilesim.errors import RigError
from pilesim.link.base import Link
from pilesim.quantities import Duration
from pilesim.rig.begun import SAID_BYTES, Begun, one_line
from pilesim.rig.relay import LOOK_NS, filled
from pilesim.units import S, format_yuan
from pilesim.wire.messages import Message

if TYPE_CHECKING:
    import httpx

_OF_AN_ORDER = ("pile", "gun", "account", "order", "balance")
FILLED_BY: Mapping[str, tuple[str, ...]] = {"authorise": _OF_AN_ORDER, "start": _OF_AN_ORDER, "stop": _OF_AN_ORDER}
"""What the platform can be told to do, and what each call is filled with: a start and a stop with the gun's last
authorisation."""


class HttpCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One HTTP request; the names in `FILLED_BY`, in braces, stand for themselves in all texts."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = {}
    json: Any = None
    body: str | None = None

    def texts(self) -> tuple[str, ...]:
        """All that is filled."""
        return tuple(_texts(_plain(self)))


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the platform is told one thing: either a command's words, run without a shell, or an HTTP call."""

    command: tuple[str, ...] = ()
    http: HttpCall | None = None
    timeout: Duration = Duration(30 * S)

    def __post_init__(self) -> None:
        if bool(self.command) == (self.http is not None):
            raise ValueError("expected either command or http")


class PlatformApi(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A real platform: where the pile's line leads, and how it is told to scan, start and stop."""

    url: str
    """tcp://host:port, or another link."""
    authorise: Call | None = None
    start: Call | None = None
    stop: Call | None = None

    def calls(self) -> dict[str, Call]:
        """How it is told each thing that it can be told, of `FILLED_BY`."""
        ways = {"authorise": self.authorise, "start": self.start, "stop": self.stop}
        return {name: call for name, call in ways.items() if call is not None}

    def does(self, command: str) -> bool:
        """Whether it can be told this: `authorise`, `start` or `stop`."""
        return command in self.calls()


class ApiDesk:
    """Tells the platform through its API, and keeps nobody waiting; a participant of the pump."""

    def __init__(self, api: PlatformApi, pile: str, clock_rate: float, pool: ThreadPoolExecutor | None = None) -> None:
        """`pool` makes the calls of many desks, and stays open; a desk by itself makes one after the other."""
        self._api = api
        self._pile = pile
        self._rate = clock_rate
        self._now_ns = 0
        self._pool = pool or ThreadPoolExecutor(1, thread_name_prefix="platform-api")
        self._shared = pool is not None
        self._calls: list[Future[None]] = []
        self._told: dict[int, dict[str, str]] = {}
        """What the last authorisation of each gun was told with."""

    def authorise(self, now_ns: int, gun: int, order: str, balance_mfen: int, account: str | None) -> None:
        balance = format_yuan(balance_mfen).removesuffix(" yuan")
        self._told[gun] = {"account": account or "", "order": order, "balance": balance}
        self._call("authorise", gun, account)

    def start(self, now_ns: int, gun: int, account: str | None) -> None:
        self._call("start", gun, account)

    def stop(self, now_ns: int, gun: int, account: str | None) -> None:
        self._call("stop", gun, account)

    def set_balance(self, now_ns: int, gun: int, balance_mfen: int) -> None:
        self._call("balance-tell", gun, None)

    def has_had(self, order: str) -> bool:
        """Nobody can tell: the platform makes its own numbers."""
        return False

    def send(self, now_ns: int, message: Message) -> bool:
        self._call(message.name, message.gun, None)
        return True

    # ------------------------------------------------------------------------ as a participant of the pump

    def step(self, now_ns: int) -> bool:
        """RigError where a call has failed."""
        self._now_ns = now_ns
        over = [call for call in self._calls if call.done()]
        for call in over:
            self._calls.remove(call)
            call.result()
        return bool(over)

    def next_wakeup_ns(self) -> int | None:
        return self._now_ns + int(LOOK_NS * self._rate) if self._calls else None

    def links(self) -> list[Link]:
        return []

    def close(self) -> None:
        if not self._shared:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _call(self, name: str, gun: int, account: str | None) -> None:
        call = self._api.calls().get(name)
        if call is None:
            raise ValueError(f"the rig says no way to tell the platform to {name}")
        known = {"account": "", "order": "", "balance": ""} | self._told.get(gun, {})
        values: dict[str, str | int] = {"pile": self._pile, "gun": gun, **known}
        if account is not None:
            values["account"] = account
        words = filled(call.command, values)
        http = _filled_deep(_plain(call.http), values) if call.http is not None else None
        self._calls.append(self._pool.submit(_tell, name, words, http, call.timeout / S))


def _plain(call: HttpCall) -> Any:
    """The call as JSON has it: a decimal of the rig file is a number there too."""
    return msgspec.json.decode(msgspec.json.Encoder(decimal_format="number").encode(call))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _filled_deep(value: Any, values: Mapping[str, str | int]) -> Any:
    """Every text in `value` with its `{name}`s replaced; one that is `{gun}` alone becomes its number."""
    if isinstance(value, str):
        return values["gun"] if value == "{gun}" else filled([value], values)[0]
    if isinstance(value, Mapping):
        return {key: _filled_deep(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled_deep(item, values) for item in value]
    return value


def _tell(name: str, words: list[str], http: Mapping[str, Any] | None, timeout_s: float) -> None:
    """Make one call; RigError says what came of it."""
    if http is not None:
        from urllib.request import getproxies  # noqa: PLC0415 (as below)

        import httpx  # noqa: PLC0415 (heavy, and most runs call nobody)

        content = http["body"]
        try:
            reply = _client(tuple(getproxies().items())).request(
                http["method"],
                http["url"],
                headers=http["headers"],
                timeout=timeout_s,
                **({"json": http["json"]} if content is None else {"content": content}),
            )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
            why = str(error) or type(error).__name__
            raise RigError(f"{name}: {http['method']} {http['url']}: {why}") from None
        if reply.is_error:
            raise RigError(
                f"{name}: {http['method']} {http['url']}: {reply.status_code} {one_line(reply.text[:SAID_BYTES])}"
            )
        return
    begun = Begun(name, words)
    try:
        begun.wait(timeout_s)
    finally:
        begun.kill()


@cache
def _client(proxies: tuple[tuple[str, str], ...]) -> httpx.Client:
    """One for all calls, since to make one takes tens of ms; each call has a connection of its own nevertheless.

    `proxies` are those of the environment: it takes them from there by itself, but only once.
    """
    import httpx  # noqa: PLC0415 (as above)

    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
