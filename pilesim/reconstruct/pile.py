"""What was done at the pile: as it was recorded, else as its reports let it be inferred.

Owns the inference. Must not know how the steps are written. What leaves no trace on the line (a tap on the screen) is
supposed where what came of it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pilesim.quantities import Duration, Kwh, Word
from pilesim.reconstruct.line import outages
from pilesim.reconstruct.moments import Moment, Rank
from pilesim.reconstruct.platform import by_card, line_of
from pilesim.reconstruct.story import Passage, Story
from pilesim.rules.order import Order
from pilesim.scenario import steps
from pilesim.trace.events import LineUp, Stimulus
from pilesim.units import HOUR, S
from pilesim.wire.messages import (
    Bill,
    BmsWord,
    CardAsk,
    GunFault,
    GunReport,
    GunState,
    Parking,
    StopAsk,
    StopReason,
)

GIVES_UP_NS = 20 * S
"""A start that fails later than this fails for a car that does not answer; sooner, for its insulation."""
AT_ONCE_NS = 3 * S
"""A start that fails so soon fails for what the pile knows itself: no balance, no order, a full battery."""
SEEN_LONG_NS = 45 * S
"""A charge seen for less does not tell its power."""
NEAR_NS = 20 * S
"""An end of a charge so near to the loss of the line belongs to it."""
_BEATS_NEAR = 2
"""So many heartbeats' worth before it a balance counts as used up."""
PLUGGED_BEFORE_NS = 5 * S
"""Before the scan, where no log tells when."""
USUAL_KWH = Kwh(600_000)
FULL_PERCENT = 80
"""A battery takes all the pile gives up to here: so that its power shows the car's."""


# What was recorded --------------------------------------------------------------------------------------------


def recorded_acts(story: Story) -> Iterator[Moment]:
    """The stimuli of the recording, each as its step; a row of taps as one."""
    for place, run in _runs(story.stimuli):
        first = run[0]
        yield Moment(
            t_ns=first.began_ns,
            place=place,
            rank=Rank.PILE,
            step=_recorded(run),
            note=f"{first.kind}, as recorded",
            gun=first.gun,
        )


def _runs(stimuli: Iterable[tuple[int, Stimulus]]) -> list[tuple[int, list[Stimulus]]]:
    runs: list[tuple[int, list[Stimulus]]] = []
    for place, stimulus in stimuli:
        last = runs[-1][1] if runs else None
        if last is not None and stimulus.kind == "tap" and (last[0].kind, last[0].gun) == ("tap", stimulus.gun):
            gap = stimulus.t_ns - last[-1].t_ns
            if len(last) == 1 or gap == last[-1].t_ns - last[-2].t_ns:
                last.append(stimulus)
                continue
        runs.append((place, [stimulus]))
    return runs


def _recorded(run: list[Stimulus]) -> steps.Step:
    stimulus = run[0]
    told, gun = stimulus.detail, stimulus.gun or 1
    match stimulus.kind:
        case "plug":
            car = told.get("car", {})
            return steps.Plug(
                gun=gun,
                car=steps.Car(
                    battery_kwh=Kwh(car.get("capacity_dwh", USUAL_KWH)),
                    soc=car.get("soc_permille", 350) // 10,
                    max_kw=Kwh(car.get("max_w", 120_000) * 10),
                    full_at=car.get("full_permille", 1000) // 10,
                    handshake=car.get("handshake", True),
                    insulation=car.get("insulation", True),
                    lacks=tuple(BmsWord(word) for word in car.get("lacks", ())),
                ),
            )
        case "tap":
            every = Duration(run[1].t_ns - run[0].t_ns) if len(run) > 1 else Duration(2 * S)
            return steps.Tap(gun=gun, times=len(run), every=every)
        case "card":
            return steps.Card(gun=gun, account=Word(told["account"]))
        case "insulation":
            return steps.Insulation(gun=gun, ok=bool(told["ok"]))
        case "bms":
            return steps.Bms(gun=gun, lacks=tuple(BmsWord(word) for word in told.get("lacks", ())))
        case "fault":
            return steps.RaiseFault(gun=gun, fault=GunFault(told["fault"]))
        case "fault-cleared":
            return steps.ClearFault(gun=gun, fault=GunFault(told["fault"]))
        case "parking":
            return steps.Park(gun=gun, taken=bool(told["taken"]))
        case "maintenance":
            return steps.Maintain(gun=gun, on=bool(told["on"]))
        case "emergency-stop" | "emergency-release" | "power-off" | "power-on" as kind:
            return steps.STEPS[kind]()
        case kind:
            return steps.STEPS[kind](gun=gun)


