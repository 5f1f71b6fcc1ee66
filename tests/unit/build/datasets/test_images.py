"""Folders of images: order, labels, decoding, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from unit.build.datasets.opened import Laid, fits, lay

from edgerig.build.datasets.dataset import Fits
from edgerig.errors import DatasetError

RGB = fits((1, 3, 4, 6), classes=2, layout="NCHW")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two 6×4 images, each of one colour."""
    for name, colours in {"cat": [(255, 0, 0), (0, 255, 0)], "dog": [(0, 0, 255), (255, 255, 255)]}.items():
        (tmp_path / "val" / name).mkdir(parents=True)
        for index, colour in enumerate(colours):
            Image.new("RGB", (6, 4), colour).save(tmp_path / "val" / name / f"{index}.png")
    return tmp_path


def images(folder: Path, wanted: Fits = RGB, dataset: dict[str, Any] | None = None, **keys: object) -> Laid:
    return lay({"images": {"folder": "val", **keys}, **(dataset or {})}, folder, wanted)


def test_subfolders_are_classes_in_order_of_name(folder: Path) -> None:
    data = images(folder)
    assert data.labels.tolist() == [0, 0, 1, 1]
    assert data.inputs[0].shape == (4, 3, 4, 6)
    assert data.inputs[0][:, :, 0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]


def test_named_classes_give_the_order(folder: Path) -> None:
    assert images(folder, dataset={"classes": ["dog", "cat"]}).labels.tolist() == [0, 0, 1, 1]
    first = images(folder, dataset={"classes": ["dog", "cat"]}).inputs[0][0, :, 0, 0]
    assert first.tolist() == [0, 0, 1]


def test_channels_last_grey_and_normalized(folder: Path) -> None:
    grey = images(folder, fits((1, 4, 6, 1), classes=2, layout="NHWC"), mean=0.5, std=0.25)
    assert grey.inputs[0].shape == (4, 4, 6, 1)
    assert grey.inputs[0][3].max() == pytest.approx(2.0)
    # ITU-R 601-2 luma, as Pillow converts: 0.299 of 255 is 76.
    assert grey.inputs[0][0, 0, 0, 0] == pytest.approx((76 / 255 - 0.5) / 0.25)
    flat = images(folder, fits((1, 4, 6), classes=2))
    assert flat.inputs[0].shape == (4, 4, 6)


def test_a_ready_files_layout_follows_from_its_shape(folder: Path) -> None:
    assert images(folder, fits((1, 4, 6, 3), classes=2)).inputs[0][0, 0, 0].tolist() == [1, 0, 0]
    assert images(folder, fits((1, 3, 4, 6), classes=2)).inputs[0][0, :, 0, 0].tolist() == [1, 0, 0]
    assert images(folder, fits((1, 3, 4, 6), classes=2), colour="bgr").inputs[0][0, :, 0, 0].tolist() == [0, 0, 1]


def test_channel_means_follow_the_colour(folder: Path) -> None:
    data = images(folder, mean=[1, 0, 0], std=[1, 2, 4])
    assert data.inputs[0][3, :, 0, 0].tolist() == [0, 0.5, 0.25]


def test_resize_and_crop(folder: Path) -> None:
    half = np.zeros((8, 16, 3), np.uint8)
    half[:, 8:] = 255
    for path in (folder / "val").rglob("*.png"):
        Image.fromarray(half).save(path)
    wanted = fits((1, 3, 4, 4), classes=2)
    squeezed = images(folder, wanted, resize=[4, 4], interpolation="nearest").inputs[0][0, 0]
    assert squeezed.tolist() == [[0, 0, 1, 1]] * 4
    cropped = images(folder, wanted, resize=4, crop=True, interpolation="nearest").inputs[0][0, 0]
    assert cropped.tolist() == [[0, 0, 1, 1]] * 4  # 4 × 8, the middle of it
    with pytest.raises(DatasetError, match=r"8×4 pixels \(width×height\) after .*, the model wants 4×4"):
        images(folder, wanted, resize=4)


