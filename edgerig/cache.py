"""Where edgerig keeps what is expensive to make and safe to lose."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """`$EDGERIG_CACHE`, else the user's cache folder for edgerig."""
    override = os.environ.get("EDGERIG_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("edgerig"))


def sync(path: Path) -> None:
    """Brings a file's or folder's contents to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
