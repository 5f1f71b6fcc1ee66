"""The runner: one job in, one raw run out. `python runner.pyz job.json` writes into the job's folder.

Order: the processors to keep to, the memory pass (a fork, before any runtime is imported here), then in this process
import, load, first inference, warm-up, guest instructions (where an emulator counts them), the steady state (the
device's state is read before, in its pauses, and after), and last the whole dataset through the file loaded anew: one
that keeps state would otherwise go on from wherever the timing left it. Exit codes: 0 a raw run was written; 1 the
engine or the job failed, with the reason in `raw.json` when it can still be written. An illegal instruction leaves its
bytes in the file `illegal_instruction`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from edgerig.ondevice import engines, illegal, lifeline, markers, memory, sustained, timing
from edgerig.ondevice.affinity import Affinity
from edgerig.ondevice.contention import Watch
from edgerig.ondevice.control import Controls
from edgerig.ondevice.energy import Meter
from edgerig.ondevice.engines import Array, Description, Engine, TensorInfo
from edgerig.ondevice.evaluate import evaluated, sample
from edgerig.ondevice.job import SCHEMA, Job, read_job, write_json
from edgerig.ondevice.profiles import record
from edgerig.ondevice.sensors import Reading, Sensors
from edgerig.ondevice.stream import Fed, streamed

COMPILED = "TORCHINDUCTOR_CACHE_DIR"
"""Where PyTorch keeps what it compiles: else in a folder of the user's, where a run finds that of the one before."""
_TIMING_ONLY = "this process was for the timing alone"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: runner JOB.json")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else ONNX Runtime writes to the user's folder, and sends what it did
    path = os.path.abspath(sys.argv[1])
    folder = os.path.dirname(path)
    try:
        job = read_job(path)
        if job.profile:
            profile(job, folder)
            return
        raw = run(job, folder)
    except Exception as error:
        traceback.print_exc()
        write_json(
            os.path.join(folder, "raw.json"),
            {"schema": SCHEMA, "error": {"type": type(error).__name__, "message": str(error)[:2000]}},
        )
        sys.exit(1)
    write_json(os.path.join(folder, "raw.json"), raw)


