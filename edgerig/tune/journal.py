"""What a tuning has done so far, a line each, on disk before the next thing is begun: killed at any time, it goes on
with what is not there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from pydantic import Field, ValidationError

from edgerig.errors import ConfigError, NotKept, ResultsError
from edgerig.spec import Strict
from edgerig.tune.space import Candidate
from edgerig.tune.trial import Trial

FILE = "journal.jsonl"


class Looked(Strict):
    """A format's variant was looked into, layer by layer: how many layers there are, and what to try because of it."""

    format: str
    layers: int = Field(ge=0)
    candidates: tuple[Candidate, ...] = ()
    seconds: float = 0.0
    why: str = ""
    """Why there is nothing to try."""


class Rung(Strict):
    """A rung that is a sweep has ended; `run` is its folder, relative to the tuning's."""

    name: str
    run: str
    cells: int
    seconds: float


class Entry(Strict):
    """A line: exactly one is set."""

    trial: Trial | None = None
    looked: Looked | None = None
    rung: Rung | None = None


class Journal:
    """`entries` are in the order they were written."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path
        file.seek(0)
        whole = file.readall()
        end = whole.rfind(b"\n") + 1
        file.truncate(end)  # what a kill cut short is no line
        self.entries: list[Entry] = []
        for number, line in enumerate(whole[:end].splitlines(), start=1):
            try:
                self.entries.append(Entry.model_validate_json(line))
            except ValidationError as error:
                raise ResultsError(
                    f"{path}: line {number} is damaged", hint="remove that line to repeat what it was about"
                ) from error

    def write(self, entry: Entry) -> None:
        """On return it is on disk. Raises NotKept."""
        line = entry.model_dump_json(exclude_none=True).encode() + b"\n"
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise NotKept(f"{self._path}: {error.strerror}", hint="make space, then give the same command") from error
        self.entries.append(entry)

    @property
    def trials(self) -> dict[str, Trial]:
        return {each.trial.name: each.trial for each in self.entries if each.trial is not None}

    @property
    def looked(self) -> dict[str, Looked]:
        return {each.looked.format: each.looked for each in self.entries if each.looked is not None}

    @property
    def rungs(self) -> dict[str, Rung]:
        return {each.rung.name: each.rung for each in self.entries if each.rung is not None}

    @property
    def seconds(self) -> float:
        """Of all that was done, of every process that did it."""
        done = (each.trial or each.looked or each.rung for each in self.entries)
        return sum(each.seconds for each in done if each is not None)


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    """Of the tuning in `folder`, held by this process alone. Raises ConfigError, ResultsError, NotKept."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="give a writable folder: --out"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder}: another process is tuning here", hint="wait for it, or end it") from error
        yield Journal(file, path)
