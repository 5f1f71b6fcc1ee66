"""The result types: frozen, versioned (`schema.py`), and the contract with everyone downstream (`edgerig schema` prints
it).

A value that was not measured is None and `reason` beside it says why; 0 always means a measured zero.
Units stand in the names: `_ms` milliseconds, `_bytes` bytes, `seconds` seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.affinity import Affinity as Affinity
from edgerig.results.affinity import CpuCluster as CpuCluster
from edgerig.results.affinity import Mask as Mask
from edgerig.results.artifact import Artifact as Artifact
from edgerig.results.artifact import BesideFile as BesideFile
from edgerig.results.artifact import CheckRecord as CheckRecord
from edgerig.results.artifact import FedRecord as FedRecord
from edgerig.results.artifact import OutputParity as OutputParity
from edgerig.results.artifact import TensorRecord as TensorRecord
from edgerig.results.conditions import ConditionsRecord as ConditionsRecord
from edgerig.results.conditions import HeldKnob as HeldKnob
from edgerig.results.confusion import Confusion as Confusion
from edgerig.results.device import Battery as Battery
from edgerig.results.device import DeviceRecord as DeviceRecord
from edgerig.results.device import DeviceState as DeviceState
from edgerig.results.device import FrequencyPolicy as FrequencyPolicy
from edgerig.results.drift import CellOrder as CellOrder
from edgerig.results.drift import Drift as Drift
from edgerig.results.drift import ReferenceVisit as ReferenceVisit
from edgerig.results.profile import OperatorProfile as OperatorProfile
from edgerig.results.profile import Profile as Profile
from edgerig.results.run import Environment as Environment
from edgerig.results.run import HostInfo as HostInfo
from edgerig.results.run import RunInfo as RunInfo
from edgerig.results.schema import SCHEMA_MINOR as SCHEMA_MINOR
from edgerig.results.schema import SCHEMA_VERSION as SCHEMA_VERSION
from edgerig.results.served import Served as Served
from edgerig.results.served import ServedLoad as ServedLoad
from edgerig.results.stages import HostStage as HostStage
from edgerig.results.stages import Stages as Stages
from edgerig.results.sustained import Sustained as Sustained
from edgerig.results.sustained import SustainedWindow as SustainedWindow
from edgerig.results.value import Value as Value
from edgerig.results.verdict import Counted as Counted
from edgerig.results.verdict import Verdict as Verdict
from edgerig.results.verdict import VerdictEvidence as VerdictEvidence
from edgerig.spec.engine import OptionValue
from edgerig.spec.files import PublishedFigure
from edgerig.spec.reference import ReferenceFigure

QUANTILE_LEVELS = tuple(range(5, 100, 5))
"""Of `Latency.quantiles_ms`, in percent."""

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


class Contention(Value):
    """What other processes did to the timed loops of a cell; shares are of the samples' time, all processes together.

    The samples counted are all, or the undisturbed alone, or, where those are too few, at least those that did not
    wait. A share that nobody could tell is 0 or what the calling thread's own clock shows; `reasons` says so.
    """

    contended: bool = Field(description="disturbed, it shows, and too few samples are undisturbed")
    found: str = Field(default="", description="what says that samples were disturbed; empty: nothing does")
    counted: Counted = "all"
    measured: int = Field(description="samples, counted or not")
    undisturbed: int = Field(description="of them, neither waited, nor right after one that did, nor in company")
    all_p50_ms: float = Field(description="of all samples")
    waited: float = Field(description="runnable and waiting for a processor, all threads: may pass 1")
    stolen: float = Field(description="the calling thread neither ran, nor waited, nor slept: a hypervisor, interrupts")
    company: float = Field(description="beside other processes on more than an eighth of the processors")
    shared: float | None = Field(default=None, description="while another machine on the host shared the core")
    alone: float | None = Field(default=None, description="what the core's computation takes else, over the chain's")
    others_cpus: float | None = Field(default=None, description="processors that others kept busy on the average")
    steal: float | None = Field(default=None, description="a hypervisor's share of the time the machine wanted")
    involuntary_switches: int
    attempts: int = 1
    attempt: int = Field(default=1, description="the one whose samples count; 0: several together")
    reasons: dict[str, str] = Field(default={})


class MedianInterval(Value):
    """A 95 % interval of the median over processes, in milliseconds; how it is made: `measure/latency.py`."""

    low_ms: float
    high_ms: float
    half_width: float = Field(ge=0, description="half of the interval over the median")
    within: float = Field(ge=0, description="the part of it that the samples of these processes alone give")
    blocks: int = Field(description="stretches of consecutive samples it was made of, of all processes")
    processes: int = Field(description="1: nothing is known of how processes differ, and an assumption stands for it")


class Controls(Value):
    """What computations that are always the same took beside each process' timed loop, in milliseconds; which they are:
    `ondevice/control.py`. Older runs have none but `Latency.control_ms`, the median of what is `clock_ms` here."""

    clock_ms: tuple[float, ...] = ()
    core_ms: tuple[float, ...] = ()
    memory_ms: tuple[float, ...] = ()
    beside_ms: tuple[float, ...] = Field(default=(), description="a short one of the core's, beside what counts")
    reason: str = Field(default="", description="why one was not timed")


class Latency(Value):
    """Steady-state inference alone, by the device's monotonic clock; percentiles are nearest-rank."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    std_ms: float
    min_ms: float
    max_ms: float
    samples: int
    warmup_runs: int
    quantiles_ms: tuple[float, ...] = Field(default=(), description="at 5, 10, …, 95 % of all samples; nearest-rank")
    process_p50_ms: tuple[float, ...] = Field(default=(), description="of each process the timing was spread over")
    interval: MedianInterval | None = None
    interval_reason: str = Field(default="", description="why there is no interval")
    control_ms: float | None = Field(default=None, description="median of the controls beside the timed loops")
    contention: Contention | None = Field(default=None, description="null: the device was not watched for it")
    controls: Controls = Controls()
    stopped: Literal["", "precise", "cap"] = Field(
        default="",
        description="why no more was timed: the median's interval is within `precision`, or as much as was allowed is "
        "done; empty: one attempt was all there was to be, processes were too few to tell, or a further one failed",
    )
    precision: float | None = Field(default=None, description="half of the interval that was asked for, relative")


