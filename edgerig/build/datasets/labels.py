"""Labels that are no plain class or value per sample: of any shape, of samples' own lengths, texts, and of several
outputs. They are read whole, apart from the samples they belong to.

In an npz, `labels` has them along its first axis. Where their lengths differ, `labels` has all one after another and
`labels_lengths` (N,) how many each sample has; texts are an array of texts. Labels of an output are `labels_<output>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.errors import DatasetError
from edgerig.measure.labels import ONLY, stems
from edgerig.measure.metrics import Given
from edgerig.measure.ragged import Ragged, encoded, ragged
from edgerig.npy import write
from edgerig.spec import Labels

BATCHED: tuple[Labels, ...] = ("class", "values", "inputs")
"""Kinds that, where they are the model's only labels, go with the samples, batch by batch."""
LENGTHS = "_lengths"


@dataclass(frozen=True)
class LabelSet:
    """`name` is "" or that of the output the labels are of, `output` that output's shape at batch 1, `classes` how many
    classes a label can name; None where that is not known, as of what a postprocess function makes."""

    name: str
    kind: Labels
    output: tuple[int, ...] | None
    classes: int | None

    @property
    def array(self) -> str:
        """What the labels are called in an npz."""
        return f"labels_{self.name}" if self.name != ONLY else "labels"


def from_arrays(
    sets: Iterable[LabelSet], names: Iterable[str], array: Callable[[str], Any], where: str
) -> dict[str, Given]:
    """The sets among arrays called `names`, each brought by `array`. Raises DatasetError."""
    found: dict[str, Given] = {}
    for one in sets:
        if one.kind == "inputs":
            continue
        if one.array not in names:
            raise DatasetError(
                f'{where}: has no array "{one.array}" (it holds: {", ".join(names) or "nothing"})',
                hint="labels of an output are called labels_<output>, a model's only ones labels",
            )
        lengths = one.array + LENGTHS
        found[one.name] = samples_of(
            array(one.array), array(lengths) if lengths in names else None, f'{where}: array "{one.array}"'
        )
    return found


def from_files(said: Sequence[str], sets: Sequence[LabelSet], folder: Path) -> dict[str, Given]:
    """Labels that a table says of files in `folder`: a text itself, else the name of the .npy file there that has the
    sample's, or of a picture whose pixels are classes. Raises DatasetError."""
    if not sets:
        return {}
    (one,) = sets
    if one.kind == "text":
        return {one.name: list(said)}
    return {one.name: samples_of([_file(folder, name, one.kind) for name in said], None, str(folder))}


def _file(folder: Path, name: str, kind: Labels) -> npt.NDArray[Any]:
    path = folder / name
    hint = "a label is the path of a .npy file, or of classes a picture, relative to that folder"
    if not name or not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f'{folder}: no file "{name}" with labels', hint=hint)
    try:
        if path.suffix == ".npy":
            found: npt.NDArray[Any] = np.load(path, allow_pickle=False)
            return found
        if kind == "classes":
            from PIL import Image

            with Image.open(path) as picture:
                return np.asarray(picture)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}"[:300], hint=hint) from error
    raise DatasetError(f"{path}: no .npy file", hint=hint)


def samples_of(values: Any, lengths: Any, what: str) -> Given:
    """Samples as an npz or a factory gives them: an array, an array and each one's length, or a list. Raises
    DatasetError."""
    try:
        if lengths is not None:
            return Ragged(np.asarray(values), np.asarray(lengths))
        if isinstance(values, np.ndarray):
            return [str(text) for text in values] if values.dtype.kind == "U" and values.ndim == 1 else values
        if all(isinstance(one, str) for one in values):
            return list(values)
        samples = [np.asarray(one) for one in values]
        return np.stack(samples) if len({one.shape for one in samples}) == 1 else ragged(samples)
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"{what}: {error}"[:300],
            hint="samples of different lengths are one array with all of them, and NAME_lengths with each one's",
        ) from error


def write_labels(labels: Mapping[str, Given], sets: Sequence[LabelSet], count: int, folder: Path, where: str) -> int:
    """Checks the labels of `count` samples and writes each set's files; gives their bytes. Raises DatasetError."""
    files = stems({one.name: one.kind for one in sets})
    taken = 0
    for one in sets:
        if one.name not in labels:
            continue
        found = _checked(labels[one.name], one, f"{where}: {one.array}")
        if len(found) != count:
            raise DatasetError(f"{where}: {one.array} has {len(found)} samples, there are {count}", hint="one each")
        stem = files[one.name]
        values = found.values if isinstance(found, Ragged) else found
        write(folder / f"{stem}.npy", values)
        taken += values.nbytes
        if isinstance(found, Ragged):
            write(folder / f"{stem}{LENGTHS}.npy", found.lengths.astype(np.int64))
    return taken


def _checked(given: Given, one: LabelSet, what: str) -> npt.NDArray[Any] | Ragged:
    """As they are kept: texts as bytes, classes as int64, reals as float32."""
    if one.kind == "text":
        if isinstance(given, np.ndarray | Ragged):
            raise _wrong(what, given, "texts are needed", 'an array of texts, numpy.array(["…", "…"])')
        return encoded(given)
    if not isinstance(given, np.ndarray | Ragged):
        raise DatasetError(f"{what}: texts", hint='labels = "text" takes them')
    values = given.values if isinstance(given, Ragged) else given
    if values.dtype.kind not in "fiub":
        raise _wrong(what, given, "numbers are needed", "store them as numbers")
    if one.kind in ("class", "classes"):
        _check_classes(given, values, one, what)
        return _as(given, np.int64)
    if not np.isfinite(values).all():
        raise DatasetError(f"{what}: NaN or infinite values", hint="drop or correct those samples")
    if one.kind == "boxes":
        if values.ndim != (2 if isinstance(given, Ragged) else 3) or values.shape[-1] not in (5, 6):
            raise _wrong(what, given, "boxes are needed", "x1, y1, x2, y2, class and, if known, 1 for a crowd, a row")
        return _as(given, np.float32)
    if one.kind == "values" and one.output is not None:
        if isinstance(given, Ragged) or values[:1].size != int(np.prod(one.output)):
            raise _wrong(what, given, f"values of the output's shape {one.output} are needed", 'or labels = "any"')
        return values.astype(np.float32)
    return given


def _check_classes(given: npt.NDArray[Any] | Ragged, values: npt.NDArray[Any], one: LabelSet, what: str) -> None:
    if values.dtype.kind not in "iub" or (one.kind == "class" and (isinstance(given, Ragged) or values.ndim != 1)):
        raise _wrong(what, given, "whole numbers are needed", "class: one per sample; classes: of any shape")
    if one.kind == "class" and one.classes is not None and len(values):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= one.classes:
            raise DatasetError(
                f"{what} run from {low} to {high}, the model has {one.classes} classes",
                hint=f"labels must lie in 0…{one.classes - 1}",
            )


def _as(given: npt.NDArray[Any] | Ragged, dtype: npt.DTypeLike) -> npt.NDArray[Any] | Ragged:
    return Ragged(given.values.astype(dtype), given.lengths) if isinstance(given, Ragged) else given.astype(dtype)


def _wrong(what: str, given: npt.NDArray[Any] | Ragged, needed: str, hint: str) -> DatasetError:
    values = given.values if isinstance(given, Ragged) else given
    return DatasetError(f"{what}: shape {values.shape} and dtype {values.dtype}, {needed}", hint=hint)
