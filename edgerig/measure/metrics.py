"""How good a variant's outputs are: one figure over all samples with a 95 % interval, in the metric's own unit.

Intervals: Wilson's for shares (J. American Statistical Association 22, 1927); for areas under the ROC curve the score
interval of Newcombe's method 5 (Statistics in Medicine 25, 2006, 559-573), which unlike DeLong's and the bootstrap's
does not shrink to nothing on perfectly separated data; for means and ratios over samples the percentile bootstrap
(Efron & Tibshirani 1993, 13.3) of `RESAMPLES` resamples of the samples, seeded.

Which there are, and what each number means: `spec/metric.py`. Pure; imports numpy alone. Arrays may be
memory-mapped and are gone through a piece at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from edgerig.measure.distributions import Z95
from edgerig.measure.error import Outputs
from edgerig.measure.ragged import Ragged
from edgerig.npy import samples_a_piece
from edgerig.registry import load_object
from edgerig.results import Accuracy
from edgerig.spec import Metric, asked, load_metrics

Scores = npt.NDArray[np.float64]
RESAMPLES = 2000
STEP = 1e-12


class Unmeasurable(Exception):
    """These outputs have no such metric; the message is the reason a report gives."""


Given = npt.NDArray[Any] | Ragged | Sequence[str]
"""N samples: an array (N, …), arrays of different lengths, or texts."""
GivenT = TypeVar("GivenT", bound=Given)


@dataclass(frozen=True)
class Evidence:
    """What a metric is computed from: the model's `outputs`, its `inputs` (empty where not needed) and the `targets`,
    which are of the kind of labels the metric takes (`spec.metric.Labels`)."""

    outputs: Sequence[Given]
    targets: Given
    inputs: Outputs


Interval = tuple[float, float] | None


def measure(text: str, evidence: Evidence) -> Accuracy:
    """The metric of `spec.load_metrics` that `text` asks for, of evidence that holds the outputs it names; where it
    cannot be taken, the reason instead."""
    wanted = asked(text)
    name, metric = wanted.metric, load_metrics()[wanted.metric]
    known: dict[str, Any] = {
        "metric": name,
        "output": wanted.output,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
    }
    try:
        _check(evidence, metric)
        value, interval = load_object(metric.compute)(evidence)
        if not math.isfinite(value):
            raise Unmeasurable(f"{name} is {value}: the outputs equal their targets, or one of them is all zero")
    except Unmeasurable as error:
        return Accuracy(**known, reason=str(error))
    return Accuracy(**known, value=value, ci95=interval, samples=len(evidence.outputs[0]))


def chosen(text: str, names: Sequence[str], outputs: Sequence[GivenT]) -> list[GivenT]:
    """The outputs that the metric `text` asks for names, all where it names none; a name that is a number and no
    output's is a place among them, from 0. Raises Unmeasurable."""
    return [outputs[place] for place in places(text, names, len(outputs))]


def places(text: str, names: Sequence[str], count: int) -> list[int]:
    """Where the outputs lie that the metric `text` names, among `count` called `names`. Raises Unmeasurable."""
    wanted = asked(text).outputs
    known = {name: place for place, name in enumerate(names[:count])}
    known = {str(place): place for place in range(count)} | known
    if missing := [name for name in wanted if name not in known]:
        raise Unmeasurable(f"no output is called {', '.join(missing)}: there are {', '.join(names) or count}")
    return [known[name] for name in wanted] or list(range(count))


def _check(evidence: Evidence, metric: Metric) -> None:
    given = len(evidence.outputs)
    if given not in {1, len(metric.takes) or 1}:
        wanted = f"{len(metric.takes)} outputs ({', '.join(metric.takes)})" if metric.takes else "one output"
        raise Unmeasurable(
            f'it is taken of {wanted}, the file gives {given}: name what it is of, metric = "OUTPUT=METRIC"'
        )
    for output in evidence.outputs:
        if len(output) != len(evidence.targets):
            raise Unmeasurable(f"the device gave {len(output)} outputs for {len(evidence.targets)} labels")
        numbers = output.values if isinstance(output, Ragged) else output if isinstance(output, np.ndarray) else ()
        if not np.isfinite(numbers).all():
            raise Unmeasurable("the outputs hold NaN or infinite values")


def _top(k: int) -> Callable[[Evidence], tuple[float, Interval]]:
    """Share of samples whose label is among the k largest scores; of equal scores the first counts as larger."""

    def compute(evidence: Evidence) -> tuple[float, Interval]:
        scores, labels = array_of(evidence.outputs[0]), array_of(evidence.targets)
        if scores.ndim != 2:
            raise Unmeasurable(f"top-{k} needs one output of (N, classes), the file gives {[scores.shape]}")
        if 1 < k >= scores.shape[1]:
            raise Unmeasurable(f"top-{k} of {scores.shape[1]} classes is always right")
        if labels.min() < 0 or labels.max() >= scores.shape[1]:
            raise Unmeasurable(f"labels run up to {labels.max()}, the file gives {scores.shape[1]} scores")
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        earlier = np.arange(scores.shape[1]) < labels[:, None]
        above = (scores > own).sum(axis=1) + ((scores == own) & earlier).sum(axis=1)
        return share(int((above < k).sum()), len(labels))

    return compute


