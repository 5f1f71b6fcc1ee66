"""A model's evaluation and calibration data: one module per kind, imported when a model names it.

Every kind opens as the same thing (`dataset.Dataset`): samples in a fixed order, in batches, checked and written by
`write.write_dataset` in bounded memory. `content` says, without decoding, what a data set's place in the store
depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgerig.build.datasets.dataset import Dataset, Fits
from edgerig.build.datasets.split import ARRAYS_HINT, held_out
from edgerig.build.store import file_digest
from edgerig.build.versions import version
from edgerig.errors import DatasetError, NoValidation
from edgerig.registry import load_object
from edgerig.spec import DatasetSpec

REGISTRY = {
    "factory": "edgerig.build.datasets.arrays:open_factory",
    "npz": "edgerig.build.datasets.arrays:open_npz",
    "images": "edgerig.build.datasets.images:open_images",
    "table": "edgerig.build.datasets.table:open_table",
    "audio": "edgerig.build.datasets.audio:open_audio",
}
DECODERS = {"npz": "numpy", "factory": "scikit-learn", "images": "pillow", "table": "pyarrow", "audio": "scipy"}
"""The distribution that turns each kind's files into numbers."""
VALIDATED = ("npz", "factory")
"""Kinds whose arrays may be of a validation split."""


def open_dataset(
    spec: DatasetSpec,
    folder: Path,
    fits: Fits,
    fetched: Path | None = None,
    located: Callable[[Path], Path] | None = None,
) -> Dataset:
    """The dataset of a model in `folder`, whose fetched files are in `fetched`.

    `located` says where a path of it lies (None: below `folder`). Raises DatasetError.
    """
    if located is not None:
        spec = _located(spec, located)
    more = {"fetched": fetched} if spec.factory is not None else {}
    if spec.evaluate == "validation" and spec.kind not in VALIDATED:
        raise NoValidation(f"a dataset of the kind {spec.kind} has no validation split of its own", hint=ARRAYS_HINT)
    dataset: Dataset = load_object(REGISTRY[spec.kind])(spec, folder, fits, **more)
    return held_out(dataset, sequences=fits.answer is not None) if spec.evaluate == "held-out" else dataset


def content(spec: DatasetSpec, located: Callable[[Path], Path]) -> dict[str, Any]:
    """Everything the decoded data follows from but a factory's code: settings, decoder, each file's name and sha256.

    `located` says where a path of the model's lies. Raises DatasetError for a file or folder that is not there.
    """
    return {
        "spec": spec.model_dump(mode="json", exclude={"max_gib"}),
        "decoder": version(DECODERS[spec.kind]),
        "files": {str(path): _content(located(path)) for path in _paths(spec)},
    }


def _located(spec: DatasetSpec, located: Callable[[Path], Path]) -> DatasetSpec:
    """`spec` with each of its paths from where it lies: it may be a fetched file."""
    if spec.npz is not None:
        return spec.model_copy(update={"npz": located(spec.npz)})
    for kind in ("images", "audio", "table"):
        own = getattr(spec, kind)
        if own is not None:
            paths = {name: located(value) for name, value in own if isinstance(value, Path)}
            return spec.model_copy(update={kind: own.model_copy(update=paths)})
    return spec


def _paths(spec: DatasetSpec) -> list[Path]:
    """Every file and folder the dataset names."""
    if spec.npz is not None:
        return [spec.npz]
    own = spec.images or spec.audio or spec.table
    return [] if own is None else [value for _, value in own if isinstance(value, Path)]


def _content(path: Path) -> object:
    try:
        if not path.is_dir():
            return file_digest(path)
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return [[str(each.relative_to(path)), each.stat().st_size, file_digest(each)] for each in files]
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read: {error.strerror}", hint="paths of a dataset are relative to the model's folder"
        ) from error
