"""Packages that offer something, laid on the path as an installer lays them: their metadata, and their modules."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pilesim.contract import contracts
from pilesim.wire import offered

HERE = Path(__file__).parent


def forget() -> None:
    """What was found before is looked for anew."""
    for remembered in (offered._points, offered._protocol, contracts._contract):
        remembered.cache_clear()


def offer(folder: Path, name: str, points: dict[str, dict[str, str]]) -> None:
    """The metadata of an installed package called `name`, with its entry points by group."""
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in each.items()) for group, each in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


def install_tiny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package beside this module, with the entry points of its own pyproject.toml."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    offer(folder, project["name"], project["entry-points"])
    monkeypatch.syspath_prepend(str(HERE))
    look_in(folder, monkeypatch)


def look_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    forget()
