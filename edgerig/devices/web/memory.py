"""How much memory the processes of a browser or of node had at most, as the kernel tells (VmHWM, proc(5))."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psutil


class Peaks:
    """Of the processes that `pids` gives when asked: of several that of the largest, since a page has one. `what` says
    what that is."""

    def __init__(self, pids: Callable[[], Iterable[int]], what: str) -> None:
        self._pids, self._what = pids, what
        self._runtime: int | None = None
        self._warm: int | None = None

    def at_runtime(self) -> None:
        self._runtime = _most(self._pids())

    def at_warm(self) -> None:
        self._warm = _most(self._pids())

    def told(self, timing_only: bool, page_bytes: int | None, page_reason: str) -> dict[str, Any]:
        """As `RawMemory` has it."""
        if timing_only:
            return {"reason": "this process was for the timing alone"}
        own = f"{page_bytes / 2**20:.1f} MiB" if page_bytes else f"not told ({page_reason})"
        counted = f"the page's JavaScript and WebAssembly by the browser's own count: {own}"
        also = f"; {counted}" if page_bytes or page_reason else ""
        if self._warm is None:
            return {"reason": f"no kernel was asked, or it told nothing, of the memory of {self._what}{also}"}
        return {
            "peak_rss_bytes": self._warm,
            "runtime_rss_bytes": self._runtime,
            "includes": f"resident set of {self._what}, in the process that is timed afterwards{also}",
        }


def _most(pids: Iterable[int]) -> int | None:
    return max((peak for pid in pids if (peak := _peak(pid)) is not None), default=None)


def _peak(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), None)
    except OSError:  # it has ended, or this system has no /proc
        return None


def renderers(parent: int) -> list[int]:
    """The processes below `parent` in which a Chromium renders pages."""
    found = []
    for child in psutil.Process(parent).children(recursive=True):
        try:
            if "--type=renderer" in child.cmdline():
                found.append(child.pid)
        except psutil.Error:  # it has ended
            continue
    return found
