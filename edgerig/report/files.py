"""A report's file: the old one or the new one, never half of one."""

from __future__ import annotations

import shlex
from pathlib import Path

from edgerig.confined import Confined
from edgerig.errors import ConfigError, ResultsError


def replace_file(file: Path | Confined, content: bytes) -> Path:
    """Writes `file` (folders made if missing) in one step, durably, and returns where it is. A link that stands there
    is replaced, what it leads to is not written. Raises ResultsError."""
    try:
        return Confined.at(file).replace(content)
    except OSError as error:
        raise ResultsError(
            f"{file}: cannot be written: {error.strerror or error}",
            hint="give a folder you may write to, with free space",
        ) from error


def check_file(option: str, file: Path | None, such_as: str = "page.html") -> None:
    """For a file that is written when the work is done, before it is begun: raises ConfigError where it cannot be.

    The rule of every command that writes where it is told: what is named is made, the folder it stands in is not. One
    that is not there is more often a typing error than a wish.
    """
    if file is None:
        return
    _check_above(option, file)
    if file.is_dir():
        raise ConfigError(f"{option} {file} is a folder", hint=f"name the file to write, such as {file / such_as}")


def check_folder(option: str, folder: Path | None) -> None:
    """The same for a folder that is written into, and made where it is missing."""
    if folder is None:
        return
    _check_above(option, folder)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{option} {folder} is no folder", hint="name the folder to write into")


def _check_above(option: str, place: Path) -> None:
    if not place.parent.is_dir():
        raise ConfigError(
            f"{option} {place}: there is no folder {place.parent}", hint=f"mkdir -p {shlex.quote(str(place.parent))}"
        )
