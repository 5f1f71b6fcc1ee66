"""Facts of the machine we are on; None where the system does not tell."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path

import psutil

from edgerig import process

SYSCTL_TIMEOUT_S = 10.0


def cpu_model() -> str:
    """The processor's name as /proc/cpuinfo gives it, on macOS sysctl (sysctl(8), machdep.cpu.brand_string); else the
    architecture. (psutil does not tell it.)"""
    for line in _read("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model") and value.strip():
            return value.strip()
    named = _sysctl("machdep.cpu.brand_string") if platform.system() == "Darwin" else ""
    return named or platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Physical memory."""
    with contextlib.suppress(OSError, RuntimeError):
        return int(psutil.virtual_memory().total)
    return None


def governor() -> str | None:
    """The frequency governor of the first core; None on machines (most virtual ones) without cpufreq."""
    return _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None


def _sysctl(name: str) -> str:
    """ "" where it is not told."""
    with contextlib.suppress(OSError):
        done = process.run(["sysctl", "-n", name], timeout_s=SYSCTL_TIMEOUT_S)
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
    return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
