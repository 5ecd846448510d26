"""What was guessed, as a dialect to begin with.

Owns how a guess is written as a field. Must not know how it was come by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pilesim.wire.frame import Direction
from pilesim.wire.guess.guess import Guessed


def proposal(base: str, guessed: Sequence[Guessed]) -> str:
    """An overlay that says what was guessed, to be corrected by whoever knows better; one size a message."""
    lines = [f"protocol: {base}", "name: guessed", "messages:"]
    done: set[tuple[int, Direction]] = set()
    for one in guessed:
        if (one.number, one.direction) in done or not one.guesses or (one.name and not one.begin):
            continue
        done.add((one.number, one.direction))
        if one.name:
            lines += [f"  {one.name}:", "    add:"]
        else:
            lines += [f"  0x{one.number:02X}:", f"    direction: {one.direction}", "    fields:"]
        lines += [f"      - {{{_flow(spec)}}}" for spec in _specs(one)]
    return "\n".join(lines) + "\n" if done else ""


def _specs(one: Guessed) -> Iterator[dict[str, Any]]:
    """A field for each guess, and bytes for what lies between; names are each other's apart by their offset."""
    at = one.begin
    names: set[str] = set()
    for guess in (*one.guesses, None):
        until = one.size if guess is None else guess.offset
        if until > at:
            yield {"name": f"unknown_{at}", "type": "bytes", "size": until - at}
        if guess is None:
            return
        name = guess.spec["name"]
        plain = name in ("order", "pile", "account") and name not in names
        names.add(name)
        note = f"{guess.sure}: {guess.kind}"
        yield {**guess.spec, "name": name if plain else f"{name}_{guess.offset}", "note": note, "trust": "inferred"}
        at = guess.offset + guess.size


def _flow(spec: Mapping[str, Any]) -> str:
    """A field as YAML in one line."""
    return ", ".join(f'{key}: "{value}"' if key == "note" else f"{key}: {value}" for key, value in spec.items())
