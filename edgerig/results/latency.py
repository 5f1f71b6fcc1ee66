"""What a cell's inferences took: percentiles, the median's interval, what other processes did to the timed loops."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.value import Value
from edgerig.results.verdict import Counted

QUANTILE_LEVELS = tuple(range(5, 100, 5))
"""Of `Latency.quantiles_ms`, in percent."""


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
