"""Why a runner died: by the deadline, or by a signal, with what the device can still tell of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgerig import process
from edgerig.devices import illegal
from edgerig.devices.device import PosixDevice
from edgerig.errors import DeviceError, RunError, RunnerCrashed, RunTimeout
from edgerig.ondevice.illegal import FILE
from edgerig.process import Finished
from edgerig.results import DeviceRecord

CODE_LIMIT_BYTES = 4096
SAID_LIMIT = 400
LOG_HINT = "the runner's log beside the raw run has what it said"


def raise_death(
    device: PosixDevice, remote: str, cell: str, done: Finished, timeout_s: float, before: DeviceRecord
) -> None:
    """Raises RunTimeout or RunnerCrashed for a runner that ended without a word; exit code 1 has its reason in
    `raw.json`, or else is `no_raw_run`. `remote` is the job's folder, `before` what the probe found before the runner
    was started."""
    said = _last_said(done)
    if done.timed_out:
        raise RunTimeout(
            f"{cell}: the runner was killed at its deadline of {timeout_s:g} s{said}",
            hint="raise run.timeout_s, or lower run.min_seconds and run.limit",
        )
    if 0 <= done.returncode <= 1:
        return
    name = process.signal_name(done.returncode)
    evidence, hint = "", LOG_HINT
    if name == "SIGILL":
        evidence, hint = _illegal(device, remote, before)
    elif name == "SIGKILL":
        evidence, hint = _killed(device, before)
    raise RunnerCrashed(f"{cell}: the runner ended by {name}{evidence}{said}", hint=hint)


def no_raw_run(cell: str, done: Finished, missing: DeviceError) -> RunError:
    """For a runner that failed without a `raw.json`: where the disk is full not even the reason can be written."""
    said = _last_said(done)
    full = "No space left" in said
    return RunError(
        f"{cell}: the runner ended with {process.signal_name(done.returncode)} and left no raw run: "
        f"{missing.message}{said}",
        hint="free some space on the device, where its workdir is" if full else LOG_HINT,
    )


def _last_said(done: Finished) -> str:
    tail = (done.stderr or done.stdout)[-SAID_LIMIT:].decode("utf-8", "replace").strip()
    return f"\nthe last it said: {tail}" if tail else ""


def _illegal(device: PosixDevice, remote: str, before: DeviceRecord) -> tuple[str, str]:
    explained = illegal.explain(before.arch, _code(device, remote), before.state.features)
    return f": {explained}", "the device lacks a CPU feature the runtime or the model's kernels were built for"


def _code(device: PosixDevice, remote: str) -> bytes:
    """The first bytes of the illegal instruction, as the runner left them; b"" when it could not."""
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / FILE
        try:
            device.transport.pull(f"{remote}/{FILE}", local, CODE_LIMIT_BYTES)
        except DeviceError:  # no such file, or a device that is gone by now: the runner's end is what there is to tell
            return b""
        return local.read_bytes()


def _killed(device: PosixDevice, before: DeviceRecord) -> tuple[str, str]:
    """Whether the kernel's OOM killer did it: it counts its victims in /proc/vmstat (proc(5), `oom_kill`)."""
    try:
        after = device.transport.probe()
    except DeviceError:  # the device may be rebooting; what is known is said
        return ", and the device cannot be asked why", "was it switched off, or is it out of memory?"
    kills = [record.state.oom_kills for record in (before, after)]
    free = before.state.memory_available_bytes
    memory = f"; {free / 2**20:.0f} MiB were available before" if free is not None else ""
    if kills[0] is not None and kills[1] is not None:
        if kills[1] > kills[0]:
            return (
                f": the kernel's OOM killer took it, most likely: it ended {kills[1] - kills[0]} process(es) meanwhile "
                f"(/proc/vmstat oom_kill {kills[0]} → {kills[1]}){memory}",
                "the model and its runtime need more memory than the device has free: "
                "end what else runs there, add swap, or lower run.limit",
            )
        return (
            f": not by the kernel's OOM killer, which ended nothing meanwhile (oom_kill {kills[0]}){memory}",
            "somebody or something on the device killed it: systemd-oomd, Android's lmkd, a container's limit, a user?",
        )
    return memory, "the kernel may have killed it for memory: watch the device's free memory"
