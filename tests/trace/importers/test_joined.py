"""Two logs of one pile, one from each end, are one recording: whose clock is ahead, what the line did, who is to blame.

The logs are made from recordings at both ends by `renderings`; the pile's clock is set off before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import msgspec
import pytest
from logs import capture, frames_of
from named_recordings import recording
from renderings import Passed, absolute, at_one_end, marked, passed

from pilesim.errors import FileError, UsageError
from pilesim.rules.judge import Judgement, judge
from pilesim.rules.verdict import Blame
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp, Missing, Trace, Vantage
from pilesim.trace.exporters.write import export, exporter_of
from pilesim.trace.importers.imported import Imported, Wishes
from pilesim.trace.importers.joined import prints
from pilesim.trace.importers.joined.offsets import Both, Offset, offsets_of
from pilesim.trace.importers.load import load_log, open_log
from pilesim.units import HOUR, MINUTE, MS, S
from pilesim.wire.frame import Direction, End

LOST = "robinson-gen5-0303/order-start-lost"
START = "0x14 start 启动充电"
OFF_NS = 3 * S + 500 * MS
TX_RX = marked("TX", "RX")

Change = Callable[[list[Passed]], list[Passed]]


def same(items: list[Passed]) -> list[Passed]:
    return items


def write(folder: Path, end: End, change: Change = same, name: str = LOST, ahead_ns: int = 0) -> Path:
    """A log of what passed `end`, of a program whose clock is so much ahead."""
    items = [replace(item, epoch_ns=item.epoch_ns + ahead_ns) for item in passed(capture(name), end)]
    path = folder / f"{end}.log"
    path.write_text("\n".join(TX_RX(change(items), end)) + "\n", encoding="utf-8")
    return path


def both(folder: Path, pile: Change = same, platform: Change = same, name: str = LOST) -> Imported:
    """The two logs as one; the pile's clock is behind."""
    log = write(folder, End.PILE, pile, name, -OFF_NS)
    return load_log(log, Wishes(other=write(folder, End.PLATFORM, platform, name)))


def judged(found: Imported) -> Judgement:
    return judge(found.trace.header, found.trace.events)


def another(item: Passed) -> Passed:
    """The same message as one of another time: its two numbers differ, and the checksum is right."""
    data = bytearray(item.data)
    data[6] ^= 0x55
    data[8] ^= 0x55
    return replace(item, data=bytes(data))


def deeds(judgement: Judgement) -> list[tuple[str, ...]]:
    return [(deed.effect, *deed.frames) for deed in judgement.line.deeds if deed.effect != "down"]


def test_it_tells_what_left_one_end_and_never_reached_the_other(tmp_path: Path) -> None:
    found = both(tmp_path)
    assert found.vantage is Vantage.BOTH
    assert deeds(judged(found)) == [("lost", START)]
    was = judge(capture(LOST).header, capture(LOST).events)
    # What the scenario had done at the pile nobody has logged.
    assert set(judged(found).failed()) <= set(was.failed())
    assert {"bill.none-unstarted", "bill.times"} <= set(judged(found).failed())


def test_it_says_whose_clock_was_off_and_goes_by_the_platforms(tmp_path: Path) -> None:
    found = both(tmp_path)
    assert "the pile's clock was 3.5s behind, to within 2" in found.clock
    at_platform = {raw: ns for ns, way, raw in frames_of(capture(LOST)) if way is Direction.UP}
    told = {raw: ns for ns, way, raw in frames_of(found.trace) if way is Direction.UP}
    assert len(told) > 50
    assert all(abs(ns - at_platform[raw]) <= 25 * MS for raw, ns in told.items())


@pytest.mark.parametrize("first", list(End))
def test_it_takes_the_logs_in_either_order(first: End, tmp_path: Path) -> None:
    logs = {end: write(tmp_path, end) for end in End}
    found = load_log(logs[first], Wishes(other=logs[first.other]))
    assert deeds(judged(found)) == [("lost", START)]
    assert found.trace.header.source == "pile.log and platform.log"


