"""Metrics: what each takes its outputs against and what its number means. How it is computed is code, imported when a
run is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgerig.plugins import added, remembered

Labels = Literal["class", "values", "inputs"]
PLUGINS = "edgerig.metrics"
"""The entry-point group."""


@dataclass(frozen=True)
class Metric:
    """`compute` is the `"module:function"` that makes a value and its 95 % interval, or None for that, of a
    `measure.metrics.Evidence`, and raises `measure.metrics.Unmeasurable` with the reason where there is none.

    `labels` are the kinds of labels it can be taken against. `unit` "fraction" is shown in percent; "" is a number
    without a unit. `binary`: its labels are 0 and 1, whatever the model's output is. `needs_inputs`: it is taken of the
    model's inputs too.
    """

    compute: str
    labels: tuple[Labels, ...]
    higher_is_better: bool = True
    unit: str = ""
    binary: bool = False
    needs_inputs: bool = False


_OURS = "edgerig.measure.metrics:"
METRICS = {
    "top1": Metric(f"{_OURS}top1", ("class",), unit="fraction"),
    "top5": Metric(f"{_OURS}top5", ("class",), unit="fraction"),
    "auc": Metric(f"{_OURS}auc", ("class",), binary=True),
    "reconstruction_auc": Metric(f"{_OURS}reconstruction_auc", ("class",), binary=True, needs_inputs=True),
    "mse": Metric(f"{_OURS}mse", ("values", "inputs"), higher_is_better=False),
    "psnr": Metric(f"{_OURS}psnr", ("values", "inputs"), unit="dB"),
    "sqnr": Metric(f"{_OURS}sqnr", ("values", "inputs"), unit="dB"),
}
"""edgerig's own."""


def load_metrics() -> dict[str, Metric]:
    """All the metrics there are, by name: edgerig's own, then those that packages add. Raises ConfigError."""
    return METRICS | _added()


def has_binary_labels(named: Iterable[str]) -> bool:
    """Are the labels of one of these metrics 0 and 1?"""
    known = load_metrics()
    return any(known[name].binary for name in named if name in known)


@remembered
def _added() -> dict[str, Metric]:
    return {name: plugin.load(Metric) for name, plugin in added(PLUGINS, METRICS).items()}