def test_a_csv_names_files_and_labels(folder: Path) -> None:
    (folder / "val" / "labels.csv").write_text("file,label\ndog/1.png,dog\ncat/0.png,cat\n")
    data = images(folder)
    assert data.labels.tolist() == [1, 0]
    assert data.inputs[0][0].min() == 1.0
    (folder / "own.csv").write_text("file,x,y\ncat/0.png,1,0.5\n")
    wanted = fits((1, 3, 4, 6), labels="values", output=(1, 2))
    values = images(folder, wanted, {"labels": "values"}, labels_file="own.csv")
    assert values.labels.tolist() == [[1, 0.5]]


def test_calibration_is_spread_over_another_folder(folder: Path) -> None:
    for name in ("cat", "dog"):
        (folder / "train" / name).mkdir(parents=True)
        for index in range(10):
            Image.new("RGB", (6, 4), (index, name == "dog", 7)).save(folder / "train" / name / f"{index}.png")
    data = images(folder, dataset={"calibration": 4}, calibration_folder="train")
    green = data.calibration[0][:, 1, 0, 0] > 0
    assert green.tolist() == [False, False, True, True]
    (folder / "train" / "dog" / "9.png").write_bytes((folder / "val" / "dog" / "0.png").read_bytes())
    with pytest.raises(DatasetError, match=r"is calibrated on and, as .*, evaluated"):
        images(folder, dataset={"calibration": 4}, calibration_folder="train")


def test_a_list_sets_files_aside(folder: Path) -> None:
    (folder / "calibration.txt").write_text("cat/0.png\ndog/0.png\n")
    data = images(folder, calibration_list="calibration.txt")
    assert (data.labels.tolist(), len(data.calibration[0])) == ([0, 1], 2)
    (folder / "calibration.txt").write_text("cat/0.png\ncat/7.png\n")
    with pytest.raises(DatasetError, match=r'line 2: no file "cat/7.png"'):
        images(folder, calibration_list="calibration.txt")


@pytest.mark.parametrize(
    ("spoil", "said", "hint"),
    [
        (lambda val: [path.unlink() for path in val.rglob("*.png")], "there is no images file in it", "a subfolder a"),
        (lambda val: (val / "cat" / "0.png").write_bytes(b"no image"), "0.png: not a readable image", "remove"),
        (lambda val: (val / "cat" / "0.png").write_bytes((val / "cat" / "0.png").read_bytes()[:45]), "0.png", "remove"),
        (lambda val: (val / "cat" / "notes.txt").write_text("x"), "notes.txt: it does not end in", "move it out"),
        (
            lambda val: (val / "bird").mkdir(),
            "there are 3 classes (bird, cat, dog), the model's output has 2",
            "classes",
        ),
        (lambda val: Image.new("RGB", (5, 4)).save(val / "cat" / "0.png"), "5×4 pixels", "resize = [4, 6]"),
        (lambda val: (val / "labels.csv").write_text("name,label\na,b\n"), "its columns are name, label", '"file"'),
        (lambda val: (val / "labels.csv").write_text("file,label\n../x.png,1\n"), 'no file "../x.png"', "relative"),
        (lambda val: (val / "labels.csv").write_text("file,label\ncat/0.png,2\n"), "labels run from", "0…1"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    folder: Path, spoil: Callable[[Path], object], said: str, hint: str
) -> None:
    (folder / "x.png").write_bytes((folder / "val" / "cat" / "0.png").read_bytes())
    spoil(folder / "val")
    with pytest.raises(DatasetError) as caught:
        images(folder)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_missing_folders_and_unknown_classes(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        lay({"images": {"folder": "nowhere"}}, folder, RGB)
    with pytest.raises(DatasetError, match=r'class "dog" is not among dataset\.classes'):
        images(folder, dataset={"classes": ["cat", "cow"]})
    with pytest.raises(DatasetError, match=r'"grey" has 1 channels, the model.s input "x" .* has 3'):
        images(folder, colour="grey")


def test_a_picture_that_would_fill_the_memory_is_refused(folder: Path) -> None:
    Image.new("1", (20000, 5000)).save(folder / "val" / "cat" / "0.png")
    with pytest.raises(DatasetError, match="DecompressionBomb"):
        images(folder, resize=[4, 6])
