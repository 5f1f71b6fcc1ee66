"""ONNX Runtime's operators, by the profile a session writes as JSON (onnxruntime.ai/docs/performance/tune-performance/
profiling-tools.html): of each node its kernel's time.

What it notes of a node (the shapes and sizes of its inputs and outputs, as text) is in the node's time, some 2 µs:
measured on the device (`onnxruntime_noting.py`) and taken off, where nanoseconds are told.
"""

from __future__ import annotations

import json
import os
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
from edgerig.ondevice.profiles.onnxruntime_events import read
from edgerig.ondevice.profiles.onnxruntime_noting import Noting, measured
from edgerig.ondevice.profiles.work import Work
from edgerig.ondevice.stream import Fed, streamed

LIBRARY = "onnxruntime_pybind11_state"
METHOD = "ONNX Runtime's own profile of a session"
FLOOR_NS, CORRECTED_FLOOR_NS = 2 * MICROSECOND, MICROSECOND // 2
"""Of microseconds, with the noting in them; of nanoseconds, of which what noting takes of tensors of other shapes and
dtypes than those measured is known to about this."""
TWO_SESSIONS = "looked into in a session beside the one whose inferences are left alone"
NOTED = "in every operator's time are some 2 µs in which ONNX Runtime notes it"
TAKEN_OFF = (
    "off every operator's time are taken {} ns and {} for an input, in which ONNX Runtime notes it: measured here"
)
NO_COUNT = (
    "ONNX Runtime notes each operator as text within the operator's own time: its instructions would be mostly those"
)


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
    noting = Noting() if slow else measured(clock, os.path.dirname(artifact))
    return OnnxruntimeProfiler(alone, looked, clock, slow, weight_shapes(artifact), noting)


class OnnxruntimeProfiler:
    """Of two sessions one is looked into: none can be told to begin. `weights` are the file's, by its nodes' names."""

    def __init__(
        self,
        alone: OnnxruntimeEngine,
        looked: ProfiledEngine,
        clock: Clock,
        slow: str,
        weights: dict[str, tuple[int, ...]],
        noting: Noting,
    ) -> None:
        self._noting = noting
        self._weights = weights
        self._works: dict[Operator, Work] = {}
        self.invoke = alone.invoke
        self._looked = looked
        self._clock = clock
        self._slow = slow

    def look(self) -> int:
        self._looked.invoke()  # the other session has left the caches cold for this one
        return self._clock.span(self._looked.invoke)

    def told(self) -> list[list[Event]]:
        """Without the first inference, in which the file was loaded, and those that only warmed the caches."""
        unit = MICROSECOND if self._slow else 1
        return read(self._looked.ended(), self._weights, unit, self._works, self._noting.of)[2::2]

    def about(self) -> About:
        if self._slow:
            return About(METHOD, None, FLOOR_NS, (TWO_SESSIONS, NOTED, self._slow), works=self._works)
        taken = TAKEN_OFF.format(round(self._noting.least), round(self._noting.each))
        return About(METHOD, None, CORRECTED_FLOOR_NS, (TWO_SESSIONS, taken), works=self._works)
