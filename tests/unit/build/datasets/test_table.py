"""CSV and Parquet tables: columns, labels, and what is refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from unit.build.datasets.opened import Laid, fits, lay

from edgerig.build.datasets.dataset import Fits
from edgerig.errors import ConfigError, DatasetError

WANTED = fits((1, 2), classes=3)
ROWS: dict[str, list[Any]] = {"a": [1.0, 2.0, 3.0], "b": [10, 20, 30], "kind": [0, 2, 1]}


def write(folder: Path, rows: Mapping[str, Sequence[Any]] = ROWS, name: str = "d.csv") -> str:
    table = pa.table(rows)
    if name.endswith(".parquet"):
        pq.write_table(table, folder / name)
    else:
        columns = zip(*rows.values(), strict=True)
        lines = [",".join(rows), *(",".join("" if v is None else str(v) for v in row) for row in columns)]
        (folder / name).write_text("\n".join(lines) + "\n")
    return name


def table(folder: Path, wanted: Fits = WANTED, dataset: dict[str, Any] | None = None, **keys: object) -> Laid:
    return lay({"table": {"file": "d.csv", "label": "kind", **keys}, **(dataset or {})}, folder, wanted)


@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_rows_are_samples(tmp_path: Path, name: str) -> None:
    write(tmp_path, name=name)
    data = table(tmp_path, file=name)
    assert data.inputs[0].tolist() == [[1, 10], [2, 20], [3, 30]]
    assert data.labels.tolist() == [0, 2, 1]


def test_features_are_chosen_ordered_and_normalized(tmp_path: Path) -> None:
    write(tmp_path, {"id": ["x", "y"], **{key: values[:2] for key, values in ROWS.items()}})
    data = table(tmp_path, features=["b", "a"], mean=[10, 0], std=[10, 2])
    assert data.inputs[0].tolist() == [[0, 0.5], [1, 1]]


@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_class_names_are_looked_up(tmp_path: Path, name: str) -> None:
    write(tmp_path, ROWS | {"kind": ["up", "down", "up"]}, name)
    named = {"classes": ["down", "up", "left"]}
    assert table(tmp_path, dataset=named, file=name).labels.tolist() == [1, 0, 1]
    with pytest.raises(DatasetError, match=r'row 2: label "down" is not among dataset\.classes'):
        table(tmp_path, dataset={"classes": ["up", "left", "right"]}, file=name)
    with pytest.raises(DatasetError, match='row 1: label "up" is not a class\'s number'):
        table(tmp_path, file=name)


def test_several_labels_are_values(tmp_path: Path) -> None:
    write(tmp_path)
    data = table(tmp_path, fits((1, 1), labels="values", output=(1, 2)), {"labels": "values"}, label=["b", "kind"])
    assert data.labels.tolist() == [[10, 0], [20, 2], [30, 1]]


@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_a_large_table_is_read_in_pieces(tmp_path: Path, name: str) -> None:
    count = 300_000
    rows = {"a": np.arange(count) % 97, "b": np.arange(count), "kind": np.arange(count) % 3}
    if name.endswith(".csv"):
        stacked = np.column_stack(list(rows.values()))
        np.savetxt(tmp_path / name, stacked, fmt="%d", delimiter=",", header="a,b,kind", comments="")
    else:
        pq.write_table(pa.table(rows), tmp_path / name)
    data = table(tmp_path, file=name)
    assert np.array_equal(data.inputs[0], np.column_stack([rows["a"], rows["b"]]))
    assert np.array_equal(data.labels, rows["kind"])


def test_calibration_is_another_file_without_the_evaluated_rows(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, {"a": [4.0, 5.0], "b": [1, 2], "kind": [0, 0]}, "train.csv")
    assert len(table(tmp_path, calibration_file="train.csv").calibration[0]) == 2
    write(tmp_path, {"a": [4.0, 2.0], "b": [1, 20], "kind": [0, 2]}, "train.csv")
    with pytest.raises(DatasetError, match=r"train\.csv, row 2, is evaluated too"):
        table(tmp_path, calibration_file="train.csv")


@pytest.mark.parametrize(
    ("rows", "said", "hint"),
    [
        ({"a": [1], "b": [2]}, 'has no column "kind" (it has: a, b)', "[dataset.table]"),
        (ROWS | {"c": [1, 2, 3]}, "3 feature columns, the model's input is [[1, 2]]", '"features"'),
        (ROWS | {"a": [1, None, 2]}, "NaN or infinite values, the first in row 2", "correct"),
        (ROWS | {"a": [1, "x", 2]}, "invalid value 'x'", "number"),
        (ROWS | {"kind": [0, 3, 1]}, "labels run from 0 to 3, the model has 3 classes", "0…2"),
        ({key: [] for key in ROWS}, "it is empty", "at least one"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    tmp_path: Path, rows: Mapping[str, Sequence[Any]], said: str, hint: str
) -> None:
    if any("x" in map(str, values) for values in rows.values()):
        (tmp_path / "d.csv").write_text("a,b,kind\n1,2,0\nx,2,0\n")
    else:
        write(tmp_path, rows)
    with pytest.raises(DatasetError) as caught:
        table(tmp_path)
    assert "d.csv" in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["d.csv", "d.parquet"])
def test_unreadable_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DatasetError, match="cannot be read"):
        table(tmp_path, file=name)
    with pytest.raises(ConfigError, match="must end in"):
        table(tmp_path, file="d.xlsx")
