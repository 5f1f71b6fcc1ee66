"""The data a model is evaluated and calibrated on, and the metrics it is evaluated by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from edgerig.spec.metric import Labels, asked, load_metrics
from edgerig.spec.toml import FACTORY, NAME, RECORDS, Factory, Strict, nearest

Column = Annotated[str, StringConstraints(min_length=1)]
LONGEST_METRIC = 400


def _known_metric(value: str, info: ValidationInfo) -> str:
    recorded = bool(info.context and info.context.get(RECORDS))
    name = asked(value).metric
    known = re.fullmatch(NAME, name) is not None if recorded else name in load_metrics()
    if not known and not re.fullmatch(FACTORY, name):
        raise ValueError(f'no such metric; {nearest(name, load_metrics())}, or "file.py:function" for one of your own')
    if value.startswith("=") or len(value) > LONGEST_METRIC:
        raise ValueError(f'"OUTPUT=METRIC" names an output of the model, in at most {LONGEST_METRIC} characters')
    return value


def _by_output(value: object) -> object:
    """A table of outputs, each with its metric or several, as the texts that it stands for."""
    if not isinstance(value, dict):
        return _sequence(value)
    found = [(output, _sequence(metrics)) for output, metrics in value.items()]
    if not all(isinstance(metrics, tuple | list) for _, metrics in found):
        return value
    return tuple(f"{output}={metric}" for output, metrics in found for metric in metrics)  # type: ignore[attr-defined]


def _sequence(value: object) -> object:
    return (value,) if isinstance(value, str) else () if value is None else value


def _numbers(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


Metrics = Annotated[tuple[Annotated[str, AfterValidator(_known_metric)], ...], BeforeValidator(_by_output)]
"""One metric or several, the first being the one a variant is judged by: `"top1"`, `"scores=top1"` of the output of
that name, or a table of outputs, `{ scores = "top1", age = ["mae", "r2"] }`."""
Numbers = Annotated[tuple[float, ...], BeforeValidator(_numbers), Field(min_length=1)]
"""One number for all channels, or one per channel."""


class _Normalized(Strict):
    """A value v becomes (v * scale - mean) / std, mean and std per channel (an image's colour, a table's column)."""

    scale: float = 1.0
    mean: Numbers = (0.0,)
    std: Numbers = (1.0,)

    @model_validator(mode="after")
    def _not_by_zero(self) -> Self:
        if 0 in self.std or self.scale == 0:
            raise ValueError('"std" and "scale" must not be 0')
        if len({len(self.mean), len(self.std)} - {1}) > 1:
            raise ValueError(
                f'"mean" has {len(self.mean)} numbers, "std" {len(self.std)}: give one per channel in both'
            )
        return self


class FilesSpec(_Normalized):
    """A folder of files: a subfolder per class, or a CSV with the column "file" and the label in the other column.

    Paths are relative to the model's folder. Evaluated is every file of `folder` (those of `labels_file`, where there
    is one; `labels.csv` in the folder when not named) in the order of class and name (of its rows). Calibration is
    `calibration` samples of `calibration_folder`, laid out the same way, or the files named in `calibration_list`
    (one path per line, relative to `folder`), which are then not evaluated.
    """

    folder: Path
    labels_file: Path | None = None
    calibration_folder: Path | None = None
    calibration_list: Path | None = None

    @model_validator(mode="after")
    def _one_calibration(self) -> Self:
        if self.calibration_folder is not None and self.calibration_list is not None:
            raise ValueError('give "calibration_folder" or "calibration_list", not both')
        return self


class ImagesSpec(FilesSpec):
    """PNG, JPEG, BMP, WebP, TIFF, PPM. `resize` is [height, width], or the length of the shorter side; `crop` then
    takes the middle, of the size of the model's input. A pixel's 0…255 are scaled to 0…1 unless `scale` says else."""

    resize: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    crop: bool = False
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    colour: Literal["rgb", "bgr", "grey"] | None = None
    """By default what the model's input has channels for: 3 rgb, 1 grey."""
    scale: float = 1 / 255


class AudioSpec(FilesSpec):
    """WAV files of one `sample_rate`, the first channel, cut or padded with zeros to `seconds`.

    The defaults are MLPerf Tiny's keyword spotting front end: 49 frames of 10 coefficients
    (https://github.com/mlcommons/tiny, benchmark/training/keyword_spotting/get_dataset.py).
    """

    features: Literal["mfcc", "log_mel", "waveform"] = "mfcc"
    sample_rate: PositiveInt = 16000
    seconds: PositiveFloat = 1.0
    level: Literal["largest", "peak", "full_scale"] = "largest"
    """A clip is divided by its largest sample (as MLPerf Tiny does), by its largest magnitude, or by full scale."""
    window_ms: PositiveFloat = 30.0
    stride_ms: PositiveFloat = 20.0
    mels: PositiveInt = 40
    low_hz: float = Field(default=20.0, ge=0)
    high_hz: PositiveFloat = 4000.0
    log_offset: PositiveFloat = 1e-6
    coefficients: PositiveInt = 10

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError(
                f'"low_hz" {self.low_hz:g} < "high_hz" {self.high_hz:g} <= half of "sample_rate" does not hold'
            )
        if self.window_ms > 1000 * self.seconds:
            raise ValueError(f'"window_ms" {self.window_ms:g} is longer than the clip of {self.seconds:g} s')
        if self.features == "mfcc" and self.coefficients > self.mels:
            raise ValueError(f'"coefficients" {self.coefficients} must not be more than "mels" {self.mels}')
        return self


