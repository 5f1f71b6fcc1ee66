"""Does `edgerig debug` name the layer that was damaged? Each layer of digits_cnn in turn, in every format.

    python benchmarks/debug.py [--format tflite] [--samples 32]

A layer is damaged in the quantized network: its weights' scales 1.6 times as large in every third channel, then 1.15
times, which leaves it just above the threshold. Prints a line per layer with the one named and the seconds of looking;
ends with exit code 1 where another one was named, any where nothing was damaged, or none where a layer ends under the
threshold.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ratios import machine

from edgerig.build import spawn
from edgerig.build.factory import call_factory
from edgerig.build.layers import ADAPTERS
from edgerig.build.layers.twins import Job, Twins, look
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.build.store import Store
from edgerig.cache import cache_root
from edgerig.measure.layers import THRESHOLD_DB, layer_results
from edgerig.measure.suspect import first_below, suspect
from edgerig.registry import load_object
from edgerig.results.layers import LayerResult
from edgerig.spec import PACKAGE, ModelSpec, load_models, load_recipes

# The tests' own damage; and torch wants the standard library's profile.py, not the one beside this file.
sys.path.extend([str(PACKAGE.parent / "tests" / "contract"), sys.path.pop(0)])

import damage

MODEL, RECIPE = "digits_cnn", "int8-static"
DEADLINE_S = 900.0


@dataclass(frozen=True)
class Subject:
    """A format's twins with the layer of a place damaged (None: none), fed the data laid out for it."""

    twins: Callable[[int | None, float], Twins]
    samples: Sequence[Arrays]


def main() -> int:
    parser = argparse.ArgumentParser(description="Does debug name the layer that was damaged?")
    parser.add_argument("--format", choices=list(ADAPTERS), action="append", help="default: all")
    parser.add_argument("--samples", type=int, default=32)
    asked = parser.parse_args()
    model = next(iter(load_models(MODEL).values()))
    data = call_factory(model.folder, "data.py:load")
    wrong = 0
    print(machine(), flush=True)
    for name in asked.format or ADAPTERS:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            subject = _subject(name, model, data, asked.samples, Path(folder))
            made = time.monotonic() - began
            wrong += _all_in_turn(name, subject, made)
    print("every damaged layer is named, and no other" if not wrong else f"{wrong} wrong")
    return int(wrong > 0)


def _all_in_turn(name: str, subject: Subject, made: float) -> int:
    """How many were wrong."""
    rows, seconds = _looked(subject, None)
    named = suspect(rows, THRESHOLD_DB)
    lowest = min(row.sqnr_db for row in rows if row.sqnr_db is not None)
    told = f"lowest SQNR {lowest:.1f} dB, {seconds:.1f} s; made in {made:.1f} s"
    print(f"{name} undamaged: named {_name(rows, named)}, {told}")
    wrong = int(named is not None)
    layers = [row for row in rows if row.weights_sqnr_db is not None]
    for by, (place, layer) in itertools.product((damage.FACTOR, damage.MILD), enumerate(layers)):
        found, seconds = _looked(subject, place, by)
        named = suspect(found, THRESHOLD_DB)
        right = named == (None if first_below(found, THRESHOLD_DB) is None else layer.depth)
        told = (
            f"{found[layer.depth].sqnr_db or 0:.1f} dB, drop {found[layer.depth].drop_db or 0:.1f} dB, {seconds:.1f} s"
        )
        said = f"{name} {layer.name} by {by:g}: named {_name(found, named)}, {told}"
        print(f"{said}{'' if right else '  WRONG'}", flush=True)
        wrong += not right
    return wrong


def _looked(subject: Subject, place: int | None, by: float = 1.0) -> tuple[tuple[LayerResult, ...], float]:
    began = time.monotonic()
    twins = subject.twins(place, by)
    rows = layer_results(twins.operators, twins.inputs, look(twins, subject.samples).seen, twins.weights)
    return rows, time.monotonic() - began


def _name(rows: Sequence[LayerResult], depth: int | None) -> str:
    return "none" if depth is None else rows[depth].name


def _subject(name: str, model: ModelSpec, data: dict[str, np.ndarray], count: int, folder: Path) -> Subject:
    recipe, adapter = load_recipes()[RECIPE], load_object(ADAPTERS[name].code)
    source: Callable[[], SourceModel] = lambda: load_source(model)  # noqa: E731
    images = data["inputs"][:count]
    if not ADAPTERS[name].reads_files:
        from edgerig.build.layers import executorch

        ours, theirs = executorch.graphs(source(), recipe, [data["calibration"]])
        return Subject(_torch(lambda: executorch.side_by_side(ours, theirs), theirs), _each([images]))
    floating, quantized, layout = _built(name, model, folder)
    samples = _each(to_layout([images], model.inputs, layout))
    damaged = damage.damaged_onnx if name == "onnx" else damage.damaged_tflite

    def get(place: int | None, by: float) -> Twins:
        file = quantized if place is None else damaged(quantized, place, folder / f"damaged-{place}-{by}", by)
        found: Twins = adapter(Job(recipe, floating, file, folder, samples, source, lambda _: [data["calibration"]]))
        return found

    return Subject(get, samples)


def _torch(make: Callable[[], Twins], graph: damage.fx.GraphModule) -> Callable[[int | None, float], Twins]:
    last: list[tuple[int, float]] = []

    def get(place: int | None, by: float) -> Twins:
        while last:
            before, factor = last.pop()
            damage.damage_torch(graph, before, 1 / factor)
        if place is not None:
            damage.damage_torch(graph, place, by)
            last.append((place, by))
        return make()

    return get


def _each(arrays: Arrays) -> list[Arrays]:
    return [[np.ascontiguousarray(array[i : i + 1]) for array in arrays] for i in range(len(arrays[0]))]


def _built(name: str, model: ModelSpec, folder: Path) -> tuple[Path, Path, str]:
    """Both files, of the store or built now, and the layout they take."""
    store, queue = Store(cache_root()), folder / "queue"
    queue.mkdir()
    prepared = spawn.prepare(model, 0, DEADLINE_S, store, folder / "logs")
    outcomes = spawn.build_variants(
        model, name, ["fp32", RECIPE], {}, prepared, DEADLINE_S, store, folder / "logs", {}, queue
    )
    artifacts = [outcome.artifact for outcome in outcomes if outcome.artifact is not None]
    floating, quantized = (store.root / "artifact" / each.key / each.file for each in artifacts)
    return floating, quantized, artifacts[1].layout


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a framework's exit handlers may hang
