"""Models: a folder with a `model.toml`, or a file."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from edgerig.cache import used
from edgerig.errors import ConfigError
from edgerig.spec import entry
from edgerig.spec.dataset import DatasetSpec, Metrics, wrong_metric
from edgerig.spec.files import FileSpec, PublishedFigure, fetched_folder, file_state
from edgerig.spec.metric import asked, load_metrics
from edgerig.spec.recipe import load_formats
from edgerig.spec.reference import ReferenceFigure
from edgerig.spec.shapes import Shapes, label
from edgerig.spec.source import load_sources
from edgerig.spec.stream import StateSpec, StreamSpec, repeated
from edgerig.spec.toml import (
    LONGEST_NAME,
    Dtype,
    Factory,
    Layout,
    Name,
    Sha256,
    Source,
    Strict,
    nearest,
    roots,
)

GIVES_SEQUENCES = ("npz", "factory")
"""Kinds of data whose samples may be sequences of steps."""
DYNAMIC = -1
"""The length of an axis that the data decides."""


class TensorSpec(Strict):
    """A named tensor of the source model, of one sample; `layout` says what a 4-D shape's axes are.

    `batch_axis` is the axis, of length 1 here, along which a framework stacks samples. Where it is not said it is the
    first one, whose length must be 1; "none" where there is none, as in a tensor without axes (`shape` []).
    In an output's shape -1 is a length that the data decides.
    `range` is where an input's values lie, such as 0 to 255 for pixels: random samples are drawn evenly from it.
    """

    name: str = Field(min_length=1)
    shape: tuple[Annotated[int, Field(ge=DYNAMIC)], ...]
    dtype: Dtype = "float32"
    layout: Layout = "any"
    range: tuple[float, float] | None = None
    batch_axis: Annotated[int, Field(ge=0)] | Literal["none"] | None = None

    @model_validator(mode="after")
    def _one_sample(self) -> Self:
        if 0 in self.shape:
            raise ValueError(f"shape {list(self.shape)} has an axis of length 0")
        first = self.shape[:1]
        if self.batch_axis is None and first not in ((), (1,), (DYNAMIC,)):
            raise ValueError(
                f"shape {list(self.shape)} must start with batch size 1, or batch_axis say which axis is the batch's "
                '("none" where none is)'
            )
        if isinstance(self.batch_axis, int) and self.shape[self.batch_axis : self.batch_axis + 1] != (1,):
            raise ValueError(f"shape {list(self.shape)} has no axis {self.batch_axis} of length 1 for the batch")
        if self.layout != "any" and len(self.shape) != 4:
            raise ValueError(f'layout "{self.layout}" needs a shape of four axes, not {len(self.shape)}')
        if self.layout != "any" and self.batch != 0:
            raise ValueError(f'layout "{self.layout}" needs the batch on axis 0')
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {list(self.range)} must be [smallest, largest]")
        return self

    @property
    def batch(self) -> int | None:
        """The axis of the batch, None where there is none."""
        if self.batch_axis is None:
            return 0 if self.shape[:1] == (1,) else None
        return None if self.batch_axis == "none" else self.batch_axis

    @property
    def of_sample(self) -> tuple[int, ...]:
        """The shape without the batch's axis: N samples are an array (N, …) of it."""
        return self.shape if self.batch is None else self.shape[: self.batch] + self.shape[self.batch + 1 :]


