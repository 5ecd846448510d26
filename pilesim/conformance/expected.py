"""Failures that are known: a file of scenario, rule and reason, so that a run is green until something else breaks.

Owns the file's form. What is expected to fail and passes turns the run red: then the file is out of date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from pilesim import strictyaml

Expected = Mapping[str, Mapping[str, str]]
"""The reason, by scenario and rule."""


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scenario: str
    rule: str
    reason: str


def load_expected(text: str, file: str, scenarios: Collection[str] | None, rules: Collection[str]) -> Expected:
    """The expected failures in `text`; FileError names the line of a scenario or rule that there is not.

    `scenarios` None: it is not known which there are.
    """
    document = strictyaml.read(text, file)
    rows = strictyaml.convert(document, (), document.data, list[_Row])
    expected: dict[str, dict[str, str]] = {}
    for index, row in enumerate(rows):
        for name, known in (("scenario", scenarios), ("rule", rules)):
            if known is not None and getattr(row, name) not in known:
                found = getattr(row, name)
                raise document.error((index, name), f"expected the id of a {name}, found {found!r}")
        if row.rule in expected.get(row.scenario, {}):
            raise document.error((index,), f"expected each rule of a scenario once, found {row.rule} again")
        expected.setdefault(row.scenario, {})[row.rule] = row.reason
    return expected
