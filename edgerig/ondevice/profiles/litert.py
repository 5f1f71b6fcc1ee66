"""LiteRT's operators, by the profiler of its C interface, which sees inside XNNPACK; its Python classes do not.

What is looked into is a `CompiledModel`, what is timed elsewhere an `Interpreter`: the same kernels and the same
XNNPACK, another way in, a few microseconds longer.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Array
from edgerig.ondevice.engines.litert import Layer, LitertEngine
from edgerig.ondevice.evaluate import sample
from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles import About, Event, Node, NoProfile
from edgerig.ondevice.profiles.clock import MICROSECOND, Clock
from edgerig.ondevice.profiles.litert_events import Graph, Reader
from edgerig.ondevice.profiles.litert_library import VERSIONS, CompiledModel, Library, LitertError
from edgerig.ondevice.profiles.work import Tensor, work
from edgerig.ondevice.stream import Fed, streamed

LIBRARY = "libLiteRt.so"
METHOD = "the profiler of LiteRT's C interface, around a CompiledModel: the timed path is an Interpreter"
BUILTIN = 2
"""kLiteRtCpuKernelModeBuiltin: LiteRT's own kernels alone, without XNNPACK."""


def profiler(job: Job, artifact: str, inputs: Sequence[Array], clock: Clock) -> LitertProfiler:
    """Raises NoProfile for another version of LiteRT, and what the engine raises."""
    version = importlib.metadata.version("ai-edge-litert")
    if version not in VERSIONS:
        raise NoProfile(f"the profiler of LiteRT {version} is not known: it is of {', '.join(VERSIONS)}")
    given, graph = _asked(job, artifact, inputs)
    package = importlib.util.find_spec("ai_edge_litert")
    if package is None or package.origin is None:
        raise NoProfile("the ai-edge-litert package is not where it is imported from")
    try:
        library = Library(os.path.join(os.path.dirname(package.origin), LIBRARY))
        slow = clock.speeds_up(LIBRARY)
        xnnpack = bool(job.engine_options.get("xnnpack", True))
        told = f"num_threads = {job.threads}\n" + ("" if xnnpack else f"kernel_mode = {BUILTIN}\n")
        entry = str(job.engine_options.get("signature", ""))
        alone, looked = (CompiledModel(library, artifact, entry, told, profiled=profiled) for profiled in (False, True))
        for model in (alone, looked):
            model.fill(_in_order(model, given))
    except (LitertError, OSError, AttributeError) as error:
        raise NoProfile(f"LiteRT's C interface does not take the file: {error}"[:500]) from error
    return LitertProfiler(alone, looked, clock, slow, graph, xnnpack)


def _asked(job: Job, artifact: str, inputs: Sequence[Array]) -> tuple[dict[str, Array], Graph]:
    """The input tensors as the timed path sets them, by name, and the graph as that has it."""
    inner = LitertEngine(**job.engine_options)
    engine = streamed(inner, [Fed(**each) for each in job.fed], job.resets)
    engines.load(engine, artifact, job.threads, [tuple(shape) for shape in job.shapes])
    engine.set_inputs(sample(engine.describe(), list(inputs), 0))
    return inner.input_tensors(), Graph([_node(each) for each in inner.layers()], inner.partitions())


def _node(layer: Layer) -> Node:
    inputs, outputs = ([Tensor(*each) for each in side] for side in (layer.inputs, layer.outputs))
    return Node(layer.name, layer.layer, work(layer.name, inputs, outputs))


def _in_order(model: CompiledModel, given: dict[str, Array]) -> list[Array]:
    """The arrays in the order of the signature's inputs. Raises NoProfile where the names do not tell it."""
    names = model.input_names()
    if len(names) == len(given) == 1:
        return list(given.values())
    try:
        return [given[ours] if ours in given else given[graphs] for ours, graphs in names]
    except KeyError as missing:
        raise NoProfile(f"the order of the file's inputs is not known to its C interface: {missing}") from missing


class LitertProfiler:
    """The file compiled twice: with a profiler, XNNPACK reads the clock in every inference, whether recorded or not.
    `slow` says why the profiler tells microseconds, "" where it tells the clock's unit."""

    def __init__(
        self,
        alone: CompiledModel,
        looked: CompiledModel,
        clock: Clock,
        slow: str,
        graph: Graph,
        xnnpack: bool,
    ) -> None:
        self._model = looked
        self._run: Any = alone.runner()
        self._look: Any = looked.runner()
        self._clock = clock
        self._slow = slow
        self._xnnpack = xnnpack
        self._read = Reader(graph, MICROSECOND if slow else 1)
        self._told: list[list[Event]] = []

    def invoke(self) -> None:
        _check(self._run())

    def look(self) -> int:
        _check(
            self._look()
        )  # unrecorded: the other model and the profiler's own work left the caches cold for this one
        self._model.start()
        whole = self._clock.span(lambda: _check(self._look()))
        self._told.append(self._read(self._model.stop()))
        return whole

    def told(self) -> list[list[Event]]:
        return self._told

    def about(self) -> About:
        cost, read = 0 if self._slow else self._clock.cost(), self._read
        return About(
            METHOD,
            read.partitions if self._xnnpack else None,
            MICROSECOND if self._slow else cost,
            tuple(note for note in (self._slow, read.note) if note),
            read.graph,
            read.works,
            cost,
        )


def _check(status: int) -> None:
    if status:
        raise LitertError(f"an inference gave status {status}")
