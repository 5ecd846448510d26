"""Strict YAML into typed data, for scenarios, firmware profiles and rigs alike.

Owns `file:line: expected, found`. Must not know what the files mean. Scalars are read plainly: decimal integers,
decimals (as Decimal, so that money stays exact), true, false, null; everything else is text, so that
`5m41.6s`, `off` and dates mean what they look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from pilesim.errors import FileError

T = TypeVar("T")

_INT = re.compile(r"-?(0|[1-9]\d*)")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_KIND_WORDS = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_KIND = re.compile(r"`((?:{0})(?: \| (?:{0}))*)`".format("|".join(_KIND_WORDS)))
_MISSING_FIELD = re.compile(r"object missing required field `(.+?)`")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.+?)`")
_PATH_STEP = re.compile(r"\.(\w[\w-]*)|\[(\d+|\.\.\.)\]")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it: ten times as quick, and a hundred times where brackets are many."""

TEXT_LIMIT = 1024 * 1024
SHOWN = 20
"""So many characters show where the YAML breaks."""
DEPTH_LIMIT = 32
VALUES_LIMIT = 100_000
DIGITS_LIMIT = 1000
"""What is longer is text: no number that anybody writes."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain data with the line of every key and item."""

    file: str
    data: Any
    lines: dict[Path, int] = field(repr=False)

    def line(self, path: Path) -> int:
        """Line of the innermost known part of `path`, from 1."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def error(self, path: Path, problem: str) -> FileError:
        return FileError(self.file, self.line(path), problem)


def read(text: str, file: str) -> Document:
    """Parse one YAML document; FileError on anything that is not plain, single and without repeated keys, and on what
    is longer, deeper or more than any file that a person writes."""
    if len(text) > TEXT_LIMIT:
        raise FileError(file, None, f"expected YAML of at most {TEXT_LIMIT} characters, found {len(text)}")
    try:
        return _Reader(file, _LOADER).read(text)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise _broken(file, text, error) from None


def _broken(file: str, text: str, error: Exception) -> FileError:
    if not isinstance(error, yaml.MarkedYAMLError):
        return FileError(file, None, f"expected YAML: {error}")
    problem = " ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return FileError(file, None, f"expected YAML: {problem}")
    # The parser in C says what it looked for, and not at what; and the end is behind the last line that says anything.
    rest = text[mark.index : mark.index + SHOWN].partition("\n")[0]
    line = min(mark.line, text.rstrip().count("\n")) + 1
    return FileError(file, line, f"expected YAML: {problem}, at {repr(rest) if rest else 'the end'}")


class _Reader:
    """Plain data out of the parser's events. Its own composer of nodes recurses as deep as a file says, in C."""

    def __init__(self, file: str, loader: Any) -> None:
        self._file = file
        self._loader = loader
        self._lines: dict[Path, int] = {}
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """What each stands for, and of how many values that is; None while it is being read."""
        self._values = 0
        self._events: Iterator[Any] = iter(())

    def read(self, text: str) -> Document:
        self._events = yaml.parse(text, Loader=self._loader)
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise FileError(self._file, 1, "expected YAML, found an empty file")
        data = self._value(self._next(), ())
        self._next()
        another = self._next()
        if isinstance(another, yaml.DocumentStartEvent):
            raise self._error(another, "expected YAML: expected a single document, found another one")
        return Document(self._file, data, self._lines)

    def _next(self) -> Any:
        return next(self._events)

    def _error(self, event: Any, problem: str) -> FileError:
        return FileError(self._file, _line(event), problem)

    def _value(self, event: Any, path: Path) -> Any:
        self._lines.setdefault(path, _line(event))
        if len(path) > DEPTH_LIMIT:
            raise self._error(event, f"expected values at most {DEPTH_LIMIT} deep in one another, found deeper ones")
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._stands_for(event)
        anchor, before = event.anchor, self._values
        if anchor is not None:
            if anchor in self._anchors:
                raise self._error(event, f"expected YAML: expected each anchor once, found &{anchor} again")
            self._anchors[anchor] = None
        data = self._inner(event, path)
        if anchor is not None:
            self._anchors[anchor] = data, self._values - before
        return data

    def _inner(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            mapping: dict[str, Any] = {}
            while not isinstance(key := self._next(), yaml.MappingEndEvent):
                if not isinstance(key, yaml.ScalarEvent):
                    raise self._error(key, "expected a word as key")
                if key.value in mapping:
                    raise self._error(key, f"expected each key once, found {key.value!r} again")
                inner = (*path, key.value)
                self._lines[inner] = _line(key)
                mapping[key.value] = self._value(self._next(), inner)
            return mapping
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(item, (*path, len(items))))
            return items
        return event.value if event.style else scalar(event.value)

    def _stands_for(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise self._error(event, f"expected YAML: found undefined alias {event.anchor!r}")
        found = self._anchors[event.anchor]
        if found is None:
            raise self._error(event, f"expected YAML that ends, found *{event.anchor} inside of what it stands for")
        data, values = found
        # Everybody behind here takes it for as many values as it would be if it were written out.
        self._count(event, values)
        return data

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > VALUES_LIMIT:
            raise self._error(event, f"expected at most {VALUES_LIMIT} values, with aliases written out; found more")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def scalar(text: str) -> Any:
    """A plain scalar: an int, a Decimal, true, false, null, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > DIGITS_LIMIT:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text


def convert(
    document: Document,
    path: Path,
    data: Any,
    kind: type[T],
    dec_hook: Callable[[type, Any], Any] | None = None,
) -> T:
    """`data`, found at `path` of `document`, as `kind`; FileError names the line of what does not fit.

    `dec_hook` makes the file's own kinds of value (durations, money) and raises ValueError with a sentence.
    """
    try:
        return msgspec.convert(data, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        inner = tuple(_path(where, data))
        unknown = _UNKNOWN_FIELD.match(text)
        if unknown:
            known = ", ".join(_fields(kind, inner))
            raise document.error(
                (*path, *inner, unknown[1]), f"expected one of {known}; found {unknown[1]!r}"
            ) from None
        raise document.error((*path, *inner), _in_words(text[:1].lower() + text[1:])) from None


def _in_words(text: str) -> str:
    """msgspec's sentence without the names of Python's types: whoever writes the file need not know them."""

    def words(kinds: re.Match[str]) -> str:
        # What may be left out is "or nothing" everywhere, which helps nobody.
        named = [kind for kind in kinds[1].split(" | ") if kind != "null"] or ["null"]
        return " or ".join(_KIND_WORDS.get(kind, kind) for kind in named)

    said = _MISSING_FIELD.sub(r"expected '\1' too; found none", text)
    said = _KIND.sub(words, said).replace(", got ", "; found ")
    is_plain = text.startswith("expected `str`") and not text.endswith(("`array`", "`object`", "`null`"))
    return f"{said}, which in quotes is text" if is_plain else said


def _path(where: str, data: Any) -> list[str | int]:
    """msgspec's `.steps[2].plug` as keys; `[...]`, an item of a mapping, ends it."""
    path: list[str | int] = []
    for key, index in _PATH_STEP.findall(where):
        if index == "...":
            break
        path.append(int(index) if index else key)
    return path


def _fields(kind: Any, path: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the struct that lies at `path` inside `kind`."""
    while get_origin(kind) in (Union, UnionType):
        kind = next((k for k in get_args(kind) if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)
    if not path:
        return [f.encode_name for f in msgspec.structs.fields(kind)] if kind else []
    if isinstance(path[0], int):
        return _fields(get_args(kind)[0], path[1:])
    if get_origin(kind) is dict:
        return _fields(get_args(kind)[1], path[1:])
    inner = next((f.type for f in msgspec.structs.fields(kind) if f.encode_name == path[0]), None)
    return _fields(inner, path[1:]) if inner is not None else []


def load(text: str, file: str, kind: type[T], dec_hook: Callable[[type, Any], Any] | None = None) -> T:
    """One whole file as `kind`."""
    document = read(text, file)
    return convert(document, (), document.data, kind, dec_hook)
