"""Labels of any shape: how they are given, checked, kept and read again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerig.build.datasets.labels import LabelSet, from_arrays, from_files, write_labels
from edgerig.confined import Confined
from edgerig.errors import DatasetError
from edgerig.measure.labels import read_labels
from edgerig.measure.ragged import Ragged
from edgerig.spec import DatasetSpec

BOXES = [np.arange(10.0).reshape(2, 5), np.zeros((0, 5)), np.ones((1, 5))]


def one(kind: Any, name: str = "", classes: int | None = None) -> LabelSet:
    return LabelSet(name, kind, (1, 2), classes)


def kept(folder: Path, arrays: dict[str, Any], *sets: LabelSet, count: int = 3) -> dict[str, Any]:
    """What is read again of arrays as an npz or a factory gives them."""
    found = from_arrays(sets, list(arrays), arrays.__getitem__, "data")
    write_labels(found, sets, count, folder, "data")
    kinds = {each.name: each.kind for each in sets}
    spec = DatasetSpec.model_validate({"npz": "d.npz", "labels": kinds.get("", kinds)})
    return dict(read_labels(Confined.at(folder), spec))


def test_boxes_of_an_array_with_lengths_and_of_a_list_are_the_same(tmp_path: Path) -> None:
    flat = {"labels": np.concatenate(BOXES), "labels_lengths": np.array([2, 0, 1])}
    for arrays in (flat, {"labels": BOXES}):
        (found,) = kept(tmp_path, arrays, one("boxes")).values()
        assert isinstance(found, Ragged)
        assert [sample.tolist() for sample in found] == [sample.tolist() for sample in BOXES]
        assert found.values.dtype == np.float32


@pytest.mark.parametrize("given", [np.array(["one", "", "zwölf"]), ["one", "", "zwölf"]])
def test_texts(tmp_path: Path, given: Any) -> None:
    assert kept(tmp_path, {"labels": given}, one("text")) == {"": ["one", "", "zwölf"]}


def test_masks_keep_their_shape_and_become_whole_numbers(tmp_path: Path) -> None:
    (found,) = kept(tmp_path, {"labels": np.full((3, 4, 5), 7, np.uint8)}, one("classes")).values()
    assert (found.shape, found.dtype, int(found.max())) == ((3, 4, 5), np.int64, 7)


def test_each_output_has_its_own_in_the_order_of_the_model(tmp_path: Path) -> None:
    arrays = {"labels_age": np.ones((3, 2)), "labels_kind": np.array([0, 1, 2])}
    found = kept(tmp_path, arrays, one("class", "kind", 3), one("values", "age"))
    assert {name: values.tolist() for name, values in found.items()} == {"kind": [0, 1, 2], "age": [[1, 1]] * 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels_0.npy", "labels_1.npy"]


@pytest.mark.parametrize(
    ("arrays", "kind", "said"),
    [
        ({"label": np.zeros(3)}, "any", 'has no array "labels"'),
        ({"labels": np.zeros((2, 5)), "labels_lengths": np.array([1, 2, 3])}, "boxes", "add up to 6"),
        ({"labels": np.zeros((2, 5)), "labels_lengths": np.array([3, -1, 0])}, "boxes", "whole numbers"),
        ({"labels": [np.zeros((1, 5)), np.zeros((1, 4)), np.zeros((1, 5))]}, "boxes", "must match exactly"),
        ({"labels": np.zeros((3, 2, 4))}, "boxes", "boxes are needed"),
        ({"labels": np.zeros((3, 2))}, "classes", "whole numbers are needed"),
        ({"labels": np.zeros((3, 2), int)}, "class", "whole numbers are needed"),
        ({"labels": np.array([0, 1, 4])}, "class", "run from 0 to 4, the model has 3 classes"),
        ({"labels": np.zeros((3, 3))}, "values", "values of the output's shape"),
        ({"labels": np.array([[np.nan], [1], [2]])}, "any", "NaN"),
        ({"labels": np.array(["a", "b", "c"])}, "any", "texts"),
        ({"labels": np.zeros((3, 1))}, "text", "texts are needed"),
        ({"labels": np.zeros((4, 1))}, "any", "has 4 samples, there are 3"),
        ({"labels": np.array([{}, {}, {}], dtype=object)}, "any", "numbers are needed"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, arrays: dict[str, Any], kind: str, said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        kept(tmp_path, arrays, one(kind, classes=3))
    assert said in caught.value.message
    assert caught.value.hint


def test_a_table_names_files_below_its_folder(tmp_path: Path) -> None:
    for place, boxes in enumerate(BOXES):
        np.save(tmp_path / f"{place}.npy", boxes)
    (found,) = from_files(["0.npy", "1.npy", "2.npy"], [one("boxes")], tmp_path).values()
    assert [len(sample) for sample in found] == [2, 0, 1]
    assert from_files(["a", "b c"], [one("text")], tmp_path) == {"": ["a", "b c"]}
    np.save(tmp_path.parent / "outside.npy", BOXES[0])
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    for name in ("../outside.npy", "none.npy", "object.npy", ""):
        with pytest.raises(DatasetError):
            from_files([name], [one("boxes")], tmp_path)