# What is inferred ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Gun:
    """One gun as its reports have shown it so far."""

    heard_ns: int = 0
    told: int = 0
    """How many reports have told of the cable."""
    cable: bool | None = None
    state: GunState | None = None
    fault: GunFault | None = None
    parking: Parking | None = None


def inferred_acts(story: Story, dark: tuple[tuple[int, int], ...] = ()) -> Iterator[Moment]:
    """What reports, questions and bills show to have been done. `dark`: from when to when the pile had no power."""
    for from_ns, to_ns in dark:
        note = "the charge was over when the line came back, though nobody had ended it"
        yield Moment(t_ns=from_ns, rank=Rank.PILE, step=steps.PowerOff(), note=note, supposed=True)
        yield Moment(t_ns=to_ns, rank=Rank.PILE, step=steps.PowerOn(), note=note, supposed=True)
    guns: dict[int, _Gun] = {}
    unplugged: dict[int, Passage] = {}
    """By gun: the bill that came since its last report, and before the one that tells why."""
    emergency = False
    down = outages(story)
    for passage in story.passages:
        message = passage.message
        gun = guns.setdefault(message.gun, _Gun())
        if isinstance(message, Bill) and not passage.repeated and _could_be_told_first(passage, gun):
            unplugged.setdefault(message.gun, passage)
        found: list[tuple[steps.Step, str]] = []
        match message:
            case GunReport():
                found, emergency = _shown(story, passage, message, gun, emergency)
            case CardAsk(account=account):
                found = [(steps.Card(gun=message.gun, account=Word(account)), "the pile asks about a card")]
            case StopAsk(account=account):
                card = by_card(story, passage.order)
                button: steps.Step = steps.StopButton(gun=message.gun)
                stop = steps.Card(gun=message.gun, account=Word(account)) if card else button
                found = [(stop, "the pile asks to stop")]
            case _:
                pass
        unseen = _outage_before(passage, gun, down) if isinstance(message, GunReport) else None
        first_told = gun.told == 1
        for step, note in found:
            earlier = unplugged.get(message.gun, passage) if isinstance(step, steps.Unplug) else passage
            if first_told and isinstance(step, steps.Plug):
                yield _in_before(story, passage, step)
                continue
            yield Moment(
                t_ns=earlier.t_ns if unseen is None else _within(story, step, message.gun, unseen),
                place=earlier.place if unseen is None else 0,
                rank=Rank.PILE,
                step=step,
                note=note if unseen is None else f"{note}, since the line was down",
                line=line_of(passage),
                gun=getattr(step, "gun", None),
            )
        if isinstance(message, GunReport):
            unplugged.pop(message.gun, None)
            gun.heard_ns = passage.t_ns
    yield from _unseen_stops(story, dark)
    yield from _taps(story)
    yield from _cables_untold(story)


def _in_before(story: Story, passage: Passage, plug: steps.Plug) -> Moment:
    """The first report of a gun shows the cable in: so it was before whatever the log tells of that gun."""
    scans = [o.authorised_ns for o in story.orders if o.gun == plug.gun and o.authorised_ns is not None]
    first_ns = min([*scans, passage.t_ns])
    return Moment(
        t_ns=max(0, first_ns - PLUGGED_BEFORE_NS) if first_ns < passage.t_ns else passage.t_ns,
        place=0 if first_ns < passage.t_ns else passage.place,
        rank=Rank.PILE,
        step=plug,
        note="the cable is in when the log first tells of it",
        line=line_of(passage),
        gun=plug.gun,
        supposed=True,
    )


