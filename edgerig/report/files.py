"""A report's file: the old one or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path

from edgerig.confined import Confined
from edgerig.errors import ResultsError


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
