"""Folders of files: which files, in which order, with which labels, and which of them calibration takes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgerig.build.datasets.dataset import DEFAULT_CALIBRATION, Array, Batch, Dataset, Fits, Split
from edgerig.build.datasets.labels import from_files
from edgerig.build.store import file_digest
from edgerig.errors import DatasetError
from edgerig.npy import samples_a_piece
from edgerig.spec import DatasetSpec, FilesSpec

LABELS_FILE = "labels.csv"
Label = int | str | tuple[float, ...] | None


@dataclass(frozen=True)
class Sample:
    """A file and its label: a class index, target values, what a table says of labels that are read apart, or None
    where labels are not used."""

    path: Path
    label: Label


def open_folder(
    spec: DatasetSpec,
    files: FilesSpec,
    model_folder: Path,
    fits: Fits,
    suffixes: tuple[str, ...],
    read: Callable[[Path], npt.NDArray[np.float32]],
) -> Dataset:
    """The files as a dataset; `read` decodes one to the shape of the model's input, without the batch axis.

    Raises DatasetError for an empty or missing folder, a file of another type, labels that do not fit the model, or a
    file that is both evaluated and calibrated on.
    """
    folder = model_folder / files.folder
    samples = _listed(spec, folder, files.labels_file and model_folder / files.labels_file, fits, suffixes)
    aside: list[Sample] | None = None
    if files.calibration_list is not None:
        samples, aside = _set_aside(samples, model_folder / files.calibration_list, folder)
    elif files.calibration_folder is not None:
        aside = _listed(spec, model_folder / files.calibration_folder, None, fits, suffixes)
    calibration = None
    if aside is not None:
        limit = spec.calibration or (DEFAULT_CALIBRATION if files.calibration_list is None else len(aside))
        chosen = _spread(aside, limit)
        _refuse_overlap(samples, chosen)
        calibration = Split(len(chosen), lambda: _batches(chosen, fits, read))
    evaluation = Split(len(samples), lambda: _batches(samples, fits, read))
    labels = from_files([str(sample.label or "") for sample in samples], fits.apart, folder)
    return Dataset(str(folder), f"{spec.kind} in {folder.name}", evaluation, calibration, labels=labels)


def _batches(samples: list[Sample], fits: Fits, read: Callable[[Path], npt.NDArray[np.float32]]) -> Iterator[Batch]:
    step = samples_a_piece(fits.inputs[0].shape)
    for start in range(0, len(samples), step):
        piece = samples[start : start + step]
        labels: Array | None = None
        if piece[0].label is not None and not fits.apart:
            labels = np.array([sample.label for sample in piece])
        arrays = np.stack([read(sample.path) for sample in piece])
        yield Batch([arrays], labels, lambda index, piece=piece: str(piece[index].path))  # type: ignore[misc]


def _listed(
    spec: DatasetSpec, folder: Path, labels_file: Path | None, fits: Fits, suffixes: tuple[str, ...]
) -> list[Sample]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder", hint="paths of a dataset are relative to the model's folder")
    labels_file = labels_file or (folder / LABELS_FILE if (folder / LABELS_FILE).is_file() else None)
    if labels_file is not None:
        samples = _from_csv(spec, folder, labels_file, fits)
    elif fits.apart:
        kind = fits.apart[0].kind
        raise DatasetError(f"{folder}: has no {LABELS_FILE}", hint=f'labels = "{kind}" are read from a CSV')
    elif fits.labels == "inputs":
        samples = [Sample(path, None) for path in _files(folder, suffixes)]
    elif fits.labels == "values":
        raise DatasetError(f"{folder}: has no {LABELS_FILE}", hint='labels = "values" are read from a CSV')
    else:
        samples = _from_subfolders(spec, folder, fits, suffixes)
    if not samples:
        raise DatasetError(
            f"{folder}: there is no {spec.kind} file in it",
            hint=f"files end in {', '.join(suffixes)} and lie in a subfolder a class",
        )
    return samples


def _from_subfolders(spec: DatasetSpec, folder: Path, fits: Fits, suffixes: tuple[str, ...]) -> list[Sample]:
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    loose = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    if loose and not found:
        raise DatasetError(
            f"{folder}: files such as {min(loose).name} lie in no class's subfolder",
            hint=f"make a subfolder a class, or list them in {LABELS_FILE} with the columns file,label",
        )
    if not found:
        return []
    classes = _classes(spec, found, fits, folder)
    return [
        Sample(path, classes.index(name))
        for name in sorted(found, key=classes.index)
        for path in _files(folder / name, suffixes)
    ]


def _classes(spec: DatasetSpec, found: list[str], fits: Fits, where: Path) -> list[str]:
    """The classes' names by index: those the dataset names, else what was found, sorted. They must be the model's."""
    classes = list(spec.classes) or found
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise DatasetError(
            f'{where}: class "{unknown[0]}" is not among dataset.classes ({", ".join(classes)})',
            hint="name every class there, in the order of the model's scores",
        )
    if fits.classes is not None and len(classes) != fits.classes:
        said = "dataset.classes names" if spec.classes else "there are"
        raise DatasetError(
            f"{where}: {said} {len(classes)} classes ({', '.join(classes[:5])}{', …' if len(classes) > 5 else ''}), "
            f"the model's output has {fits.classes} scores",
            hint="name all the model's classes in dataset.classes, in the order of its scores",
        )
    return classes


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files in `folder`, by name; hidden ones are not seen, one of another type is refused."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    for path in files:
        if path.suffix.lower() not in suffixes:
            raise DatasetError(
                f"{path}: it does not end in {', '.join(suffixes)}", hint="move it out of the dataset's folder"
            )
    return files


def _from_csv(spec: DatasetSpec, folder: Path, path: Path, fits: Fits) -> list[Sample]:
    """The samples in the order of the CSV's rows."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [name for name in reader.fieldnames or [] if name != "file"]
            if "file" not in (reader.fieldnames or []) or not (columns or (fits.labels == "inputs" and not fits.apart)):
                raise DatasetError(
                    f"{path}: its columns are {', '.join(reader.fieldnames or []) or 'none'}",
                    hint='give the column "file" and a column "label" (several columns where labels are values)',
                )
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}", hint="a UTF-8 CSV with a header is needed") from error
    files = [_inside(folder, row["file"] or "", path, line) for line, row in rows]
    if fits.apart:
        column = "label" if "label" in columns else columns[0]
        return [Sample(file, row[column] or "") for file, (_, row) in zip(files, rows, strict=True)]
    if fits.labels == "inputs":
        return [Sample(file, None) for file in files]
    if fits.labels == "values":
        values = [_numbers([row[name] for name in columns], path, line) for line, row in rows]
        return [Sample(file, value) for file, value in zip(files, values, strict=True)]
    column = "label" if "label" in columns else columns[0]
    said = [row[column] or "" for _, row in rows]
    if not spec.classes and all(label.isdecimal() for label in said):
        return [Sample(file, int(label)) for file, label in zip(files, said, strict=True)]
    classes = _classes(spec, sorted(set(said)), fits, path)
    return [Sample(file, classes.index(label)) for file, label in zip(files, said, strict=True)]


