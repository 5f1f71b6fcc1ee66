"""A file under its own name with the suffix in small letters, for libraries that know it by that alone (`NET.H5`)."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def with_small_suffix(path: Path) -> Iterator[Path]:
    """The path itself where its suffix is in small letters, else a link to it while this lasts."""
    small = path.with_suffix(path.suffix.lower()).name
    if small == path.name:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="edgerig-named-") as folder:
        link = Path(folder) / small
        link.symlink_to(path.absolute())
        yield link
