"""ONNX Runtime's operators, by the profile a session writes as JSON (onnxruntime.ai/docs/performance/tune-performance/
profiling-tools.html): of each node its kernel's time.

What it notes of a node (the shapes and sizes of its inputs, as text) is made before it reads the clock, some 2 µs: they
are in every operator's time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Array
from edgerig.ondevice.engines.onnxruntime import OnnxruntimeEngine
from edgerig.ondevice.evaluate import sample
from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles import About, Event, NoProfile, Operator
from edgerig.ondevice.profiles.clock import MICROSECOND, Clock
from edgerig.ondevice.profiles.onnx_weights import weight_shapes
from edgerig.ondevice.stream import Fed, streamed

LIBRARY = "onnxruntime_pybind11_state"
METHOD = "ONNX Runtime's own profile of a session"
FLOOR_NS = 2 * MICROSECOND
KERNEL = "_kernel_time"
TWO_SESSIONS = "looked into in a session beside the one whose inferences are left alone"
NOTED = "in every operator's time are some 2 µs in which ONNX Runtime notes it"
NO_COUNT = (
    "ONNX Runtime notes each operator as text within the operator's own time: its instructions would be mostly those"
)
WHOLE = "model_run"
SUFFIX = re.compile(r"(_token_\d+|_nchwc)+$")
"""What ONNX Runtime puts behind the name of a node that it made of one of the file's."""


class ProfiledEngine(OnnxruntimeEngine):
    """Its session profiles itself until `ended` is asked for what it told; its file begins with `prefix`."""

    def __init__(self, prefix: str, **options: Any) -> None:
        super().__init__(**options)
        self._prefix = prefix

    def session_options(self, threads: int) -> Any:
        options = super().session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = self._prefix
        return options

    def ended(self) -> list[dict[str, Any]]:
        with open(self._session.end_profiling(), encoding="utf-8", errors="replace") as file:
            told: list[dict[str, Any]] = json.load(file)
        return told


def profiler(job: Job, artifact: str, inputs: Sequence[Array], clock: Clock) -> OnnxruntimeProfiler:
    """Raises NoProfile where instructions are counted, and what the engine raises."""
    if clock.unit == "instructions":
        raise NoProfile(NO_COUNT)
    alone = OnnxruntimeEngine(**job.engine_options)
    looked = ProfiledEngine(os.path.join(os.path.dirname(artifact), "onnxruntime"), **job.engine_options)
    slow = clock.speeds_up(LIBRARY)
    for inner in (alone, looked):
        engine = streamed(inner, [Fed(**each) for each in job.fed], job.resets)
        engines.load(engine, artifact, job.threads, [tuple(shape) for shape in job.shapes])
        engine.set_inputs(sample(engine.describe(), list(inputs), 0))
        engine.invoke()
    return OnnxruntimeProfiler(alone, looked, clock, slow, weight_shapes(artifact))


class OnnxruntimeProfiler:
    """Of two sessions one is looked into: none can be told to begin. `weights` are the file's, by its nodes' names."""

    def __init__(
        self,
        alone: OnnxruntimeEngine,
        looked: ProfiledEngine,
        clock: Clock,
        slow: str,
        weights: dict[str, tuple[int, ...]],
    ) -> None:
        self._weights = weights
        self.invoke = alone.invoke
        self._looked = looked
        self._clock = clock
        self._slow = slow

    def look(self) -> int:
        return self._clock.span(self._looked.invoke)

    def told(self) -> list[list[Event]]:
        runs: list[list[Event]] = []
        events: list[Event] = []
        for entry in self._looked.ended():
            name = str(entry.get("name", ""))
            if entry.get("cat") == "Node" and name.endswith(KERNEL):
                args, layer = entry.get("args", {}), name.removesuffix(KERNEL)
                operator = Operator(_word(args, layer, self._weights), "ort", int(args.get("node_index", 0)), layer)
                value = int(entry.get("dur", 0))
                events.append(Event(operator, value * MICROSECOND if self._slow else value))
            elif name == WHOLE:
                runs.append(events)
                events = []
        return runs

    def about(self) -> About:
        notes = (TWO_SESSIONS, NOTED) + ((self._slow,) if self._slow else ())
        return About(METHOD, None, FLOOR_NS, notes)


def _word(args: dict[str, Any], layer: str, weights: dict[str, tuple[int, ...]]) -> str:
    """ONNX's name of the operator; of a convolution with what its weights' shape says: XNNPACK's names say it too. The
    profile tells shapes of weights that were not packed, the file (`weights`) those of its own nodes."""
    name = str(args.get("op_name", ""))
    if "Conv" not in name or "Transpose" in name:
        return name
    told = [tuple(shape) for typed in args.get("input_type_shape", []) for shape in typed.values()]
    shape = weights.get(SUFFIX.sub("", layer)) or next((each for each in told[1:] if len(each) == 4), ())
    if shape[2:] == (1, 1):
        return f"{name} 1x1"
    channels = told[0][1:] if told else ()
    return f"{name} depthwise" if shape[1:2] == (1,) and shape[0] > 1 and shape[0] in channels else name
