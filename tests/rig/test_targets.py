"""The pile under test, by its URL."""

from __future__ import annotations

import pytest

from pilesim.errors import UsageError
from pilesim.rig.targets import LinkTarget, SimLink, SimTarget, Target, parse_target, port_facts

TARGETS: list[tuple[str, Target]] = [
    ("sim:reference", SimTarget(url="sim:reference", profile="reference")),
    (
        "sim:robinson-gen5-0303?seed=7&fault=unplug-lag&fault.lag=2h&link=tcp",
        SimTarget(
            url="sim:robinson-gen5-0303?seed=7&fault=unplug-lag&fault.lag=2h&link=tcp",
            profile="robinson-gen5-0303",
            seed=7,
            faults=(("unplug-lag", {"lag": "2h"}),),
            link=SimLink.TCP,
        ),
    ),
    (
        "sim:reference?fault=a&fault.x=1&fault=b&fault.x=2&fault.y=z",
        SimTarget(
            url="sim:reference?fault=a&fault.x=1&fault=b&fault.x=2&fault.y=z",
            profile="reference",
            faults=(("a", {"x": "1"}), ("b", {"x": "2", "y": "z"})),
        ),
    ),
    ("tcp-listen://127.0.0.1:9000", LinkTarget(url="tcp-listen://127.0.0.1:9000")),
    ("tcp://host:9000", LinkTarget(url="tcp://host:9000")),
    ("serial:///dev/ttyUSB0?baud=9600", LinkTarget(url="serial:///dev/ttyUSB0?baud=9600", connectionless=True)),
    ("rfc2217://host:2217", LinkTarget(url="rfc2217://host:2217", connectionless=True)),
    ("pty:", LinkTarget(url="pty:", connectionless=True)),
]

MISTAKES: list[tuple[str, str]] = [
    ("reference", "expected a pile, sim:NAME or one of tcp-listen://"),
    ("sim:", "expected the name of a firmware as in sim:reference"),
    ("sim://reference", "expected the name of a firmware"),
    ("sim:reference?seed=x", "expected seed as a whole number, found 'x'"),
    ("sim:reference?link=radio", "expected link as one of virtual, tcp, pty; found 'radio'"),
    ("sim:reference?speed=2", "found 'speed'"),
    ("sim:reference?fault.lag=2h", "after the fault=NAME that it belongs to"),
    ("sim:reference?fault=a&fault.x=1&fault.x=2", "expected fault.x once"),
    ("sim:reference?fault=", "expected the options"),
    ("udp://host:1", "expected a link, one of"),
    ("tcp://host", "expected a port from 1 to 65535"),
]


@pytest.mark.parametrize(("url", "target"), TARGETS, ids=[url for url, _ in TARGETS])
def test_it_reads_a_target(url: str, target: Target) -> None:
    assert parse_target(url) == target
    assert parse_target(url).url == url


def test_it_knows_which_lines_have_no_hang_up() -> None:
    assert parse_target("sim:reference?link=pty").connectionless
    assert not parse_target("sim:reference?link=tcp").connectionless


@pytest.mark.parametrize(("url", "told"), MISTAKES, ids=[url for url, _ in MISTAKES])
def test_it_tells_what_it_expected(url: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_target(url)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sim:reference", {}),
        ("tcp-listen://0.0.0.0:9000", {"port": "tcp-listen://0.0.0.0:9000"}),
        ("serial:///dev/ttyUSB0?parity=even&baud=9600", {"port": "serial:///dev/ttyUSB0", "baud": "9600"}),
        ("serial://COM3", {"port": "serial://COM3", "baud": "115200"}),
        ("rfc2217://host:2217?baud=2400", {"port": "rfc2217://host:2217", "baud": "2400"}),
    ],
)
def test_it_tells_the_port_and_its_baud_rate_for_the_reports(url: str, told: dict[str, str]) -> None:
    assert port_facts(parse_target(url)) == told
