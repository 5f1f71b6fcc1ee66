"""A built variant onto a device, one run there, the raw run back.

The runner travels as one file: `edgerig/ondevice` zipped (`zipapp`), which any Python 3.11+ with numpy starts.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgerig import process
from edgerig.devices.transport import CommandResult, Transport
from edgerig.errors import DeployMismatch, RunnerCrashed, RunTimeout
from edgerig.measure.raw import RAW_LIMIT_BYTES, SAMPLES_LIMIT_BYTES, parse_raw, read_raw
from edgerig.ondevice.job import SCHEMA, Job
from edgerig.results import Artifact
from edgerig.spec import PACKAGE, RunSettings

EPOCH = (1980, 1, 1, 0, 0, 0)


def write_runner(path: Path) -> None:
    """Writes the runner's archive to `path`; equal code gives equal bytes."""
    sources = [PACKAGE / "__init__.py", *sorted((PACKAGE / "ondevice").rglob("*.py"))]
    with zipfile.ZipFile(path, "w") as archive:
        for source in sources:
            name = str(source.relative_to(PACKAGE.parent))
            archive.writestr(zipfile.ZipInfo(name, EPOCH), source.read_bytes())
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), "from edgerig.ondevice.main import main\nmain()\n")


def run_on_device(transport: Transport, cell: str, artifact: Artifact, file: Path, inputs: list[npt.NDArray[np.float32]],
                  threads: int, settings: RunSettings, into: Path) -> None:
    """Deploys the artifact `file`, runs it over `inputs` and leaves a checked raw run in the folder `into`.

    `into` gets `job.json`, `runner.log`, `raw.json`, `samples.npy` and `output_<i>.npy`. Raises DeviceError, RunError.
    """
    into.mkdir(parents=True, exist_ok=True)
    remote = transport.workspace()
    options = {}
    if artifact.engine == "executorch":
        options["library"] = transport.runtime_library(artifact.engine)[0]
    job = Job(
        cell=cell, engine=artifact.engine, engine_options=options, artifact=artifact.file, sha256=artifact.sha256,
        threads=threads, inputs=[f"input_{index}.npy" for index in range(len(inputs))],
        warmup_runs=settings.warmup_runs, min_runs=settings.min_runs, min_seconds=settings.min_seconds,
        max_seconds=settings.max_seconds,
    )
    (into / "job.json").write_text(json.dumps({"schema": SCHEMA, **asdict(job)}, indent=1), encoding="utf-8")
    write_runner(into / "runner.pyz")
    for name, array in zip(job.inputs, inputs, strict=True):
        np.save(into / name, array)
    for local in [into / "job.json", into / "runner.pyz", *(into / name for name in job.inputs)]:
        transport.push(local, f"{remote}/{local.name}")
    transport.push(file, f"{remote}/{artifact.file}")
    for name in ("runner.pyz", *job.inputs):
        (into / name).unlink()  # the store and the package hold them; a raw run keeps what only it knows

    done = transport.run([*transport.python(), f"{remote}/runner.pyz", f"{remote}/job.json"], settings.timeout_s)
    (into / "runner.log").write_bytes((done.stdout + done.stderr)[-(2**20):])
    _raise_death(cell, done, settings.timeout_s)
    transport.pull(f"{remote}/raw.json", into / "raw.json", RAW_LIMIT_BYTES)
    raw = parse_raw((into / "raw.json").read_bytes(), cell)
    transport.pull(f"{remote}/samples.npy", into / "samples.npy", SAMPLES_LIMIT_BYTES)
    for index, tensor in enumerate(raw.engine.outputs):
        expected = len(inputs[0]) * 4 * int(np.prod(tensor.shape[1:])) + 4096
        transport.pull(f"{remote}/output_{index}.npy", into / f"output_{index}.npy", expected)
    found = read_raw(into, cell)
    if any(len(output) != len(inputs[0]) for output in found.outputs):
        raise DeployMismatch(f"{cell}: {len(inputs[0])} samples were sent, outputs came back for "
                             f"{[len(output) for output in found.outputs]}")


def _raise_death(cell: str, done: CommandResult, timeout_s: float) -> None:
    """A runner that ended by a signal, by the deadline, or without a word. Exit code 1 has its reason in raw.json."""
    tail = (done.stderr or done.stdout)[-400:].decode("utf-8", "replace").strip()
    said = f"\nthe last it said: {tail}" if tail else ""
    if done.timed_out:
        raise RunTimeout(f"{cell}: the runner was killed at its deadline of {timeout_s:g} s{said}",
                         hint="raise run.timeout_s, or lower run.min_seconds and run.limit")
    if done.returncode < 0 or done.returncode > 1:
        hint = {"SIGKILL": "the kernel may have killed it for memory: watch the device's free memory",
                "SIGILL": "the device lacks a CPU feature the runtime was built for"}
        name = process.signal_name(done.returncode)
        raise RunnerCrashed(f"{cell}: the runner ended by {name}{said}",
                            hint=hint.get(name, "the runner's log beside the raw run has what it said"))
