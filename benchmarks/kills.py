"""Does a sweep that is killed at any moment lose anything, or leave anything behind, once it is resumed?

    python benchmarks/kills.py [--trials 100] [--seed 1]

A trial is a sweep over this machine and a device behind a real sshd on it, killed (SIGKILL) at a moment of chance
between its start and the end of the slowest whole one; every fourth is killed once more while it is resumed. Then it is
resumed to its end. What must hold:

- every line that was journaled is there, byte for byte, and so is every file of its raw run;
- every cell has one line, and is `ok`;
- no process of the sweep is left, and no job's folder, on this machine or on the device.

Moments are drawn from the seed; what happens at them is the machine's. The exit code is 1 when something did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgerig.spec import PACKAGE

# The tests' own sshd, and what they see of processes.
sys.path.extend(str(PACKAGE.parent / folder) for folder in ("tests", "tests/contract"))

import sshd
from processes import children, processes, running

SWEEP = """\
models = ["digits_cnn"]
formats = ["onnx"]
recipes = ["fp32", "int8-static"]
devices = ["remote", "local"]
out = "reports"
[run]
repeats = 2
min_seconds = 0.1
warmup_runs = 2
"""
CELLS = 4
DEADLINE_S = 600.0
ENDS_WITHIN_S = 30.0
TWICE_EVERY = 4


@dataclass
class Trial:
    """How far the sweep had come when it was killed, and what did not hold afterwards ("" all did)."""

    journaled: int
    began: bool
    wrong: str = ""


class Bench:
    """A folder with a device file, whose sweeps are killed."""

    def __init__(self, folder: Path, server: sshd.Sshd) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        (folder / "devices").mkdir()
        (folder / "devices" / "remote.toml").write_text(
            f'kind = "ssh"\nhost = "127.0.0.1"\nport = {server.port}\nuser = "{server.user}"\n'
            f'key = "{server.client_key}"\nknown_hosts = "{server.known_hosts}"\nruntime = "system"\n'
            f'python = "{sys.executable}"\nworkdir = "{self.work}"\n',
            encoding="utf-8",
        )
        (folder / "sweep.toml").write_text(SWEEP, encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "edgerig", "sweep", *arguments],
            cwd=self.folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": str(PACKAGE.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def whole(self) -> float:
        """Seconds of a sweep that nobody kills."""
        begin = time.monotonic()
        sweep = self.start("sweep.toml")
        said = sweep.communicate(timeout=DEADLINE_S)[1]
        if sweep.returncode != 0:
            sys.exit(f"a sweep that nobody killed ended with {sweep.returncode}:\n{said}")
        return time.monotonic() - begin

    def runs(self) -> set[Path]:
        return {path.parent for path in self.folder.glob("reports/*/run.json")}

    def trial(self, moments: list[float]) -> Trial:
        """Kills a sweep at the first of `moments` (seconds), its resumption at each of the others, then lets it end."""
        before = self.runs()
        self._killed(self.start("sweep.toml"), moments[0])
        new = self.runs() - before
        if not new:
            return Trial(0, began=False, wrong=self._left())
        [run] = new
        journaled = _journal(run)
        for moment in moments[1:]:
            kept = _kept(run)
            self._killed(self.start("--resume", str(run)), moment)
            if wrong := _lost(run, kept):
                return Trial(len(journaled), began=True, wrong=f"after a second kill: {wrong}")
        kept = _kept(run)
        sweep = self.start("--resume", str(run))
        said = sweep.communicate(timeout=DEADLINE_S)[1]
        wrong = _lost(run, kept) or _unaccounted(run) or self._left()
        if sweep.returncode != 0:
            wrong = f"resuming it ended with {sweep.returncode}: {said[-1500:]}"
        return Trial(len(journaled), began=True, wrong=wrong)

    def _killed(self, sweep: subprocess.Popen[str], moment: float) -> None:
        """Returns when everything that was below it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            sweep.wait(moment)
        below = children(sweep.pid)
        sweep.kill()
        sweep.communicate()
        deadline = time.monotonic() + ENDS_WITHIN_S
        while any(map(running, below)) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _left(self) -> str:
        """What is still there of any sweep of this folder."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while (pids := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        folders = [*self.work.glob("job-*"), *self.temporary.glob("edgerig-device-*/job-*")]
        left = [f"process {pid}" for pid in pids] + [str(folder) for folder in folders]
        return f"left behind: {', '.join(left)}" if left else ""

    def _processes(self) -> list[int]:
        """Of any sweep of this folder: on the device by their command lines, here by the TMPDIR they were given."""
        found = set(processes(str(self.work)))
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"TMPDIR={self.temporary}\0".encode() in entry.read_bytes():
                    found.add(int(entry.parent.name))
        return sorted(found)


def _journal(run: Path) -> list[bytes]:
    """Its whole lines."""
    try:
        return (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _kept(run: Path) -> dict[str, bytes | str]:
    """Every whole journal line by its number, and the sha256 of every file of the raw runs these name."""
    lines = [line for line in _journal(run) if line.endswith(b"\n")]
    found: dict[str, bytes | str] = {f"line {number}": line for number, line in enumerate(lines, 1)}
    for line in lines:
        folder = run / json.loads(line)["raw"]
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                found[str(path.relative_to(run))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _lost(run: Path, kept: dict[str, bytes | str]) -> str:
    now = _kept(run)
    changed = [name for name, content in kept.items() if now.get(name) != content]
    return f"changed or lost: {', '.join(changed)}" if changed else ""


def _unaccounted(run: Path) -> str:
    cells = Counter(json.loads(line)["cell"] for line in _journal(run))
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    amiss = [f"{cell['id']}: {cell['status']}: {cell['error']}" for cell in results["cells"] if cell["status"] != "ok"]
    if len(cells) != CELLS or set(cells.values()) != {1}:
        amiss.append(f"journaled {dict(cells)}")
    return "; ".join(amiss)


@contextlib.contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="edgerig-kills-") as temporary:
        folder = Path(temporary)
        with sshd.running(folder / "sshd") as server:
            yield Bench(folder, server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100, help="sweeps to kill (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="the moments are drawn from it (default 1)")
    given = parser.parse_args()
    if given.trials < 1:
        parser.error("--trials must be at least 1")
    chance = random.Random(given.seed)
    wrong = 0
    journaled: Counter[str] = Counter()
    with _bench() as bench:
        bench.whole()  # what is not built yet is
        longest = max(bench.whole() for _ in range(2))
        print(f"a whole sweep takes up to {longest:.1f} s", flush=True)
        for number in range(1, given.trials + 1):
            kills = 2 if number % TWICE_EVERY == 0 else 1
            moments = [chance.uniform(0, longest) for _ in range(kills)]
            trial = bench.trial(moments)
            wrong += bool(trial.wrong)
            journaled[str(trial.journaled) if trial.began else "no run"] += 1
            at = ", ".join(f"{moment:.2f} s" for moment in moments)
            how = (
                f"{trial.journaled} of {CELLS} cells journaled" if trial.began else "before its run's folder was there"
            )
            print(f"trial {number}, killed at {at}: {how}: {trial.wrong or 'as it should be'}", flush=True)
    told = ", ".join(f"{count} with {name}" for name, count in sorted(journaled.items()))
    print(f"kills: {given.trials - wrong} of {given.trials} as they should be (journaled cells at the kill: {told})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
