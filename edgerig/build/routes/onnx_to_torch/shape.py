"""Operators that move values: shapes, slices, look-ups, padding, enlargement (ONNX operator specification)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from edgerig.build.routes.onnx_to_torch.node import Node, Operation, Tensor, edged, pairs

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


def reshape(node: Node) -> Operation:
    wanted = [int(axis) for axis in node.known(1)]
    keeps = not node.get("allowzero", 0)

    def shaped(x: Tensor, *_: Any) -> Tensor:
        return x.reshape([x.shape[i] if axis == 0 and keeps else axis for i, axis in enumerate(wanted)])

    return shaped


def flatten(node: Node) -> Operation:
    axis = int(node.get("axis", 1))

    def flat(x: Tensor) -> Tensor:
        split = axis % x.ndim if axis < 0 else axis
        return x.reshape(int(np.prod(x.shape[:split], dtype=np.int64)), -1)

    return flat


def squeeze(node: Node) -> Operation:
    axes = node.numbers(1, "axes")
    return lambda x, *_: torch.squeeze(x) if axes is None else torch.squeeze(x, dim=tuple(axes))


def unsqueeze(node: Node) -> Operation:
    axes = node.numbers(1, "axes") or []

    def spread(x: Tensor, *_: Any) -> Tensor:
        rank = x.ndim + len(axes)
        for axis in sorted(axis % rank for axis in axes):
            x = x.unsqueeze(axis)
        return x

    return spread


def transpose(node: Node) -> Operation:
    order = node.get("perm", None)
    return lambda x: x.permute(order if order is not None else list(reversed(range(x.ndim))))


def split(node: Node) -> Operation:
    axis, sizes, parts = int(node.get("axis", 0)), node.numbers(1, "split"), len(node.outputs)

    def cut(x: Tensor, *_: Any) -> tuple[Tensor, ...]:
        each = -(-x.shape[axis] // parts)
        return tuple(torch.split(x, sizes if sizes is not None else each, dim=axis))

    return cut


def slice_(node: Node) -> Operation:
    starts, ends = node.numbers(1, "starts"), node.numbers(2, "ends")
    axes, steps = node.numbers(3, "axes"), node.numbers(4, "steps")
    if starts is None or ends is None:
        raise node.refused("it has no bounds")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps

    def sliced(x: Tensor, *_: Any) -> Tensor:
        for first, last, axis, step in zip(starts, ends, axes, steps, strict=True):
            size = x.shape[axis]
            start, end = _turned(first, last, size) if step < 0 else (first, last)
            turned = x if step > 0 else x.flip(axis)  # torch has no step back
            begin, stop = slice(start, end, abs(step)).indices(size)[:2]
            cut = slice(begin, max(stop, begin), abs(step))
            x = turned[(*[slice(None)] * (axis % x.ndim), cut)]
        return x

    return sliced


def _turned(start: int, end: int, size: int) -> tuple[int, int]:
    """Bounds of a slice that goes backwards, seen from the other end."""
    begin = min(start + size if start < 0 else start, size - 1)
    stop = max(end + size if -size <= end < 0 else end, -1) if end >= -size else -1
    return size - 1 - begin, size - 1 - stop


def gather(node: Node) -> Operation:
    axis = int(node.get("axis", 0))

    def look_up(x: Tensor, indices: Tensor) -> Tensor:
        if 1 in node.constants and indices.ndim == 0:
            return x.select(axis, int(node.constants[1]))
        at = axis % x.ndim
        if 1 not in node.constants and at == 0 and x.ndim == 2:
            return functional.embedding(indices, x)
        positions = torch.where(indices < 0, indices + x.shape[at], indices).reshape(-1)
        found = torch.index_select(x, at, positions)
        return found.reshape([*x.shape[:at], *indices.shape, *x.shape[at + 1 :]])

    return look_up


def gather_elements(node: Node) -> Operation:
    axis = int(node.get("axis", 0))
    return lambda x, indices: torch.gather(x, axis, torch.where(indices < 0, indices + x.shape[axis], indices))


def expand(node: Node) -> Operation:
    wanted = [int(axis) for axis in node.known(1)]
    return lambda x, *_: x.expand(torch.broadcast_shapes(x.shape, wanted))


def tile(node: Node) -> Operation:
    repeats = [int(value) for value in node.known(1)]
    return lambda x, *_: x.repeat(repeats)


def pad(node: Node) -> Operation:
    pads, mode = node.numbers(1, "pads") or [], str(node.get("mode", "constant"))
    value = float(node.known(2)) if node.has(2) else float(node.get("value", 0.0))
    axes = node.numbers(3, "axes")
    if mode not in MODES:
        raise node.refused(f'it pads by "{mode}"')

    def padded(x: Tensor, *_: Any) -> Tensor:
        whole = pads
        if axes is not None:
            whole = [0] * (2 * x.ndim)
            for index, axis in enumerate(axes):
                whole[axis % x.ndim], whole[axis % x.ndim + x.ndim] = pads[index], pads[index + len(axes)]
        if mode == "constant":
            return edged(x, pairs(whole), value)
        first = next((i for i in range(x.ndim) if whole[i] or whole[i + x.ndim]), x.ndim - 1)
        if first < 2 and x.ndim > 2 and first != x.ndim - 1:
            raise node.refused("it mirrors the batch or the channels")
        return functional.pad(x, pairs([*whole[2 : x.ndim], *whole[x.ndim + 2 :]]), mode=MODES[mode])

    return padded


def resize(node: Node) -> Operation:
    """The transformations of coordinates torch has: half_pixel, asymmetric with nearest and floor, align_corners."""
    mode, how = str(node.get("mode", "nearest")), str(node.get("coordinate_transformation_mode", "half_pixel"))
    rounding = str(node.get("nearest_mode", "round_prefer_floor"))
    corners = how == "align_corners"
    known = mode == "linear" and how in ("half_pixel", "pytorch_half_pixel", "align_corners")
    sizes = [int(axis) for axis in node.known(3)] if node.has(3) else None
    scales = None if sizes is not None else [float(scale) for scale in node.known(2)]

    def resized(x: Tensor, *_: Any) -> Tensor:
        wanted = sizes or [int(np.floor(size * scale)) for size, scale in zip(x.shape, scales or [], strict=True)]
        if list(wanted[:2]) != list(x.shape[:2]):
            raise node.refused("it enlarges the batch or the channels")
        if mode == "nearest":
            whole = all(new % old == 0 for new, old in zip(wanted[2:], x.shape[2:], strict=True))
            same = how == "asymmetric" and rounding == "floor"
            if not (same or (whole and (how == "half_pixel" or rounding == "floor"))):
                raise node.refused(f"it takes the nearest by {how}, {rounding}")
            return functional.interpolate(x, wanted[2:], mode="nearest")
        if not known or x.ndim not in (3, 4):
            raise node.refused(f"it is {mode} by {how}")
        return functional.interpolate(
            x, wanted[2:], mode="linear" if x.ndim == 3 else "bilinear", align_corners=corners
        )

    return resized


def depth_to_space(node: Node) -> Operation:
    size, how = int(node.get("blocksize", 1)), str(node.get("mode", "DCR"))

    def moved(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        if how == "CRD":
            return functional.pixel_shuffle(x, size)
        parts = x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(n, c // size**2, h * size, w * size)

    return moved


def space_to_depth(node: Node) -> Operation:
    size = int(node.get("blocksize", 1))

    def moved(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        parts = x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4)
        return parts.reshape(n, c * size**2, h // size, w // size)

    return moved


def triangle(node: Node) -> Operation:
    offset = int(node.known(1)) if node.has(1) else 0
    return lambda x, *_: torch.triu(x, offset) if node.get("upper", 1) else torch.tril(x, offset)


def concatenated(node: Node) -> Operation:
    axis = int(node.get("axis", 0))
    return lambda *values: torch.cat(values, dim=axis)


OPERATORS: dict[str, Callable[[Node], Operation]] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concatenated,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "Resize": resize,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Trilu": triangle,
}
