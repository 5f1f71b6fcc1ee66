"""A built variant onto a device, one run there, the raw run back."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgerig import npy
from edgerig.devices.death import no_raw_run, raise_death
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.devices.leftovers import end_job, job_name
from edgerig.devices.runner import write_runner
from edgerig.errors import DeployMismatch, DeviceError, RunError, UnparsableOutput, Unreachable
from edgerig.measure import contention
from edgerig.measure.raw import RAW_LIMIT_BYTES, Raw, attempt_name, read_outputs, read_timing
from edgerig.measure.raw_run import SAMPLES_LIMIT_BYTES, RawRun, parse_raw
from edgerig.measure.raw_sustained import SUSTAINED
from edgerig.ondevice.contention import COLUMNS
from edgerig.ondevice.engines import entry_options
from edgerig.ondevice.job import SCHEMA, Job
from edgerig.ondevice.tensors import of_sample, outside_dtype
from edgerig.results import Artifact, DeviceRecord, TensorRecord
from edgerig.spec import RunSettings, load_engines

COMMAND_TIMEOUT_S = 60.0
RUNNER = "runner.pyz"
LOG_LIMIT_BYTES = 2**20
NPY_HEADER_BYTES = 4096
NOT_COUNTED = "guest instructions are counted by QEMU's user mode only"
DYNAMIC_LIMIT_BYTES = 2**30
"""Of an output whose size is known only when it is there."""


def run_on_device(device: PosixDevice, job: CellJob) -> None:
    """Deploys the job's file, runs it over the inputs and leaves a checked raw run in the folder `job.into`.

    It gets `job.json`, `runner.log`, `raw.json`, `samples.npy`, `bursts.npy` and `output_<i>.npy`, and for each further
    process of `settings.repeats` a folder `repeat-<k>` with its own, without outputs. Until their median is known
    (`contention.settled`) they are timed again in `attempt-<k>`, `settings.most_attempts` times altogether.
    The device is left without the job's folder and processes; where the link is gone, `device.left` has it for the next
    call.
    Raises DeviceError, RunError: an attempt that fails costs none of those before it.
    """
    job.into.mkdir(parents=True, exist_ok=True)
    asked = job_of(device, job)
    write_job(asked, job.into)
    with job_folder(device) as remote:
        push(device, job, asked, job.into, remote)
        run = _Running(device, asked, remote, job.settings, job.into, job.before)
        raw = run.process(remote, job.into)
        _fetch(device, remote, raw, job.artifact, len(job.inputs[0]), job.into)
        for number in range(1, job.settings.repeats):
            run.repeat(f"repeat-{number}")
        run.attempts(job.artifact.size_bytes)
        if raw.sustained is None:  # else it has said why it cannot be kept at work
            run.sustain()


def push(device: PosixDevice, job: CellJob, asked: Job, own: Path, remote: str) -> None:
    """Everything the runner needs into the device's folder `remote`; `own` has the job as it is asked. Raises
    DeviceError."""
    with tempfile.TemporaryDirectory() as temporary:  # the store and the package keep these, a raw run need not
        if device.brings_runner:
            write_runner(Path(temporary) / RUNNER, asked.engine)
        for name, array in zip(asked.inputs, job.inputs, strict=True):
            npy.write(Path(temporary) / name, array)  # a piece at a time: it may be a view of a large file
        for local in [own / "job.json", *sorted(Path(temporary).iterdir())]:
            device.transport.push(local, f"{remote}/{local.name}")
    device.transport.push(job.file, f"{remote}/{job.artifact.file}")
    for other in job.artifact.beside:
        device.transport.push(job.file.with_name(other.name), f"{remote}/{other.name}")


def job_of(device: PosixDevice, job: CellJob) -> Job:
    """What the runner is told of the job. Raises RunError when nothing of the device's can run it."""
    artifact, placement, share = job.artifact, job.placement, job.settings.share()
    engine = load_engines()[artifact.engine]
    if device.modules is not None and engine.imports and engine.imports not in device.modules:
        raise RunError(
            f"{job.cell}: {device.python[0]} on the device has no {engine.imports}, which {engine.runtime} is",
            hint=f"on the device: {device.python[0]} -m pip install {' '.join(engine.distributions)}",
        )
    if engine.native and device.executorch_library is None and device.library_remedy:
        raise RunError(
            f"{job.cell}: nothing on the device can run it: {device.library_reason}", hint=device.library_remedy
        )
    library = {engine.native: device.executorch_library} if engine.native else {}
    return Job(
        cell=job.cell,
        engine=engine.module or engine.script,
        engine_options={**library, **placement.engine_options, **entry_options(artifact.signature)},
        artifact=artifact.file,
        sha256=artifact.sha256,
        beside={file.name: file.sha256 for file in artifact.beside},
        threads=placement.threads,
        shapes=[list(shape) for shape in artifact.shapes],
        processors=list(placement.processors),
        cluster=placement.cluster,
        fed=[each.model_dump(mode="json") for each in artifact.fed],
        resets=list(job.resets),
        inputs=[f"input_{index}.npy" for index in range(len(job.inputs))],
        warmup_runs=share.warmup_runs,
        min_runs=share.min_runs,
        min_seconds=share.min_seconds,
        max_seconds=share.max_seconds,
        no_instructions=NOT_COUNTED if device.no_instructions is None else device.no_instructions,
        no_state=device.no_state,
        timing_only=False,
        sustained_s=0.0,
        profile=False,
        profiler=engine.profiler,
        clock="",
        no_clock="",
    )


