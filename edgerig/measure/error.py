"""How far one set of outputs is from another: the same figures at build time and in a report. Imports numpy only.

Each output tensor is judged by itself, since one norm over all of them hides a small one that is destroyed beside a
large one that is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.ondevice.evaluate import LENGTHS
from edgerig.ondevice.tensors import same_axes
from edgerig.results import OutputParity

Array = npt.NDArray[Any]
Outputs = list[Array]
"""One (N, …) array an output tensor: float32, or the tensor's own integer or bool dtype."""
Real = npt.NDArray[np.float64]

WEAK = 0.01
"""A channel whose root mean square is below this share of the largest channel's is judged by itself: 8 bits over the
whole range leave it two or three steps."""
DEAD = 1e-6
"""Below this share a channel holds rounding noise, against which nothing can be relative."""
MOST_CHANNELS = 4096
"""A longer axis is not one of channels."""
NAMED = 20
"""At most so many channels are named."""
UNCORRELATED = 0.1
"""Below this correlation an output tells nothing of its source's (chosen, not measured)."""
UNCORRELATED_ERROR = 0.9
"""... and a constant would be about as near."""
ENOUGH_VARIATION = 0.1
"""The share of the norm an output must vary by for its variation to be judged."""
FEWEST_VALUES = 64
"""Of fewer values a correlation is chance."""
FAR = 0.25
"""From this relative error on an output is called far from its source's: trained networks that 8 bits leave as accurate
as before measure 0.02 to 0.15 (chosen, not measured)."""


