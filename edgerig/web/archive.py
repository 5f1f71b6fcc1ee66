"""A model of several files in one archive, as `tfjs` keeps it: `model.json` and the shards of weights it names."""

from __future__ import annotations

import zipfile
from pathlib import Path

SUFFIX = ".zip"
MAIN = "model.json"
LARGEST = 2**32
"""Bytes of all files together."""


def unpack(path: Path, into: Path) -> list[str]:
    """Writes its files below `into`, made when needed, and gives their names but for MAIN. Raises ValueError for one
    that is no such archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            names = [each.filename for each in listed]
            if MAIN not in names or any(Path(name).name != name or name in ("", "..") for name in names):
                raise ValueError(f"{path.name}: no {MAIN} with its weights beside it")
            if sum(each.file_size for each in listed) > LARGEST:
                raise ValueError(f"{path.name}: more than {LARGEST:,} bytes")
            into.mkdir(parents=True, exist_ok=True)
            for name in names:
                (into / name).write_bytes(archive.read(name))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no archive: {error}") from error
    return [name for name in names if name != MAIN]