@dataclass(frozen=True)
class _Running:
    """A job whose files are in the device's folder `remote`; its raw run goes to `into`."""

    device: PosixDevice
    job: Job
    remote: str
    settings: RunSettings
    into: Path
    before: DeviceRecord

    def process(self, folder: str, own: Path) -> RawRun:
        """Runs the job of the device's `folder` in a process and brings its `raw.json` back to `own`."""
        transport, cell = self.device.transport, self.job.cell
        runner = [f"{self.remote}/{RUNNER}"] if self.device.brings_runner else []
        argv = [*self.device.python, *runner, f"{folder}/job.json"]
        timeout_s = self.settings.timeout_s + self.settings.sustained_s
        done = transport.run(argv, timeout_s)
        (own / "runner.log").write_bytes((done.stdout + done.stderr)[-LOG_LIMIT_BYTES:])
        raise_death(self.device, folder, cell, done, timeout_s, self.before)
        try:
            transport.pull(f"{folder}/raw.json", own / "raw.json", RAW_LIMIT_BYTES)
        except Unreachable:
            raise
        except DeviceError as missing:
            if done.returncode == 0:
                raise
            raise no_raw_run(cell, done, missing) from missing
        return parse_raw((own / "raw.json").read_bytes(), cell)

    def repeat(self, name: str, sustained_s: float = 0.0) -> None:
        """One more process for the timing alone, in a folder of its own below the job's; one that is to be kept at work
        times next to nothing before."""
        own, folder = self.into / name, f"{self.remote}/{name}"
        up = "../" * len(Path(name).parts)
        own.mkdir(exist_ok=True)
        write_job(
            replace(
                self.job,
                artifact=f"{up}{self.job.artifact}",
                beside={f"{up}{file}": digest for file, digest in self.job.beside.items()},
                inputs=[f"{up}{file}" for file in self.job.inputs],
                no_instructions="this process was for the timing alone",
                timing_only=True,
                sustained_s=sustained_s,
                min_runs=1 if sustained_s else self.job.min_runs,
                min_seconds=0.0 if sustained_s else self.job.min_seconds,
            ),
            own,
        )
        made = self.device.transport.run(["mkdir", folder], COMMAND_TIMEOUT_S)
        if made.returncode != 0:
            raise DeviceError(f"folder {folder} could not be made on the device", hint="is there space?")
        self.device.transport.push(own / "job.json", f"{folder}/job.json")
        _fetch_timing(self.device, folder, self.process(folder, own), own)

    def attempts(self, size_bytes: int) -> None:
        """Times the cell, whose file has so many bytes, again until its median is known (`contention.settled`), or the
        cap is reached: of attempts, or where a precision was asked for of seconds."""
        first, again = read_timing(self.into, self.job.cell), list[Raw]()
        precision = self.settings.precision
        for number in range(2, self.settings.most_attempts + 1):
            if contention.settled(contention.select(replace(first, again=tuple(again)), size_bytes), precision):
                return
            if precision is not None and _seconds(first, *again) >= self.settings.max_seconds:
                return
            name = attempt_name(number)
            try:
                for process in [name, *(f"{name}/repeat-{repeat}" for repeat in range(1, self.settings.repeats))]:
                    self.repeat(process)
                again.append(read_timing(self.into / name, self.job.cell))
            except (DeviceError, RunError):  # what is at home is not lost with it; its log is kept beside
                if (self.into / name).is_dir():
                    (self.into / name).rename(self.into / f"failed-{name}")
                return

    def sustain(self) -> None:
        """Keeps a process of its own at work: when all is timed, for it makes the device warm."""
        if not self.settings.sustained_s:
            return
        try:
            self.repeat(SUSTAINED, self.settings.sustained_s)
        except (DeviceError, RunError):  # what is at home is not lost with it; its log is kept beside
            if (self.into / SUSTAINED).is_dir():
                (self.into / SUSTAINED).rename(self.into / f"failed-{SUSTAINED}")