def _outage_before(passage: Passage, gun: _Gun, down: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The outage that lies between a gun's last report and this one: what this one shows was done in it."""
    return next((span for span in down if gun.heard_ns <= span[0] and span[1] <= passage.t_ns), None)


def _within(story: Story, step: steps.Step, gun: int, span: tuple[int, int]) -> int:
    """When it was done in an outage: as the bill tells it, else in the midst."""
    offset_ns = story.epoch_ns(0)
    for order in story.orders:
        if order.gun != gun or order.bill is None:
            continue
        told = order.bill.leave if isinstance(step, steps.Unplug) else order.bill.end
        if isinstance(step, steps.Unplug | steps.StopButton) and told is not None and told.epoch_ns is not None:
            told_ns = told.epoch_ns - offset_ns
            if span[0] < told_ns < span[1]:
                return told_ns
    parts = 3 if isinstance(step, steps.Plug) else 2
    return span[0] + (parts - 1) * (span[1] - span[0]) // parts


def _could_be_told_first(passage: Passage, gun: _Gun) -> bool:
    """A bill that the unplug brought about may come before the report that shows it."""
    order = passage.order
    return order is not None and order.charged and order.over is not None and gun.cable is True


def _shown(
    story: Story, passage: Passage, report: GunReport, gun: _Gun, emergency: bool
) -> tuple[list[tuple[steps.Step, str]], bool]:
    """What a report shows to have been done since the last one, in the order in which it may have been."""
    found: list[tuple[steps.Step, str]] = []
    number = report.gun
    was_fault = gun.state is GunState.FAULT
    if was_fault and report.state is not GunState.FAULT:
        if gun.fault is GunFault.EMERGENCY_STOP:
            if emergency:
                found.append((steps.EmergencyRelease(), "the emergency stop no longer shows"))
            emergency = False
        elif gun.fault is not None:
            found += [(step, "the fault no longer shows") for step in _cleared(number, gun.fault, report.cable)]
    if gun.state is GunState.MAINTENANCE and report.state is not GunState.MAINTENANCE:
        found.append((steps.Maintain(gun=number, on=False), "the gun is back in service"))
    if report.parking is not None and report.parking is not gun.parking:
        known = report.parking in (Parking.FREE, Parking.TAKEN)
        if known and (gun.parking is not None or report.parking is Parking.TAKEN):
            taken = report.parking is Parking.TAKEN
            found.append((steps.Park(gun=number, taken=taken), f"the bay is {report.parking}"))
        gun.parking = report.parking
    gun.told += report.cable is not None
    if report.cable is not None and report.cable is not gun.cable:
        if report.cable:
            found.append((steps.Plug(gun=number, car=_car(story, number, passage.t_ns)), "the cable is in"))
        elif gun.cable is not None:
            found.append((steps.Unplug(gun=number), "the cable is out"))
        gun.cable = report.cable
    elif report.cable and gun.state is GunState.CHARGING and report.state is GunState.IDLE and _changed(story, passage):
        car = _car(story, number, passage.t_ns)
        found.append((steps.Unplug(gun=number), "the charge is over, and the gun is free for the next"))
        found.append((steps.Plug(gun=number, car=car), "the cable is in again"))
    if report.state is GunState.FAULT and not was_fault and _of_a_start(story, number, passage.t_ns):
        gun.fault = None  # the car brought it
    elif report.state is GunState.FAULT and not was_fault:
        gun.fault = report.fault if report.fault not in (None, GunFault.NONE, GunFault.UNKNOWN) else GunFault.OTHER
        if gun.fault is GunFault.EMERGENCY_STOP:
            if not emergency:
                found.append((steps.EmergencyStop(), "the emergency stop shows"))
            emergency = True
        else:
            found.append((_raised(number, gun.fault or GunFault.OTHER), f"the fault {gun.fault} shows"))
    if report.state is GunState.MAINTENANCE and gun.state is not GunState.MAINTENANCE:
        found.append((steps.Maintain(gun=number, on=True), "the gun is out of service"))
    gun.state = report.state
    return found, emergency


def _changed(story: Story, passage: Passage) -> bool:
    """The report is the first of its gun on a connection, so that more than one thing may have been done before it."""
    up = [event.t_ns for _, event in story.lines if isinstance(event, LineUp) and event.t_ns <= passage.t_ns]
    gun = passage.message.gun
    earlier = (p for p in story.passages if isinstance(p.message, GunReport) and p.message.gun == gun)
    return bool(up) and up[-1] > 0 and not any(up[-1] <= p.t_ns < passage.t_ns for p in earlier)


def _of_a_start(story: Story, gun: int, t_ns: int) -> bool:
    """A start under way fails at that instant."""
    return any(
        order.gun == gun
        and order.first is None
        and order.start_ns is not None
        and order.start_ns <= t_ns
        and (order.ended_ns is None or t_ns <= order.ended_ns + S)
        for order in story.orders
    )


def _raised(gun: int, fault: GunFault) -> steps.Step:
    match fault:
        case GunFault.INSULATION | GunFault.INSULATION_TEST:
            return steps.Insulation(gun=gun, ok=False)
        case GunFault.BMS_COMMUNICATION:
            return steps.Bms(gun=gun, lacks=(BmsWord.BCL,))
        case _:
            return steps.RaiseFault(gun=gun, fault=fault)


def _cleared(gun: int, fault: GunFault | None, cable: bool | None) -> list[steps.Step]:
    match fault:
        case GunFault.INSULATION | GunFault.INSULATION_TEST:
            # The next car brings its own insulation.
            return [] if cable is False else [steps.Insulation(gun=gun, ok=True)]
        case GunFault.BMS_COMMUNICATION:
            return [] if cable is False else [steps.Bms(gun=gun, lacks=())]
        case _:
            return [steps.ClearFault(gun=gun, fault=fault or GunFault.OTHER)]


def _car(story: Story, gun: int, plugged_ns: int) -> steps.Car:
    """A car that does what the one at this cable did."""
    unplugged_ns = _next_unplug_ns(story, gun, plugged_ns)
    mine = [o for o in story.orders if o.gun == gun and _lives_in(o, plugged_ns - S, unplugged_ns)]
    for order in mine:
        failed_ns = order.ended_ns
        if order.first is None and order.start_ns is not None and failed_ns is not None and order.balance_mfen != 0:
            took_ns = failed_ns - order.start_ns
            if took_ns >= GIVES_UP_NS:
                return steps.Car(handshake=False)
            if took_ns >= AT_ONCE_NS:
                return steps.Car(insulation=False)
    charged = [o for o in mine if o.first is not None]
    if not charged:
        return steps.Car()
    power = max(_power_kw(order) for order in charged)
    last = charged[-1]
    usual = steps.Car()
    max_kw = Kwh(power) if power else usual.max_kw
    if last.after is None or last.after.message.state is not GunState.OCCUPIED_FULL:
        taken = sum(order.shown_dwh or 0 for order in charged)
        battery = max(USUAL_KWH, Kwh(taken * 2))
        return steps.Car(battery_kwh=Kwh(battery), max_kw=max_kw)
    energy = sum(_taken_dwh(order) for order in charged) or 100
    percent = max(1, min(FULL_PERCENT - 1, round(energy * 100 / USUAL_KWH)))
    return steps.Car(
        battery_kwh=Kwh(energy * 100 // percent),
        soc=FULL_PERCENT - percent,
        full_at=FULL_PERCENT,
        max_kw=max_kw,
    )


def _lives_in(order: Order, from_ns: int, until_ns: int) -> bool:
    """It is scanned, started or seen to charge in that time."""
    begun = (order.authorised_ns, order.start_ns, order.first.t_ns if order.first is not None else None)
    return any(t_ns is not None and from_ns <= t_ns < until_ns for t_ns in begun)


def _over_by(order: Order) -> int | None:
    return order.over.late_ns if order.over is not None else order.closed_ns


def _next_unplug_ns(story: Story, gun: int, plugged_ns: int) -> int:
    for passage in story.passages:
        message = passage.message
        later = passage.t_ns > plugged_ns
        if later and isinstance(message, GunReport) and message.gun == gun and message.cable is False:
            return passage.t_ns
    return story.end_ns


def _taken_dwh(order: Order) -> int:
    """What a whole charge took: by the meter after it where that is told, else by the last report and the bill."""
    before, after = order.metered_before, order.metered_after
    by_meter = 0
    if before is not None and after is not None:
        by_meter = (after.message.meter_dwh or 0) - (before.message.meter_dwh or 0)
    return max(by_meter, order.shown_dwh or 0)


def _power_kw(order: Order) -> int:
    """Its power in 0.1 W x 1000 as `max_kw` is written: 1e-4 kW; 0 where too little was seen of it."""
    if order.first_record is None or order.record is None:
        return 0
    seen_ns = order.record.t_ns - order.first_record.t_ns
    flowed = (order.shown_dwh or 0) - (order.first_record.message.energy_dwh or 0)
    if seen_ns < SEEN_LONG_NS or flowed <= 0:
        return 0
    # To the next tenth of a kW.
    return -(-flowed * HOUR // (seen_ns * 1000)) * 1000


def _unseen_stops(story: Story, dark: tuple[tuple[int, int], ...]) -> Iterator[Moment]:
    """Ends of charges that nothing seen on the line has brought about, and that the pile does not own up to."""
    for order in story.orders:
        over, after = order.over, order.after
        if over is None or after is None or not unprompted(order) or _in_the_dark(order, dark):
            continue
        if ends_for_no_reason(story, order) or _spent(order):
            continue
        if _own_reason(story, order) in (StopReason.FULL, StopReason.LIMIT):
            continue
        early_ns = over.early_ns if over.early_ns is not None else over.late_ns
        unseen = next((span for span in outages(story) if early_ns <= span[0] and span[1] <= over.late_ns), None)
        step = steps.StopButton(gun=order.gun)
        yield Moment(
            t_ns=over.late_ns if unseen is None else _within(story, step, order.gun, unseen),
            place=story.place_of(after.seen) if unseen is None else 0,
            rank=Rank.PILE,
            step=step,
            note="the charge is over, the cable is in, and no stop was seen",
            gun=order.gun,
            orders=(order.number,),
            supposed=True,
        )


def unprompted(order: Order) -> bool:
    """Nothing seen on the line, and nothing that its report shows, has brought about the end of the charge."""
    if order.over is None or order.first is None or order.after is None:
        return False
    after = order.after.message
    told = order.stop_ns is not None or order.at_pile_ns is not None or order.by_battery or order.leave_by_start
    shown = after.state in (GunState.FAULT, GunState.OCCUPIED_FULL, GunState.MAINTENANCE) or after.cable is False
    return not told and not shown


def ends_for_no_reason(story: Story, order: Order) -> bool:
    """The pile ends the charge by itself, for a balance that is not used up: a good one goes on charging."""
    if not unprompted(order) or _spent(order):
        return False
    return _own_reason(story, order) is StopReason.BALANCE or _cleared_by(story, order) is not None


def _in_the_dark(order: Order, dark: tuple[tuple[int, int], ...]) -> bool:
    assert order.over is not None
    early_ns = order.over.early_ns if order.over.early_ns is not None else order.over.late_ns
    return any(since <= order.over.late_ns and early_ns <= until for since, until in dark)


def _own_reason(story: Story, order: Order) -> StopReason | None:
    return order.bill.stop_reason if order.bill is not None else _reason_near(story, order)


def _spent(order: Order) -> bool:
    """What the reports show comes near the balance."""
    if order.balance_mfen is None or order.record is None or order.record.message.amount_mfen is None:
        return False
    return order.record.message.amount_mfen + _BEATS_NEAR * order.gain_mfen >= order.balance_mfen


def _reason_near(story: Story, order: Order) -> StopReason | None:
    """What a bill without an order, that came next on this gun, says of the end."""
    assert order.over is not None
    for passage in story.passages:
        message = passage.message
        if isinstance(message, Bill) and message.gun == order.gun and passage.t_ns >= order.over.late_ns:
            return message.stop_reason if not message.order else None
    return None


def _cables_untold(story: Story) -> Iterator[Moment]:
    """Where a log tells of no cable: one has to be in for an order, and out for the bill of a charge."""
    told = {p.message.gun for p in story.passages if isinstance(p.message, GunReport) and p.message.cable is not None}
    plugged: dict[int, Order] = {}
    for passage in story.passages:
        message, order = passage.message, passage.order
        if message.gun in told:
            continue
        step: steps.Step | None = None
        if message.gun not in plugged and order is not None and order.authorised_ns is not None:
            plugged[message.gun] = order
            step = steps.Plug(gun=message.gun, car=_car(story, message.gun, order.authorised_ns))
            t_ns = max(0, order.authorised_ns - PLUGGED_BEFORE_NS)
        elif isinstance(message, Bill) and message.gun in plugged and plugged[message.gun].over is not None:
            del plugged[message.gun]
            step, t_ns = steps.Unplug(gun=message.gun), passage.t_ns
        if step is not None:
            yield Moment(
                t_ns=t_ns,
                place=passage.place,
                rank=Rank.PILE,
                step=step,
                note="the log tells of no cable, and it goes with what it tells",
                line=line_of(passage),
                gun=message.gun,
                supposed=True,
            )


def _taps(story: Story) -> Iterator[Moment]:
    """A charge that shows no order, or none of its own, though one was authorised: something has cleared it."""
    for order in story.orders:
        lost = _cleared_by(story, order)
        if lost is None or order.start_ns is None or order.authorised_ns is None:
            continue
        yield Moment(
            t_ns=max(order.authorised_ns if order.answered_ns is None else order.answered_ns, order.start_ns - S),
            rank=Rank.PILE,
            step=steps.Tap(gun=order.gun),
            note="the charge shows no order, though one was authorised: as when the screen was tapped",
            line=line_of(lost),
            gun=order.gun,
            orders=(order.number,),
            supposed=True,
        )


def _cleared_by(story: Story, order: Order) -> Passage | None:
    """The first report that shows the charge of an authorised order without it."""
    if order.start_ns is None or order.authorised_ns is None:
        return None
    return next((passage for passage in story.passages if _shows_no_order(passage, order)), None)


def _shows_no_order(passage: Passage, order: Order) -> bool:
    report = passage.message
    if not isinstance(report, GunReport) or report.gun != order.gun or report.change:
        return False
    charging = report.state is GunState.CHARGING and passage.t_ns >= (order.start_ns or 0)
    within = passage.t_ns <= (_over_by(order) or passage.t_ns)
    return charging and within and (report.order == "" or (report.start is not None and report.start.is_none))


def dark_spans(story: Story) -> tuple[tuple[int, int], ...]:
    """From when to when the pile seems to have had no power: a charge did not outlast the line, and nobody ended it."""
    spans = []
    for down_ns, up_ns in outages(story):
        for order in story.orders:
            over, last = order.over, order.last
            if over is None or last is None or order.after is None or not last.t_ns <= down_ns < over.late_ns:
                continue
            quiet = order.stop_ns is None and order.at_pile_ns is None
            ended_ns = order.bill.end.epoch_ns if order.bill is not None and order.bill.end is not None else None
            near = ended_ns is not None and abs(ended_ns - story.epoch_ns(down_ns)) <= NEAR_NS
            reason = order.bill.stop_reason if order.bill is not None else None
            if quiet and near and reason in (StopReason.UNEXPECTED, StopReason.FAULT, None):
                spans.append((down_ns, up_ns))
                break
    return tuple(spans)
