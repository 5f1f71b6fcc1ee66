"""A run's journal: a line a cell, appended and synced the moment its outcome is known."""

from __future__ import annotations

import contextlib
import json
import os
from io import FileIO
from pathlib import Path

import psutil

from edgerig.errors import NotKept
from edgerig.sweep.disk import GONE, GONE_HINT, writing
from edgerig.sweep.outcome import Outcome


class Journal:
    def __init__(self, file: FileIO, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._end_torn_line()

    def write(self, outcome: Outcome) -> None:
        """Appends the outcome; on return it is on disk, under the run's name. Raises NotKept when the disk refuses it
        or the run's folder is not there any more."""
        line = json.dumps(outcome.model_dump(mode="json"), separators=(",", ":")).encode() + b"\n"
        self._check_named()
        with writing(self._folder):
            while line:  # a disk that is nearly full takes a part first
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())

    def _check_named(self) -> None:
        """An open file outlives its name (unlink(2)): what is written to it then is lost with this process."""
        ours = os.fstat(self._file.fileno())
        with contextlib.suppress(OSError):
            if os.path.samestat(ours, os.stat(self._folder / "journal.jsonl")):
                return
        hint = GONE_HINT
        if ours.st_nlink:
            now = _place_of(self._file.fileno())
            hint = f"it is at {now} now; go on with: edgerig sweep --resume {now}" if now else GONE_HINT
        raise NotKept(f"{self._folder}: {GONE}", hint=hint)

    def _end_torn_line(self) -> None:
        """Drops the line a kill cut short, so that the next one starts on its own."""
        self._file.seek(0)
        whole = self._file.readall()
        self._file.truncate(whole.rfind(b"\n") + 1)


def _place_of(descriptor: int) -> Path | None:
    """The folder that an open file of ours is in now, as far as the system tells."""
    with contextlib.suppress(psutil.Error, OSError):
        return next((Path(file.path).parent for file in psutil.Process().open_files() if file.fd == descriptor), None)
    return None
