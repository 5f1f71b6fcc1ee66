"""Models: a folder with a `model.toml`, or a ready file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from edgerig.errors import ConfigError
from edgerig.spec.recipe import load_formats
from edgerig.spec.toml import (
    Factory,
    FormatName,
    Layout,
    Name,
    Sha256,
    Source,
    Strict,
    first_wins,
    nearest,
    parse,
    read_toml,
    roots,
)


class TensorSpec(Strict):
    """A named tensor of the source model at batch size 1; `layout` says what a 4-D shape's axes are."""

    name: str = Field(min_length=1)
    shape: tuple[PositiveInt, ...] = Field(min_length=1)
    dtype: Literal["float32"] = "float32"
    layout: Layout = "any"

    @model_validator(mode="after")
    def _batch_one(self) -> Self:
        if self.shape[0] != 1:
            raise ValueError(f"shape {list(self.shape)} must start with batch size 1")
        if self.layout != "any" and len(self.shape) != 4:
            raise ValueError(f'layout "{self.layout}" needs a shape of four axes, not {len(self.shape)}')
        return self


class DatasetSpec(Strict):
    """Where evaluation and calibration data come from: a factory beside the model, or an npz file.

    `factory` is called without arguments and returns a mapping with
    `inputs` (N, …) float32 and `labels` (N,) integers of the test split, and `calibration` (M, …) float32 of the
    training split. An npz file holds `inputs` and `labels`, and may hold `calibration`.
    """

    factory: Factory | None = None
    npz: Path | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.factory is None) == (self.npz is None):
            raise ValueError('give exactly one of "factory" and "npz"')
        return self


class ModelSpec(Strict):
    """A model: a folder with a `model.toml`, or (`file` set) a ready file run as it is."""

    name: Name
    description: str = ""
    source: Source
    licence: str = ""
    factory: Factory | None = None
    weights: Path | None = None
    weights_sha256: Sha256 | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    dataset: DatasetSpec | None = None
    metric: Literal["top1"] | None = None
    no_accuracy_reason: str = ""
    bound_factor: float = Field(default=1.0, ge=1, le=10)
    """Widens every recipe's `max_relative_error` for this model; `bound_reason` must say why."""
    bound_reason: str = ""
    file: Path | None = None
    folder: Path = Path()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.file is None:
            for key in ("factory", "inputs", "outputs"):
                if not getattr(self, key):
                    raise ValueError(f'a {self.source} model needs the key "{key}"')
        if self.bound_factor != 1 and not self.bound_reason:
            raise ValueError('"bound_factor" needs "bound_reason" beside it')
        if self.weights is not None and self.weights_sha256 is None:
            raise ValueError('"weights" needs "weights_sha256" beside it')
        if self.metric is not None and self.dataset is None:
            raise ValueError(f'metric "{self.metric}" needs a [dataset]')
        if self.metric is None and not self.no_accuracy_reason:
            raise ValueError('without a "metric", "no_accuracy_reason" must say why there is no accuracy')
        return self


def known_models() -> dict[str, Path]:
    """Model name → its `model.toml`."""
    return first_wins((p.parent.name, p) for root in roots("models") for p in sorted(root.glob("*/model.toml")))


def load_model(name: str, dataset: Path | None = None) -> ModelSpec:
    """The model `name`: a shipped or own model's name, a folder with a `model.toml`, or a ready file's path.

    `dataset` is the npz to evaluate a ready file on. Raises ConfigError.
    """
    path = Path(name)
    suffixes = {spec.suffix: spec.name for spec in load_formats().values()}
    if path.suffix in suffixes:
        return _ready_file(path, suffixes[path.suffix], dataset)
    known = known_models()
    toml = path / "model.toml" if (path / "model.toml").is_file() else known.get(name)
    if toml is None:
        hint = nearest(name, known) + f"; a ready file ends in {', '.join(sorted(suffixes))}"
        raise ConfigError(f'unknown model "{name}"', hint=hint)
    folder = toml.resolve().parent
    model = parse(ModelSpec, {"name": folder.name, **read_toml(toml), "folder": folder}, str(toml))
    if model.name != folder.name:
        raise ConfigError(
            f'{toml}: key "name": "{model.name}" is not the folder\'s name "{folder.name}"',
            hint="leave the key out, or rename the folder",
        )
    return model


def _ready_file(path: Path, format_name: FormatName, dataset: Path | None) -> ModelSpec:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="check the path given as a model")
    if dataset is not None and not dataset.is_file():
        raise ConfigError(f"{dataset}: no such file", hint="check the path given as a dataset")
    table = {
        "name": path.stem,
        "source": format_name,
        "file": path.resolve(),
        "folder": path.resolve().parent,
        "dataset": None if dataset is None else {"npz": dataset.resolve()},
        "metric": None if dataset is None else "top1",
        "no_accuracy_reason": "" if dataset is not None else "no dataset was given for this file",
    }
    return parse(ModelSpec, table, str(path))
