"""A cell's profile from a device: the job once more, in a process that looks into its inferences and times nothing."""

from __future__ import annotations

import json
from dataclasses import replace

from edgerig.cache import cache_root
from edgerig.compiler import NativeLibrary
from edgerig.devices import native
from edgerig.devices.death import no_raw_run, raise_death
from edgerig.devices.deploy import LOG_LIMIT_BYTES, job_folder, job_of, push, write_job
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.errors import DeviceError, RunError, Unreachable
from edgerig.measure.profile import FILE, JSON_LIMIT_BYTES, SCHEMA, VALUES, parse_profile, values_limit
from edgerig.ondevice.job import Job

CLOCK = "libedgerig_op_clock.so"
EMULATED = "an emulator's time says nothing, and its instructions are not counted: {}"


def profile_on_device(device: PosixDevice, job: CellJob) -> None:
    """Leaves `profile.json`, `profile.npy`, `job.json` and `runner.log` in the folder `job.into`; where there is no
    profile, `profile.json` says why. Raises DeviceError."""
    job.into.mkdir(parents=True, exist_ok=True)
    try:
        asked = replace(job_of(device, job), profile=True)
        if job.before.emulated and asked.no_instructions:
            raise RunError(EMULATED.format(asked.no_instructions))
        clock = _clock(device, job.before.arch or "")
        there = device.clock or (CLOCK if clock.path else "")
        asked = replace(asked, clock=there, no_clock=clock.reason)
        write_job(asked, job.into)
        with job_folder(device) as remote:
            push(device, job, asked, job.into, remote)
            if clock.path is not None:
                device.transport.push(clock.path, f"{remote}/{CLOCK}")
            _run(device, asked, job, remote)
    except RunError as error:
        reason = {"schema": SCHEMA, "cell": job.cell, "reason": error.message[:2000]}
        (job.into / FILE).write_text(json.dumps(reason), encoding="utf-8")


def _clock(device: PosixDevice, arch: str) -> NativeLibrary:
    """What is to be pushed: nothing where the device has one."""
    return NativeLibrary(None) if device.clock else native.op_clock(arch, cache_root() / "native")


def _run(device: PosixDevice, asked: Job, job: CellJob, remote: str) -> None:
    transport, limit_s = device.transport, job.settings.timeout_s
    done = transport.run([*device.python, f"{remote}/runner.pyz", f"{remote}/job.json"], limit_s)
    (job.into / "runner.log").write_bytes((done.stdout + done.stderr)[-LOG_LIMIT_BYTES:])
    raise_death(device, remote, asked.cell, done, limit_s, job.before)
    part = job.into / f"{FILE}.part"  # whole, it has its name when what belongs to it is there
    try:
        transport.pull(f"{remote}/{FILE}", part, JSON_LIMIT_BYTES)
    except Unreachable:
        raise
    except DeviceError as missing:
        raise no_raw_run(asked.cell, done, missing) from missing
    found = parse_profile(part.read_bytes(), asked.cell)
    if not found.reason:
        transport.pull(f"{remote}/{VALUES}", job.into / VALUES, values_limit(found))
    part.replace(job.into / FILE)