def run(job: Job, folder: str) -> dict[str, Any]:
    """Runs the job; gives the raw run and writes its arrays into `folder`. Raises what the engine raises."""
    artifact = _artifact(job, folder)
    illegal.record_to(os.path.join(folder, illegal.FILE))
    affinity = Affinity(job.processors, job.cluster)
    inputs = [np.load(os.path.join(folder, name), mmap_mode="r", allow_pickle=False) for name in job.inputs]

    os.environ[COMPILED] = os.path.join(folder, "compiled-apart")
    memory_found = _memory(job, artifact, inputs)
    os.environ[COMPILED] = os.path.join(os.path.dirname(artifact), "compiled")  # the job's later processes find it
    lifeline.hold()
    meter = Meter(unwanted=job.no_state)
    meter.idle()

    engine, description, took = _started(job, artifact, inputs)
    _warm_up(job, engine, description, inputs)
    instructions = _instructions(job, description, engine)
    controls = Controls()
    controls.measure()
    if took["first_inference_ns"] < timing.REWARMED_NS:
        engine.invoke()
    samples, seen = _timed(job, engine, folder, meter)
    controls.measure()
    np.save(os.path.join(folder, "samples.npy"), samples)
    kept = {"sustained": sustained.keep(engine.invoke, job.sustained_s)} if job.sustained_s else {}
    held = affinity.to_json()  # while the runtime's threads are there
    description = replace(description, notes=engine.describe().notes)  # some are known after an inference
    if not job.timing_only:
        del engine  # two copies of a large network need not fit
        description = replace(description, outputs=_save_outputs(job, artifact, inputs, folder))

    return {
        "schema": SCHEMA,
        "cell": job.cell,
        "engine": description.to_json(),
        **took,
        "warmup_runs": job.warmup_runs,
        "samples": len(samples),
        "timer_overhead_ns": timing.overhead(),
        "controls": controls.to_json(),
        "memory": memory_found,
        "instructions": instructions,
        "affinity": held,
        **seen,
        **kept,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def profile(job: Job, folder: str) -> None:
    """Writes what an inference is made of into `folder`, and measures nothing else."""
    artifact = _artifact(job, folder)
    illegal.record_to(os.path.join(folder, illegal.FILE))
    Affinity(job.processors, job.cluster)
    lifeline.hold()
    inputs = [np.load(os.path.join(folder, name), mmap_mode="r", allow_pickle=False) for name in job.inputs]
    record.record(job, artifact, inputs, folder)


def _started(job: Job, artifact: str, inputs: list[Array]) -> tuple[Engine, Description, dict[str, int]]:
    """The engine with the file loaded, the first sample set and inferred once; how long each of it took, in ns."""
    created = time.perf_counter_ns()
    engine = _engine(job)
    import_ns = time.perf_counter_ns() - created
    load_ns = timing.once(lambda: _load(engine, job, artifact))
    description = engine.describe()
    engine.set_inputs(sample(description, inputs, 0))
    first_ns = timing.once(engine.invoke)
    took = {"runtime_import_ns": import_ns, "load_ns": load_ns, "first_inference_ns": first_ns}
    return engine, description, took


def _engine(job: Job) -> Engine:
    """Not loaded yet."""
    return streamed(engines.create(job.engine, job.engine_options), [Fed(**each) for each in job.fed], job.resets)


def _warm_up(job: Job, engine: Engine, description: Description, inputs: list[Array]) -> None:
    """A state that is fed is then one of the stream's, as in the steady state: what is timed is its next step."""
    for index in range(job.warmup_runs):
        if job.fed:
            engine.outputs()
            engine.set_inputs(sample(description, inputs, (index + 1) % len(inputs[0])))
        engine.invoke()


def _artifact(job: Job, folder: str) -> str:
    """Its path. Raises ValueError when it, or a file beside it, is not the one the job means."""
    for name, wanted in {job.artifact: job.sha256, **job.beside}.items():
        digest = _sha256(os.path.join(folder, name))
        if digest != wanted:
            raise ValueError(f"{name} has sha256 {digest}, the job says {wanted}")
    return os.path.join(folder, job.artifact)


def _memory(job: Job, artifact: str, inputs: list[Array]) -> dict[str, Any]:
    if job.timing_only:
        return {"reason": _TIMING_ONLY}
    return memory.measure_in_fork(lambda ready: _exercise(job, artifact, inputs, ready))


def _timed(job: Job, engine: Engine, folder: str, meter: Meter) -> tuple[timing.Samples, dict[str, Any]]:
    """The steady state; of the raw run the device's state before it, in its pauses and after it, what the watch says
    beside `bursts.npy`, which is written here, and what the meter does."""
    if job.no_state:
        alone = timing.steady(
            engine.invoke, min_runs=job.min_runs, min_seconds=job.min_seconds, max_seconds=job.max_seconds
        )
        return alone, {name: {"reason": job.no_state} for name in ("state", "contention", "energy")}
    sensors, watch = Sensors(), Watch()
    during: list[Reading] = []
    before = sensors.read()
    samples = timing.steady(
        engine.invoke,
        min_runs=job.min_runs,
        min_seconds=job.min_seconds,
        max_seconds=job.max_seconds,
        pause=lambda: during.append(sensors.read()),
        watch=meter.beside(watch),
    )
    after = sensors.read()
    if not during:
        sensors.reasons["during"] = f"the timed loop ended within its first burst of {timing.FIRST_BURST_NS / 1e9:g} s"
    np.save(os.path.join(folder, "bursts.npy"), watch.bursts())
    watch.close()
    state = {"before": before, "during": during, "after": after, "reasons": sensors.reasons}
    return samples, {"state": state, "contention": watch.to_json(), "energy": meter.to_json()}


def _load(engine: Engine, job: Job, artifact: str) -> None:
    engines.load(engine, artifact, job.threads, [tuple(shape) for shape in job.shapes])


def _save_outputs(job: Job, artifact: str, inputs: list[Array], folder: str) -> list[TensorInfo]:
    """Writes the outputs over all samples, of the file loaded anew; what they are."""
    engine = _engine(job)
    _load(engine, job, artifact)
    found = evaluated(engine, inputs, job.resets)
    for index, output in enumerate(found.arrays):
        np.save(os.path.join(folder, f"output_{index}.npy"), output)
    return found.tensors


def _exercise(job: Job, artifact: str, inputs: list[Array], runtime_imported: Callable[[], None]) -> None:
    """What the memory pass does: import, load, and a few inferences."""
    engine = _engine(job)
    runtime_imported()
    _load(engine, job, artifact)
    engine.set_inputs(sample(engine.describe(), inputs, 0))
    for _ in range(3):
        engine.invoke()
    engine.outputs()


def _instructions(job: Job, description: Description, engine: Engine) -> dict[str, Any]:
    """Counted before the timed loop: what ran until then is the same in every run, however fast the emulator is."""
    if job.timing_only:
        return {"reason": _TIMING_ONLY}
    if job.no_instructions:
        return {"reason": job.no_instructions}
    if description.threads != 1:
        return {"reason": f"the count of {description.threads} threads is not repeatable: it is taken with 1 only"}
    return markers.count(engine.invoke)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
