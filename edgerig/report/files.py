"""A report's file: the old one or the new one, never half of one."""

from __future__ import annotations

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


def check_folder(option: str, file: Path | None) -> None:
    """For a file that is written when the work is done, before it is begun: raises ConfigError where the folder it is
    to stand in is not there, which is more often a typing error than a wish, or where a folder stands in its place."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise ConfigError(f"{option} {file}: there is no folder {file.parent}", hint=f"mkdir -p {file.parent}")
    if file.is_dir():
        raise ConfigError(f"{option} {file} is a folder", hint=f"name the file to write, such as {file / 'page.html'}")
