"""A quantized variant against its float twin, layer by layer: where what the twin computes is lost, and what to do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgerig.results.profile import OperatorKind
from edgerig.results.value import Value

MOST_LAYERS = 8192
EXACT_DB = 200.0
"""Stands for a value that differs in nothing: JSON has no infinity."""
Decibel = Annotated[float, Field(ge=-EXACT_DB, le=EXACT_DB)]
Share = Annotated[float, Field(ge=0, le=1)]
Remedy = Literal["nothing", "build-again", "calibrate", "equalize", "float-layers", "another-recipe", "more-bits"]


class LayerResult(Value):
    """An operator of the float twin with those fused into it, over all samples looked at."""

    depth: int = Field(ge=0, description="place in the order in which they run, inputs first")
    name: str = Field(max_length=300, description="such as op03_CONV_2D: its place in the float graph and its operator")
    operator: str = Field(max_length=200, description="in the runtime's own words; INPUT for what the network is fed")
    kind: OperatorKind
    label: str = Field(default="", max_length=500, description="the graph's own name of what it gives")
    fused: tuple[str, ...] = Field(default=(), description="operators the quantized variant computes with it, by name")
    sqnr_db: Decibel | None = Field(description="of what it gives; 200: nothing differs; null: it gives only zeros")
    reads: tuple[str, ...] = Field(default=(), description="the layers whose values it reads, by name")
    range_sqnr_db: Decibel | None = Field(
        default=None, description="what rounding to its range and clipping at its ends leave by themselves; null: float"
    )
    drop_db: float | None = Field(
        description="from its worst input's SQNR, at most that of 8 bits, to its own; of an input, from that of 8 bits"
    )
    weights_sqnr_db: Decibel | None = Field(default=None, description="null: it has no weights, or none that match")
    weights_steps: float | None = Field(
        default=None,
        ge=0,
        description="largest distance of a weight from the twin's, in steps of its scale: 0.5 rounds",
    )
    integer: bool = Field(default=False, description="is what it gives held as integers?")
    channels: int = Field(default=0, ge=0)
    dead_channels: int = Field(default=0, ge=0, description="0 in every sample, and not so in the twin")
    dead_in_float: int = Field(default=0, ge=0, description="0 in every sample of the twin")
    saturated_channels: int = Field(default=0, ge=0, description="with more than 1 % of their values saturated")
    saturated: Share = Field(
        default=0.0, description="of all values, at an end of the range though the twin's value is not there"
    )
    outside: Share | None = Field(
        default=None, description="of the twin's values, beyond the calibrated range by half a step and more"
    )
    beyond: float | None = Field(
        default=None, ge=0, description="how far the furthest of them is, in widths of the calibrated range"
    )
    spread: float | None = Field(
        default=None, ge=0, description="of the twin's channels: largest range / median range; null: one channel"
    )


class Advice(Value):
    """What to do, with what it rests on."""

    remedy: Remedy
    text: str = Field(max_length=1000)
    evidence: str = Field(max_length=1000)
    layers: tuple[str, ...] = Field(default=(), max_length=MOST_LAYERS, description="those it is about, by name")


class LayerReport(Value):
    """`suspect` and `first_below` are depths of `layers`."""

    variant: str = Field(description="such as digits_cnn-torch-tflite-int8-static")
    format: str
    recipe: str
    sha256: str = Field(description="of the file; empty: what it is made from was looked at")
    method: str = Field(description="what computed the values, and on which machine")
    samples: int = Field(ge=1, description="of the evaluation data, the first ones")
    seconds: float = Field(ge=0, description="of looking, without building")
    threshold_db: float
    layers: tuple[LayerResult, ...] = Field(max_length=MOST_LAYERS)
    first_below: int | None = Field(default=None, description="the first layer under the threshold")
    suspect: int | None = Field(
        default=None, description="under the threshold, with the largest drop; null: no layer loses that much"
    )
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = ()