def alike(names: Sequence[str], outputs: Outputs, reference: Outputs) -> tuple[Sequence[str], Outputs, Outputs]:
    """Both ready to be compared element by element, as far as their shapes (N, …) allow.

    Axes of length 1 come and go: a batch's, or those of a scalar. Where the data decides an output's lengths, both are
    padded with zeros to the same; the samples' own shapes (`LENGTHS`) are left out where one side has none.
    """
    own = [name for name in names if not name.endswith(LENGTHS)]
    if len(outputs) != len(reference) and 0 < min(len(outputs), len(reference)) == len(own):
        names, outputs, reference = own, outputs[: len(own)], reference[: len(own)]
    if not len(names) == len(outputs) == len(reference):
        return names, outputs, reference
    pairs = [
        _padded(ours, theirs) if name + LENGTHS in names else (_as(ours, theirs.shape), theirs)
        for name, ours, theirs in zip(names, outputs, reference, strict=True)
    ]
    return names, [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def _as(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` (N, …) with the axes of length 1 that `shape` has, itself where more than these differ."""
    fits = array.shape[:1] == shape[:1] and same_axes(array.shape[1:], shape[1:])
    return array.reshape(shape) if fits else array


def _padded(ours: Array, theirs: Array) -> tuple[Array, Array]:
    if ours.ndim != theirs.ndim or len(ours) != len(theirs):
        return ours, theirs
    shape = tuple(max(lengths) for lengths in zip(ours.shape, theirs.shape, strict=True))
    return _to(ours, shape), _to(theirs, shape)


def _to(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape == shape:
        return array
    whole = np.zeros(shape, array.dtype)
    whole[tuple(slice(length) for length in array.shape)] = array
    return whole


def compare(names: Sequence[str], outputs: Outputs, reference: Outputs) -> tuple[OutputParity, ...]:
    """Each output against its reference, both (N, …), made `alike`."""
    return tuple(
        compare_output(name, ours, theirs) for name, ours, theirs in zip(*alike(names, outputs, reference), strict=True)
    )


def worst(outputs: Sequence[OutputParity]) -> OutputParity | None:
    """The real output with the largest relative error, None where there is none."""
    known = [output for output in outputs if output.relative_error is not None]
    return max(known, key=lambda output: output.relative_error or 0.0, default=None)


def least_agreement(outputs: Sequence[OutputParity]) -> float | None:
    """The smallest agreement of any output, None where none has one."""
    return min((output.agreement for output in outputs if output.agreement is not None), default=None)


def compare_output(name: str, ours: Array, theirs: Array) -> OutputParity:
    """One output (N, …) against its reference of the same shape. Both must be finite, or `reason` says that they are
    not."""
    if ours.shape != theirs.shape:
        reason = f"shape {ours.shape}, the source's is {theirs.shape}"
        return OutputParity(name=name, compared="real" if theirs.dtype.kind == "f" else "index", reason=reason)
    if theirs.dtype.kind in "iub":
        same = float(np.mean(ours == theirs)) if ours.size else None
        return OutputParity(name=name, compared="index", agreement=same)
    for whose, array in (("the outputs", ours), ("the source's own outputs", theirs)):
        if not np.isfinite(array).all():
            return OutputParity(name=name, compared="real", reason=f"{whose} hold NaN or infinite values")
    expected = theirs.astype(np.float64)
    difference = ours.astype(np.float64) - expected
    relative = _ratio(difference, expected)
    weak, own = _weak_channels(difference, expected)
    overall = relative if own is None else max(relative, own)
    return OutputParity(
        name=name,
        compared="real",
        relative_error=overall if math.isfinite(overall) else None,
        max_abs_error=float(np.max(np.abs(difference), initial=0.0)),
        agreement=top_agreement(ours, theirs),
        weak=weak,
        constant=_constant_channels(ours, expected),
        reason=""
        if math.isfinite(overall)
        else "the source's outputs are all zero: there is nothing to be relative to",
    )


def top_agreement(ours: Array, theirs: Array) -> float | None:
    """The share of samples with the same largest of several scores; None where an output is not (N, scores)."""
    if ours.ndim != 2 or ours.shape != theirs.shape or ours.shape[1] < 2 or not len(ours):
        return None
    return float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())


def relative_error(ours: Array, theirs: Array) -> float:
    """||ours - theirs|| / ||theirs||, the 2-norms over all elements, in float64.

    Against an all-zero reference 0 when nothing differs, else infinite.
    """
    expected = theirs.astype(np.float64)
    return _ratio(ours.astype(np.float64) - expected, expected)


def broken(ours: Array, theirs: Array) -> str:
    """What makes the output (N, …) no computation of `theirs` at all, "" when nothing does: not finite, constant where
    the source varies, or uncorrelated with it. How far off a sound output is, is not asked here."""
    if not np.isfinite(theirs).all():
        return "the source's own values are NaN or infinite"
    if not np.isfinite(ours).all():
        return "it has NaN or infinite values, its source's has none"
    if theirs.dtype.kind in "iub" or ours.size < 2:
        return ""
    expected = theirs.astype(np.float64)
    found = ours.astype(np.float64)
    if np.ptp(found) == 0 and _varies(expected):
        return f"it is {found.flat[0]:.3g} everywhere, its source's varies"
    if len(found) > 1 and np.ptp(found, axis=0).max() == 0 and _varies(expected - expected[:1], expected):
        return "it is the same for every sample, its source's is not"
    difference = found - expected
    # The mean of each element says how an output lies, not what it does with its input; where samples differ little
    # (an untrained network) there is only the former to go by.
    for what, centre in (("", expected.mean()), ("from sample to sample ", expected.mean(axis=0))):
        deviation = expected - centre
        if _norm(deviation) < ENOUGH_VARIATION * _norm(expected) or deviation.size < FEWEST_VALUES:
            continue
        correlation = _correlation(found - (found.mean() if not what else found.mean(axis=0)), deviation)
        if correlation < UNCORRELATED and _norm(difference) > UNCORRELATED_ERROR * _norm(deviation):
            return f"it is uncorrelated with its source's {what}(correlation {correlation:.2g})"
    return ""


def _varies(values: Real, whole: Real | None = None) -> bool:
    """By more than float32 rounding of the values it is made of."""
    scale = np.abs(values if whole is None else whole).max(initial=0.0)
    return bool(np.ptp(values) > 1e-5 * scale)


def _norm(values: Real) -> float:
    return float(np.linalg.norm(values))


def _correlation(ours: Real, theirs: Real) -> float:
    norms = _norm(ours) * _norm(theirs)
    return float((ours * theirs).sum() / norms) if norms else 0.0


def _ratio(difference: Real, expected: Real) -> float:
    error, norm = _norm(difference), _norm(expected)
    if norm == 0.0:
        return 0.0 if error == 0.0 else math.inf
    return error / norm


def _weak_channels(difference: Real, expected: Real) -> tuple[str, float | None]:
    """What to say of channels far below the whole's scale, and their own relative error; ("", None) without any.

    Values between 0 and 1 are probabilities or shares of a picture: they have one scale, and a rare class' small ones
    are no weak channel.
    """
    if expected.size == 0 or (expected.min() >= -1e-6 and expected.max() <= 1 + 1e-6):
        return "", None
    found: tuple[str, float | None] = ("", None)
    for axis in range(1, expected.ndim):
        if not 2 <= expected.shape[axis] <= MOST_CHANNELS:
            continue
        others = tuple(a for a in range(expected.ndim) if a != axis)
        scales = np.sqrt(np.mean(expected**2, axis=others))
        weak = (scales < WEAK * scales.max()) & (scales > DEAD * scales.max())
        if not weak.any():
            continue
        error = _ratio(np.compress(weak, difference, axis), np.compress(weak, expected, axis))
        if found[1] is None or error > found[1]:
            indices = _listed(np.flatnonzero(weak))
            share = float(scales[weak].max() / scales.max())
            found = (
                f"channels {indices} of axis {axis} are at most {share:.1g} of the largest channel's scale: "
                f"their own relative error is {error:.2g}",
                error,
            )
    return found


def _constant_channels(ours: Array, expected: Real) -> tuple[int, ...]:
    """Channels of axis 1 of (N, C), else of the last axis, that vary in the source's and are constant in ours."""
    if expected.ndim < 2 or len(expected) < 2 or expected.shape[-1] < 2 or expected.shape[-1] > MOST_CHANNELS:
        return ()
    others = tuple(range(expected.ndim - 1))
    varied = np.ptp(expected, axis=others) > 1e-5 * np.abs(expected).max(initial=0.0)
    still = np.ptp(ours, axis=others) == 0
    return tuple(int(index) for index in np.flatnonzero(varied & still)[:NAMED])


def _listed(indices: Array) -> str:
    shown = ", ".join(str(int(index)) for index in indices[:NAMED])
    return f"{shown} and {len(indices) - NAMED} more" if len(indices) > NAMED else shown
