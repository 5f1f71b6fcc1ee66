"""Channels followed through operators: told apart by one axis, or lost with the reason."""

from __future__ import annotations

import pytest

from edgerig.build.equalize.channels import Channels, Lost, kept, pooled, reduced, reshaped, transposed


def images() -> Channels:
    """(1, 3, 2, 2), channels first."""
    return Channels.along((1, 3, 2, 2), 1)


def test_flattened_channels_first_come_one_after_the_other() -> None:
    flat = reshaped((1, 12))(images())
    assert (flat.axis, flat.labels.tolist()) == (1, [0] * 4 + [1] * 4 + [2] * 4)


def test_flattened_channels_last_come_in_turns() -> None:
    flat = reshaped((1, 12))(Channels.along((1, 2, 2, 3), -1))
    assert (flat.axis, flat.labels.tolist()) == (1, [0, 1, 2] * 4)


def test_a_transposition_takes_the_axis_along() -> None:
    turned = transposed((0, 2, 3, 1))(images())
    assert (turned.shape, turned.axis) == ((1, 2, 2, 3), 3)
    assert transposed((0, -1, 1, 2))(turned).axis == 1


def test_pooling_and_means_over_other_axes_keep_them() -> None:
    assert pooled((1, 3, 1, 1), (2, 3))(images()).shape == (1, 3, 1, 1)
    assert reduced((1, 3), (-1, -2))(images()).shape == (1, 3)
    assert reduced((1, 3), (-1, -2))(images()).axis == 1


def test_a_reshape_that_splits_the_channels_axis_loses_them() -> None:
    with pytest.raises(Lost, match="mixes"):
        reshaped((1, 3, 4))(Channels.along((1, 12), 1))


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (pooled((1, 1, 2, 2), (1,)), "together"),
        (reduced((1, 2, 2), (1,)), "together"),
        (kept((1, 5, 2, 2)), "changes the channels"),
        (kept(None), "not known"),
        (reshaped((1, 13)), "not known"),
        (transposed((0, 1)), "not known"),
    ],
)
def test_what_takes_channels_together_or_is_not_known_loses_them(move: object, why: str) -> None:
    assert callable(move)
    with pytest.raises(Lost, match=why):
        move(images())
