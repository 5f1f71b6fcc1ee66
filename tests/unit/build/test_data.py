"""Datasets are checked before anything is built on them."""

import numpy as np
import pytest

from edgerig.build.data import RANDOM_SAMPLES, load_arrays, read_data, write_data
from edgerig.errors import DatasetError
from edgerig.spec import DatasetSpec, ModelSpec

SHAPES = [(1, 3, 2)]


@pytest.fixture
def npz(tmp_path):
    """Saves arrays as an npz and gives a model that names it."""

    def save(**arrays):
        np.savez(tmp_path / "d.npz", **arrays)
        return model(tmp_path)

    return save


def model(folder):
    return ModelSpec(
        name="m",
        source="onnx",
        file=folder / "m.onnx",
        folder=folder,
        metric="top1",
        dataset=DatasetSpec(npz=folder / "d.npz"),
    )


def good(**change):
    return {"inputs": np.ones((4, 3, 2), np.float32), "labels": np.array([0, 1, 2, 1])} | change


def test_a_good_npz_is_read(npz, tmp_path):
    data = read_data(npz(**good(calibration=np.zeros((2, 3, 2)))), SHAPES, 3, 0)
    assert (data.inputs[0].dtype, data.labels.dtype, len(data.calibration[0])) == (np.float32, np.int64, 2)
    write_data(data, tmp_path)
    assert np.array_equal(load_arrays(tmp_path, "input")[0], data.inputs[0])
    assert load_arrays(tmp_path, "nothing") == []


@pytest.mark.parametrize(
    ("arrays", "said", "hint"),
    [
        ({"x": np.ones(3)}, 'no array "inputs"', "numpy.savez"),
        ({"inputs": np.ones((4, 3, 2))}, 'no array "labels"', "numpy.savez"),
        (good(inputs=np.ones((4, 2, 3), np.float32)), "the model wants (N, 3, 2)", "transpose"),
        (good(inputs=np.ones((4, 5), np.float32)), "the model wants (N, 3, 2)", "reshape"),
        (good(inputs=np.full((4, 3, 2), np.nan, np.float32)), "NaN or infinite", "sample"),
        (good(inputs=np.array([["a"]])), "dtype", "float32"),
        (good(inputs=np.ones((0, 3, 2), np.float32)), "empty", "at least one"),
        (good(labels=np.array([0, 1])), "shape (4,)", "one class index"),
        (good(labels=np.array([0.5, 1, 2, 1])), "float64", "one class index"),
        (good(labels=np.array([0, 1, 2, 3])), "labels run from 0 to 3", "0…2"),
        (good(labels=np.array([-1, 1, 2, 1])), "labels run from -1", "0…2"),
    ],
)
def test_bad_data_names_file_array_and_fix(npz, arrays, said, hint):
    with pytest.raises(DatasetError) as caught:
        read_data(npz(**arrays), SHAPES, 3, 0)
    assert "d.npz" in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_the_first_bad_sample_is_named(npz):
    inputs = np.ones((4, 3, 2), np.float32)
    inputs[2, 0, 0] = np.inf
    with pytest.raises(DatasetError, match="the first in sample 2"):
        read_data(npz(**good(inputs=inputs)), SHAPES, 3, 0)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04cut"])
def test_what_is_no_npz_is_refused(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="not a readable npz"):
        read_data(model(tmp_path), SHAPES, 3, 0)


def test_pickled_arrays_are_never_loaded(npz):
    with pytest.raises(DatasetError, match="not a readable npz"):
        read_data(npz(**good(labels=np.array([0, "x", None, 1], dtype=object))), SHAPES, 3, 0)


def test_without_a_dataset_inputs_are_random_seeded_and_apart_from_calibration(tmp_path):
    spec = ModelSpec(name="m", source="onnx", file=tmp_path / "m.onnx", no_accuracy_reason="none given")
    first, again, other = (read_data(spec, [(1, 4), (1, 2, 2)], None, seed) for seed in (0, 0, 1))
    assert [a.shape for a in first.inputs] == [(RANDOM_SAMPLES, 4), (RANDOM_SAMPLES, 2, 2)]
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
    assert not np.isin(first.calibration[0], first.inputs[0]).any()
    assert first.labels is None
