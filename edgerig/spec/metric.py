"""Metrics: what each takes its outputs against and what its number means. How it is computed is code, imported when a
run is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgerig.plugins import added, remembered

Labels = Literal["class", "values", "inputs", "classes", "boxes", "text", "any"]
"""What outputs are held against, sample by sample: a class; real numbers of the output's shape; the model's own input;
classes of any shape, such as a mask's or a sequence's; boxes, each x1, y1, x2, y2, class and, if given, 1 for a crowd;
a text; any numbers, for metrics of one's own. Of the last four each sample may have its own length."""
PLUGINS = "edgerig.metrics"
"""The entry-point group."""


@dataclass(frozen=True)
class Metric:
    """`compute` is the `"module:function"` that makes a value and its 95 % interval, or None for that, of a
    `measure.metrics.Evidence`, and raises `measure.metrics.Unmeasurable` with the reason where there is none.

    `labels` are the kinds of labels it can be taken against. `unit` "fraction" is shown in percent; "" is a number
    without a unit. `binary`: its labels are 0 and 1, whatever the model's output is. `needs_inputs`: it is taken of the
    model's inputs too. `takes` says what its outputs are where it is taken of several at once, in their order; () for
    one of a single output.
    """

    compute: str
    labels: tuple[Labels, ...]
    higher_is_better: bool = True
    unit: str = ""
    binary: bool = False
    needs_inputs: bool = False
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A metric as a model asks for it: `"top1"`, or of an output `"scores=top1"`, of several `"boxes,scores=…"`.

    `outputs` are the outputs' names, () where none is named. `text` is the whole, by which results know it.
    """

    text: str
    outputs: tuple[str, ...]
    metric: str

    @property
    def output(self) -> str | None:
        """The outputs as one name, None where none is named."""
        return ",".join(self.outputs) or None


def asked(text: str) -> Asked:
    """A metric's own name has no "=", which an output's name may have."""
    outputs, _, metric = text.rpartition("=")
    return Asked(text, tuple(name for name in outputs.split(",") if name), metric)


_ROOM = "edgerig.measure"
_OURS = f"{_ROOM}.metrics:"
METRICS = {
    "top1": Metric(f"{_OURS}top1", ("class",), unit="fraction"),
    "top5": Metric(f"{_OURS}top5", ("class",), unit="fraction"),
    "auc": Metric(f"{_OURS}auc", ("class",), binary=True),
    "reconstruction_auc": Metric(f"{_OURS}reconstruction_auc", ("class",), binary=True, needs_inputs=True),
    "mse": Metric(f"{_OURS}mse", ("values", "inputs"), higher_is_better=False),
    "psnr": Metric(f"{_OURS}psnr", ("values", "inputs"), unit="dB"),
    "sqnr": Metric(f"{_OURS}sqnr", ("values", "inputs"), unit="dB"),
    "macro_recall": Metric(f"{_OURS}macro_recall", ("class",), unit="fraction"),
    "mae": Metric(f"{_ROOM}.regression:mae", ("values", "inputs"), higher_is_better=False),
    "r2": Metric(f"{_ROOM}.regression:r2", ("values", "inputs")),
    "miou": Metric(f"{_ROOM}.segmentation:miou", ("classes",), unit="fraction"),
    "coco_map": Metric(
        f"{_ROOM}.detection:coco_map", ("boxes",), unit="fraction", takes=("boxes", "scores", "classes")
    ),
    "pck": Metric(f"{_ROOM}.landmarks:pck", ("values", "any"), unit="fraction"),
    "landmark_error": Metric(f"{_ROOM}.landmarks:landmark_error", ("values", "any"), higher_is_better=False),
    "wer": Metric(f"{_ROOM}.language:wer", ("text", "classes"), higher_is_better=False, unit="fraction"),
    "cer": Metric(f"{_ROOM}.language:cer", ("text", "classes"), higher_is_better=False, unit="fraction"),
    "perplexity": Metric(f"{_ROOM}.language:perplexity", ("classes", "class"), higher_is_better=False),
}
"""edgerig's own."""


def load_metrics() -> dict[str, Metric]:
    """All the metrics there are, by name: edgerig's own, then those that packages add. Raises ConfigError."""
    return METRICS | _added()


def has_binary_labels(named: Iterable[str]) -> bool:
    """Are the labels of one of these metrics 0 and 1?"""
    known = load_metrics()
    return any(known[name].binary for name in (asked(text).metric for text in named) if name in known)


@remembered
def _added() -> dict[str, Metric]:
    return {name: plugin.load(Metric) for name, plugin in added(PLUGINS, METRICS).items()}