top1, top5 = _top(1), _top(5)


def macro_recall(evidence: Evidence) -> tuple[float, Interval]:
    """Mean over the labels' classes of the share of their samples that are answered right (macro recall, balanced
    accuracy: Brodersen et al., ICPR 2010). The bootstrap draws from all samples."""
    scores, labels = array_of(evidence.outputs[0]), array_of(evidence.targets)
    if scores.ndim != 2:
        raise Unmeasurable(f"recall needs one output of (N, classes), the file gives {[scores.shape]}")
    classes, own = np.unique(labels, return_inverse=True)
    of_class = np.equal.outer(own, np.arange(len(classes))).astype(np.float64)
    right = of_class * (scores.argmax(axis=1) == labels)[:, None]

    def statistic(weights: Scores) -> Scores:
        with np.errstate(invalid="ignore"):
            found: Scores = np.nanmean((weights @ right) / (weights @ of_class), axis=1)
        return found

    return float(statistic(np.ones((1, len(labels))))[0]), bootstrap(statistic, len(labels))


def share(count: int, of: int) -> tuple[float, Interval]:
    """`count`/`of` with Wilson's interval: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    p, slack = count / of, Z95**2 / of
    half = Z95 * math.sqrt(p * (1 - p) / of + slack / (4 * of))
    low, high = ((p + slack / 2 + side) / (1 + slack) for side in (-half, half))
    return p, (low if count else 0.0, high if count < of else 1.0)


def auc(evidence: Evidence) -> tuple[float, Interval]:
    """Area under the ROC curve of labels 0 and 1; the score is the one output, or that of class 1 less that of 0."""
    scores = array_of(evidence.outputs[0]).reshape(len(evidence.targets), -1).astype(np.float64)
    if scores.shape[1] > 2:
        raise Unmeasurable(f"a ROC curve needs one or two scores per sample, the file gives {scores.shape[1]}")
    return area(scores[:, -1] - (scores[:, 0] if scores.shape[1] == 2 else 0), array_of(evidence.targets))


def reconstruction_auc(evidence: Evidence) -> tuple[float, Interval]:
    """Area under the ROC curve of the mean squared error between input and output, by which anomalies (label 1) are
    told from what is normal (0): MLPerf Tiny's anomaly detection (https://github.com/mlcommons/tiny,
    benchmark/training/anomaly_detection)."""
    if len(evidence.inputs) != 1:
        raise Unmeasurable(f"a reconstruction has one input, the model has {len(evidence.inputs)}")
    return area(_errors(array_of(evidence.outputs[0]), evidence.inputs[0]), array_of(evidence.targets))


def area(scores: Scores, labels: npt.NDArray[Any]) -> tuple[float, Interval]:
    """The Mann-Whitney statistic U / (m n): the chance that a positive's score is above a negative's (ties half).

    Interval: all θ with |θ̂ - θ| ≤ z √V(θ), V(θ) = θ(1-θ)(1 + N(1-θ)/(2-θ) + Nθ/(1+θ)) / (m n), N = (m+n)/2 - 1.
    """
    positive = np.asarray(labels) == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        raise Unmeasurable(f"a ROC curve needs samples of both labels, there are {m} of 1 and {n} of 0")
    ranks = _ranks(scores)
    found = float((ranks[positive].sum() - m * (m + 1) / 2) / (m * n))
    beyond = (m + n) / 2 - 1

    def gap(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + beyond * (1 - theta) / (2 - theta) + beyond * theta / (1 + theta))
        return (found - theta) ** 2 - Z95**2 * spread / (m * n)

    # V is 0 at both ends, where an area of 0 or 1 would be taken for its own bound: step off it.
    low = 0.0 if found == 0 else _root(gap, found - STEP, 0.0)
    high = 1.0 if found == 1 else _root(gap, found + STEP, 1.0)
    return found, (low, high)


def _ranks(scores: Scores) -> Scores:
    """From 1, in ascending order; equal scores share the mean of theirs."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks: Scores = (last - (counts - 1) / 2)[which]
    return ranks


def _root(function: Callable[[float], float], below: float, above: float) -> float:
    """Where `function` changes its sign between its two arguments, at the first of which it is not above 0; by
    bisection, to the last place."""
    while (middle := (below + above) / 2) not in (below, above):
        if function(middle) > 0:
            above = middle
        else:
            below = middle
    return above


