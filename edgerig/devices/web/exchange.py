"""What the host answers while the script runs a job: samples in the file's own dtypes, marks between the steps, and
from what was told the raw run.

The script's words are not believed here: they are checked for what is done with them, and the raw run for all else by
whoever reads it (`measure/raw.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from edgerig.devices.web.memory import Peaks
from edgerig.measure.raw import RawEngine
from edgerig.measure.untrusted import FromDevice, Nanoseconds, Text
from edgerig.ondevice import tensors
from edgerig.ondevice.control import Controls
from edgerig.ondevice.engines import Array, Description, TensorInfo
from edgerig.ondevice.engines.named_axes import Axes, is_open, is_single, lengths_of_names, shape_of
from edgerig.ondevice.evaluate import sample, together
from edgerig.ondevice.job import SCHEMA, Job
from edgerig.ondevice.sensors import Reading, Sensors
from edgerig.web import frames

CHUNK_BYTES = 16 * 2**20
"""Of samples that are sent at once."""
NOT_TIMED_THERE = "nothing of ours is timed beside a page on another device"
NOT_HERE = {
    "affinity": "the threads of a browser or of node are not asked which processors they may use",
    "contention": "who else takes the processor is not watched from inside a script",
    "energy": "no sensor is read beside a browser or node",
    "sustained": "a script is not kept at work for minutes",
}


ModelT = TypeVar("ModelT", bound=FromDevice)


class _Tensor(FromDevice):
    name: Text
    dtype: Annotated[str, Field(max_length=16)]
    shape: list[Annotated[int, Field(ge=-1, le=2**31)] | Annotated[str, Field(max_length=200)]] = Field(max_length=16)
    """Lengths, or an axis' name where it is open; -1: open, and without a name."""
    scale: float = 0.0
    zero_point: int = 0

    def axes(self) -> Axes:
        return [None if axis == -1 else axis for axis in self.shape]

    def info(self, shape: tuple[int, ...]) -> TensorInfo:
        return TensorInfo(self.name, shape, self.dtype, self.scale, self.zero_point)


class _Described(FromDevice):
    inputs: list[_Tensor] = Field(max_length=64)
    outputs: list[_Tensor] = Field(min_length=1, max_length=64)


class _Done(FromDevice):
    import_ns: Nanoseconds
    load_ns: Nanoseconds
    first_ns: Nanoseconds
    step_ns: Annotated[int, Field(ge=0, le=10**9)]
    overhead_ns: Nanoseconds
    warmup_runs: Annotated[int, Field(ge=0, le=10**9)]
    batch: Annotated[int, Field(ge=1, le=10**9)]
    samples: list[Annotated[int, Field(ge=1, le=10**15)]] = Field(min_length=1, max_length=2**22)
    page_bytes: Annotated[int, Field(gt=0, le=2**53)] | None = None
    page_reason: Text = ""
    isolated: bool | None = None
    notes: list[Text] = Field(default=[], max_length=16)


class _Failed(FromDevice):
    type: Text
    message: Text


