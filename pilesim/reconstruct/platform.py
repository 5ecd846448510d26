"""What the platform did by itself, as steps, and what of the pile's doing can be waited for.

Owns which messages are commands and which are signs. Must not know how the steps are written.
"""

from __future__ import annotations

from collections.abc import Iterator

from pilesim.quantities import Word, Yuan
from pilesim.reconstruct.moments import Moment, Rank
from pilesim.reconstruct.story import Passage, Story
from pilesim.rules.order import Order
from pilesim.scenario import steps
from pilesim.units import YUAN_MFEN
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    BalanceTell,
    Bill,
    CardAsk,
    CardReply,
    Ended,
    Reboot,
    Start,
    Stop,
    StopReply,
    WorkTell,
)

USUAL_BALANCE_MFEN = 50 * YUAN_MFEN
"""Where a log does not tell it."""
_BALANCE_BEATS = 2
"""So many heartbeats' worth before the balance is used up the platform may stop a charge for it."""


def line_of(passage: Passage) -> int:
    """Where a message stands: the log's line, else the number of its frame."""
    return passage.seen.line or passage.seen.index


def platform_moments(story: Story) -> Iterator[Moment]:
    """The commands, and their answers and the bills as signs, in the order of their frames."""
    said = _accounts_said(story)
    for passage in story.passages:
        step = _command(story, passage, said) or _sign(passage)
        if step is None:
            continue
        message = passage.message
        sign = isinstance(step, steps.Until)
        if isinstance(message, Start) and message.order and passage.order is not None and not passage.repeated:
            # A start that brings the order is a scan and a start in one.
            yield Moment(
                t_ns=passage.t_ns,
                place=passage.place,
                rank=Rank.PLATFORM,
                step=_authorise(message.gun, message.order, message.balance_mfen, message.account, said),
                note=f"the order comes with its {message.name}",
                line=line_of(passage),
                gun=message.gun,
                orders=(message.order,),
            )
        yield Moment(
            t_ns=passage.t_ns,
            place=passage.place,
            rank=Rank.SIGN if sign else Rank.PLATFORM,
            step=step,
            note=message.name,
            line=line_of(passage),
            gun=message.gun,
            since_ns=passage.answers.t_ns if passage.answers is not None else None,
            orders=(passage.order.number,) if passage.order is not None else (),
        )


def cards_of(story: Story) -> dict[str, int]:
    """The cards that the platform knew: account to balance, 1e-5 yuan."""
    cards: dict[str, int] = {}
    for passage in story.passages:
        message = passage.message
        if isinstance(message, Authorise | CardReply) and passage.asked and message.accepted and message.account:
            cards.setdefault(message.account, message.balance_mfen or 0)
    return cards


def by_card(story: Story, order: Order | None) -> bool:
    """The order came as the answer to a card."""
    if order is None:
        return False
    return any(
        isinstance(p.message, Authorise | CardReply) and p.asked and p.message.order == order.number
        for p in story.passages
    )


def _accounts_said(story: Story) -> bool:
    """Accounts have to be told: one has several orders, or a command is for another than the gun's last."""
    last: dict[int, str | None] = {}
    owners: dict[str, str] = {}
    for passage in story.passages:
        match passage.message:
            case (
                Authorise(accepted=True, order=order, account=account, gun=gun)
                | CardReply(accepted=True, order=str() as order, account=str() as account, gun=gun)
            ):
                last[gun] = account
                if owners.setdefault(account, order) != order:
                    return True
            case Start(gun=gun, account=str() as account, order=None) | Stop(gun=gun, account=str() as account):
                if not passage.asked and gun in last and last[gun] != account:
                    return True
            case CardAsk():
                return True
            case _:
                pass
    return False


def _authorise(gun: int, order: str, balance_mfen: int | None, account: str | None, said: bool) -> steps.Authorise:
    digits = order.lstrip("0")
    return steps.Authorise(
        gun=gun,
        order=Word(digits if digits.isdecimal() else order),
        balance=Yuan(USUAL_BALANCE_MFEN if balance_mfen is None else balance_mfen),
        account=Word(account) if said and account else None,
    )


def _command(story: Story, passage: Passage, said: bool) -> steps.Step | None:
    if passage.asked:
        return None

    def account(told: str | None) -> Word | None:
        return Word(told) if said and told else None

    match passage.message:
        case Authorise(accepted=True) as message:
            return _authorise(message.gun, message.order, message.balance_mfen, message.account, said)
        case Start() as message:
            return steps.Start(gun=message.gun, account=account(message.account))
        case Stop(accepted=True) as message:
            if passage.order is not None and _balance_stops(story, passage.order, passage.t_ns):
                return steps.Until(gun=message.gun, message=message.name)
            return steps.Stop(gun=message.gun, account=account(message.account))
        case BalanceTell() as message:
            return steps.BalanceTell(gun=message.gun, balance=Yuan(message.balance_mfen))
        case WorkTell() as message:
            return steps.WorkTell(gun=message.gun, stopped=message.stopped, power=message.power_percent)
        case Reboot() as message:
            return steps.Reboot(gun=message.gun, when_idle=message.when_idle)
        case _:
            return None


def _balance_stops(story: Story, order: Order, t_ns: int) -> bool:
    """The platform stops the charge by itself: what it has shown, and what was billed since, uses up the balance."""
    if order.balance_mfen is None or order.record is None or order.record.message.amount_mfen is None:
        return False
    billed = sum(
        other.bill.fees_mfen + (other.bill.occupancy_fee_mfen or 0)
        for other in story.orders
        if other is not order
        and other.account == order.account
        and other.bill is not None
        and other.bill_seen is not None
        and (order.authorised_ns or 0) < other.bill_seen.t_ns <= t_ns
    )
    shown = order.record.message.amount_mfen + billed + _BALANCE_BEATS * order.gain_mfen
    return shown >= order.balance_mfen


def _sign(passage: Passage) -> steps.Until | None:
    message = passage.message
    match message:
        case AuthoriseReply() | StopReply() if passage.answers is not None:
            return steps.Until(gun=message.gun, message=message.name)
        case Ended():
            return steps.Until(gun=message.gun, message=message.name)
        case Bill() if passage.order is not None and not passage.repeated and _is_due(passage.order, passage.t_ns):
            number = message.order.lstrip("0")
            return steps.Until(bill=Word(number if number.isdecimal() else message.order))
        case _:
            return None


def _is_due(order: Order, t_ns: int) -> bool:
    """Its bill may come by now. One that comes too soon, or for nothing, is not waited for: a good pile has none."""
    return order.charged and order.leave is not None and order.leave.late_ns <= t_ns
