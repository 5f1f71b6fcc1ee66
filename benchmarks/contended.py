"""Is a figure taken beside busy processes ever called stable when it is not?

    python benchmarks/contended.py [--rounds 20] [--model digits_cnn] [--threads 1] [--shape busy] [--seconds 1]

A round sweeps one TFLite cell alone and once more beside others, through the command line, and has LiteRT's own tool
and a bare loop time the same file in both. `--model` is a model's name, its folder or a .tflite file. The shapes:

    busy             twice as many busy processes as processors
    one              one busy process
    memory           as many processes as processors that stream through memory
    comes-and-goes   twice as many as processors, busy and idle in turns of 0.05 to 1 s
    pinned           everything on one processor, with one busy process
    quota            nothing else, but half a processor by a cgroup's quota (version 1, as root)

Each neighbour has a session of its own: the kernel's autogroups shield a session from itself. A ratio is of a median
beside others to the median of the rounds alone, and to the lowest of these, where the machine is not idle anyway.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from peers import Peer, p50_ms, peers_by_engine
from ratios import machine

from edgerig import process
from edgerig.devices import open_device
from edgerig.devices.device import PosixDevice
from edgerig.errors import EdgerigError, RunError
from edgerig.ondevice import processors
from edgerig.report.run.read import read_results
from edgerig.results import CellResult
from edgerig.spec import load_device

LIMIT = 1.1
DEADLINE_S = 1800.0
PEER_RUNS = 200
QUOTA = Path("/sys/fs/cgroup/cpu/edgerig-benchmark")
LEASH = """import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
"""
"""A neighbour ends with the benchmark, however that ends: its standard input is a pipe nobody writes to."""
BUSY = "while True: pass"
MEMORY = "import numpy as np; a = np.ones(2**24); b = np.ones(2**24)\nwhile True: a += b"
TURNS = """import random, time
while True:
    end = time.monotonic() + random.uniform(0.05, 1)
    while time.monotonic() < end: pass
    time.sleep(random.uniform(0.05, 1))"""
CORES = processors.available()
NEIGHBOURS = {
    "busy": (2 * CORES, BUSY),
    "one": (1, BUSY),
    "memory": (CORES, MEMORY),
    "comes-and-goes": (2 * CORES, TURNS),
    "pinned": (1, BUSY),
    "quota": (0, BUSY),
}


@dataclass
class Side:
    """What was found alone or beside others: a cell a round, and each peer's medians in ms."""

    cells: list[CellResult] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="default 20")
    parser.add_argument("--model", default="digits_cnn", help="a name, a folder or a .tflite file (default digits_cnn)")
    parser.add_argument("--threads", type=int, default=1, help="default 1; peers run with 1 only")
    parser.add_argument("--shape", choices=sorted(NEIGHBOURS), default="busy", help="default busy")
    parser.add_argument("--seconds", type=float, default=1.0, help="steady state of an attempt (default 1 s)")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or not 0 < arguments.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds above 0 and at most 60")
    try:
        alone, beside = compare(arguments)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(tell(alone, beside))


def compare(arguments: argparse.Namespace) -> tuple[Side, Side]:
    """All rounds. Raises EdgerigError."""
    alone, beside = Side(), Side()
    print(machine(), f"{arguments.model}, {arguments.threads} threads, {arguments.shape}", sep="\n", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="edgerig-contended-") as temporary,
        open_device(load_device("local")) as device,
    ):
        folder = Path(temporary)
        peers = peers_by_engine(device, folder)["litert"] if arguments.threads == 1 else []
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            file = _sweep(arguments, folder / f"alone-{number}", alone, ())
            _peers(device, peers, file, alone, ())
            with _neighbours(arguments.shape) as prefix:
                file = _sweep(arguments, folder / f"beside-{number}", beside, prefix)
                _peers(device, peers, file, beside, prefix)
            found = [f"{_p50(side.cells[-1]):.4f} ms {_label(side.cells[-1])}" for side in (alone, beside)]
            print(f"round {number + 1}: alone {found[0]}, beside {found[1]}", flush=True)
    return alone, beside


