"""The bill store of a pile whose power can go between any two of its writes.

Owns the counting of writes, what lies in the store after one of them, and the way down and up again. Must not know
what a bill is worth, nor why the pile writes. A machine whose power goes in the midst of an instant does the rest of
that instant in vain: what it wrote after the cut is taken back, and what it said after the cut has not left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, SupportsIndex, TypeVar

from pilesim.pile.pile import Pile
from pilesim.pile.store import Authorisation, KeptBill, Record, Store
from pilesim.wire.actions import Action, HangUp

T = TypeVar("T")


class _WatchedBill(KeptBill):
    """A kept bill each of whose changes is a write, once `written` is told."""

    written: Callable[[], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self.written is not None:
            self.written()


class _Bills(list[KeptBill]):
    def __init__(self, written: Callable[[], None]) -> None:
        super().__init__()
        self._written = written

    def append(self, kept: KeptBill) -> None:
        super().append(watched(kept, self._written))
        self._written()

    def remove(self, kept: KeptBill) -> None:
        super().remove(kept)
        self._written()

    def clear(self) -> None:
        super().clear()
        self._written()

    def __setitem__(self, at: Any, kept: Any) -> None:
        before = list(self)
        super().__setitem__(at, kept)
        if len(before) != len(self):
            self._written()

    def insert(self, at: SupportsIndex, kept: KeptBill) -> None:
        raise NotImplementedError("a bill store is appended to")


class _Table(dict[int, T]):
    def __init__(self, written: Callable[[], None]) -> None:
        super().__init__()
        self._written = written

    def __setitem__(self, gun: int, value: T) -> None:
        super().__setitem__(gun, value)
        self._written()

    def pop(self, gun: int, *default: Any) -> Any:
        there = gun in self
        value = super().pop(gun, *default)
        if there:
            self._written()
        return value


def watched(kept: KeptBill, written: Callable[[], None]) -> KeptBill:
    bill = _WatchedBill(kept.due_ns, kept.record, kept.bill, kept.connection, kept.left_ns, kept.times_left)
    bill.times_left_here = kept.times_left_here
    object.__setattr__(bill, "written", written)
    return bill


@dataclass
class Flash:
    """The store, with the number of its writes so far and all that was ever in it. `cut_after`: 0 is never."""

    cut_after: int = 0
    writes: int = 0
    charged: dict[str, int] = field(default_factory=dict)
    """Orders of which there was ever a record, with their guns: current flowed."""
    begun: dict[str, int] = field(default_factory=dict)
    """Orders whose start was ever under way."""
    cut: bool = False
    """The write has come after which the power goes; the instant is not over."""
    at_cut: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        bills, records, held = (
            _Bills(self._written),
            _Table[Record](self._written),
            _Table[Authorisation](self._written),
        )
        self.store = Store(bills=bills, records=records, authorisations=held)

    def _written(self) -> None:
        if self.cut:
            return
        self.writes += 1
        for gun, record in self.store.records.items():
            self.charged[record.authorisation.order] = gun
        for gun, held in self.store.authorisations.items():
            if held.starting:
                self.begun[held.order] = gun
        if self.writes == self.cut_after:
            self._bills = [copy(kept) for kept in self.store.bills]
            self._records, self._held = dict(self.store.records), dict(self.store.authorisations)
            self._arrivals_ns = dict(self.store.arrivals_ns)
            self.cut = True
            self.at_cut()

    def take_back(self) -> None:
        """Let the store be as it was at the cut. The meter has its own memory, and counts whatever flows."""
        store = self.store
        list.__setitem__(store.bills, slice(None), [watched(kept, self._written) for kept in self._bills])
        for table, kept in ((store.records, self._records), (store.authorisations, self._held)):
            _replace(table, kept)
        _replace(store.arrivals_ns, self._arrivals_ns)
        self.cut = False


def _replace(table: dict[int, Any], kept: Mapping[int, Any]) -> None:
    dict.clear(table)
    dict.update(table, kept)


class CutPile:
    """A `Pile` on a `Flash`, as the rig knows an end: after the cut it is dark for `dark_ns`, once."""

    def __init__(self, pile: Pile, flash: Flash, dark_ns: int) -> None:
        self.pile = pile
        self.fallen = False
        """The cut has put it out, and it is not back yet."""
        self._flash = flash
        self._dark_ns = dark_ns
        self._back_ns: int | None = None
        self._left = 0
        flash.at_cut = self._count_left

    def _count_left(self) -> None:
        # Of what this instant has to say, only what was said before the cut has left: nobody else knows what that is.
        self._left = len(self.pile._uplink._actions)

    def line_up(self, now_ns: int) -> None:
        self.pile.line_up(now_ns)
        self._fall(now_ns)

    def line_down(self, now_ns: int) -> None:
        self.pile.line_down(now_ns)
        self._fall(now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        self.pile.receive(data, now_ns)
        self._fall(now_ns)

    def stimulate(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self.pile.stimulate(now_ns, kind, gun, detail)
        self._fall(now_ns)

    def advance(self, to_ns: int) -> None:
        self.pile.advance(to_ns)
        self._fall(to_ns)
        if self._back_ns is not None and self._back_ns <= to_ns:
            self._back_ns, self.fallen = None, False
            self.pile.stimulate(to_ns, "power-on", None, {})
            self._fall(to_ns)

    def next_wakeup_ns(self) -> int | None:
        due_ns = (self.pile.next_wakeup_ns(), self._back_ns)
        return min((ns for ns in due_ns if ns is not None), default=None)

    def take_actions(self) -> list[Action]:
        return self.pile.take_actions()

    def _fall(self, now_ns: int) -> None:
        if not self._flash.cut:
            return
        actions = self.pile.take_actions()[: self._left]
        if self.pile._powered:
            self.pile.stimulate(now_ns, "power-off", None, {})
            self.pile.take_actions()
            self.fallen = True
            self._back_ns = now_ns + self._dark_ns
        self.pile._uplink._actions[:] = [*_said(actions), HangUp()]
        self._flash.take_back()


def _said(actions: Iterable[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, HangUp)]
