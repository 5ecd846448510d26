"""A scenario as the text of a file, which `parse_scenario` reads back to the same steps.

Owns the spelling: one line a step, what is at its default left out. Must not know why a scenario is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from pilesim import strictyaml
from pilesim.quantities import Duration, Fraction, Kwh, TimeOfDay, WorldTime, Yuan
from pilesim.scenario import steps
from pilesim.scenario.scenario import LinedStep, PileSettings, PlatformSettings, Scenario
from pilesim.units import S, format_duration, format_kwh, format_yuan, local_datetime, parse_duration_ns

_BARE = re.compile(r"[A-Za-z0-9][\w./+-]*", re.ASCII)
"""Text that means itself in YAML, wherever it stands, unless it reads as a number or another plain value."""
NO_REMARKS: Mapping[int, str] = MappingProxyType({})
_STEP_WORDS = {kind: key for key, kind in steps.STEPS.items()}


def scenario_text(scenario: Scenario, comments: Iterable[str] = (), remarks: Mapping[int, str] = NO_REMARKS) -> str:
    """The whole file; `comments` are the lines at its top, without their `# `, `remarks` those behind steps, from 0."""
    lines = [f"# {comment}".rstrip() for comment in comments]
    lines += [f"id: {_text(scenario.id)}", f"title: {_text(scenario.title)}"]
    if scenario.case:
        lines.append(f"case: {_text(scenario.case)}")
    lines.append(f"proves: [{', '.join(map(_text, scenario.proves))}]")
    if scenario.needs:
        lines.append(f"needs: [{', '.join(scenario.needs)}]")
    lines.append(f"start: {_value(WorldTime(scenario.start_ns))}")
    if scenario.platform != PlatformSettings():
        lines.append(f"platform: {_mapping(_said(scenario.platform))}")
    if scenario.pile != PileSettings():
        lines.append(f"pile: {_mapping(_said(scenario.pile))}")
    lines.append("steps:" if scenario.steps else "steps: []")
    lines += [f"  - {step_text(lined.step)}{_remark(remarks.get(at, ''))}" for at, lined in enumerate(scenario.steps)]
    if scenario.field_log:
        lines.append("field-log:")
        lines += [f"  - {_mapping(_said(logged))}" for logged in scenario.field_log]
    return "\n".join(lines) + "\n"


def _remark(text: str) -> str:
    return f"   # {' '.join(text.split())}" if text else ""


def lined_steps(chosen: Iterable[steps.Step]) -> tuple[LinedStep, ...]:
    """Steps as a scenario holds them, when no file has been written: the first step stands on line 1."""
    return tuple(
        LinedStep(_STEP_WORDS[type(step)], step, line, step_text(step)) for line, step in enumerate(chosen, start=1)
    )


def step_text(step: steps.Step) -> str:
    """One step as its line says it: `plug: {gun: 1}`, `wait: 2m`."""
    key = _STEP_WORDS[type(step)]
    said = _said(step)
    single = steps.SINGLE_VALUE.get(key)
    if single:
        return f"{key}: {_value(said[single])}"
    return f"{key}: {_mapping(said)}" if said else f"{key}:"


def _said(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields that are not at their defaults, by the names that files use."""
    return {
        field.encode_name: getattr(struct, field.name)
        for field in msgspec.structs.fields(struct)
        if field.required or getattr(struct, field.name) != field.default
    }


def _mapping(said: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in said.items()) + "}"


def _value(value: Any) -> str:
    match value:
        case msgspec.Struct():
            return _mapping(_said(value))
        case Mapping():
            return _mapping(value)
        case tuple() | list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool():
            return str(value).lower()
        case Duration():
            return duration_text(value)
        case Yuan():
            return format_yuan(value).removesuffix(" yuan")
        case Kwh():
            return format_kwh(value).removesuffix(" kWh")
        case WorldTime():
            return _text(local_datetime(value).isoformat())
        case Fraction():
            return f"{Decimal(repr(float(value))):f}"
        case TimeOfDay():
            return _text(repr(value))
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case None:
            return "null"
        case _:
            return _text(str(value))


def duration_text(ns: int) -> str:
    """As `format_duration` says it where that is exact, else in seconds to the last nanosecond."""
    short = format_duration(ns)
    return short if parse_duration_ns(short) == ns else f"{Decimal(ns) / S:f}s"


def _text(text: str) -> str:
    """Text as YAML reads it back; in quotes where it would mean something else without."""
    if _BARE.fullmatch(text) and strictyaml.scalar(text) == text:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.rstrip("\n")
