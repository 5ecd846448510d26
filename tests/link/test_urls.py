"""Links by URL: what each form means, what is told of nonsense and of ports that cannot be had."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest
import serial
from serial import SerialException

from pilesim.errors import RigError, UsageError
from pilesim.link.base import Link
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.link.urls import LINK_FORMS, link_of, open_link

FORMS: list[tuple[str, type[Link], bool, bool]] = [
    ("tcp-listen://127.0.0.1:9000", TcpListen, False, False),
    ("tcp-listen://:0", TcpListen, False, False),
    ("tcp-listen://[::1]:9000", TcpListen, False, False),
    ("tcp://host:9000", TcpDial, True, False),
    ("serial:///dev/ttyUSB0", SerialLink, False, True),
    ("serial:///dev/ttyUSB0?baud=9600&bits=7&parity=even&stop=2&flow=rtscts&wait=5m", SerialLink, False, True),
    ("serial://COM3?flow=dsrdtr&wait=0s", SerialLink, False, True),
    ("serial://COM3", SerialLink, False, True),
    ("rfc2217://host:2217?baud=9600", SerialLink, False, True),
    ("rfc2217://[::1]:2217", SerialLink, False, True),
    ("pty:", PtyLink, False, True),
    ("pty:/tmp/pile", PtyLink, False, True),
]

NONSENSE: list[tuple[str, str]] = [
    ("", "expected a link, one of tcp-listen://"),
    ("tcp", "expected a link"),
    ("pty", "expected a link"),
    ("udp://host:1", "expected a link"),
    ("http://host:1", "expected a link"),
    ("tcp://host", "expected a port from 1 to 65535"),
    ("tcp://host:0", "expected a port from 1 to 65535"),
    ("tcp://host:70000", "expected a port from 1 to 65535"),
    ("tcp://host:abc", "expected a port from 1 to 65535"),
    ("tcp://:9000", "expected a host and a port"),
    ("tcp://host:9000/path", "expected nothing after the port, found '/path'"),
    ("tcp://host:9000?baud=9600", "expected no options; found 'baud'"),
    ("tcp-listen://127.0.0.1", "expected a port from 0 to 65535"),
    ("tcp://[::1:9000", "expected a link such as"),
    ("serial://", "expected a serial port such as"),
    ("serial://COM3/dev/tty", "expected a serial port such as"),
    ("serial:///", "expected a serial port such as"),
    ("serial://?baud=9600", "expected a serial port such as"),
    ("serial://COM3?baud=fast", "expected baud as a number from 50 to 4000000 such as 115200, found 'fast'"),
    ("serial://COM3?baud=0", "expected baud as a number from 50"),
    ("serial://COM3?baud=5000000", "expected baud as a number from 50 to 4000000"),
    ("serial://COM3?baud=", "expected baud as a number"),
    ("serial://COM3?baud=²", "expected baud as a number"),
    ("serial://COM3?baud=9600&baud=2400", "expected baud once; found it again, as '2400'"),
    ("serial://COM3?bits=9", "expected bits as one of 8, 7, 6, 5; found '9'"),
    ("serial://COM3?parity=blue", "expected parity as one of none, even, odd, mark, space; found 'blue'"),
    ("serial://COM3?stop=3", "expected stop as one of 1, 1.5, 2; found '3'"),
    ("serial://COM3?flow=yes", "expected flow as one of none, rtscts, dsrdtr, xonxoff; found 'yes'"),
    ("serial://COM3?wait=60", "wait, how long a lost port is asked for again: expected a duration such as"),
    ("serial://COM3?speed=9600", "expected an option, one of baud, bits, parity, stop, flow, wait; found 'speed'"),
    ("rfc2217://host", "expected a port"),
    ("rfc2217://:2217", "expected a host and a port"),
    ("rfc2217://host:2217?baud=fast", "expected baud as a number"),
    ("pty://host", "expected pty: or pty:/path/to/link"),
]


@pytest.mark.parametrize(("url", "kind", "dials", "connectionless"), FORMS, ids=[url for url, *_ in FORMS])
def test_it_makes_the_link_that_a_url_means(url: str, kind: type[Link], dials: bool, connectionless: bool) -> None:
    link = link_of(url)
    assert type(link) is kind
    assert link.dials is dials
    assert link.connectionless is connectionless


def test_it_understands_every_form_it_offers() -> None:
    for form in LINK_FORMS:
        link_of(form.replace(":port", ":1"))


@pytest.mark.parametrize(("url", "told"), NONSENSE, ids=[url for url, _ in NONSENSE])
def test_it_tells_what_it_expected(url: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        link_of(url)
    assert told in str(error.value)


def test_it_opens_what_it_makes_and_names_the_port_it_took() -> None:
    link = open_link("tcp-listen://:0")
    assert isinstance(link, TcpListen)
    assert link.port > 0
    assert link.name == f"tcp-listen://127.0.0.1:{link.port}"
    link.close()


def test_it_tells_that_a_tcp_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RigError, match=r"the port cannot be taken: .*in use"):
            open_link(f"tcp-listen://127.0.0.1:{taken.getsockname()[1]}")


def test_it_tells_that_a_serial_port_does_not_exist() -> None:
    told = "/dev/no-such-port: the port cannot be opened: there is no such port; (found /|no serial port was found)"
    with pytest.raises(RigError, match=told):
        open_link("serial:///dev/no-such-port")


def test_it_tells_that_a_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a port")
    with pytest.raises(RigError, match="the port cannot be opened: it is no serial port"):
        open_link(f"serial://{file}")
    with pytest.raises(RigError, match="the port cannot be opened: is a directory"):
        open_link(f"serial://{tmp_path}")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "this user may not open it, but the group .* may"),
        (OSError(errno.EBUSY, "Device or resource busy"), "another program has it"),
        (OSError(errno.ENXIO, "No such device or address"), "there is nothing behind it; "),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        # What pyserial says on Windows, where it keeps the system's error only in its words.
        (SerialException("could not open port 'COM3': PermissionError(13, 'no', None, 5)"), "another program has it"),
        (SerialException("could not open port 'COM3': FileNotFoundError(2, 'no', None, 2)"), "there is no such port; "),
    ],
    ids=["permission", "busy", "nothing-behind", "other", "windows-taken", "windows-missing"],
)
def test_it_tells_why_a_serial_port_cannot_be_opened(
    raised: OSError, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(port: serial.Serial) -> None:
        raise raised

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(RigError, match=f"^serial://{tmp_path}: the port cannot be opened: {told}"):
        open_link(f"serial://{tmp_path}")


def test_it_takes_a_serial_port_for_itself_alone() -> None:
    offered = open_link("pty:")
    first = open_link(f"serial://{offered.name}")
    with pytest.raises(RigError, match="the port cannot be opened: another program has it"):
        open_link(f"serial://{offered.name}")
    first.close()
    open_link(f"serial://{offered.name}").close()
    offered.close()


def test_it_tells_that_an_address_is_not_known() -> None:
    with pytest.raises(RigError, match=r"the address 'no-such-host\.invalid' is not known"):
        open_link("tcp://no-such-host.invalid:9000")


def test_it_puts_a_link_to_a_pseudo_terminal_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pile"
    offered = open_link(f"pty:{path}")
    assert offered.name == str(path)
    opened = open_link(f"serial://{path}")
    opened.close()
    with pytest.raises(RigError, match="the link cannot be made: file exists"):
        open_link(f"pty:{path}")
    offered.close()
    assert not path.is_symlink()


def test_it_replaces_a_link_to_a_pseudo_terminal_that_is_no_more(tmp_path: Path) -> None:
    path = tmp_path / "pile"
    path.symlink_to(tmp_path / "gone")
    offered = open_link(f"pty:{path}")
    assert path.exists()
    offered.close()