class Exchange:
    """Of one job in `folder`; `peaks` tell of memory, `beside` is what the script is told beside the job. Is it `here`
    that the script runs, so that this machine's clock and sensors say how it fared?"""

    def __init__(
        self, job: Job, folder: Path, inputs: list[Array], peaks: Peaks, beside: Mapping[str, object], *, here: bool
    ) -> None:
        self._job, self._folder, self._inputs, self._peaks = job, folder, inputs, peaks
        self._beside = beside
        self._here = here
        self._described: dict[str, Any] = {}
        self._description: Description | None = None
        self._columns: list[list[Array]] = []
        self._controls = Controls()
        self._sensors = Sensors()
        self._readings: list[Reading] = []
        self.raw: dict[str, Any] | None = None
        """What `raw.json` is to hold, once the script has ended the run."""

    def answers(self) -> Mapping[str, Callable[[Mapping[str, str], bytes], bytes]]:
        marks = {"runtime": self._peaks.at_runtime, "warm": self._peaks.at_warm, "begin": self._begin, "end": self._end}
        return {
            "job": lambda _, body: self._asked(),
            "described": lambda _, body: self._take_description(body),
            "inputs": self._samples,
            "outputs": lambda _, body: self._take_outputs(body),
            "done": lambda _, body: self._done(body),
            "failed": lambda _, body: self._failed(body),
        } | {f"mark/{name}": _marked(mark) for name, mark in marks.items()}

    def _asked(self) -> bytes:
        job = self._job
        one = sum(array[:1].nbytes for array in self._inputs)
        told = {
            "script": job.engine,
            "options": job.engine_options,
            "threads": job.threads,
            "shapes": job.shapes,
            "resets": job.resets,
            "warmup_runs": job.warmup_runs,
            "min_runs": job.min_runs,
            "min_seconds": job.min_seconds,
            "max_seconds": job.max_seconds,
            "timing_only": job.timing_only,
            "samples": len(self._inputs[0]),
            **self._beside,
            "chunk": max(1, CHUNK_BYTES // max(1, one)),
        }
        return json.dumps(told).encode()

    def _take_description(self, body: bytes) -> bytes:
        self._described = json.loads(body)
        found = _read(_Described, body)
        axes = [tensor.axes() for tensor in found.inputs]
        asked = [tuple(shape) for shape in self._job.shapes]
        shapes = asked or [shape_of(each, {}, is_open(axes)) for each in axes]
        known, batched = lengths_of_names(axes, shapes), is_open(axes) and is_single(asked)
        inputs = [tensor.info(shape) for tensor, shape in zip(found.inputs, shapes, strict=True)]
        outputs = [tensor.info(shape_of(tensor.axes(), known, batched)) for tensor in found.outputs]
        self._description = Description(inputs, outputs, "", "", 0)
        self._columns = [[] for _ in outputs]
        return b""

    def _samples(self, query: Mapping[str, str], _: bytes) -> bytes:
        first, count = int(query["first"]), int(query["count"])
        if not (first >= 0 and 0 < count <= len(self._inputs[0]) - first):
            raise ValueError(f"{count} samples from {first} on of {len(self._inputs[0])}")
        described = self._known()
        return frames.pack([sample(described, self._inputs, index) for index in range(first, first + count)])

    def _take_outputs(self, body: bytes) -> bytes:
        for arrays in frames.unpack(body):
            for column, array, info in zip(self._columns, arrays, self._known().outputs, strict=True):
                if array.dtype.name != info.dtype:
                    raise ValueError(f'output "{info.name}" is {array.dtype.name}, the runtime said {info.dtype}')
                column.append(tensors.dequantize(array, info))
            if len(self._columns[0]) > len(self._inputs[0]):
                raise ValueError("more outputs than samples were sent")
        return b""

    def _known(self) -> Description:
        if self._description is None:
            raise ValueError("the file's tensors were not told yet")
        return self._description

    def _begin(self) -> None:
        if self._here:
            self._controls.measure()
            self._readings.append(self._sensors.read())

    def _end(self) -> None:
        if self._here:
            self._readings.append(self._sensors.read())
            self._controls.measure()

    def _failed(self, body: bytes) -> bytes:
        found = _read(_Failed, body)
        self.raw = {"schema": SCHEMA, "error": {"type": found.type, "message": found.message}}
        return b""

    def _done(self, body: bytes) -> bytes:
        done = _read(_Done, body)
        np.save(self._folder / "samples.npy", np.asarray(done.samples, np.int64))
        outputs = self._known().outputs if self._job.timing_only else self._save_outputs()
        engine = self._described | {
            "inputs": [vars(tensor) for tensor in self._known().inputs],
            "outputs": [vars(tensor) for tensor in outputs],
            "notes": [*_clock_notes(done), *done.notes],
        }
        RawEngine.model_validate(engine)
        self.raw = {
            "schema": SCHEMA,
            "cell": self._job.cell,
            "engine": engine,
            "runtime_import_ns": done.import_ns,
            "load_ns": done.load_ns,
            "first_inference_ns": done.first_ns,
            "warmup_runs": done.warmup_runs,
            "samples": len(done.samples),
            "timer_overhead_ns": done.overhead_ns,
            "controls": self._controls.to_json() if self._here else {"reason": NOT_TIMED_THERE},
            "memory": self._peaks.told(self._job.timing_only, done.page_bytes, done.page_reason),
            "state": self._state(),
            "instructions": {"reason": self._job.no_instructions},
            **{name: {"reason": why} for name, why in NOT_HERE.items()},
        }
        return b""

    def _state(self) -> dict[str, Any]:
        if self._job.no_state:
            return {"reason": self._job.no_state}
        before, after = self._readings[0], self._readings[-1]
        return {"before": before, "after": after, "reasons": self._sensors.reasons | {"during": IN_ONE}}

    def _save_outputs(self) -> list[TensorInfo]:
        found = together(self._columns, self._known().outputs)
        for index, output in enumerate(found.arrays):
            np.save(self._folder / f"output_{index}.npy", output)
        return found.tensors


IN_ONE = "the script is not interrupted to have the device's state read"


def _marked(mark: Callable[[], None]) -> Callable[[Mapping[str, str], bytes], bytes]:
    def answer(_: Mapping[str, str], __: bytes) -> bytes:
        mark()
        return b""

    return answer


def _clock_notes(done: _Done) -> list[str]:
    notes = [f"the clock advances by steps of {done.step_ns / 1e3:g} µs"]
    if done.batch > 1:
        notes.append(
            f"{done.batch} inferences are timed as one sample, which is their mean: percentiles are of such means"
        )
    if done.isolated is False:
        notes.append("the page was not isolated: no threads, and a coarser clock")
    return notes


def _read(model: type[ModelT], body: bytes) -> ModelT:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}") from error
