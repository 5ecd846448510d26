"""Strict YAML into typed data, for scenarios, firmware profiles and rigs alike.

Owns `file:line: expected, found`. Must not know what the files mean. Scalars are read plainly: decimal integers,
decimals (as Decimal, so that money stays exact), true, false, null; everything else is text, so that
`5m41.6s`, `off` and dates mean what they look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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

_QUICK_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it: ten times as quick."""

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
    """Parse one YAML document; FileError on anything that is not plain, single and without repeated keys."""
    try:
        root = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise FileError(file, mark.line + 1 if mark else None, f"expected YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise FileError(file, None, f"expected YAML: {error}") from None
    if root is None:
        raise FileError(file, 1, "expected YAML, found an empty file")
    lines: dict[Path, int] = {}
    return Document(file, _plain(root, (), file, lines), lines)


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_QUICK_LOADER)
    except (yaml.YAMLError, UnicodeEncodeError):
        # The parser in C says only what it did not find: the other one is asked to say what is wrong.
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _plain(node: yaml.Node, path: Path, file: str, lines: dict[Path, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise FileError(file, line, "expected a word as key")
            if key.value in mapping:
                raise FileError(file, line, f"expected each key once, found {key.value!r} again")
            lines[(*path, key.value)] = line
            mapping[key.value] = _plain(value, (*path, key.value), file, lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), file, lines) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return node.value if node.style else scalar(node.value)


def scalar(text: str) -> Any:
    """A plain scalar: an int, a Decimal, true, false, null, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
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
