"""Metrics of words and of the next one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.metrics import Evidence, Given, Interval, Unmeasurable, array_of, ratio
from edgerig.measure.ragged import Ragged

Split = Callable[[str], Sequence[Hashable]]


def wer(evidence: Evidence) -> tuple[float, Interval]:
    """Word error rate: the fewest words to be replaced, left out and put in, over the words that were said, of all
    samples together (NIST's sclite). Words are what spaces divide; case and punctuation count, as with jiwer."""
    return _errors(evidence, lambda text: re.sub(r"\s\s+", " ", text).strip().split(" "))


def cer(evidence: Evidence) -> tuple[float, Interval]:
    """Character error rate: the same of characters, spaces among them."""
    return _errors(evidence, lambda text: text.strip())


def _errors(evidence: Evidence, split: Split) -> tuple[float, Interval]:
    pairs = [
        ([item for item in one if item != ""], [item for item in other if item != ""])
        for one, other in zip(_items(evidence.targets, split), _items(evidence.outputs[0], split), strict=True)
    ]
    wrong = np.array([edits(said, heard) for said, heard in pairs], np.float64)
    return ratio(wrong, np.array([len(said) for said, _ in pairs], np.float64))


def _items(given: Given, split: Split) -> list[Sequence[Hashable]]:
    """What each sample is made of: a text's parts, or the numbers from 0 on of a sequence of tokens."""
    if not isinstance(given, Ragged | np.ndarray):
        return [split(text) for text in given]
    if (given.values if isinstance(given, Ragged) else given).dtype.kind not in "iu":
        raise Unmeasurable("outputs are neither text nor tokens: name a postprocess function that makes text of them")
    return [[int(token) for token in np.ravel(sample) if token >= 0] for sample in given]


def edits(said: Sequence[Hashable], heard: Sequence[Hashable]) -> int:
    """The fewest replacements, insertions and deletions that make one of the other (Levenshtein 1966), by Wagner and
    Fischer's table (J. ACM 21(1), 1974), a row at a time."""
    known = {item: place for place, item in enumerate(dict.fromkeys((*said, *heard)))}
    other = np.array([known[item] for item in heard], np.int64)
    steps = np.arange(len(heard) + 1)
    row = steps.copy()
    for count, item in enumerate(said, 1):
        best = np.empty_like(row)
        best[0] = count
        np.minimum(row[1:] + 1, row[:-1] + (other != known[item]), out=best[1:])
        row = np.minimum.accumulate(best - steps) + steps  # what is put in, from any place to the left
    return int(row[-1])


def perplexity(evidence: Evidence) -> tuple[float, Interval]:
    """exp of the mean cross entropy in nats of the labelled tokens, -ln softmax(scores)[label] (Jelinek et al., J.
    Acoust. Soc. Am. 62, 1977). A label is the token that its place's scores are of; one below 0 counts for nothing."""
    scores = array_of(evidence.outputs[0])
    if scores.ndim < 2:
        raise Unmeasurable(f"scores of shape {scores.shape}: one per token, (N, …, tokens), is needed")
    places = scores.shape[1:-1]
    lost, counted = np.zeros(len(scores)), np.zeros(len(scores))
    for sample, (own, label) in enumerate(zip(scores, evidence.targets, strict=True)):
        lost[sample], counted[sample] = _surprise(own.reshape(-1, scores.shape[-1]), np.ravel(label), places)
    value, interval = ratio(lost, counted)
    return float(np.exp(value)), None if interval is None else (float(np.exp(interval[0])), float(np.exp(interval[1])))


def _surprise(scores: npt.NDArray[Any], labels: npt.NDArray[Any], places: tuple[int, ...]) -> tuple[float, int]:
    """The sum of the labelled tokens' cross entropies, and how many they are. Labels may end before the scores do."""
    if labels.dtype.kind not in "iu" or len(labels) > len(scores) or labels.max(initial=0) >= scores.shape[1]:
        raise Unmeasurable(f"labels are no tokens of scores of shape {(*places, scores.shape[1])}")
    wanted = np.flatnonzero(labels >= 0)
    own = scores[wanted].astype(np.float64)
    own -= own.max(axis=1, keepdims=True)
    found = np.log(np.exp(own).sum(axis=1)) - own[np.arange(len(wanted)), labels[wanted]]
    return float(found.sum()), len(wanted)
