"""A run's folder on disk, and its journal.

<run-id>/run.json        what was asked for and where it ran (written first, never changed)
         journal.jsonl   one line per cell, appended and synced the moment its outcome is known
         data/<model>/   labels and reference outputs, so that every figure can be recomputed
         raw/<cell>/     the raw runs
         artifacts/      the built files, named by variant: what there is to ship
         logs/           what builds printed
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator

from edgerig.build.request import Prepared
from edgerig.build.store import Store
from edgerig.confined import Confined
from edgerig.errors import ConfigError, ResultsError
from edgerig.measure.labels import read_labels
from edgerig.measure.metrics import Given
from edgerig.npy import map_all_untrusted, map_untrusted, stems
from edgerig.plan import Cell, Plan
from edgerig.results import (
    SCHEMA_MINOR,
    SCHEMA_VERSION,
    Artifact,
    Environment,
    RunInfo,
)
from edgerig.results.schema import newer_major, newer_minor, recorded, table
from edgerig.spec import ModelSpec, Strict
from edgerig.spec.shapes import SHAPED_NAME
from edgerig.spec.toml import NAME, shown
from edgerig.sweep.disk import copy_whole, writing
from edgerig.sweep.journal import Journal
from edgerig.sweep.order import seed_of
from edgerig.sweep.outcome import Outcome

FILE_LIMIT_BYTES = 256 * 2**20
"""Of run.json and the journal: as of results.json, some 60,000 cells."""
PREPARED_LIMIT_BYTES = 16 * 2**20


class RunFile(Strict):
    """`run.json`. Its schema is that of the results its run is made into."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    schema_minor: int = Field(default=0, ge=0)
    run: RunInfo
    environment: Environment
    plan: Plan

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Names stand in paths, and what a cell names is planned."""
        for cell in self.plan.cells:
            for name, form in ((cell.model, SHAPED_NAME), (cell.recipe, NAME), (cell.device, NAME)):
                if not re.fullmatch(form, name):
                    raise ValueError(f"{shown(name)} is no name")
            if cell.model_id not in self.plan.models or cell.device not in self.plan.devices:
                raise ValueError(f"cell {shown(cell.id)} is of a model or device that is not in the plan")
        return self


class RunFolder:
    def __init__(self, path: Path, file: RunFile) -> None:
        self.path = path
        self.file = file

    @property
    def newer(self) -> bool:
        """Did a newer minor version begin it? Then what is unknown here is left out of what is read."""
        return newer_minor(self.file.schema_minor)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def folder(self) -> Confined:
        """For reading: whoever gave the folder, what is read lies in it."""
        return Confined(self.path)

    @classmethod
    def create(cls, plan: Plan, environment: Environment, command: list[str]) -> RunFolder:
        """Makes the folder `<out>/<run-id>`. Raises ConfigError when it cannot be written."""
        now = datetime.now(UTC)
        run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        info = RunInfo(
            id=run_id,
            started=now.isoformat(timespec="seconds"),
            seed=plan.sweep.seed,
            order_seed=seed_of(plan.sweep.order),
            command=tuple(command),
            spec=plan.sweep.model_dump(mode="json"),
        )
        path = plan.sweep.out / run_id
        file = RunFile(schema_minor=SCHEMA_MINOR, run=info, environment=environment, plan=plan)
        try:
            path.mkdir(parents=True)
            temporary = path / "run.json.tmp"
            temporary.write_text(file.model_dump_json(indent=1), encoding="utf-8")
            os.replace(temporary, path / "run.json")
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}", hint="give a writable folder with --out"
            ) from error
        return cls(path, file)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run's folder. Raises ResultsError when it is none."""
        try:
            text = (Confined(path) / "run.json").read_bytes(FILE_LIMIT_BYTES)
        except OSError as error:
            raise ResultsError(
                f"{path}: not a run's folder: run.json: {error.strerror or error}",
                hint="give the folder a sweep printed, such as reports/<run-id>",
            ) from error
        try:
            run = cls(path, recorded(RunFile, text))
        except ValidationError as error:
            _check_major(path, table(text).get("schema_version"))
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ResultsError(
                f"{path / 'run.json'}: key {where!r}: {first['msg']}",
                hint="was it written by another version of edgerig, or with a package that is not installed here?",
            ) from error
        _check_major(path, run.file.schema_version)
        return run

    @classmethod
    def open_to_write(cls, path: Path) -> RunFolder:
        """An existing run's folder, to go on with. Raises ResultsError also when it holds what no sweep makes: a sweep
        writes below its folder by names, and a link there would lead it elsewhere."""
        run = cls.open(path)
        if run.newer:
            raise ResultsError(
                f"{path}: this run was begun by a newer edgerig ({run.file.environment.edgerig})",
                hint="go on with it by that version",
            )
        for above, folders, files in os.walk(path):
            for name in (*folders, *files):
                mode = os.lstat(os.path.join(above, name)).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise ResultsError(
                        f"{os.path.join(above, name)}: neither a file nor a folder",
                        hint="no sweep makes such a thing: remove it, and resume only runs of your own",
                    )
        return run

    def outcomes(self) -> dict[str, Outcome]:
        """Cell id → its outcome, in journal order. A last line cut short by a kill counts as not written."""
        return {outcome.cell: outcome for outcome in self.journaled() if not outcome.visit}

    def journaled(self) -> list[Outcome]:
        """Every line in order, those of reference cells too."""
        try:
            lines = (self.folder / "journal.jsonl").read_bytes(FILE_LIMIT_BYTES).split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ResultsError(
                f"{self.path / 'journal.jsonl'}: cannot be read: {error.strerror or error}",
                hint="is it what a sweep wrote? Without a journal, the run's cells count as never run",
            ) from error
        found: list[Outcome] = []
        for number, line in enumerate(lines[:-1], start=1):  # what follows the last newline was cut short
            try:
                outcome = recorded(Outcome, line, newer=self.newer)
            except ValidationError as error:
                raise ResultsError(
                    f"{self.path / 'journal.jsonl'}: line {number} is damaged",
                    hint="remove that line to repeat its cell on resuming",
                ) from error
            found.append(outcome)
        return found

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal, open for appending by this process alone. Raises ConfigError when another holds it, NotKept."""
        with writing(self.path):
            # Unbuffered: what a full disk refused would be written, and refused, once more on closing.
            file = (self.path / "journal.jsonl").open("a+b", buffering=0)
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"{self.path}: another sweep is writing to this run", hint="wait for it, or stop it first"
                ) from error
            yield Journal(file, self.path)

    def keep_data(self, model: ModelSpec, prepared: Prepared, store: Store) -> None:
        """Copies what measuring needs of the model's data out of the store."""
        folder = self.path / "data" / model.id
        data = store.find("data", prepared.data_key)
        reference = prepared.reference_key and store.find("reference", prepared.reference_key)
        wanted = sorted(data.glob("labels*.npy")) if data else []
        wanted += sorted(data.glob("input_lengths.npy")) if data else []
        wanted += stems(data, "input") if data and model.measured_on_inputs else []
        wanted += sorted(reference.glob("output_*.npy")) if reference else []
        with writing(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            for path in wanted:
                copy_whole(path, folder / path.name)
            (folder / "prepared.json").write_text(prepared.model_dump_json(), encoding="utf-8")

    def keep_artifact(self, cell: Cell, artifact: Artifact, store: Store, which: str = "") -> None:
        """Copies the cell's built file out of the store, as `artifacts/<model>-<source>-<format>-<recipe><suffix>`, or
        a variant of several files into a folder of that name without the suffix; `which` stands behind the recipe,
        where there is more than one variant of it."""
        folder = store.find("artifact", artifact.key)
        target = self.path / "artifacts" / f"{cell.model_id}-{cell.format}-{cell.recipe}{which}"
        names = [artifact.file, *(file.name for file in artifact.beside)]
        wanted = {name: target / name for name in names}
        if not artifact.beside:
            wanted = {artifact.file: target.with_name(f"{target.name}{Path(artifact.file).suffix}")}
        for name, place in wanted.items():
            if folder is not None and not place.exists():
                with writing(self.path):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    copy_whole(folder / name, place)

    def prepared(self, model: str) -> Prepared | None:
        """What is known of the model's data; None when it could not be prepared."""
        file = self.folder / f"data/{model}/prepared.json"
        try:
            return recorded(Prepared, file.read_bytes(PREPARED_LIMIT_BYTES), newer=self.newer)
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise _damaged(file, error) from error

    def labels(self, model: str) -> dict[str, Given]:
        """By the output they are of, "" for the only ones: classes int64 (N,), target values float32 (N, …), or what
        else `dataset.labels` says. Raises ResultsError, as the next two do."""
        folder = self.folder / f"data/{model}"
        try:
            return read_labels(folder, self.file.plan.models[model].dataset)
        except (OSError, ValueError) as error:
            raise _damaged(folder / "labels.npy", error) from error

    def lengths(self, model: str) -> list[int] | None:
        """How many steps each sample has, where samples are sequences."""
        file = self.folder / f"data/{model}/input_lengths.npy"
        try:
            return [int(length) for length in map_untrusted(file)] if file.is_there() else None
        except (OSError, ValueError) as error:
            raise _damaged(file, error) from error

    def inputs(self, model: str) -> list[npt.NDArray[Any]]:
        """The model's inputs, kept where a metric is taken against them; else []."""
        return self._arrays(model, "input")

    def reference(self, model: str) -> list[npt.NDArray[Any]] | None:
        return self._arrays(model, "output") or None

    def _arrays(self, model: str, stem: str) -> list[npt.NDArray[Any]]:
        folder = self.folder / f"data/{model}"
        try:
            return map_all_untrusted(folder, stem)
        except (OSError, ValueError) as error:
            raise _damaged(folder / f"{stem}_*.npy", error) from error


def _check_major(path: Path, version: object) -> None:
    if why := newer_major(version):
        raise ResultsError(f"{path / 'run.json'}: {why}", hint="update edgerig")


def _damaged(file: Confined, error: OSError | ValueError) -> ResultsError:
    said = (error.strerror if isinstance(error, OSError) else None) or error
    return ResultsError(f"{file}: cannot be read: {said}", hint="take the run's folder as the sweep left it")
