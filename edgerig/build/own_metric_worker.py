"""The process of one own metric: `python -m edgerig.build.own_metric_worker FOLDER` reads `request.json` there and
writes `reply.json`, an `Accuracy`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.factory import call_factory
from edgerig.build.own_metric import MetricRequest
from edgerig.confined import Confined
from edgerig.errors import EdgerigError, RunError
from edgerig.measure.answers import read_answers
from edgerig.measure.labels import ONLY, read_labels, set_of
from edgerig.measure.metrics import Given, Unmeasurable, chosen, mean
from edgerig.measure.ragged import Ragged
from edgerig.measure.sequences import judged, sequences_of
from edgerig.npy import load_arrays, read_lengths
from edgerig.ondevice import lifeline
from edgerig.results import Accuracy
from edgerig.spec import asked

HINT = 'return a float, or {"value": …, "higher_is_better": …, "unit": …, "scores": one number per sample}'
KEYS = {"value", "higher_is_better", "unit", "scores"}


def main() -> None:
    lifeline.hold()
    folder = Path(sys.argv[1])
    request = MetricRequest.model_validate_json((folder / "request.json").read_text(encoding="utf-8"))
    try:
        found = take(request)
    except EdgerigError as error:
        reason = " ".join(f"{error.message}; {error.hint}".split())[:500]
        wanted = asked(request.metric)
        found = Accuracy(metric=wanted.metric, output=wanted.output, reason=reason, unit="")
    (folder / "reply.json").write_text(found.model_dump_json(), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # the user's code may have left threads behind


def take(request: MetricRequest) -> Accuracy:
    """Calls the metric with the outputs it names, a list of arrays (N, …), and the labels (N, …) or None. Raises
    BuildError, RunError.
    """
    wanted = asked(request.metric)
    try:
        names, found = _found(request)
        outputs = [_plain(one) for one in chosen(request.metric, names, found)]
    except Unmeasurable as error:
        raise RunError(f"metric {request.metric}: {error}", hint="name outputs as the model calls them") from error
    against = _against(request, len(outputs[0]))
    given = call_factory(request.model_folder, wanted.metric, outputs, against)
    table = dict(given) if isinstance(given, Mapping) else {"value": given}
    if unknown := set(map(str, table)) - KEYS:
        raise RunError(f"metric {request.metric} gave unknown keys {', '.join(sorted(unknown))}", hint=HINT)
    value = _number(table.get("value"), request.metric)
    higher, unit = table.get("higher_is_better", True), table.get("unit", "")
    if not isinstance(higher, bool) or not isinstance(unit, str) or len(unit) > 20:
        raise RunError(f"metric {request.metric}: higher_is_better is a bool, unit a short text", hint=HINT)
    return Accuracy(
        metric=wanted.metric,
        output=wanted.output,
        value=value,
        ci95=None
        if table.get("scores") is None
        else _interval(table["scores"], value, len(outputs[0]), request.metric),
        samples=len(outputs[0]),
        higher_is_better=higher,
        unit=unit,
    )


def _found(request: MetricRequest) -> tuple[Sequence[str], Sequence[Given]]:
    """What the metric is taken of, and what it is called: the outputs, or what a postprocess function made of them.
    Raises RunError."""
    answers = read_answers(request.raw)
    if answers is None:
        sequences = sequences_of(request.stream, read_lengths(request.data, "input"))
        return request.names, judged(sequences, load_arrays(request.raw, "output"))
    if answers.record.failure:
        raise RunError(answers.record.failure, hint="the postprocess function has to work first")
    return answers.record.names, answers.values


def _against(request: MetricRequest, samples: int) -> Any:
    """The labels of the outputs the metric names; of a model with several sets all by output where it names none."""
    found = read_labels(Confined.at(request.data), request.dataset)
    own = {name: _plain(labels[:samples]) for name, labels in found.items()}
    name = set_of(asked(request.metric), request.dataset)
    return own or None if name == ONLY and name not in own else own.get(name)


def _plain(labels: Given) -> Any:
    """Labels of different lengths as a list of arrays."""
    return list(labels) if isinstance(labels, Ragged) else labels


def _number(value: Any, metric: str) -> float:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RunError(f"metric {metric} gave {value!r:.80}, a finite number is needed", hint=HINT)
    return float(value)


def _interval(scores: Any, value: float, samples: int, metric: str) -> tuple[float, float] | None:
    """The bootstrap interval of the mean of per-sample scores, which must be the metric's value."""
    array = np.asarray(scores)
    if array.shape != (samples,) or array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise RunError(
            f"metric {metric}: scores have shape {array.shape} and dtype {array.dtype}, "
            f"{samples} finite numbers are needed",
            hint=HINT,
        )
    average, interval = mean(array.astype(np.float64))
    if not math.isclose(average, value, rel_tol=1e-6, abs_tol=1e-9):
        raise RunError(
            f"metric {metric}: its value is {value:g}, the mean of its scores {average:g}",
            hint="leave scores out where the metric is not a mean over samples",
        )
    return interval


if __name__ == "__main__":
    main()
