"""Where the channels of a layer's output are in what is made of it, through reshapes and transpositions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerig.build.equalize.layers import Indices

Shape = tuple[int, ...]


class Lost(Exception):
    """The channels are no longer told apart by one axis; the message says why."""


@dataclass(frozen=True)
class Channels:
    """A value of `shape` whose element i of `axis` is of the channel `labels[i]`."""

    shape: Shape
    axis: int
    labels: Indices

    @classmethod
    def along(cls, shape: Shape, axis: int) -> Channels:
        """Each element of `axis` a channel of its own."""
        axis %= len(shape)
        return cls(shape, axis, np.arange(shape[axis]))

    def seen_as(self, shape: Shape) -> Channels:
        """The value reshaped. Raises Lost where a channel's elements are then no longer alike on all axes but one."""
        if math.prod(shape) != math.prod(self.shape):
            raise Lost("its shape is not known")
        return _found(self._spread().reshape(shape))

    def transposed(self, order: Sequence[int]) -> Channels:
        if sorted(each % len(self.shape) for each in order) != list(range(len(self.shape))):
            raise Lost("its order of axes is not known")
        settled = [each % len(self.shape) for each in order]
        return Channels(tuple(self.shape[each] for each in settled), settled.index(self.axis), self.labels)

    def over(self, axes: Sequence[int]) -> Channels:
        """The same value: raises Lost where `axes`, which an operator takes together, hold the channels."""
        if self.axis in {each % len(self.shape) for each in axes}:
            raise Lost("it takes channels together")
        return self

    def resized(self, shape: Shape) -> Channels:
        """The value with other lengths of the axes that hold no channels."""
        if len(shape) != len(self.shape) or shape[self.axis] != len(self.labels):
            raise Lost("it changes the channels")
        return Channels(shape, self.axis, self.labels)

    def _spread(self) -> Indices:
        """Each element's channel."""
        ends = (1,) * (len(self.shape) - self.axis - 1)
        spread: Indices = np.broadcast_to(self.labels.reshape(-1, *ends), self.shape)
        return spread


def _found(spread: Indices) -> Channels:
    """The one axis along which channels change."""
    for axis in reversed(range(spread.ndim)):
        others = tuple(each for each in range(spread.ndim) if each != axis)
        if bool((spread.min(axis=others) == spread.max(axis=others)).all()):
            return Channels(spread.shape, axis, spread.min(axis=others))
    raise Lost("it mixes the axis of channels with another")


Move = Callable[[Channels], Channels]
"""What becomes of channels in an operator that is positively homogeneous; raises Lost."""


def kept(shape: Shape | None) -> Move:
    """An operator on each channel apart, whose output has `shape`: rectifiers, padding with zeros."""
    return lambda channels: channels.resized(_known(shape))


def pooled(shape: Shape | None, axes: Sequence[int]) -> Move:
    """An operator that takes elements along `axes` together, and keeps them as axes of other lengths."""
    return lambda channels: channels.over(axes).resized(_known(shape))


def reduced(shape: Shape | None, axes: Sequence[int]) -> Move:
    """An operator that takes all elements along `axes` together, which its output of `shape` may then not have."""

    def move(channels: Channels) -> Channels:
        gone = {each % len(channels.shape) for each in axes}
        kept_axes = tuple(1 if axis in gone else length for axis, length in enumerate(channels.shape))
        return channels.over(axes).resized(kept_axes).seen_as(_known(shape))

    return move


def reshaped(shape: Shape | None) -> Move:
    return lambda channels: channels.seen_as(_known(shape))


def transposed(order: Sequence[int]) -> Move:
    return lambda channels: channels.transposed(order)


def _known(shape: Shape | None) -> Shape:
    if shape is None or any(length < 1 for length in shape):
        raise Lost("its shape is not known")
    return shape
