"""CSV and Parquet tables, read a batch of rows at a time by Arrow."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from edgerig.build.datasets.dataset import DEFAULT_CALIBRATION, Array, Batch, Dataset, Fits, Split
from edgerig.errors import DatasetError
from edgerig.npy import samples_a_piece
from edgerig.spec import DatasetSpec, TableSpec


def open_table(spec: DatasetSpec, folder: Path, fits: Fits) -> Dataset:
    """The table's rows as samples of the model's one input. Raises DatasetError."""
    if spec.table is None:
        raise ValueError("the dataset is none of a table")
    path = folder / spec.table.file
    evaluation = _Table(path, spec, spec.table, fits)
    if spec.table.calibration_file is None:
        return Dataset(str(path), path.name, evaluation.split(None), None)
    calibration = _Table(folder / spec.table.calibration_file, spec, spec.table, fits)
    limit = spec.calibration or DEFAULT_CALIBRATION
    _refuse_overlap(evaluation, calibration, limit)
    return Dataset(str(path), path.name, evaluation.split(None), calibration.split(limit))


class _Table:
    """A table's file with its columns checked."""

    def __init__(self, path: Path, spec: DatasetSpec, table: TableSpec, fits: Fits) -> None:
        self.path = path
        self._spec, self._table, self._fits = spec, table, fits
        columns = _columns(path)
        for name in (*table.label, *table.features):
            if name not in columns:
                raise DatasetError(
                    f'{path}: has no column "{name}" (it has: {", ".join(columns)})', hint="correct [dataset.table]"
                )
        self.features = table.features or tuple(name for name in columns if name not in table.label)
        shape = fits.inputs[0].sample
        if len(fits.inputs) != 1 or len(self.features) != math.prod(shape):
            raise DatasetError(
                f"{path}: {len(self.features)} feature columns, the model's input is "
                f"{[list(tensor.shape) for tensor in fits.inputs]}",
                hint='name them in order in "features": as many as the input has numbers',
            )
        for key, numbers in (("mean", table.mean), ("std", table.std)):
            if len(numbers) not in (1, len(self.features)):
                raise DatasetError(
                    f"dataset.table.{key} has {len(numbers)} numbers for {len(self.features)} features",
                    hint="give one number, or one a feature",
                )

    def split(self, limit: int | None) -> Split:
        return Split(None, lambda: self._batches(limit))

    def _batches(self, limit: int | None) -> Iterator[Batch]:
        seen = 0
        names = [*self.features, *self._table.label]
        for rows in _record_batches(self.path, names, self._types(), samples_a_piece((0, len(names)))):
            if limit is not None:
                rows = rows.slice(0, limit - seen)
            if rows.num_rows == 0:
                continue
            yield self._batch(rows, seen)
            seen += rows.num_rows

    def _types(self) -> dict[str, pa.DataType]:
        label = pa.string() if self._spec.labels == "class" else pa.float64()
        return dict.fromkeys(self.features, pa.float64()) | dict.fromkeys(self._table.label, label)

    def _batch(self, rows: pa.RecordBatch, start: int) -> Batch:
        values = np.column_stack([_column(rows, name, self.path) for name in self.features])
        values = (values * self._table.scale - np.array(self._table.mean)) / np.array(self._table.std)
        labels: Array | None = None
        if self._spec.labels == "values":
            labels = np.column_stack([_column(rows, name, self.path) for name in self._table.label])
        elif self._spec.labels == "class":
            labels = self._classes(rows, start)
        shape = self._fits.inputs[0].sample
        return Batch([values.reshape(len(values), *shape)], labels, lambda index: f"row {start + index + 1}")

    def _classes(self, rows: pa.RecordBatch, start: int) -> Array:
        """Class indices: a class's name, or its number where the dataset names no classes."""
        known = {name: index for index, name in enumerate(self._spec.classes)}
        found = np.empty(rows.num_rows, np.int64)
        for index, value in enumerate(rows.column(self._table.label[0]).to_pylist()):
            text = str(value)
            if not (known or text.removeprefix("-").isdecimal()) or (known and text not in known):
                said = f"is not among dataset.classes ({', '.join(known)})" if known else "is not a class's number"
                raise DatasetError(
                    f'{self.path}: row {start + index + 1}: label "{text}" {said}',
                    hint="name every class in dataset.classes, in the order of the model's scores",
                )
            found[index] = known[text] if known else int(text)
        return found


def _columns(path: Path) -> list[str]:
    try:
        if path.suffix == ".parquet":
            return list(pa.parquet.ParquetFile(path).schema_arrow.names)
        with pa.csv.open_csv(path) as reader:
            return list(reader.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path}: cannot be read: {error}", hint="a UTF-8 CSV with a header, or Parquet, is needed"
        ) from error


def _record_batches(path: Path, names: list[str], types: dict[str, pa.DataType], rows: int) -> Iterator[pa.RecordBatch]:
    try:
        if path.suffix == ".parquet":
            yield from pa.parquet.ParquetFile(path).iter_batches(batch_size=rows, columns=names)
            return
        options = pa.csv.ConvertOptions(column_types=types, include_columns=names)
        with pa.csv.open_csv(path, convert_options=options) as reader:
            yield from reader
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: cannot be read: {error}", hint="every feature is a number in every row") from error


def _column(rows: pa.RecordBatch, name: str, path: Path) -> Array:
    column = rows.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        raise DatasetError(
            f'{path}: column "{name}" is of {column.type}, numbers are needed',
            hint='leave it out by naming the "features", or encode it',
        )
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)  # a missing value becomes NaN


def _refuse_overlap(evaluation: _Table, calibration: _Table, limit: int) -> None:
    """Raises DatasetError when a row to be calibrated on is evaluated too."""
    chosen = dict(_hashed(calibration.split(limit)))
    for digest, row in _hashed(evaluation.split(None)):
        if digest in chosen:
            raise DatasetError(
                f"{calibration.path}, row {chosen[digest]}, is evaluated too ({evaluation.path}, row {row}): "
                "the accuracy would be too good",
                hint="take calibration from the training split, without the rows that are evaluated",
            )


def _hashed(split: Split) -> Iterator[tuple[bytes, int]]:
    """Each row's digest and number."""
    row = itertools.count(1)
    for batch in split.batches():
        for index in range(len(batch.inputs[0])):
            content: list[Any] = [batch.inputs[0][index].tobytes()]
            if batch.labels is not None:
                content.append(batch.labels[index].tobytes())
            yield hashlib.sha256(b"".join(content)).digest(), next(row)
