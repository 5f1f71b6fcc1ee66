"""Arrays from an npz or a factory are checked before anything is built on them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from unit.build.datasets.opened import Laid, fits, lay

from edgerig.build.datasets.arrays import RANDOM_SAMPLES, random_dataset
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.build.datasets.write import write_dataset
from edgerig.errors import DatasetError
from edgerig.npy import PIECE_BYTES, load_arrays

WANTED = fits((1, 3, 2), classes=3)


def npz(folder: Path, wanted: Fits = WANTED, table: dict[str, Any] | None = None, **arrays: Any) -> Laid:
    np.savez(folder / "d.npz", **arrays)
    return lay({"npz": "d.npz", **(table or {})}, folder, wanted)


def good(**change: npt.NDArray[Any]) -> dict[str, Any]:
    return {"inputs": np.ones((4, 3, 2), np.float32), "labels": np.array([0, 1, 2, 1])} | change


def test_a_good_npz_is_read(tmp_path: Path) -> None:
    inputs = np.arange(24).reshape(4, 3, 2)
    data = npz(tmp_path, **good(inputs=inputs, calibration=np.zeros((2, 3, 2))))
    assert (data.inputs[0].dtype, data.labels.dtype) == (np.dtype(np.float32), np.dtype(np.int64))
    assert len(data.calibration[0]) == 2
    assert np.array_equal(data.inputs[0], inputs)
    assert (data.written.samples, data.written.labelled, data.dataset.origin) == (4, True, "d.npz")


def test_pieces_of_an_archive_make_the_whole(tmp_path: Path) -> None:
    count = 3 * PIECE_BYTES // 24 + 7
    inputs = np.random.default_rng(0).normal(size=(count, 3, 2)).astype(np.float32)
    labels = np.arange(count) % 3
    np.savez_compressed(tmp_path / "d.npz", inputs=inputs, labels=labels)
    data = lay({"npz": "d.npz"}, tmp_path, WANTED)
    assert np.array_equal(data.inputs[0], inputs)
    assert np.array_equal(data.labels, labels)


def test_fortran_order_is_read(tmp_path: Path) -> None:
    inputs = np.asfortranarray(np.arange(24.0).reshape(4, 3, 2))
    assert np.array_equal(npz(tmp_path, **good(inputs=inputs)).inputs[0], inputs)


def test_calibration_can_be_held_to_a_number(tmp_path: Path) -> None:
    data = npz(tmp_path, table={"calibration": 2}, **good(calibration=np.arange(30.0).reshape(5, 3, 2)))
    assert np.array_equal(data.calibration[0], np.arange(12.0).reshape(2, 3, 2))


@pytest.mark.parametrize("names", [("inputs_0", "inputs_1"), ("inputs_left", "inputs_right")])
def test_several_inputs_have_an_array_each(tmp_path: Path, names: tuple[str, str]) -> None:
    wanted = Fits((Tensor("left", (1, 2)), Tensor("right", (1, 3))), (1, 4), "class", 4)
    arrays: dict[str, Any] = {names[0]: np.zeros((5, 2)), names[1]: np.ones((5, 3))}
    data = npz(tmp_path, wanted, labels=np.zeros(5, int), **arrays)
    assert [array.shape for array in data.inputs] == [(5, 2), (5, 3)]
    with pytest.raises(DatasetError, match='no array "inputs_0", "inputs_1" or "inputs_left", "inputs_right"'):
        npz(tmp_path, wanted, inputs=np.zeros((5, 2)), labels=np.zeros(5, int))


@pytest.mark.parametrize(
    ("arrays", "said", "hint"),
    [
        ({"x": np.ones(3)}, 'no array "inputs"', "numpy.savez"),
        ({"inputs": np.ones((4, 3, 2))}, 'no array "labels"', "numpy.savez"),
        (good(inputs=np.ones((4, 2, 3), np.float32)), "the model wants (N, 3, 2)", "transpose"),
        (good(inputs=np.ones((4, 5), np.float32)), "the model wants (N, 3, 2)", "reshape"),
        (good(inputs=np.full((4, 3, 2), np.nan, np.float32)), "NaN or infinite", "samples"),
        (good(inputs=np.array([["a"]])), "dtype", "float32"),
        (good(inputs=np.ones((0, 3, 2), np.float32), labels=np.ones(0, int)), "empty", "at least one"),
        (good(labels=np.array([0, 1])), "number of samples", "one each"),
        (good(labels=np.array([0.5, 1, 2, 1])), "float64", "one class index"),
        (good(labels=np.array([0, 1, 2, 3])), "labels run from 0 to 3", "0…2"),
        (good(labels=np.array([-1, 1, 2, 1])), "labels run from -1", "0…2"),
    ],
)
def test_bad_data_names_file_array_and_fix(tmp_path: Path, arrays: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(DatasetError) as caught:
        npz(tmp_path, **arrays)
    assert "d.npz" in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_the_first_bad_sample_is_named(tmp_path: Path) -> None:
    inputs = np.ones((4, 3, 2), np.float32)
    inputs[2, 0, 0] = np.inf
    with pytest.raises(DatasetError, match="the first in sample 2"):
        npz(tmp_path, **good(inputs=inputs))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04cut"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="not a readable npz"):
        lay({"npz": "d.npz"}, tmp_path, WANTED)


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz", **good(inputs=np.random.default_rng(0).normal(size=(400, 3, 2)), labels=np.ones(400, int))
    )
    content = bytearray((tmp_path / "d.npz").read_bytes())
    content[5000] ^= 0xFF  # zip's checksum tells
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="not a readable npz"):
        lay({"npz": "d.npz"}, tmp_path, WANTED)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a readable npz"):
        npz(tmp_path, **good(labels=np.array([0, "x", None, 1], dtype=object)))


def test_a_factory_gives_arrays(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text(
        "import numpy as np\n"
        "def load():\n    return {'inputs': np.ones((4, 3, 2)), 'labels': [0, 1, 2, 1]}\n"
        "def nothing():\n    return 3\n"
    )
    assert lay({"factory": "data.py:load"}, tmp_path, WANTED).written.samples == 4
    with pytest.raises(DatasetError, match="gave a int, not a mapping"):
        lay({"factory": "data.py:nothing"}, tmp_path, WANTED)


@pytest.mark.parametrize("shape", [(4, 5), (4, 1, 5)])
def test_values_are_labels_of_the_outputs_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    wanted = fits((1, 3, 2), labels="values", output=(1, 5))
    data = npz(tmp_path, wanted, {"labels": "values"}, **good(labels=np.ones(shape)))
    assert (data.labels.shape, data.labels.dtype) == ((4, 5), np.float32)
    with pytest.raises(DatasetError, match=r"numbers of shape \(4, 5\)"):
        npz(tmp_path, wanted, {"labels": "values"}, **good(labels=np.ones((4, 6))))
    with pytest.raises(DatasetError, match="label of sample 0 is NaN"):
        npz(tmp_path, wanted, {"labels": "values"}, **good(labels=np.full((4, 5), np.nan)))


def test_an_autoencoder_needs_no_labels(tmp_path: Path) -> None:
    wanted = fits((1, 3, 2), labels="inputs", output=(1, 3, 2))
    data = npz(tmp_path, wanted, {"labels": "inputs"}, inputs=np.ones((4, 3, 2)))
    assert data.labels is None


def test_a_twins_data_is_turned_to_its_layout(tmp_path: Path) -> None:
    wanted = Fits((Tensor("x", (1, 3, 4, 5), "NCHW", (0, 2, 3, 1)),), (1, 3), "class", 3)
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    data = npz(tmp_path, wanted, inputs=inputs, labels=np.array([0, 1]))
    assert np.array_equal(data.inputs[0], inputs.transpose(0, 2, 3, 1))


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    table = {"max_gib": 1e-6}
    with pytest.raises(DatasetError, match=r"GiB, dataset.max_gib = 1e-06 GiB") as caught:
        npz(tmp_path, fits((1, 1000), classes=3), table, inputs=np.ones((4, 1000)), labels=np.zeros(4, int))
    assert "raise dataset.max_gib" in caught.value.hint
    assert not [path for path in (tmp_path / ".laid").iterdir() if path.stat().st_size > 200]


def test_without_a_dataset_inputs_are_random_seeded_and_apart_from_calibration(tmp_path: Path) -> None:
    wanted = Fits((Tensor("a", (1, 4)), Tensor("b", (1, 2, 2))), (1, 3), "inputs", 3)
    found = []
    for number, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        written = write_dataset(random_dataset(wanted, seed), wanted, folder, 1)
        found.append((written.fingerprint, load_arrays(folder, "input"), load_arrays(folder, "calibration")))
    assert found[0][0] == found[1][0] != found[2][0]
    assert [array.shape for array in found[0][1]] == [(RANDOM_SAMPLES, 4), (RANDOM_SAMPLES, 2, 2)]
    assert not np.isin(found[0][2][0], found[0][1][0]).any()


def test_random_inputs_of_a_known_range_fill_it(tmp_path: Path) -> None:
    wanted = Fits((Tensor("image", (1, 32, 32, 3), range=(0, 255)),), (1, 3), "inputs", 3)
    write_dataset(random_dataset(wanted, 0), wanted, tmp_path, 1)
    (array,) = load_arrays(tmp_path, "input")
    assert 0 <= array.min() < 5
    assert 250 < array.max() <= 255
    assert abs(array.mean() - 127.5) < 5


def test_values_in_another_axis_order_are_refused_not_reshaped(tmp_path: Path) -> None:
    """A twin's targets, say: as many numbers, in another order."""
    wanted = fits((1, 3, 2), labels="values", output=(1, 2, 4, 3))
    with pytest.raises(DatasetError, match="numbers of shape"):
        npz(tmp_path, wanted, {"labels": "values"}, **good(labels=np.ones((4, 3, 2, 4))))
    npz(tmp_path, wanted, {"labels": "values"}, **good(labels=np.ones((4, 2, 4, 3))))