class Memory(Value):
    """From a process of its own that loads the model and infers, without timing."""

    peak_rss_bytes: int | None = None
    runtime_rss_bytes: int | None = Field(default=None, description="peak before the model was loaded")
    includes: str = ""
    reason: str = ""


class Accuracy(Value):
    """A metric over the evaluation samples; `value` and `ci95` are in `unit`."""

    metric: str | None = None
    output: str | None = Field(default=None, description="of the model's, where the metric names one; several by comma")
    value: float | None = None
    ci95: tuple[float, float] | None = None
    higher_is_better: bool = True
    unit: str = Field(default="fraction", description='"fraction" of 1, such as top1\'s; "dB"; "" for a plain number')
    samples: int = 0
    reason: str = ""
    delta: float | None = Field(default=None, description="less the value of the fp32 variant that is placed alike")
    delta_ci95: tuple[float, float] | None = Field(default=None, description="from the same samples in both, paired")
    delta_reason: str = ""


class Parity(Value):
    """Against the source model's outputs on the same inputs: each output by itself, the one furthest off in front.

    `relative_error` and `max_abs_error` are those of the output `worst`, `agreement` the least of the outputs'.
    `disagreement` is the share of samples whose argmax differs from the fp32 variant of the same model, format, device
    and threads.
    """

    relative_error: float | None = None
    max_abs_error: float | None = None
    worst: str | None = None
    agreement: float | None = None
    outputs: tuple[OutputParity, ...] = ()
    samples: int = 0
    disagreement: float | None = None
    reason: str = ""
    disagreement_reason: str = ""


class Coverage(Value):
    """How far the evaluation data reaches beyond what a calibrated recipe's ranges were taken from."""

    outside: float | None = Field(
        default=None, description="share of samples with a value of an input or output beyond the calibrated range"
    )
    samples: int = 0
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


class ModelRecord(Value):
    """What a report says of a model beside its cells."""

    model: str
    source: str
    description: str
    licence: str
    dataset: str | None = Field(description="where the evaluation data came from, with its fingerprint")
    no_accuracy_reason: str = ""
    classes: tuple[str, ...] = Field(default=(), description="in the order of the scores, where the dataset names them")
    published: tuple[PublishedFigure, ...] = Field(default=(), description="what others reported of the model")
    weights: Literal["", "random"] = Field(default="", description='"random": never trained')
    revision: str = Field(default="", description="the commit or package version its files were fetched from")
    reference: tuple[ReferenceFigure, ...] = Field(
        default=(), description="what others measured of the model on their devices; never ranked with these cells"
    )


class Results(Value):
    schema_version: Literal[3] = 3
    schema_minor: int = Field(
        default=SCHEMA_MINOR, ge=0, le=10_000, description="a newer one has fields beside those that are known here"
    )
    run: RunInfo
    environment: Environment
    devices: dict[str, DeviceRecord]
    models: dict[str, ModelRecord] = Field(description="by model and source, such as digits_cnn-keras")
    cells: tuple[CellResult, ...]
    drift: dict[str, Drift] = Field(
        default={}, description="by device, where a reference cell was timed with the others"
    )