class ModelSpec(Strict):
    """A model as authored in one framework: a folder's `model.toml` (or its twin there), or a file.

    The network comes from `factory` (torch, keras), from `file`, from `application` (a `keras.applications` name), or
    from `library` (`hf:ORG/MODEL` and the like, `spec/named.py`). `inputs` and `outputs` may be left out where a file
    or a library tells them.
    """

    name: Name
    description: str = ""
    source: Source
    licence: str = ""
    factory: Factory | None = None
    file: Path | None = None
    """The model as a file (a folder, for a SavedModel); relative to `folder` in a `model.toml`."""
    application: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    library: str | None = Field(default=None, pattern=r"^(hf|torchvision|timm):[^\s]+$", max_length=300)
    revision: str = Field(default="", max_length=200)
    """The commit of a repository, or the version of a package, that its files were fetched from."""
    random_weights: bool = False
    """Its weights were never trained: size, latency and memory are its own, accuracy is nobody's."""
    signature: str = Field(default="", max_length=200)
    """The file's entry that is run (`spec/entry.py`); "": its default."""
    weights: Path | None = None
    weights_sha256: Sha256 | None = None
    reads: tuple[Path, ...] = ()
    """Other files the factory reads: a build is made anew when they change."""
    files: tuple[FileSpec, ...] = ()
    """Fetched files. A path elsewhere in the model that is the name of one of them means the fetched copy."""
    published: tuple[PublishedFigure, ...] = ()
    reference: tuple[ReferenceFigure, ...] = ()
    """What others measured on their devices: the rows of `reference.toml` beside the `model.toml`."""
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    shapes: Shapes = Field(default={})
    """Inputs' shapes in a sweep over shapes, in place of their own."""
    state: tuple[StateSpec, ...] = ()
    stream: StreamSpec | None = None
    """When what the network remembers goes back to its beginning; None: never."""
    dataset: DatasetSpec | None = None
    dataset_layout: Layout = "any"
    """What the dataset's 4-D samples are laid out as, where that is not the inputs' own layout (a twin's)."""
    metric: Metrics = ()
    """The first is the one a variant is judged by."""
    preprocess: Factory | None = None
    """Makes the model's inputs of a sample of its data; timed on the host."""
    postprocess: Factory | None = None
    """Makes what metrics are taken of of a sample's outputs; timed on the host."""
    no_accuracy_reason: str = ""
    ready: bool = False
    """A built file run as it is and nothing else: there is no source model to hold it against."""
    folder: Path = Path()

    @property
    def shaped_name(self) -> str:
        """The name, with the signature where that is not the file's default, and the shapes of its inputs where they
        are not its own: what cells and reports call it. Two signatures compute different things: they are two models.
        """
        signature = entry.chosen(self.source, self.signature)
        return self.name + (f"+{file_name(signature)}" if signature else "") + label(self.shapes)

    @property
    def id(self) -> str:
        """The model and its source, such as `digits_cnn-keras`."""
        return f"{self.shaped_name}-{self.source}"

    @property
    def weights_are(self) -> Literal["", "random"]:
        """What results say of its weights, where they are not a trained model's."""
        return "random" if self.random_weights else ""

    @property
    def path(self) -> Path | None:
        """`file`, from where it is looked for."""
        return None if self.file is None else self.located(self.file)

    def located(self, path: Path) -> Path:
        """A path of the model's, from where it is looked for: among the fetched files and their folders, else in its
        own."""
        fetched = self.fetched
        if (
            fetched is not None
            and path != Path()
            and any(path in (name, *name.parents) for name in self._fetched_names)
        ):
            return fetched / path
        return self.folder / path

    @property
    def _fetched_names(self) -> list[Path]:
        return [Path(file.name) for file in self.files]

    @property
    def fetched(self) -> Path | None:
        """The folder of its fetched files; None for a model that has none."""
        return fetched_folder(self.name) if self.files else None

    def require_files(self) -> None:
        """Raises ConfigError unless every fetched file is there, with the bytes it should have."""
        amiss = [
            f"{file.name} ({state})" for file in self.files if (state := file_state(file, self._cache)) != "fetched"
        ]
        if amiss:
            raise ConfigError(
                f'model "{self.name}": files are missing from {self._cache}: {", ".join(amiss)}',
                hint=f"edgerig models fetch {self.name if self._is_known else self.folder}",
            )
        if self.files:
            used(self._cache)

    @property
    def _is_known(self) -> bool:
        """Is its folder where models are looked for by name?"""
        return self.folder.parent in [root.resolve() for root in roots("models")]

    @property
    def _cache(self) -> Path:
        return fetched_folder(self.name)

    @field_validator("source")
    @classmethod
    def _known_source(cls, source: str) -> str:
        if source not in load_sources():
            raise ValueError(f"no such source; {nearest(source, load_sources())}")
        return source

    @field_validator("inputs")
    @classmethod
    def _sizes_known(cls, inputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        for tensor in inputs:
            if DYNAMIC in tensor.shape:
                raise ValueError(
                    f'input "{tensor.name}" needs a length for every axis, its shape is {list(tensor.shape)}'
                )
        return inputs

    @field_validator("published")
    @classmethod
    def _known_formats(cls, published: tuple[PublishedFigure, ...]) -> tuple[PublishedFigure, ...]:
        for figure in published:
            if figure.format is not None and figure.format not in load_formats():
                raise ValueError(f'no format "{figure.format}"; {nearest(figure.format, load_formats())}')
        return published

    @model_validator(mode="after")
    def _complete(self) -> Self:
        origins = [key for key in ("factory", "file", "application", "library") if getattr(self, key) is not None]
        allowed = load_sources()[self.source].origins
        if len(origins) != 1 or origins[0] not in allowed:
            given = " and ".join(f'"{key}"' for key in origins) or "none"
            raise ValueError(f"a {self.source} model needs exactly one of {', '.join(allowed)}; given: {given}")
        if why := entry.refusal(self.source, self.signature):
            raise ValueError(why)
        if self.factory is not None and not (self.inputs and self.outputs):
            raise ValueError(f'a {self.source} model from a factory needs the keys "inputs" and "outputs"')
        if why := repeated(self.state):
            raise ValueError(why)
        if (
            self.stream is not None
            and self.stream.sequences
            and self.dataset
            and self.dataset.kind not in GIVES_SEQUENCES
        ):
            raise ValueError(
                f'a sample of "{self.dataset.kind}" is one step, and [stream] samples = "sequences" asks for whole '
                'sequences: give them as arrays (N, T, …) in an "npz", or read the files by a "factory" = '
                '"file.py:function"; where a sample is one step, leave samples = "sequences" out'
            )
        names = [file.name for file in self.files]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f'"files" names {twice} twice')
        if within := next((name for name in names for other in names if name.startswith(f"{other}/")), None):
            raise ValueError(f'"files" names {within}, and a file where its folder would be')
        if self.weights is not None and self.weights_sha256 is None:
            raise ValueError('"weights" needs "weights_sha256" beside it')
        if why := wrong_metric(self.metric, self.dataset):
            raise ValueError(why)
        if self.preprocess is not None and (self.dataset is None or self.dataset.kind not in ("npz", "factory")):
            raise ValueError('"preprocess" is given the arrays of an npz or a factory: name one in [dataset]')
        if not self.metric and not self.no_accuracy_reason:
            raise ValueError('without a "metric", "no_accuracy_reason" must say why there is no accuracy')
        return self

    @property
    def asked_metrics(self) -> tuple[str, ...]:
        """The metrics' own names, whatever outputs they are taken of."""
        return tuple(asked(text).metric for text in self.metric)

    @property
    def measured_on_inputs(self) -> bool:
        """Is a metric taken against the model's own inputs?"""
        against_inputs = self.dataset is not None and "inputs" in self.dataset.sets.values()
        known = load_metrics()
        return bool(self.metric) and (
            against_inputs or any(name in known and known[name].needs_inputs for name in self.asked_metrics)
        )


def file_name(stem: str) -> str:
    """A file's stem as a model's name, which stands in ids and paths: letters without their accents, any other
    character that a name may not have as an underscore."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    kept = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-")[:LONGEST_NAME]
    return kept or "model"
