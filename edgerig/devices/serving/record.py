"""What is asked of a served model for a cell, and the raw run it becomes (`measure/raw.py` believes none of it)."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgerig.devices.deploy import check_tensors
from edgerig.devices.device import CellJob
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.asked import AskedModel, one_after_the_other
from edgerig.devices.serving.link import Link
from edgerig.devices.serving.load import under_load
from edgerig.errors import DeployMismatch
from edgerig.measure.raw import ROUND_TRIPS
from edgerig.measure.raw_run import parse_raw
from edgerig.ondevice import timing
from edgerig.ondevice.control import Controls
from edgerig.ondevice.evaluate import evaluated, sample
from edgerig.ondevice.job import SCHEMA, write_json

ELSEWHERE = "the model runs in the server's process, which the runner does not see into"
ENDS_WITHIN_S = 1.0
"""How long after its links a server that dies is gone."""
ANOTHERS = "a server at an address may be another machine's: how fast this one was says nothing of it"
UNTOLD = "the server does not tell what a request took it: the latency is the round trip"


@dataclass(frozen=True)
class Asked:
    """A served model that can be asked. `check(seconds)` raises where a server of ours has died, or does within them;
    `runtime_import_ns` and `load_ns` are None of one that had loaded the model before; `await_health` asks until a
    prediction is given."""

    name: str
    model: AskedModel
    open_link: Callable[[], Link]
    check: Callable[[float], None]
    runtime_import_ns: int | None = None
    load_ns: int | None = None
    await_health: Callable[[], None] | None = None


def measure(server: Asked, job: CellJob, spec: ServingDevice) -> None:
    """Times and evaluates the served model and writes the raw run to the job's folder. Raises DeviceError, RunError:
    where the server died meanwhile, that it has, with what it said."""
    try:
        _measure(server, job, spec)
    except Exception:
        server.check(ENDS_WITHIN_S)  # its own end is why
        raise


def _measure(server: Asked, job: CellJob, spec: ServingDevice) -> None:
    model, settings = server.model, job.settings
    model.set_inputs(sample(model.describe(), job.inputs, 0))
    first_ns = timing.once(server.await_health or model.invoke)
    model.outputs()  # an answer that is none ends the cell before anything is timed
    warmed = _warm_up(model, settings.warmup_runs, spec.warmup_seconds)
    controls = Controls() if spec.url is None else None
    if controls is not None:
        controls.measure()
    trips, own = one_after_the_other(
        model,
        min_runs=settings.min_runs,
        min_seconds=settings.min_seconds,
        max_seconds=settings.max_seconds,
    )
    if controls is not None:
        controls.measure()
    loads = [
        under_load(server.open_link, model.question, number, spec.load_requests, spec.load_seconds)
        for number in spec.concurrency
    ]
    found = evaluated(model, job.inputs)
    server.check(0.0)
    _save(job.into, trips, own, found.arrays)
    raw = {
        "schema": SCHEMA,
        "cell": job.cell,
        "engine": {**model.describe().to_json(), "outputs": [asdict(tensor) for tensor in found.tensors]},
        "runtime_import_ns": server.runtime_import_ns,
        "load_ns": server.load_ns,
        "first_inference_ns": first_ns if spec.url is None else None,  # of a server that was there: one of many
        "warmup_runs": warmed,
        "samples": len(trips),
        "timer_overhead_ns": timing.overhead(),
        "controls": {"reason": ANOTHERS} if controls is None else controls.to_json(),
        **{
            name: {"reason": ELSEWHERE}
            for name in ("memory", "instructions", "affinity", "state", "energy", "contention", "sustained")
        },
        "served": {
            "server": server.name,
            "timed": "server" if own else "round trip",
            "reason": "" if own else UNTOLD,
            "loads": [asdict(load) for load in loads],
        },
        "machine": platform.machine(),
    }
    write_json(str(job.into / "raw.json"), raw)
    _check(job, [len(array) for array in found.arrays])


def _warm_up(model: AskedModel, runs: int, seconds: float) -> int:
    """Asks at least so often and so long; how often it was."""
    asked, until = 0, time.monotonic() + seconds
    while asked < runs or time.monotonic() < until:
        model.invoke()
        asked += 1
    return asked


def _save(into: Path, trips: list[int], own: list[int], outputs: list[np.ndarray]) -> None:
    np.save(into / ROUND_TRIPS, np.asarray(trips, np.int64))
    np.save(into / "samples.npy", np.asarray(own or trips, np.int64))
    for index, output in enumerate(outputs):
        np.save(into / f"output_{index}.npy", output)


def _check(job: CellJob, counts: list[int]) -> None:
    """The raw run as whoever reads it will find it. Raises UnparsableOutput, DeployMismatch."""
    check_tensors(parse_raw((job.into / "raw.json").read_bytes(), job.cell), job.artifact)
    if any(count != len(job.inputs[0]) for count in counts):
        raise DeployMismatch(f"{job.cell}: {len(job.inputs[0])} samples were sent, outputs came back for {counts}")