def tell(alone: Side, beside: Side) -> int:
    """Prints the ratios; gives 1 where a stable median beside others is above `LIMIT` of the one alone."""
    quiet = [_p50(cell) for cell in alone.cells]
    print(f"alone: {_verdicts(alone)}; median {median(quiet):.4f} ms, lowest {min(quiet):.4f} ms")
    print(f"beside: {_verdicts(beside)}; of all samples {_all_ratio(beside, median(quiet))}")
    wrong = 0
    for label in sorted({_label(cell) for cell in beside.cells}):
        found = [_p50(cell) for cell in beside.cells if _label(cell) == label]
        print(
            f"  {label}: {_ratio(found, median(quiet))} of the median alone, {_ratio(found, min(quiet))} of the lowest"
        )
        wrong += sum(p50 > LIMIT * median(quiet) for p50 in found) if label == "stable" else 0
    for name, theirs in beside.peers.items():
        print(f"  {name}: {_ratio(theirs, median(alone.peers[name]))} of its median alone, nothing said")
    print(f"stable and above {LIMIT}: {wrong} of {len(beside.cells)}")
    return min(wrong, 1)


def _peers(device: PosixDevice, peers: Sequence[Peer], file: Path, side: Side, prefix: Sequence[str]) -> None:
    for peer in peers:
        behind = replace(peer, program=(*prefix, *peer.program))
        side.peers.setdefault(peer.name, []).append(p50_ms(device, behind, file, PEER_RUNS, 10))


def _sweep(arguments: argparse.Namespace, out: Path, side: Side, prefix: Sequence[str]) -> Path:
    """One sweep, started behind `prefix`; gives the file it built."""
    out.mkdir()
    sweep = out / "sweep.toml"
    sweep.write_text(f"threads = [{arguments.threads}]\n[run]\nmin_seconds = {arguments.seconds}\nlimit = 1\n")
    ready = arguments.model.endswith(".tflite")
    chosen = () if ready else ("--format", "tflite", "--recipe", "fp32")
    command = [sys.executable, "-m", "edgerig", "sweep", str(sweep), "--model", arguments.model, *chosen]
    done = process.run([*prefix, *command, "--out", str(out)], timeout_s=DEADLINE_S)
    run = next(out.glob("*/run.json"), None)
    if done.returncode != 0 or run is None:
        raise RunError(f"the sweep failed:\n{done.stderr[-2000:].decode(errors='replace')}")
    side.cells.append(read_results(run.parent).cells[0])
    return next((run.parent / "artifacts").glob("*.tflite"))


@contextlib.contextmanager
def _neighbours(shape: str) -> Iterator[Sequence[str]]:
    """The neighbours at work, and what a command is to be started behind."""
    count, code = NEIGHBOURS[shape]
    pin = ("taskset", "-c", "0") if shape == "pinned" else ()
    command = [*pin, sys.executable, "-c", LEASH + code]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) for _ in range(count)]
    try:
        if shape == "quota":
            QUOTA.mkdir(exist_ok=True)
            (QUOTA / "cpu.cfs_quota_us").write_text("50000")
            yield ("sh", "-c", f'echo $$ > {QUOTA}/cgroup.procs; exec "$@"', "sh")
        else:
            yield pin
    finally:
        for each in started:
            each.kill()
            each.wait()
        if QUOTA.is_dir():
            QUOTA.rmdir()


def _p50(cell: CellResult) -> float:
    if cell.latency is None:
        raise RunError(f"{cell.id} was not timed: {cell.error.message if cell.error else cell.status}")
    return cell.latency.p50_ms


def _label(cell: CellResult) -> str:
    return cell.verdict.label if cell.verdict else "none"


def _verdicts(side: Side) -> str:
    labels = [_label(cell) for cell in side.cells]
    return ", ".join(f"{labels.count(label)} {label}" for label in sorted(set(labels)))


def _ratio(found: Sequence[float], to: float) -> str:
    ratios = sorted(each / to for each in found)
    return f"{median(ratios):.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]"


def _all_ratio(side: Side, to: float) -> str:
    """Of the medians of all samples, disturbed or not."""
    every = [
        cell.latency.contention.all_p50_ms
        for cell in side.cells
        if cell.latency is not None and cell.latency.contention
    ]
    return _ratio(every, to) if every else "unknown"


if __name__ == "__main__":
    main()
