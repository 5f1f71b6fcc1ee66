"""A made sysfs tree with power sensors, as a device's own would look to whoever reads files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


def made(root: Path, files: dict[str, object]) -> Path:
    """`files` by path below /sys/class; gives the root."""
    for name, value in files.items():
        path = root / "sys" / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root


def rapl(root: Path, zones: dict[str, str], span: int = 262_143_328_850, energy: int = 0) -> Path:
    """`zones`: such as intel-rapl:0 → package-0."""
    files: dict[str, object] = {}
    for zone, name in zones.items():
        folder = f"powercap/{zone}"
        files |= {f"{folder}/name": name, f"{folder}/energy_uj": energy, f"{folder}/max_energy_range_uj": span}
    return made(root, files)


ZONE = "intel-rapl:0"


class Package:
    """A counter of µJ that a thread advances by what `watts` take and by what `more` says was taken since it was asked
    before; `burn` adds what a computation does.

    It begins anew at `span`. Written over in place and always as long, so that a reader never finds half a number.
    """

    def __init__(
        self, root: Path, watts: float, more: Callable[[], float] = float, *, span: int = 10**9, start: int = 0
    ) -> None:
        rapl(root, {ZONE: "package-0"}, span, start)
        self._file = os.open(root / "sys" / "class" / "powercap" / ZONE / "energy_uj", os.O_WRONLY)
        self._watts, self._span, self._value = watts, span, float(start)
        self._more = more
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._rest)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._file)

    def burn(self, microjoules: float) -> None:
        with self._lock:
            self._value = (self._value + microjoules) % self._span
            os.pwrite(self._file, b"%017d\n" % int(self._value), 0)

    def _rest(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(0.001):
            now = time.perf_counter()
            self.burn(1e6 * self._watts * (now - last) + self._more())
            last = now
