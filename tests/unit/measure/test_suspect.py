"""The layer that is named made the noise, not the one behind it that it weighs more in."""

from __future__ import annotations

import pytest

from edgerig.measure.layers import CEILING_DB
from edgerig.measure.suspect import first_below, source_of, suspect
from edgerig.results.layers import LayerResult


def chain(*layers: tuple[float, float]) -> list[LayerResult]:
    """Each reads the one before; of each its SQNR and that of its weights."""
    found: list[LayerResult] = []
    for depth, (sqnr, weights) in enumerate(layers):
        before = found[-1] if found else None
        found.append(
            LayerResult(
                depth=depth,
                name=f"op{depth:02}",
                operator="CONV_2D",
                kind="convolution",
                label="",
                reads=() if before is None else (before.name,),
                sqnr_db=sqnr,
                range_sqnr_db=48.0,
                drop_db=(CEILING_DB if before is None or before.sqnr_db is None else before.sqnr_db) - sqnr,
                weights_sqnr_db=weights,
            )
        )
    return found


def test_one_that_ends_just_above_the_threshold_is_named_before_the_one_it_damages() -> None:
    layers = chain((21.0, 22.0), (13.0, 45.0))
    assert [source_of(each) for each in layers] == ["weights", "reads"]
    assert (first_below(layers, 20.0), suspect(layers, 20.0)) == (1, 0)


def test_through_layers_between_and_where_none_behind_it_drops_much() -> None:
    assert suspect(chain((40.0, 45.0), (22.0, 22.0), (21.0, 45.0), (14.0, 45.0)), 20.0) == 1
    assert suspect(chain((40.0, 45.0), (21.0, 22.0), (19.0, 45.0), (17.0, 45.0)), 20.0) == 1


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        (((33.0, 45.0), (13.0, 45.0)), 1),  # a sound layer drops 17 dB from what 8 bits can be: it is not near
        (((21.0, 22.0), (13.0, 15.0)), 1),  # its own weights are off as well
        (((21.0, 22.0),), None),
        (((26.0, 45.0), (21.0, 45.0), (17.0, 45.0), (14.0, 45.0)), None),  # each loses a little
    ],
)
def test_what_is_further_above_and_what_has_its_own_noise(
    layers: tuple[tuple[float, float], ...], named: int | None
) -> None:
    assert suspect(chain(*layers), 20.0) == named
