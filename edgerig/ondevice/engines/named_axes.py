"""Axes without a length, as ONNX files have them: where inputs and outputs give an axis one name, it has one length."""

from __future__ import annotations

from collections.abc import Sequence

Axes = Sequence[int | str | None]
"""Of one tensor: lengths, or names or None where they are open."""


def lengths_of_names(axes: Sequence[Axes], shapes: Sequence[Sequence[int]]) -> dict[str, int]:
    """The length of each axis that inputs of these `axes` name, where their `shapes` agree on it. "?" is no name, but
    what some exporters call every axis."""
    found: dict[str, set[int]] = {}
    for tensor, shape in zip(axes, shapes, strict=True):
        for axis, length in zip(tensor, shape, strict=True):
            if isinstance(axis, str) and any(c.isalnum() for c in axis):
                found.setdefault(axis, set()).add(length)
    return {name: lengths.pop() for name, lengths in found.items() if len(lengths) == 1}


def shape_of(axes: Axes, known: dict[str, int], batched: bool) -> tuple[int, ...]:
    """A tensor's shape, -1 where nothing is known; `known` are the lengths of names. An open first axis is the batch,
    of length 1, where the file has one (`batched`)."""
    shape = [axis if isinstance(axis, int) else known.get(axis or "", -1) for axis in axes]
    if batched and shape[:1] == [-1]:
        shape[0] = 1
    return tuple(shape)


def is_open(axes: Sequence[Axes]) -> bool:
    """Has one of the inputs an open first axis, the batch's?"""
    return any(tensor and not isinstance(tensor[0], int) for tensor in axes)


def is_single(shapes: Sequence[Sequence[int]]) -> bool:
    """Do shapes that are asked for leave the batch at length 1?"""
    return all(tuple(shape[:1]) in ((), (1,)) for shape in shapes)
