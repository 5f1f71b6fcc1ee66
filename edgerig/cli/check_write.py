"""`edgerig check MODEL --set-labels … --normalization …`: the flags, and the file that is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from edgerig.check import tflite_labels, tflite_write
from edgerig.check.tflite_write import Labels, Normalization
from edgerig.check.verdicts import Broken
from edgerig.cli.say import say
from edgerig.confined import Confined, read_named
from edgerig.errors import ConfigError
from edgerig.report.files import check_file

_LARGEST_FLOAT = 3.4e38


@dataclass(frozen=True)
class Wanted:
    """The flags; `out` is the file to write, None with `in_place`."""

    labels: Path | None
    normalization: str | None
    out: Path | None
    in_place: bool

    @property
    def anything(self) -> bool:
        return self.labels is not None or self.normalization is not None

    def check(self, paths: list[Path]) -> None:
        """Raises ConfigError when the flags do not go together."""
        if not self.anything:
            if self.out is not None or self.in_place:
                raise ConfigError("nothing is written without --set-labels or --normalization")
            return
        if len(paths) != 1 or paths[0].suffix.lower() != ".tflite":
            raise ConfigError("labels and normalization are written into one .tflite file", hint="name that one alone")
        if (self.out is None) != self.in_place:
            raise ConfigError(
                "where the model is written is not said, or said twice", hint="give --out NEW.tflite, or --in-place"
            )
        if self.out is not None and self.out.exists():
            raise ConfigError(f"{self.out}: is there already", hint="give another name, or remove it first")
        check_file("--out", self.out)


def write(path: Path, wanted: Wanted) -> Path:
    """Writes the model with what is wanted; gives where. Raises ConfigError."""
    normalization = _normalization(wanted.normalization) if wanted.normalization is not None else None
    labels = _labels(wanted.labels) if wanted.labels is not None else None
    target = wanted.out or path
    try:
        content = tflite_write.rewritten(read_named(path, tflite_write.LARGEST), labels, normalization)
        written = Confined.at(target).replace(content)
    except Broken as error:
        raise ConfigError(f"{path}: {error.what}", hint=error.fix) from error
    except OSError as error:
        raise ConfigError(f"{error.filename or target}: {error.strerror or error}") from error
    say(f"{written}: {len(content):,} bytes", err=True)
    return written


def _labels(path: Path) -> Labels:
    """Raises ConfigError for a file that holds no labels."""
    try:
        content = read_named(path, tflite_labels.LABELS_LIMIT)
        lines = content.decode("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="give a text file, one label per line") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text", hint="one label per line, in UTF-8") from error
    empty = next((number for number, line in enumerate(lines, 1) if not line.strip()), 0)
    if empty or not lines:
        raise ConfigError(f"{path}: line {empty or 1} is empty", hint="one label per line, in the output's order")
    return Labels(path.name, content)


def _normalization(text: str) -> Normalization:
    """`127.5,127.5`, or per channel `123.7:116.8:103.9,58.4:57.1:57.4`. Raises ConfigError."""
    try:
        mean, std = (tuple(float(number) for number in part.split(":")) for part in text.split(","))
    except ValueError:
        mean, std = (), ()
    sound = all(math.isfinite(number) and abs(number) < _LARGEST_FLOAT for number in (*mean, *std))
    if not mean or not sound or any(number <= 0 for number in std):
        hint = "such as 127.5,127.5 or, per channel, 123.7:116.8:103.9,58.4:57.1:57.4; deviations are over 0"
        raise ConfigError(f"--normalization {text!r} is not MEAN,STD", hint=hint)
    return Normalization(mean, std)
