"""The scenarios, firmware profiles and seasons that travel with pilesim, as files.

Owns where they lie: inside the installed package, or at the top of a checkout. Must not know what they mean.
"""

from __future__ import annotations

from pathlib import Path

from pilesim.errors import InternalError

_PACKAGE = Path(__file__).parent


def scenario_folder() -> Path:
    """The folder of the scenarios, one subfolder a subject."""
    return _folder("scenarios")


def firmware_folder() -> Path:
    """The folder of the firmware profiles, one file each."""
    return _folder("firmware_fixtures")


def season_folder() -> Path:
    """The folder of the seasons, one file each: they lie beside the firmware that they are about."""
    return firmware_folder() / "seasons"


def season_names() -> list[str]:
    """Every season that can be named."""
    return sorted(path.stem for path in season_folder().glob("*.yaml"))


def _folder(name: str) -> Path:
    for folder in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise InternalError(f"{name} is neither in the installed package nor beside it")


def firmware_names() -> list[str]:
    """Every profile that can be named, the reference first."""
    names = sorted(path.stem for path in firmware_folder().glob("*.yaml"))
    return sorted(names, key=lambda name: name != "reference")
