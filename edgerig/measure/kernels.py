"""Does a device compute what the file computed where it was built? The same samples of the same file on both.

What the file makes of the data, compared with its source, is another question (`parity`): a device must not be accused
of what quantization does. Kernels of two processors may differ in how they round, and those of x86-64 without VNNI
saturate; a file of 8-bit ONNX gave -3.951 there, -4.087 on arm64 and -4.073 in float, all sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.measure.error import Array, Outputs, alike, relative_error

FLOAT = 0.01
"""Relative error two sound processors may differ by in a float32 file; 8e-7 was seen."""
HALF = 0.1
"""... in a file that computes in float16."""
INTEGER = 0.35
"""... in a file of integer kernels, where one rounding more or less is passed on through every layer."""
INDEX = 0.5
"""Share of an index output's elements that must be equal: near ties fall either way."""


@dataclass(frozen=True)
class Kernels:
    """`error` is the largest relative error of any real output on the device against the host, on `samples` samples;
    `wrong` what shows that the device computes something else, "" when nothing does."""

    samples: int
    error: float | None
    tolerance: float
    wrong: str = ""


def compare_kernels(
    names: Sequence[str], device: Outputs, host: Outputs | None, reference: Outputs | None, tolerance: float
) -> Kernels | None:
    """The device's outputs against the host's on the samples both have, None where the host's are not known.

    `reference` are the source's. An output is wrong when it differs from the host's by more than `tolerance` and is
    further from the source's than the host's is by as much: where it is nearer, it is the host that rounds badly.
    """
    if host is None or len(host) != len(device):
        return None
    samples = min(len(host[0]), len(device[0]))
    errors = []
    wrong = ""
    names, device, host = alike(names, [each[:samples] for each in device], [each[:samples] for each in host])
    for index, (name, ours, theirs) in enumerate(zip(names, device, host, strict=True)):
        if ours.shape != theirs.shape:
            wrong = wrong or f'output "{name}" has shape {ours.shape} on the device, {theirs.shape} where it was built'
            continue
        if theirs.dtype.kind in "iub":
            same = float((ours == theirs).mean()) if ours.size else 1.0
            if same < INDEX:
                wrong = (
                    wrong
                    or f'output "{name}" agrees in {same:.0%} of its elements with the same file where it was built'
                )
            continue
        error = relative_error(ours, theirs)
        errors.append(error)
        expected = None if reference is None or index >= len(reference) else reference[index][:samples]
        if _beyond(error, tolerance) and _further(ours, theirs, expected, tolerance):
            found = f"relative error {error:.3g}" if math.isfinite(error) else "NaN or infinite values"
            wrong = (
                wrong or f'output "{name}": {found} against the same file where it was built ({tolerance:g} is usual)'
            )
    largest = max(errors, default=None)
    return Kernels(samples, largest if largest is not None and math.isfinite(largest) else None, tolerance, wrong)


def _beyond(error: float, tolerance: float) -> bool:
    return not error <= tolerance  # NaN is beyond


def _further(ours: Array, theirs: Array, expected: Array | None, tolerance: float) -> bool:
    if expected is None or expected.shape != ours.shape or expected.dtype.kind in "iub":
        return True
    return _beyond(relative_error(ours, expected) - relative_error(theirs, expected), tolerance)
