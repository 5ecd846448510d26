"""Which URL means which link: one row a scheme.

Owns the words of a link's URL. Must not know who is at the other end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pilesim.errors import UsageError
from pilesim.link.base import Link
from pilesim.link.pty import PtyLink
from pilesim.link.serial import DATA_BITS, FLOWS, PARITIES, STOP_BITS, SerialLink, SerialSettings
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.units import parse_duration_ns


def _tcp_listen(url: str, parts: SplitResult) -> Link:
    second = _one_of(url, _options(url, parts, ("second",)), "second", ("refuse", "replace"))
    _no_path(url, parts)
    return TcpListen(parts.hostname or "127.0.0.1", _port(url, parts, 0), replace=second == "replace")


def _tcp(url: str, parts: SplitResult) -> Link:
    _options(url, parts, ())
    _no_path(url, parts)
    return TcpDial(_host(url, parts), _port(url, parts, 1))


def _serial(url: str, parts: SplitResult) -> Link:
    device = parts.path or parts.netloc
    if not device.strip("/") or (parts.netloc and parts.path):
        raise UsageError(
            f"expected a serial port such as serial:///dev/ttyUSB0?baud=115200 or serial://COM3, found {url!r}"
        )
    return _serial_link(url, parts, device)


def _rfc2217(url: str, parts: SplitResult) -> Link:
    _no_path(url, parts)
    host = _host(url, parts)
    at = f"[{host}]" if ":" in host else host
    return _serial_link(url, parts, f"rfc2217://{at}:{_port(url, parts, 1)}")


def _pty(url: str, parts: SplitResult) -> Link:
    _options(url, parts, ())
    if parts.netloc:
        raise UsageError(f"expected pty: or pty:/path/to/link, found {url!r}")
    return PtyLink(parts.path)


_SCHEMES: Mapping[str, Callable[[str, SplitResult], Link]] = {
    "tcp-listen": _tcp_listen,
    "tcp": _tcp,
    "serial": _serial,
    "rfc2217": _rfc2217,
    "pty": _pty,
}

LINK_FORMS = (
    "tcp-listen://127.0.0.1:9000",
    "tcp://host:port",
    "serial:///dev/ttyUSB0?baud=115200",
    "serial://COM3",
    "rfc2217://host:port",
    "pty:",
)
"""One example of each form, for texts to a person."""


def link_of(url: str) -> Link:
    """The link that `url` means, not yet opened; UsageError says what was expected."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"expected a link such as {LINK_FORMS[0]}, found {url!r}: {error}") from None
    make = _SCHEMES.get(parts.scheme)
    if make is None or ":" not in url:
        raise UsageError(f"expected a link, one of {', '.join(LINK_FORMS)}; found {url!r}")
    return make(url, parts)


def open_link(url: str) -> Link:
    """The link that `url` means, its port taken.

    Raises UsageError for a URL that means none, RigError for a port that does not exist or is taken.
    """
    link = link_of(url)
    link.open()
    return link


def _host(url: str, parts: SplitResult) -> str:
    if not parts.hostname:
        raise UsageError(f"expected a host and a port such as {parts.scheme}://192.168.1.20:9000, found {url!r}")
    return parts.hostname


def _port(url: str, parts: SplitResult, least: int) -> int:
    try:
        port = parts.port
    except ValueError:
        port = None
    if port is None or port < least:
        raise UsageError(f"expected a port from {least} to 65535 as in {parts.scheme}://127.0.0.1:9000, found {url!r}")
    return port


def _no_path(url: str, parts: SplitResult) -> None:
    if parts.path.strip("/"):
        raise UsageError(f"expected nothing after the port, found {parts.path!r} in {url!r}")


_SERIAL_OPTIONS = ("baud", "bits", "parity", "stop", "flow", "wait")
"""Of a serial line, here or at another host; README and messages tell them in this order."""
_BAUDS = range(50, 4_000_001)
_WAIT = "60s"
"""So long a port that was lost is asked for again: the power cycle of a pile, and of an adapter with a hub."""


def _serial_link(url: str, parts: SplitResult, port: str) -> SerialLink:
    options = _options(url, parts, _SERIAL_OPTIONS)
    baud = options.get("baud", "115200")
    if not (baud.isascii() and baud.isdigit()) or int(baud) not in _BAUDS:
        raise UsageError(
            f"expected baud as a number from {_BAUDS[0]} to {_BAUDS[-1]} such as 115200, found {baud!r} in {url!r}"
        )
    settings = SerialSettings(
        baud=int(baud),
        data_bits=_one_of(url, options, "bits", tuple(DATA_BITS)),
        parity=_one_of(url, options, "parity", tuple(PARITIES)),
        stop_bits=_one_of(url, options, "stop", tuple(STOP_BITS)),
        flow=_one_of(url, options, "flow", tuple(FLOWS)),
    )
    try:
        wait_ns = parse_duration_ns(options.get("wait", _WAIT))
    except ValueError as error:
        raise UsageError(f"wait, how long a lost port is asked for again: {error} in {url!r}") from None
    return SerialLink(url, port, settings, wait_ns=wait_ns)


def _one_of(url: str, options: Mapping[str, str], key: str, known: tuple[str, ...]) -> str:
    """The option `key`, by default the first of `known`."""
    value = options.get(key, known[0])
    if value not in known:
        raise UsageError(f"expected {key} as one of {', '.join(known)}; found {value!r} in {url!r}")
    return value


def _options(url: str, parts: SplitResult, known: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in known:
            expected = f"an option, one of {', '.join(known)}" if known else "no options"
            raise UsageError(f"expected {expected}; found {key!r} in {url!r}")
        if key in options:
            raise UsageError(f"expected {key} once; found it again, as {value!r}, in {url!r}")
        options[key] = value
    return options
