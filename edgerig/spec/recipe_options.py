"""What a recipe lets one choose: the keys of a row's table `options`, and the values each format can do.

A recipe of one's own is another one with other options, a row in the sweep's file:

    [recipe.int8-percentile]
    like = "int8-static"
    options = { calibration_method = "percentile", percentile = 99.99, calibration_samples = 200 }
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from edgerig.spec.toml import FormatName, Strict

CalibrationMethod = Literal["min-max", "moving-average", "percentile", "entropy", "mse"]
"""How a tensor's range is made of what calibration saw of it: least and largest value; their moving average over the
samples; what leaves a share outside on either side; the range that loses least information (Kullback-Leibler
divergence, Migacz 2017), or that makes the least squared error."""
AUTO = "auto"
ByLayer = Literal["float_layers", "int16_layers"]
BY_LAYER: tuple[ByLayer, ...] = ("float_layers", "int16_layers")
"""Options that name layers."""
Layers = tuple[str, ...] | dict[FormatName, tuple[str, ...]]
"""Names and patterns of layers: for every format, or by format."""
NAMED = "named"
"""What a format offers that takes layers' names."""
OfferedValue = bool | str
Offers = Mapping[str, tuple[OfferedValue, ...]]
"""Option → the values a format can do, the first being what it does when nothing is said."""


class RecipeOptions(Strict):
    """`per_tensor`: one scale per weight tensor, not one per output channel.

    `reduce_range`: weights of 7 bits, whose products fit where those of 8 saturate; "auto": on devices where they do
    (x86-64 with AVX2 and without VNNI), which is asked of each device when it is reached; never in a format whose
    products are exact everywhere.

    `equalize`: channels of neighbouring layers scaled to the same range before quantizing, where the network in float
    stays what it is (arXiv:1906.04721).

    `bias_correction`: what rounded weights add to a layer's outputs on average, by calibration data, is taken off its
    bias; left out where it does not help on samples held out (section 4.2 of the same).

    `float_layers`: layers that stay in float32, by the names of a build's log (`op03_CONV_2D`) or patterns of them with
    `*`, `?` and `[…]`; a list for every format, or a table of a list for each, whose graphs have names of their own.
    `int16_layers`: layers whose activations are integers of 16 bits among those of 8, named likewise.

    `percentile` is the share of values, in %, within a range by that method, 99.99 unless said. `calibration_samples`
    are the first so many of the calibration data, all where it is not said.
    """

    per_tensor: bool = False
    reduce_range: bool | Literal["auto"] = False
    equalize: bool = False
    bias_correction: bool = False
    float_layers: Layers = ()
    int16_layers: Layers = ()
    calibration_method: CalibrationMethod | None = None
    percentile: float | None = Field(default=None, gt=50, le=100)
    calibration_samples: PositiveInt | None = None

    @model_validator(mode="after")
    def _of_one_method(self) -> Self:
        if self.percentile is not None and self.calibration_method != "percentile":
            raise ValueError('"percentile" goes with calibration_method = "percentile"')
        return self

    @property
    def chosen(self) -> dict[str, OfferedValue]:
        """What is not the default of what formats differ in."""
        found: dict[str, OfferedValue] = {}
        if self.per_tensor:
            found["per_tensor"] = True
        if self.reduce_range:
            found["reduce_range"] = self.reduce_range
        if self.equalize:
            found["equalize"] = True
        if self.bias_correction:
            found["bias_correction"] = True
        found |= {option: NAMED for option in BY_LAYER if getattr(self, option)}
        if self.calibration_method is not None:
            found["calibration_method"] = self.calibration_method
        return found

    @property
    def told(self) -> dict[str, str]:
        """What is not the default, as text."""
        found = {name: str(value).lower() for name, value in self.model_dump(exclude_defaults=True).items()}
        return found | {option: _listed(getattr(self, option)) for option in BY_LAYER if getattr(self, option)}

    def layers(self, option: ByLayer, format_name: str) -> tuple[str, ...]:
        """Names and patterns of the layers that an option names in a format."""
        given: Layers = getattr(self, option)
        return given if isinstance(given, tuple) else given.get(format_name, ())

    @property
    def calibrates(self) -> bool:
        """Is anything said of the calibration?"""
        return self.calibration_method is not None or self.calibration_samples is not None


def _listed(layers: Layers) -> str:
    if isinstance(layers, tuple):
        return ", ".join(layers)
    return "; ".join(f"{name}: {', '.join(listed)}" for name, listed in layers.items())


def refusal(
    options: RecipeOptions, recipe: str, format_name: str, offers: Offers, lacks: Mapping[str, str] | None = None
) -> str:
    """Why the format cannot do what was chosen, "" when it can; `lacks` has the reason of what it never can."""
    asked = [option for option in BY_LAYER if getattr(options, option)]
    if asked and not any(options.layers(option, format_name) for option in asked):
        return f"{recipe} names no {' or '.join(asked)} of {format_name}"
    for option, value in options.chosen.items():
        if option in asked and not options.layers(option, format_name):
            continue
        if lacks and option in lacks:
            return f"{recipe} in {format_name} has no {option}: {lacks[option]}"
        offered = offers.get(option, ())
        if value not in offered and value != AUTO:
            there = ", ".join(map(_written, offered))
            return (
                f"{recipe} in {format_name} has no {option} = {_written(value)}: "
                f"{f'it has {there}' if there else f'nothing there depends on {option}'}"
            )
    return ""


def _written(value: OfferedValue) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
