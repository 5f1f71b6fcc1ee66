"""The command line as a user has it: real processes, real builds, the user's own build cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import children, processes, wait_for

from edgerig.spec import PACKAGE

QUICK = '[run]\nmin_seconds = 0.05\nmin_runs = 20\nwarmup_runs = 2\nrepeats = 1\nattempts = 1\nprofile = "never"\n'


DEADLINE_S = 840
"""Of one command: it may build what it runs, beside two others on two processors. Less than pytest's own."""


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
    def results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads((self.run / "results.json").read_text())
        return results

    @property
    def cells(self) -> dict[str, Any]:
        return {cell["id"]: cell for cell in self.results["cells"]}


@dataclass(frozen=True)
class Edgerig:
    folder: Path

    def __call__(self, *arguments: str, timeout: float = DEADLINE_S) -> Ended:
        try:
            done = subprocess.run(
                self._argv(arguments), cwd=self.folder, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as late:  # it tells only the beginning: where it stood is what one asks
            said = (late.stderr or b"").decode(errors="replace")
            raise AssertionError(f"not done within {timeout:.0f} s; it said:\n{said}") from None
        return Ended(done.returncode, done.stdout, done.stderr, self.folder)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
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


def runner_of(sweep: subprocess.Popen[str], seconds: float = 120.0) -> int:
    """The pid of the runner the sweep has on this machine now, past its memory pass (it has no child)."""

    def found() -> int | None:
        runners = [pid for pid in children(sweep.pid) if pid in processes("runner.pyz")]
        return runners[0] if len(runners) == 1 else None

    return wait_for(found, seconds)


def send(pid: int, what: signal.Signals) -> None:
    os.kill(pid, what)


def gate_trials(*groups: str, kinds: tuple[str, ...]) -> None:
    """One trial of each kind of `benchmarks/gate.py`; fails when a gate does not do what it should."""
    only = [flag for group in groups for flag in ("--only", group)]
    script = PACKAGE.parent / "benchmarks" / "gate.py"
    done = subprocess.run(
        [sys.executable, str(script), "--trials", "1", *only], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in kinds:
        assert f"{kind}: 1 of 1 as they should be" in done.stdout
