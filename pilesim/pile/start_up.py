"""A start under way: what charger and car do with each other before current may flow.

Owns the parts of it in their order. Must not know how a start came about, nor what becomes of one that fails.
"""

from __future__ import annotations

from collections.abc import Generator

from pilesim.pile.bms import BMS_WAIT_NS, IN_CHARGE, Bms
from pilesim.pile.car import Car
from pilesim.pile.works import Works
from pilesim.wire.messages import BmsWord, GunFault, Mischance, StopCause


def start_up(gun: int, order: str, car: Car | None, works: Works, bms: Bms) -> Generator[int, None, StopCause | None]:
    """Handshake, insulation test, pre-charge, as steps that wait. Returns what ended the start, if anything did."""
    takes = works.profile.start_takes
    if car is None or car.lacking((BmsWord.BHM,)):
        yield takes.gives_up
        return BmsWord.BHM
    yield takes.handshake
    silent = car.lacking((BmsWord.BRM, BmsWord.BCP))
    bms.met(order, car, silent)
    if silent is not None:
        yield BMS_WAIT_NS
        return silent
    yield takes.insulation_test
    if not works.behaviour.insulation_passes(gun, car.insulation):
        return GunFault.INSULATION_TEST
    yield takes.precharge
    if car.full:
        return Mischance.NOTHING_WANTED
    silent = car.lacking((BmsWord.BRO, *IN_CHARGE))
    if silent is not None:
        yield BMS_WAIT_NS
        return silent
    return None