def mse(evidence: Evidence) -> tuple[float, Interval]:
    """Mean over samples of the mean squared error between output and target."""
    return mean(_errors(array_of(evidence.outputs[0]), array_of(evidence.targets)))


def mean(scores: Scores) -> tuple[float, Interval]:
    """The mean of per-sample `scores` with its bootstrap interval."""
    return float(scores.mean()), bootstrap(lambda weights: weights @ scores / len(scores), len(scores))


def psnr(evidence: Evidence) -> tuple[float, Interval]:
    """Peak signal-to-noise ratio 10 log10(peak² / MSE) in dB, peak being the targets' largest less their smallest
    value and MSE that of all samples together (ITU-T J.340, 5.2, over a set instead of a video)."""
    value, interval = mse(evidence)
    targets = array_of(evidence.targets)
    peak = float(targets.max()) - float(targets.min())
    if not value or not peak:
        raise Unmeasurable("PSNR is infinite: the outputs equal their targets, or the targets are all the same")
    low, high = (_decibel(peak**2, error) for error in reversed(interval or (0.0, 0.0)))  # more error, less ratio
    return _decibel(peak**2, value), (low, high) if math.isfinite(low) and math.isfinite(high) else None


def sqnr(evidence: Evidence) -> tuple[float, Interval]:
    """Signal-to-quantization-noise ratio 10 log10(Σ target² / Σ (output - target)²) in dB."""
    targets = array_of(evidence.targets)
    noise = _errors(array_of(evidence.outputs[0]), targets)
    signal = _errors(targets, None)
    if not noise.sum() or not signal.sum():
        raise Unmeasurable("SQNR is infinite: the outputs equal their targets, or the targets are all zero")

    def ratio(weights: Scores) -> Scores:
        with np.errstate(divide="ignore"):
            decibel: Scores = 10 * np.log10((weights @ signal) / (weights @ noise))
        return decibel

    interval = bootstrap(ratio, len(noise))
    finite = interval is not None and all(map(math.isfinite, interval))
    return _decibel(float(signal.sum()), float(noise.sum())), interval if finite else None


def _decibel(signal: float, noise: float) -> float:
    return math.inf if noise == 0 else -math.inf if signal == 0 else 10 * math.log10(signal / noise)


def _errors(outputs: npt.NDArray[Any], targets: npt.NDArray[Any] | None) -> Scores:
    """Per sample, the mean over elements of (output - target)², in float64; of output² without a target."""
    if targets is not None and math.prod(outputs.shape[1:]) != math.prod(targets.shape[1:]):
        raise Unmeasurable(f"outputs have shape {outputs.shape}, their targets {targets.shape}")
    step = samples_a_piece(outputs.shape, np.float64)
    found = np.empty(len(outputs), np.float64)
    for start in range(0, len(outputs), step):
        cut = slice(start, start + step)
        difference = outputs[cut].astype(np.float64).reshape(len(outputs[cut]), -1)
        if targets is not None:
            difference -= targets[cut].reshape(difference.shape)
        found[cut] = (difference**2).mean(axis=1)
    return found


def ratio(parts: npt.NDArray[Any], wholes: npt.NDArray[Any]) -> tuple[float, Interval]:
    """Σ parts / Σ wholes over samples, each of which has one of either, with its bootstrap interval. Raises
    Unmeasurable where the wholes are nothing."""
    above, below = parts.astype(np.float64), wholes.astype(np.float64)
    if not below.sum():
        raise Unmeasurable("no sample has anything to be counted")

    def statistic(weights: Scores) -> Scores:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Scores = (weights @ above) / (weights @ below)
        return found

    return float(above.sum() / below.sum()), bootstrap(statistic, len(above))


def array_of(given: Given) -> npt.NDArray[Any]:
    """Raises Unmeasurable of texts and of samples of different lengths."""
    if isinstance(given, np.ndarray):
        return given
    kind = "samples of different lengths" if isinstance(given, Ragged) else "texts"
    raise Unmeasurable(f"{kind} are no array (N, …), which is needed")


def bootstrap(statistic: Callable[[Scores], Scores], samples: int, resamples: int = RESAMPLES) -> Interval:
    """The 2.5th and 97.5th percentile of `statistic` over resamples, which it is given as how often each sample was
    drawn, (resamples, samples). None for fewer than two samples. A resample without a value (NaN) is left out."""
    if samples < 2:
        return None
    rng = np.random.default_rng(0)
    step = samples_a_piece((0, samples), np.float64)
    even = np.full(samples, 1 / samples)
    drawn = [
        statistic(rng.multinomial(samples, even, size=min(step, resamples - done)).astype(np.float64))
        for done in range(0, resamples, step)
    ]
    found = np.concatenate(drawn)
    low, high = np.percentile(found[~np.isnan(found)], [2.5, 97.5])
    return float(low), float(high)