class TableSpec(_Normalized):
    """A CSV with a header, or Parquet. A row is a sample: `features` (by default every column but the label's) in the
    order named, reshaped to the model's input; `label` is a column of classes, or columns of target values."""

    file: Path
    label: Annotated[tuple[Column, ...], BeforeValidator(_sequence)] = ()
    features: tuple[Column, ...] = ()
    calibration_file: Path | None = None

    @model_validator(mode="after")
    def _known_type(self) -> Self:
        for path in (self.file, self.calibration_file):
            if path is not None and path.suffix not in (".csv", ".parquet"):
                raise ValueError(f'{path} must end in ".csv" or ".parquet"')
        if both := set(self.label) & set(self.features):
            raise ValueError(f"{', '.join(sorted(both))} cannot be feature and label")
        return self


KINDS = ("factory", "npz", "images", "table", "audio")


class DatasetSpec(Strict):
    """Where the data comes from: exactly one of `KINDS`. Paths are relative to the model's folder.

    `labels` says what outputs are held against (`spec.metric.Labels`), or of each output that has labels of its own
    what that one is: `{ kind = "class", age = "values" }`. `classes` names the classes in the order of the model's
    scores. At most `calibration` samples are calibrated on (by
    default all that an npz or a factory gives, else 256). `max_gib` bounds what the decoded data may
    take on this machine's disk, in GiB.

    `evaluate` says on what: the data itself; "validation", the arrays `validation` and `validation_labels` beside an
    npz's or a factory's others; or "held-out", every fourth calibration sample, which then calibrates nothing. The
    latter two are for choosing among variants (`edgerig tune`), so that the test data stays unseen.
    """

    factory: Factory | None = None
    npz: Path | None = None
    images: ImagesSpec | None = None
    table: TableSpec | None = None
    audio: AudioSpec | None = None
    labels: Labels | dict[str, Labels] = "class"
    classes: tuple[Column, ...] = ()
    calibration: PositiveInt | None = None
    evaluate: Literal["test", "validation", "held-out"] = "test"
    max_gib: PositiveFloat = 16.0

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            names = ", ".join(f'"{kind}"' for kind in KINDS)
            raise ValueError(f"give exactly one of {names} (given: {', '.join(given) or 'none'})")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError('"classes" names a class twice')
        if self.labels == {}:
            raise ValueError('"labels" names no output')
        if self.kind in ("table", "audio", "images") and isinstance(self.labels, dict):
            raise ValueError(f'"{self.kind}" has one kind of labels: those of several outputs come from npz or factory')
        if self.table is not None and self.labels not in ("class", "values", "inputs"):
            raise ValueError('"table" has labels = "class", "values" or "inputs"')
        if self.table is not None:
            if self.labels != "inputs" and not self.table.label:
                raise ValueError('"table" needs the key "label"')
            if self.labels == "class" and len(self.table.label) > 1:
                raise ValueError('"table.label" names several columns: that goes with labels = "values"')
        return self

    @property
    def sets(self) -> dict[str, Labels]:
        """Its labels' kinds by the output they are of; "" where they are the only ones."""
        return self.labels if isinstance(self.labels, dict) else {"": self.labels}

    def labels_of(self, outputs: tuple[str, ...]) -> Labels | None:
        """What the outputs are held against; None where each has labels of its own and it has none."""
        if not isinstance(self.labels, dict):
            return self.labels
        named = (",".join(outputs), *outputs)
        return next((self.labels[name] for name in named if name in self.labels), None)

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


def wrong_metric(named: tuple[str, ...], dataset: DatasetSpec | None) -> str:
    """Why these metrics cannot be taken on `dataset`, or ""."""
    if dataset is None:
        return f'metric "{named[0]}" needs a [dataset]' if named else ""
    if len(set(named)) != len(named):
        return f"a metric is named twice: {', '.join(named)}"
    for text in named:
        metric = asked(text).metric
        row = load_metrics().get(metric)
        if row is not None and (why := _wrong_outputs(text)):
            return why
        labels = dataset.labels_of(asked(text).outputs)
        if row is not None and labels is None:
            return f'metric "{text}": labels are of {", ".join(dataset.sets)}: write "OUTPUT={metric}" with one'
        if row is not None and labels not in row.labels:
            wanted = " or ".join(f'"{kind}"' for kind in row.labels)
            return f'metric "{metric}" is taken against labels = {wanted}, the dataset\'s are "{labels}"'
    return ""


def _wrong_outputs(text: str) -> str:
    """Why a metric cannot be taken of the outputs it is asked for, or ""; of no output named it may be."""
    metric = asked(text)
    takes = load_metrics()[metric.metric].takes
    if len(metric.outputs) <= 1 or len(metric.outputs) == len(takes):
        return ""
    wanted = f"{len(takes)} outputs, {', '.join(takes)}" if takes else "one output"
    return f'metric "{metric.metric}" is taken of {wanted}: "{text}" names {len(metric.outputs)}'