def _inside(folder: Path, name: str, listing: Path, line: int) -> Path:
    path = folder / name
    if not name or not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(
            f'{listing}, line {line}: no file "{name}" in {folder}', hint="paths in it are relative to that folder"
        )
    return path


def _numbers(texts: list[str | None], path: Path, line: int) -> tuple[float, ...]:
    try:
        return tuple(float(text or "") for text in texts)
    except ValueError as error:
        raise DatasetError(
            f"{path}, line {line}: not a number: {error}", hint="give a number in each column"
        ) from error


def _set_aside(samples: list[Sample], listing: Path, folder: Path) -> tuple[list[Sample], list[Sample]]:
    """`samples` without those named in `listing`, and those."""
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{listing}: cannot be read: {error}", hint="one file's path a line") from error
    named = {_inside(folder, line.strip(), listing, at) for at, line in enumerate(lines, start=1) if line.strip()}
    aside = [sample for sample in samples if sample.path in named]
    rest = [sample for sample in samples if sample.path not in named]
    if not aside or not rest:
        which = "nothing to calibrate on" if not aside else "nothing to evaluate"
        raise DatasetError(f"{listing}: it leaves {which}", hint="name some of the dataset's files, not all")
    return rest, aside


def _spread(samples: list[Sample], limit: int) -> list[Sample]:
    """`limit` of the samples at even distances, so that every class and recording session has its share."""
    if limit >= len(samples):
        return samples
    return [samples[index] for index in np.linspace(0, len(samples) - 1, limit).round().astype(int)]


def _refuse_overlap(evaluated: list[Sample], calibrated: list[Sample]) -> None:
    """Raises DatasetError when a file's content is in both. Only files of equal size are read."""
    by_size: dict[int, list[Path]] = {}
    for sample in evaluated:
        by_size.setdefault(sample.path.stat().st_size, []).append(sample.path)
    for sample in calibrated:
        same = by_size.get(sample.path.stat().st_size)
        if same is None:
            continue
        digest = file_digest(sample.path)
        for path in same:
            if file_digest(path) == digest:
                raise DatasetError(
                    f"{sample.path} is calibrated on and, as {path}, evaluated: the accuracy would be too good",
                    hint="take calibration from the training split",
                )
