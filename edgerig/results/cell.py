"""One cell's outcome: all that was measured of it, with what was built and where it ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.accuracy import Accuracy, Coverage, Parity
from edgerig.results.affinity import Affinity
from edgerig.results.artifact import CheckRecord
from edgerig.results.conditions import ConditionsRecord
from edgerig.results.confusion import Confusion
from edgerig.results.drift import CellOrder
from edgerig.results.latency import Latency
from edgerig.results.profile import Profile
from edgerig.results.served import Served
from edgerig.results.stages import Stages
from edgerig.results.sustained import Sustained
from edgerig.results.value import Value
from edgerig.results.verdict import Verdict
from edgerig.spec.engine import OptionValue

Status = Literal["ok", "failed", "skipped", "unsupported"]
Stage = Literal["prepare", "build", "deploy", "run", "measure"]


class BuildRecord(Value):
    """`cached` builds carry the seconds and memory of the build that made them; a ready file was never built."""

    seconds: float | None
    cached: bool
    peak_rss_bytes: int | None = Field(description="of the whole build process, converter and framework included")
    log: str | None = Field(description="path of the captured output, relative to the run's folder")
    key: str | None = None
    check: CheckRecord | None = None
    calibration: str | None = None
    constants: dict[str, int] = Field(default={})
    options: dict[str, str] = Field(default={})
    notes: tuple[str, ...] = ()


class ErrorRecord(Value):
    stage: Stage
    kind: str
    message: str
    hint: str


class Memory(Value):
    """From a process of its own that loads the model and infers, without timing."""

    peak_rss_bytes: int | None = None
    runtime_rss_bytes: int | None = Field(default=None, description="peak before the model was loaded")
    includes: str = ""
    reason: str = ""


class Delegation(Value):
    delegated: int | None = None
    total: int | None = None
    undelegated: tuple[str, ...] = ()
    reason: str = ""


class Cost(Value):
    """Instructions of one inference on the emulated processor: the engine and its Python binding, on one thread.

    It follows the model, the engine and the processor's features, not the host's speed or load. Runs whose paths or
    data have other lengths were seen to differ by 0.001 %, with ONNX Runtime by 0.05 %: other layouts of memory.
    """

    instructions: int | None = Field(default=None, description="the most frequent count, less that of an empty call")
    spread: int | None = Field(default=None, description="largest less smallest of the repeats' counts")
    reason: str = ""


class Energy(Value):
    """Of one inference, by the device's own sensor: all the sensor sees during the timed loop, over its inferences.

    The loop's own work between inferences (clock reads, what watches it) is in it.
    """

    millijoules: float | None = Field(default=None, description="less what the idle device takes in the same time")
    gross_millijoules: float | None = Field(default=None, description="the idle device's share in it")
    process_millijoules: tuple[float, ...] = Field(default=(), description="of each process the timing was spread over")
    interval_millijoules: tuple[float, float] | None = Field(
        default=None, description="95 % interval of `millijoules`, by how processes differ; None of fewer than three"
    )
    idle_watts: float | None = Field(default=None, description="of the device before the runtime was imported")
    sensor: str = ""
    interval_seconds: float | None = Field(default=None, description="in which the sensor tells something new")
    seconds: float | None = Field(default=None, description="integrated over, all processes together")
    idle_seconds: float | None = Field(default=None, description="the idle device was measured for, together")
    inferences: int | None = None
    reason: str = ""


class Engine(Value):
    """The runtime as found on the device. `threads` is the count in force; `binding` names the way in."""

    name: str
    runtime: str
    version: str
    threads: int
    options: dict[str, OptionValue] = Field(default={}, description="all that the engine takes, as they were")
    notes: tuple[str, ...] = ()
    state: tuple[str, ...] = Field(default=(), description="what the file remembers from one inference to the next")
    reset: str = Field(default="", description="when the state was started anew: never, per sample, per sequence of N")


class Reading(Value):
    """The device's state at one moment, outside the timed region; a value that is None has its reason in
    `CellState.reasons`."""

    at_s: float | None = Field(default=None, description="seconds since just before the timed loop")
    load1: float | None = None
    memory_available_bytes: int | None = None
    temperature_c: float | None = Field(default=None, description="of the hottest of the processor's thermal zones")
    cpu: int | None = Field(default=None, description="the processor the runner was on")
    frequency_khz: int | None = Field(default=None, description="that processor's, now")
    max_frequency_khz: int | None = Field(default=None, description="the highest that processor can have")
    throttled: tuple[str, ...] | None = Field(default=None, description="a Raspberry Pi's flags; empty: none is set")
    thermal_status: str | None = Field(default=None, description="Android's, from none to shutdown")
    battery_percent: int | None = None
    battery_status: str | None = None


class CellState(Value):
    """The device before the timed loop, in its pauses, and after it; `reasons` says of each value that is missing in
    any of them why."""

    before: Reading | None = None
    during: tuple[Reading, ...] = ()
    after: Reading | None = None
    reasons: dict[str, str] = Field(default={})


class CellResult(Value):
    """One planned cell's outcome; every planned cell has exactly one."""

    id: str
    model: str
    source: str
    format: str
    recipe: str
    shapes: dict[str, tuple[int, ...]] = Field(default={}, description="of inputs, where they are not the model's own")
    device: str
    threads: int
    accelerator: str = "cpu"
    processors: tuple[int, ...] = Field(default=(), description="those it was held to; empty: to none")
    cluster: str = Field(default="", description="or those of a cluster: big or little")
    engine_options: dict[str, OptionValue] = Field(default={}, description="where they are not the default")
    signature: str = Field(default="", description="the entry of the model's file that ran; empty: it names none")
    emulated: bool
    status: Status
    weights: Literal["", "random"] = Field(default="", description='"random": the model was never trained')
    size_bytes: int | None = None
    runtime_import_ms: float | None = None
    load_ms: float | None = Field(default=None, description="without what was compiled in it")
    compile_ms: float | None = Field(default=None, description="null: the runtime compiles nothing when it loads")
    first_inference_ms: float | None = None
    latency: Latency | None = None
    memory: Memory = Memory(reason="the cell did not run")
    accuracy: Accuracy = Accuracy(reason="the cell did not run")
    metrics: dict[str, Accuracy] = Field(default={}, description="all of the model's metrics; `accuracy` is the first")
    confusion: tuple[Confusion, ...] = Field(default=(), description="of each output that a metric of classes is of")
    parity: Parity = Parity(reason="the cell did not run", disagreement_reason="the cell did not run")
    coverage: Coverage = Coverage(reason="the cell did not run")
    delegation: Delegation = Delegation(reason="the cell did not run")
    cost: Cost = Cost(reason="the cell did not run")
    energy: Energy = Energy(reason="the cell did not run")
    stages: Stages = Stages()
    profile: Profile = Profile(reason="the cell was not profiled")
    verdict: Verdict | None = None
    state: CellState = CellState(reasons={"during": "the cell did not run"})
    affinity: Affinity = Affinity(reason="the cell did not run")
    sustained: Sustained = Sustained(reason="the cell did not run")
    served: Served = Served(reason="the cell ran on no server")
    conditions: ConditionsRecord | None = Field(default=None, description="null: none were asked for")
    order: CellOrder | None = Field(default=None, description="null: the device's cells were run as they were planned")
    engine: Engine | None = None
    build: BuildRecord | None = None
    raw: str | None = Field(default=None, description="folder of the raw run, relative to the run's folder")
    error: ErrorRecord | None = None
