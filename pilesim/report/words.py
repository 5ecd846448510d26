"""Messages in a person's words; owns how each kind of value is written."""

from __future__ import annotations

from enum import StrEnum

from pilesim.units import format_kwh, format_local, format_yuan
from pilesim.wire.messages import GunReport, Message, Stamp, Tariff

_UNSAID = frozenset({"login", "credential", "change", "parking"})
"""Fields that a time line has no room for; `pilesim decode` shows them all."""

_ELECTRICAL = {"cv": (100, "V"), "ca": (100, "A"), "dv": (10, "V"), "da": (10, "A")}
"""Endings of a name: how many of its unit make one of a person's."""

_SAID_WHEN_SET = frozenset({"reason", "refusal", "longest_minutes"})


def stamp_words(stamp: Stamp) -> str:
    """A time as the field reads it: no time shows the 1999 that a lenient calendar makes of it."""
    if stamp.epoch_ns is not None:
        return format_local(stamp.epoch_ns)
    return f"bad time {stamp.bad.hex()}" if stamp.bad else "no time (1999-11-30)"


def message_words(message: Message) -> str:
    """`gun 1 order 2020... balance 50.00 yuan`: what the message says, in the order of its fields."""
    words = [f"gun {message.gun}"]
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if name != "gun" and name not in _UNSAID and not _empty(message, name, value):
            words.append(_said(name, value))
    return ", ".join(words)


def _empty(message: Message, name: str, value: object) -> bool:
    """Whether a value says nothing: what the protocol lacks, an idle gun's zeros."""
    if value is None or value == () or (value == 0 and name in _SAID_WHEN_SET):
        return True
    if not isinstance(message, GunReport) or message.order:
        return False
    nothing = value in ("", 0) or (isinstance(value, Stamp) and value.is_none)
    return nothing and name in {"order", "start", "energy_dwh", "amount_mfen"}


def _said(name: str, value: object) -> str:
    stem, _, ending = name.rpartition("_")
    stem = stem.replace("_", " ")
    match value:
        case Stamp():
            return f"{name.replace('_', ' ')} {stamp_words(value)}"
        case Tariff():
            return "tariff"
        case bool() if name == "cable":
            return "cable in" if value else "cable out"
        case bool():
            return name if value else f"not {name}"
        case StrEnum():
            return str(value) if name == "state" else f"{name.replace('_', ' ')} {value}"
        case int() if name.endswith("_dwh"):
            return f"{stem} {format_kwh(value)}"
        case int() if name.endswith("_mfen"):
            return f"{stem} {format_yuan(value)}"
        case int() if ending in _ELECTRICAL:
            scale, unit = _ELECTRICAL[ending]
            return f"{stem} {value / scale:.1f} {unit}"
        case tuple() if name == "stages_dwh":
            return "stages " + " + ".join(format_kwh(stage) for stage in value)
        case tuple():
            return f"{name.replace('_', ' ')} " + ", ".join(str(item) for item in value)
        case "":
            return f"no {name}"
        case bytes():
            return f"{name} {value.hex()}"
        case _:
            return f"{name.replace('_', ' ')} {value}"