def _seconds(*attempts: Raw) -> float:
    """What all their samples took together."""
    return sum(float(samples.sum()) for each in attempts for samples in each.processes_ns) / 1e9


def _lengths(tensor: TensorRecord) -> tuple[int, ...]:
    """The axes of a tensor; of one whose lengths the data decides their number alone, which other data share."""
    return (-1,) * len(tensor.shape) if -1 in tensor.shape else tensor.shape


def write_job(job: Job, into: Path) -> None:
    (into / "job.json").write_text(json.dumps({"schema": SCHEMA, **asdict(job)}, indent=1), encoding="utf-8")


def _fetch_timing(device: PosixDevice, folder: str, raw: RawRun, into: Path) -> None:
    device.transport.pull(f"{folder}/samples.npy", into / "samples.npy", SAMPLES_LIMIT_BYTES)
    if raw.contention.bursts:
        limit = raw.contention.bursts * len(COLUMNS) * 8 + NPY_HEADER_BYTES
        device.transport.pull(f"{folder}/bursts.npy", into / "bursts.npy", limit)


@contextlib.contextmanager
def job_folder(device: PosixDevice) -> Iterator[str]:
    """A fresh folder in the device's workdir, removed at the end whatever happened, or else before the next one."""
    for left in list(device.left):
        _end(device, left)
    remote = f"{device.workdir}/{job_name(device.run)}"
    made = device.transport.run(["mkdir", "-p", remote], COMMAND_TIMEOUT_S)
    if made.returncode != 0:
        raise DeviceError(
            f"folder {remote} could not be made on the device: {made.stderr[-300:].decode('utf-8', 'replace').strip()}",
            hint="is its workdir writable, and is there space?",
        )
    device.left.append(remote)
    try:
        yield remote
    finally:
        with contextlib.suppress(DeviceError):  # a link that is gone cannot be cleaned over; the first error counts
            _end(device, remote)


def _end(device: PosixDevice, remote: str) -> None:
    end_job(device.transport, remote)
    device.left.remove(remote)


def check_tensors(raw: RawRun, artifact: Artifact) -> None:
    """Raises UnparsableOutput unless the outputs are, on the device, what the file's were where it was built."""
    found, built = raw.engine.outputs, artifact.outputs
    for what, there, here in (
        ("shapes", [_lengths(t) for t in found], [_lengths(t) for t in built]),
        ("dtypes", [t.dtype for t in found], [t.dtype for t in built]),
        ("scales", [t.scale for t in found], [t.scale for t in built]),
    ):
        if there != here:
            raise UnparsableOutput(
                f"{raw.cell}: on the device the file's outputs have {what} {there}, here {here}"[:1000],
                hint="is the runner on the device the one that was pushed?",
            )


def _fetch(device: PosixDevice, remote: str, raw: RawRun, artifact: Artifact, samples: int, into: Path) -> None:
    """Brings the raw run's arrays back and checks it: how large outputs may be, the file says and not the device."""
    check_tensors(raw, artifact)
    _fetch_timing(device, remote, raw, into)
    for index, tensor in enumerate(artifact.outputs):
        one = outside_dtype(tensor.dtype, tensor.scale).itemsize * math.prod(of_sample(tensor.shape))
        limit = DYNAMIC_LIMIT_BYTES if -1 in tensor.shape else samples * one + NPY_HEADER_BYTES
        device.transport.pull(f"{remote}/output_{index}.npy", into / f"output_{index}.npy", limit)
    counts = [len(output) for output in read_outputs(into, raw.cell)]
    if any(count != samples for count in counts):
        raise DeployMismatch(
            f"{raw.cell}: {samples} samples were sent, outputs came back for {counts}",
            hint="the runner on the device is not the one that was pushed, or its disk is full",
        )
