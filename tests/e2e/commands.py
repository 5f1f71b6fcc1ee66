"""The command line as a user has it: real processes, real builds, the user's own build cache."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

QUICK = "[run]\nmin_seconds = 0.05\nmin_runs = 20\nwarmup_runs = 2\n"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    folder: Path

    @property
    def run(self) -> Path:
        """The run's folder, from the first line it said."""
        return self.folder / self.err.split("run ", 1)[1].split(":", 1)[0]

    @property
    def results(self) -> dict:
        return json.loads((self.run / "results.json").read_text())

    @property
    def cells(self) -> dict:
        return {cell["id"]: cell for cell in self.results["cells"]}


@dataclass(frozen=True)
class Edgerig:
    folder: Path

    def __call__(self, *arguments: str, timeout: float = 600) -> Ended:
        done = subprocess.run(self._argv(arguments), cwd=self.folder, capture_output=True, text=True, timeout=timeout)
        return Ended(done.returncode, done.stdout, done.stderr, self.folder)

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self._argv(arguments), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def sweep_file(self, text: str) -> str:
        path = self.folder / "sweep.toml"
        path.write_text(text)
        return str(path)

    @staticmethod
    def _argv(arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "edgerig", *arguments]


def wait_for(condition, seconds: float = 120.0):
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return found


def processes(*words: str) -> list[int]:
    """Pids of processes whose command line holds every one of `words`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words):
                found.append(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """Every descendant of `pid`, less those that end while they are looked at."""
    direct = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            direct += [int(child) for child in task.read_text().split()]
    return direct + [grandchild for child in direct for grandchild in children(child)]


def runner_of(sweep: subprocess.Popen, seconds: float = 120.0) -> int:
    """The pid of the runner the sweep has on this machine now, past its memory pass (it has no child)."""

    def found() -> int | None:
        runners = [pid for pid in children(sweep.pid) if pid in processes("runner.pyz")]
        return runners[0] if len(runners) == 1 else None

    return wait_for(found, seconds)


def send(pid: int, what: signal.Signals) -> None:
    os.kill(pid, what)