def test_it_keeps_the_lines_of_each_log(tmp_path: Path) -> None:
    found = both(tmp_path)
    lines = {
        (finding.end, finding.line) for row in judged(found).rules for finding in row.findings if row.id == "bill.times"
    }
    ((end, line),) = lines
    text = (tmp_path / f"{end}.log").read_text(encoding="utf-8").splitlines()[line - 1]
    assert end is End.PILE
    assert " 01 09 " in text


def test_it_counts_what_is_written_down_by_the_second(tmp_path: Path) -> None:
    def to_the_second(items: list[Passed]) -> list[Passed]:
        return [replace(item, epoch_ns=item.epoch_ns // S * S) for item in items]

    for pile, platform in ((to_the_second, same), (same, to_the_second), (to_the_second, to_the_second)):
        found = both(tmp_path, pile, platform)
        assert deeds(judged(found)) == [("lost", START)]
        assert found.trace.header.resolution_ns == S


def test_it_follows_a_clock_that_was_set_in_between(tmp_path: Path) -> None:
    items = passed(capture(LOST), End.PILE)
    middle_ns = items[len(items) // 2].epoch_ns

    def set_ahead(items: list[Passed]) -> list[Passed]:
        later = middle_ns - OFF_NS
        return [replace(one, epoch_ns=one.epoch_ns + (HOUR if one.epoch_ns >= later else 0)) for one in items]

    found = both(tmp_path, set_ahead)
    assert "3.5s behind" in found.clock
    assert "59m56.5s ahead" in found.clock
    assert deeds(judged(found)) == [("lost", START)]


@pytest.mark.parametrize(
    ("cut_ns", "held_ns", "told"),
    [(MS, 2 * S, True), (MS, 900 * MS, False), (S, 2 * S, False), (S, 4 * S, True)],
)
def test_it_tells_what_was_held_for_longer_than_the_clocks_leave_open(
    cut_ns: int, held_ns: int, told: bool, tmp_path: Path
) -> None:
    stop = capture(LOST).header.pile.encode() + bytes([0, 1, 0x0C])

    def cut(items: list[Passed]) -> list[Passed]:
        return [replace(item, epoch_ns=item.epoch_ns // cut_ns * cut_ns) for item in items]

    def late(items: list[Passed]) -> list[Passed]:
        found = [replace(one, epoch_ns=one.epoch_ns + (held_ns if stop in one.data else 0)) for one in items]
        return cut(sorted(found, key=lambda one: one.epoch_ns))

    # The second stop stands so near the end that its log may have ended before.
    effects = {effect for effect, *_ in deeds(judged(both(tmp_path, late, cut)))}
    assert effects == ({"lost", "held"} if told else {"lost"})


def test_it_leaves_out_what_one_log_does_not_cover(tmp_path: Path) -> None:
    begins_ns = passed(capture(LOST), End.PILE)[0].epoch_ns

    def later(items: list[Passed]) -> list[Passed]:
        return [one for one in items if one.epoch_ns > begins_ns + 3 * MINUTE - OFF_NS]

    found = both(tmp_path, later)
    assert deeds(judged(found)) == []
    assert [remark for remark in found.remarks if "of platform.log are left out" in remark]


def switched_off(items: list[Passed]) -> list[Passed]:
    """A recorder that was off for two minutes, in which a charge went on."""
    begins_ns = items[0].epoch_ns
    off = range(begins_ns + 460 * S, begins_ns + 560 * S)
    return [one for one in items if one.epoch_ns not in off]


@pytest.mark.parametrize("end", list(End))
def test_it_takes_a_hole_in_a_log_for_no_loss_of_the_line(end: End, tmp_path: Path) -> None:
    whole = judged(both(tmp_path))
    found = both(tmp_path, switched_off) if end is End.PILE else both(tmp_path, platform=switched_off)
    gaps = [remark for remark in found.remarks if f"{end}.log has a gap of 1m" in remark]
    assert len(gaps) == 1, found.remarks
    assert f"frames of the {end} of then" in gaps[0]
    assert deeds(judged(found)) == deeds(whole) == [("lost", START)]
    assert judged(found).failed() == whole.failed()
    assert sorted(frames_of(found.trace)) == sorted(frames_of(both(tmp_path).trace))


def test_it_takes_a_line_that_lets_nothing_through_for_no_hole(tmp_path: Path) -> None:
    """What one end sends and the other does not have, with nothing the other way round, is lost."""
    items = {end: passed(capture(LOST), end) for end in End}
    dark = range(items[End.PILE][0].epoch_ns + 460 * S, items[End.PILE][0].epoch_ns + 560 * S)

    def unheard(received: Direction) -> Change:
        def change(found: list[Passed]) -> list[Passed]:
            return [one for one in found if one.direction is not received or one.epoch_ns + OFF_NS not in dark]

        return change

    found = both(tmp_path, unheard(Direction.DOWN), unheard(Direction.UP))
    assert not any("gap" in remark for remark in found.remarks)
    assert len(deeds(judged(found))) > 5


def test_it_says_nothing_of_what_one_log_leaves_out_of_one_direction(tmp_path: Path) -> None:
    def sent_alone(items: list[Passed]) -> list[Passed]:
        return [one for one in items if one.direction is Direction.UP]

    found = both(tmp_path, sent_alone)
    assert Missing.DOWN in found.trace.header.missing
    assert deeds(judged(found)) == []


def test_it_finds_the_offset_in_a_sample_of_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prints, "FRAMES_SAMPLED", 30)
    found = both(tmp_path)
    told = int(found.clock.partition("told by ")[2].split()[0])
    assert 3 <= told <= 30
    assert "3.5s behind" in found.clock
    assert deeds(judged(found)) == [("lost", START)]


# Which is which ---------------------------------------------------------------------------------------------------


def test_it_takes_a_log_that_does_not_tell_its_end_to_be_of_the_other(tmp_path: Path) -> None:
    log = write(tmp_path, End.PILE)
    unmarked = tmp_path / "unmarked.log"
    items = passed(capture(LOST), End.PLATFORM)
    unmarked.write_text("\n".join(absolute("上行", "下行")(items, End.PLATFORM)) + "\n", encoding="utf-8")
    assert open_log(unmarked, Wishes(other=log)).files == {End.PILE: str(log), End.PLATFORM: str(unmarked)}
    assert deeds(judged(load_log(unmarked, Wishes(other=log)))) == [("lost", START)]
    other = tmp_path / "other.log"
    other.write_bytes(unmarked.read_bytes())
    with pytest.raises(UsageError, match="neither tells at which it was made: --vantage says it of the first"):
        load_log(unmarked, Wishes(other=other))
    said = open_log(unmarked, Wishes(other=other, vantage=Vantage.PILE))
    assert said.files == {End.PILE: str(unmarked), End.PLATFORM: str(other)}


def test_it_takes_a_recording_of_one_end(tmp_path: Path) -> None:
    trace = capture(LOST)
    kept = [event for event in trace.events if getattr(event, "end", End.PILE) is End.PILE]
    log = tmp_path / "pile.jsonl"
    header = trace.header.__class__(
        start=trace.header.start, protocol="lhc", pile=trace.header.pile, guns=2, ends=(End.PILE,)
    )
    log.write_text("".join(f"{line}\n" for line in (encode_header(header), *map(encode_event, kept))), encoding="utf-8")
    found = load_log(log, Wishes(other=write(tmp_path, End.PLATFORM)))
    assert "equal, to within" in found.clock
    assert found.missing == found.trace.header.missing == (Missing.CONNECTIONS,)
    assert {"Stimulus", "Finish"} <= {type(event).__name__ for event in found.trace.events}


def test_it_says_what_cannot_be_joined(tmp_path: Path) -> None:
    pile = write(tmp_path, End.PILE)
    with pytest.raises(UsageError, match="expected another log than the first"):
        load_log(pile, Wishes(other=pile))
    again = tmp_path / "again.log"
    again.write_bytes(pile.read_bytes())
    with pytest.raises(UsageError, match="found two from the pile; --vantage says"):
        load_log(pile, Wishes(other=again))
    for alike, said in ((0, "expected two logs of one time, with the bytes"), (9, r"found \d of \d+ frames in")):

        def mostly_others(items: list[Passed], alike: int = alike) -> list[Passed]:
            return [*items[:alike], *map(another, items[alike:])]

        with pytest.raises(FileError, match=said):
            load_log(pile, Wishes(other=write(tmp_path, End.PLATFORM, mostly_others)))
    words = tmp_path / "words.log"
    words.write_text("03-03 12:36:46.014 后台下发扫码鉴权0x0f,OK;\n" * 3, encoding="utf-8")
    with pytest.raises(FileError, match="found one that does not hold the bytes of the messages"):
        load_log(pile, Wishes(other=words))


TELLS_ITS_DAY = (0x03, 0x04, 0x09, 0x0A, 0x0F, 0x10, 0x13, 0x14)
"""Commands of EV-Link in whose bodies a time or an order stands."""


@pytest.mark.parametrize("days", [3, -400])
def test_it_does_not_join_what_a_pile_says_on_any_day(days: int, tmp_path: Path) -> None:
    def idle(items: list[Passed]) -> list[Passed]:
        return [one for one in items if one.data[29 + 2] not in TELLS_ITS_DAY][:10]

    def another_day(items: list[Passed]) -> list[Passed]:
        return [replace(one, epoch_ns=one.epoch_ns + days * 24 * HOUR) for one in items]

    with pytest.raises(FileError, match=f"{abs(days) - (days < 0)}d.* apart, and no order and no time in it"):
        both(tmp_path, idle, lambda items: another_day(idle(items)))
    # A pile whose clock is off by days says what belongs to one day alone.
    clock = both(tmp_path, platform=another_day).clock
    assert f"{abs(days) - (days < 0)}d" in clock


def test_it_takes_the_pile_of_the_one_where_the_other_has_several(tmp_path: Path) -> None:
    pile = write(tmp_path, End.PILE)
    platform = write(tmp_path, End.PLATFORM)
    number = capture(LOST).header.pile.encode().hex(" ").upper()
    lines = platform.read_text(encoding="utf-8").splitlines()
    # Two digits that change places leave the checksum as it is.
    other = number[:-4] + number[-1] + number[-3:-1] + number[-4]
    others = [line.replace(number, other) for line in lines]
    platform.write_text("\n".join(one for pair in zip(lines, others, strict=True) for one in pair), encoding="utf-8")
    for first, second in ((pile, platform), (platform, pile)):
        found = load_log(first, Wishes(other=second))
        assert found.trace.header.pile == capture(LOST).header.pile
        assert deeds(judged(found)) == [("lost", START)]


# Clocks -----------------------------------------------------------------------------------------------------------


def shared(*ahead: tuple[Direction, int]) -> list[Both]:
    """Frames of a second each, by how much later the platform has them than the pile."""
    return [Both(way, at * S, at * S + ahead_ns) for at, (way, ahead_ns) in enumerate(ahead)]


UP, DOWN = Direction.UP, Direction.DOWN


def test_it_bounds_the_offset_by_both_directions() -> None:
    # 5 s ahead, 40 ms up and 60 ms down; one that was held for 46 s tells nothing.
    (offset,) = offsets_of(shared((UP, 5040 * MS), (DOWN, 4940 * MS), (UP, 51 * S), (DOWN, 4900 * MS)), 0, 0)
    assert (offset.least_ns, offset.most_ns) == (4920 * MS, 5060 * MS)
    assert offset.words == "4.99s behind, to within 70ms"


@pytest.mark.parametrize(("way", "words"), [(UP, "5.06s behind"), (DOWN, "5.02s behind")])
def test_it_says_where_one_direction_alone_tells(way: Direction, words: str) -> None:
    (offset,) = offsets_of(shared((way, 5040 * MS)), 0, 0)
    assert offset.words == f"{words}, by frames of one direction alone: what they need on the line is not known"


def test_it_takes_clocks_for_equal_that_may_be() -> None:
    (offset,) = offsets_of(shared((UP, 40 * MS), (DOWN, -10 * MS)), 0, 0)
    assert (offset.likely_ns, offset.words) == (0, "equal, to within 60ms")


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_it_begins_anew_where_a_clock_was_set(step: int) -> None:
    before, after = [(UP, 40 * MS), (DOWN, -40 * MS)] * 4, [(UP, step + 40 * MS), (DOWN, step - 40 * MS)] * 4
    offsets = offsets_of(shared(*before, *after), 0, 0)
    assert [offset.likely_ns for offset in offsets] == [0, step]


def test_it_does_not_believe_one_frame_against_all_others() -> None:
    usual = [(UP, 40 * MS), (DOWN, -40 * MS)] * 4
    offsets = offsets_of(shared(*usual, (UP, -HOUR), *usual, (DOWN, HOUR), *usual), 0, 0)
    assert [offset.likely_ns for offset in offsets] == [0]


def test_an_offset_that_nothing_tells_is_none() -> None:
    assert Offset(0).likely_ns == 0


# Who is to blame --------------------------------------------------------------------------------------------------

PLAYED = (
    "bill/backlog",
    "line/flaps",
    "line/slow",
    "line/outage-in-charge",
    "order/start-lost",
    "order/stopped-at-pile-offline",
    "start/stopped-in-start",
)
FEW = ("bill/backlog", "line/flaps", "line/slow")
"""The others are taken where there is time for them."""


@pytest.mark.parametrize("cut_ns", [MS, S])
@pytest.mark.parametrize("scenario", PLAYED)
def test_neither_end_is_blamed_for_what_a_bad_line_did_between_two_good_ones(
    scenario: str, cut_ns: int, time_enough: bool, tmp_path: Path
) -> None:
    if not time_enough and (scenario not in FEW or (cut_ns == S) is not (scenario == "line/slow")):
        pytest.skip("a few plays are taken: the others where there is time for many seeds")
    trace = recording(f"lhc {scenario}")
    logs = {}
    for end in End:
        kept: list[AnyEvent] = []
        for event in trace.events:
            if isinstance(event, Chunk | LineUp | LineDown) and event.end is end and getattr(event, "by", "") != "end":
                late_ns = 2 * S + 400 * MS if end is End.PLATFORM else 0
                kept.append(msgspec.structs.replace(event, t_ns=(event.t_ns + late_ns) // cut_ns * cut_ns))
        header = at_one_end(trace, end, lines=False).header
        header = msgspec.structs.replace(header, resolution_ns=cut_ns if cut_ns == S else 0)
        logs[end] = tmp_path / f"{end}.log"
        ended = Trace(header, (*kept, Finish(t_ns=kept[-1].t_ns)))
        logs[end].write_bytes(export(ended, exporter_of(PurePath("a.log"))).content)
    found = load_log(logs[End.PILE], Wishes(protocol="lhc", other=logs[End.PLATFORM]))
    judgement = judged(found)
    findings = [finding for row in judgement.rules for finding in row.findings]
    assert [finding for finding in findings if finding.blame not in (Blame.LINE, Blame.CANNOT_TELL)] == []
    assert [finding for finding in findings if finding.blame is Blame.CANNOT_TELL and not finding.hint] == []
    assert judgement.line.lost == judge(trace.header, trace.events).line.lost
