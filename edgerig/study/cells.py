"""The cells a study needs: a fixed list, one sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgerig.spec import RunSettings, SweepSpec

OWN_SIDES = {"digits_cnn": 8, "mobilenet_v2": 224}
"""Of the study's networks, the side of the image they take where no other shape is given."""
SIDES = (28, 64)
"""Others it is measured at."""
RUNTIMES = ("tflite", "executorch", "onnx")
OF_TORCH = ("torch_eager", "torchscript", "torch_compile", "aoti")
OF_TENSORFLOW = ("keras_eager", "saved_model", "xla")
"""What the frameworks themselves run or compile: the first as it is written, the others as a graph made of it."""
ALONE = ("xla",)
"""Of them what needs no framework where it runs, a C library alone."""
FRAMEWORKS = (("PyTorch", "torch", OF_TORCH), ("TensorFlow", "keras", OF_TENSORFLOW))
"""By name: the source its networks are authored in, and what it runs itself."""
SOURCES = tuple(source for _, source, _ in FRAMEWORKS)
RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static")
QUICK = RunSettings(min_seconds=0.05, min_runs=20, warmup_runs=2, repeats=1, attempts=1, profile="never")


def wanted_sweep(devices: Sequence[str] = (), *, quick: bool = False, out: Path | None = None) -> SweepSpec:
    """What a study measures: both networks from both frameworks, in every format of theirs, the large one at several
    sizes. `quick`: the small network alone, timed shortly. Without `devices` it is this machine."""
    return SweepSpec(
        models=("digits_cnn",) if quick else ("digits_cnn", "mobilenet_v2"),
        sources=SOURCES,
        formats=(*RUNTIMES, *OF_TORCH, *OF_TENSORFLOW),
        recipes=RECIPES,
        devices=tuple(devices) or ("local",),
        shapes=({},) if quick else ({}, *({"image": shape} for side in SIDES for shape in _shapes(side))),
        select=tuple(_selected()),
        run=QUICK if quick else RunSettings(),
        out=Path("reports") if out is None else out,
    )


LAID_OUT = {"torch": "+image=1x3x*", "keras": "+image=*x3"}
"""By source, in globs: behind the name of a model whose image has another shape than its own."""


def _shapes(side: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """As PyTorch lays an image out, and as TensorFlow does."""
    return (1, 3, side, side), (1, side, side, 3)


def _selected() -> list[str]:
    """Of the product those that say something: frameworks run what was authored in them, in float; other sizes are of
    the large network, each twin's in its own layout."""
    runtimes = [
        *(f"digits_cnn-*-{name}-*" for name in RUNTIMES),
        *(f"mobilenet_v2-*-{name}-{recipe}@*" for name in RUNTIMES for recipe in ("fp32", "int8-static")),
        *(f"mobilenet_v2{LAID_OUT[source]}-{source}-{name}-fp32@*" for source in SOURCES for name in RUNTIMES),
    ]
    own = [
        f"{model}-{source}-{name}-fp32@*"
        for _, source, formats in FRAMEWORKS
        for name in formats
        for model in ("digits_cnn", "mobilenet_v2", f"mobilenet_v2{LAID_OUT[source]}")
    ]
    return runtimes + own
