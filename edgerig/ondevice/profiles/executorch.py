"""ExecuTorch's operators, by an event tracer in the C++ runner (`native/executorch_runner.cc`).

Kernels are timed around their calls, and so are the partitions of XNNPACK, which tells its operators' times itself
after each run of one. Of a partition's time its operators are the smaller part where it is small: at each call the
delegate propagates the inputs' shapes through all of it and gives its operators their addresses anew.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from statistics import median

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Array
from edgerig.ondevice.engines.executorch import ExecutorchEngine, Runner
from edgerig.ondevice.evaluate import sample
from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles import About, Event, NoProfile, Operator
from edgerig.ondevice.profiles.clock import MICROSECOND, Clock
from edgerig.ondevice.stream import Fed, streamed

XNNPACK = "libexecutorch_backend_xnnpack"
METHOD = "an event tracer in edgerig's runner, and XNNPACK's own profiler"
ALWAYS_ON = "XNNPACK's profiling is always on in ExecuTorch's wheel: the whole has it too"
KERNEL, PARTITION = 0, 2
NUMBER = re.compile(r" #\d+$")
"""What ExecuTorch puts behind an operator of XNNPACK's: which of that name it is."""
KERNEL_CALL = "native_call_"


class TracedEvent(ctypes.Structure):
    """`TracedEvent` of executorch_runner.cc: `call` counts the runs of partitions, from 0; `instruction` is the place
    in the method of a kernel and of a partition; `ticks` are the tracer's clock's, of a delegate's operator those it
    tells."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_uint32),
        ("call", ctypes.c_int32),
        ("instruction", ctypes.c_int64),
        ("ticks", ctypes.c_uint64),
    ]


def profiler(job: Job, artifact: str, inputs: Sequence[Array], clock: Clock) -> ExecutorchProfiler:
    """Raises NoProfile without the runner, and what the engine raises."""
    path = job.engine_options.get("library")
    if not path:
        raise NoProfile("only edgerig's own ExecuTorch runner tells of operators, and it is not there")
    alone = _loaded(job, artifact, inputs)
    library = ctypes.CDLL(path)
    now = None if clock.library is None else ctypes.cast(clock.library.edgerig_clock_now, ctypes.c_void_p)
    library.edgerig_et_trace.argtypes = [ctypes.c_void_p]
    library.edgerig_et_trace(now)
    slow = clock.speeds_up(XNNPACK)
    traced = _loaded(job, artifact, inputs)
    if traced.runner is None:
        raise NoProfile("the program was loaded by the wheel's binding")
    return ExecutorchProfiler(alone, traced, traced.runner, clock, slow)


def _loaded(job: Job, artifact: str, inputs: Sequence[Array]) -> ExecutorchEngine:
    """With the first sample set."""
    inner = ExecutorchEngine(**job.engine_options)
    engine = streamed(inner, [Fed(**each) for each in job.fed], job.resets)
    engines.load(engine, artifact, job.threads, [tuple(shape) for shape in job.shapes])
    engine.set_inputs(sample(engine.describe(), list(inputs), 0))
    return inner


class ExecutorchProfiler:
    """The program loaded twice: with a tracer, it and XNNPACK do more in every inference, whether recorded or not.
    `slow` says why XNNPACK tells microseconds, "" where it tells the clock's unit."""

    def __init__(
        self, alone: ExecutorchEngine, traced: ExecutorchEngine, runner: Runner, clock: Clock, slow: str
    ) -> None:
        self._alone = alone  # it owns what `invoke` runs
        self.invoke = alone.invoke
        self._traced = traced.invoke
        self._runner = runner
        self._clock = clock
        self._slow = slow
        self._told: list[list[Event]] = []
        self._partitions: dict[int, int] = {}  # by their places in the method, in the order they were met
        self._between: list[int] = []  # of each inference what its partitions took beside their operators
        library = runner.library
        library.edgerig_et_event_count.restype = ctypes.c_size_t
        library.edgerig_et_event_count.argtypes = [ctypes.c_void_p]
        library.edgerig_et_event.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(TracedEvent)]
        library.edgerig_et_record.argtypes = [ctypes.c_void_p, ctypes.c_uint32]

    def look(self) -> int:
        library, address = self._runner.library, self._runner.address
        self._traced()  # unrecorded: the other program has left the caches cold for this one
        library.edgerig_et_record(address, 1)
        whole = self._clock.span(self._traced)
        library.edgerig_et_record(address, 0)
        self._told.append(list(self._events()))
        return whole

    def _events(self) -> Iterator[Event]:
        """A partition is told of before its operators. In a loop it is the same one in every turn."""
        library, address = self._runner.library, self._runner.address
        event = TracedEvent()
        place = partition = between = 0
        for index in range(library.edgerig_et_event_count(address)):
            library.edgerig_et_event(address, index, ctypes.byref(event))
            name = event.name.decode(errors="replace")
            if event.kind == PARTITION:
                place, partition = 0, self._partitions.setdefault(event.instruction, len(self._partitions))
                between += event.ticks
                continue
            if event.kind == KERNEL:
                yield Event(Operator(name.removeprefix(KERNEL_CALL), "portable", event.instruction), event.ticks)
                continue
            # A delegate's ticks are nanoseconds, made of whole microseconds.
            value = event.ticks if self._slow else event.ticks // MICROSECOND
            between -= value
            yield Event(Operator(NUMBER.sub("", name), "xnnpack", place, partition=partition), value)
            place += 1
        self._between.append(max(between, 0))

    def told(self) -> list[list[Event]]:
        return self._told

    def about(self) -> About:
        cost = 0 if self._slow else self._clock.cost()
        floor = MICROSECOND if self._slow else cost
        notes = tuple(note for note in (self._slow, ALWAYS_ON) if note)
        entering = int(median(self._between)) if self._partitions else None
        return About(METHOD, len(self._partitions), floor, notes, cost=cost, entering=entering)
