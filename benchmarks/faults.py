"""Is each fault told, and by its own sentence, when it is put into real sweeps?

    python benchmarks/faults.py [--trials 20] [--only threads --only delegate …] [--seed 1]

A trial is a sweep of digits_cnn as TFLite on this machine, through the command line, into which one fault is put:

    neighbour   twice as many busy processes as processors; beside a made network of some milliseconds, for of shorter
                inferences enough lie between two turns of a neighbour, and are counted
    throttle    a clock that falls in steps while it is timed, in a made /sys/devices/system/cpu
    clock       a clock that rises once while it is timed, in the same
    threads     2 threads, held to one processor
    delegate    XNNPACK switched off

How deep and when is drawn anew in each. Asked of every cell with the fault: the verdict, what its advice says, and what
explains the row where it surprises. Made sysfs files are seen by the sweep alone, in a mount namespace of its own.
Exit code 1 when a trial fails; one that is `stable` is counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper
from ratios import machine

from edgerig.errors import EdgerigError, RunError
from edgerig.explain import explained
from edgerig.ondevice import processors
from edgerig.report.run.read import read_results
from edgerig.results import CellResult, Results

DEADLINE_S = 300.0
SYSFS = Path("/sys/devices/system/cpu")
KEPT = ("possible", "present", "online", "kernel_max", "cpu[0-9]*/topology/*", "cpu[0-9]*/cache/index*/*")
"""What runtimes read of it beside the clock."""
HIGHEST_KHZ = 3_000_000
TIMED_S = 4.0
BEGUN_S = (2.2, 3.0)
"""After its runner was seen: it has begun to time by then, and times on after it."""
STEPS = 4
QUICK = '[run]\nmin_runs = 20\nwarmup_runs = 2\nrepeats = 1\nattempts = 1\nlimit = 1\nprofile = "never"\n'
CELL = 'models = ["digits_cnn"]\nformats = ["tflite"]\nrecipes = ["fp32"]\n'
SHORT, LONG = (f"{CELL}{{}}{QUICK}min_seconds = {seconds}\n" for seconds in (0.3, TIMED_S))


MADE = f'models = ["product.onnx"]\n{QUICK}min_seconds = 0.5\n'
ROWS, WIDTH = 64, 1024


@dataclass(frozen=True)
class Injection:
    """What a command is started behind, and what is done to it when it runs."""

    prefix: Sequence[str] = ()
    meanwhile: Callable[[int], None] = lambda pid: None


@dataclass(frozen=True)
class Fault:
    """`sweep` is its file; of the cell whose id ends with `cell` the verdict is `label`, its advice has `advice`, and
    what explains its row, "" for a cell that need not surprise, has `why`."""

    sweep: str
    cell: str
    label: str
    advice: str
    why: str
    inject: Callable[[random.Random, Path], AbstractContextManager[Injection]]


@contextlib.contextmanager
def nothing(chance: random.Random, folder: Path) -> Iterator[Injection]:
    """The sweep's file is the fault."""
    yield Injection()


@contextlib.contextmanager
def neighbours(chance: random.Random, folder: Path) -> Iterator[Injection]:
    """Each in a session of its own: the kernel's autogroups shield a session from itself. They end with the benchmark,
    however that ends: their standard input is a pipe nobody writes to."""
    code = "import os, sys, threading\nthreading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True)"
    argv = [sys.executable, "-c", f"{code}.start()\nwhile True: pass"]
    count = 2 * processors.available()
    product(folder / "product.onnx")
    started = [subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) for _ in range(count)]
    try:
        yield Injection()
    finally:
        for each in started:
            each.kill()
            each.wait()


def product(path: Path) -> None:
    """Some milliseconds of work on one thread, in a file."""
    lengths = (("x", [ROWS, WIDTH]), ("y", [ROWS, WIDTH]))
    weights = numpy_helper.from_array(np.ones((WIDTH, WIDTH), np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in lengths]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class MadeClock:
    """A copy of this machine's /sys/devices/system/cpu in a folder, with a clock for each processor."""

    def __init__(self, folder: Path, khz: int) -> None:
        self.folder = folder / "cpu"
        for pattern in KEPT:
            for file in SYSFS.glob(pattern):
                with contextlib.suppress(OSError):  # some are no files, some not to be read
                    self._write(file.relative_to(SYSFS), file.read_bytes())
        for each in SYSFS.glob("cpu[0-9]*"):
            self._write(Path(each.name, "cpufreq", "cpuinfo_max_freq"), b"%d\n" % HIGHEST_KHZ)
        self.set(khz)

    def set(self, khz: int) -> None:
        """Every number has as many digits, so that a reader never finds half of one."""
        for each in SYSFS.glob("cpu[0-9]*"):
            self._write(Path(each.name, "cpufreq", "scaling_cur_freq"), b"%07d\n" % khz)

    def _write(self, name: Path, content: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(file, content)
        finally:
            os.close(file)

    def over_the_real_one(self) -> tuple[str, ...]:
        """What has a command find it where the kernel's is."""
        script = f'mount --bind "$1" {SYSFS} && shift && exec "$@"'
        return ("unshare", "-rm", "sh", "-c", script, "sh", str(self.folder))


@contextlib.contextmanager
def throttling(chance: random.Random, folder: Path) -> Iterator[Injection]:
    deepest, begins_s = chance.uniform(0.4, 0.8), chance.uniform(*BEGUN_S)
    steps = [1 - (1 - deepest) * step / STEPS for step in range(1, STEPS + 1)]
    with changing(folder, HIGHEST_KHZ, [int(HIGHEST_KHZ * step) for step in steps], begins_s) as injected:
        yield injected


@contextlib.contextmanager
def rising(chance: random.Random, folder: Path) -> Iterator[Injection]:
    low = int(HIGHEST_KHZ * chance.uniform(0.4, 0.8))
    with changing(folder, low, [HIGHEST_KHZ], chance.uniform(*BEGUN_S)) as injected:
        yield injected


@contextlib.contextmanager
def changing(folder: Path, first_khz: int, then_khz: Sequence[int], begins_s: float) -> Iterator[Injection]:
    """The clock of a process that times, some time after it was seen."""
    clock, over = MadeClock(folder, first_khz), threading.Event()
    threads: list[threading.Thread] = []

    def change(pid: int) -> None:
        while not over.is_set() and not _timing(pid):
            over.wait(0.02)
        if over.wait(begins_s):
            return
        for khz in then_khz:
            clock.set(khz)
            over.wait(0.1)

    def meanwhile(pid: int) -> None:
        threads.append(threading.Thread(target=change, args=[pid]))
        threads[-1].start()

    try:
        yield Injection(clock.over_the_real_one(), meanwhile)
    finally:
        over.set()
        for each in threads:
            each.join()


def _timing(pid: int) -> bool:
    """Has the process `pid` a runner below it?"""
    try:
        return any("runner.pyz" in " ".join(each.cmdline()) for each in psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return False


PROCESSOR = max(os.sched_getaffinity(0))
FAULTS = {
    "neighbour": Fault(MADE, "t1", "contended", "let nothing else run on the device", "", neighbours),
    "throttle": Fault(LONG.format(""), "t1", "throttled", "the processor's frequency fell to", "", throttling),
    "clock": Fault(LONG.format(""), "t1", "drifting", "the processor's clock rose to", "", rising),
    "threads": Fault(
        SHORT.format(f'threads = [1, 2]\ncpus = ["{PROCESSOR}"]\n'), f"t2/p{PROCESSOR}", "fallback",
        "2 threads were asked for, 1 can run at once", "2 threads are more than can run at once there (1)", nothing,
    ),
    "delegate": Fault(
        SHORT.format("[engine.litert]\nxnnpack = [false]\n"), "xnnpack=false", "fallback",
        "operators run outside the fast backend", "XNNPACK is switched off (xnnpack=false)", nothing,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="of each fault (default 20)")
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="these alone")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    arguments = parser.parse_args()
    if arguments.trials < 1:
        parser.error("--trials must be at least 1")
    print(machine(), flush=True)
    try:
        told = [tried(name, arguments.trials, arguments.seed) for name in arguments.only or FAULTS]
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0 if all(told) else 1)


def tried(name: str, trials: int, seed: int) -> bool:
    """All trials of a fault, a line; were all as they should be? Raises EdgerigError."""
    fault, chance = FAULTS[name], random.Random(f"{name} {seed}")
    wrong, labels = list[str](), list[str]()
    for number in range(trials):
        print(f"{name} {number + 1} of {trials}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="edgerig-faults-") as temporary:
            folder = Path(temporary)
            with fault.inject(chance, folder) as injection:
                results = swept(fault.sweep, folder, injection)
        label, failing = judged(fault, results)
        labels.append(label)
        wrong += [f"  trial {number + 1}: {failing}"] * bool(failing)
    stable = labels.count("stable")
    print(f"{name}: {trials - len(wrong)} of {trials} {fault.label} in its own words; stable {stable}", flush=True)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return not wrong


def judged(fault: Fault, results: Results) -> tuple[str, str]:
    """The verdict's label of the cell with the fault, and what is not as it should be. Raises RunError."""
    cell = next((each for each in results.cells if each.id.endswith(f"/{fault.cell}")), None)
    if cell is None or cell.verdict is None:
        raise RunError(f"no cell {fault.cell} was judged: {_errors(results.cells)}")
    label, advice = cell.verdict.label, cell.verdict.advice
    said = [reason.text for why in explained(results) if why.cell.id == cell.id for reason in why.reasons]
    if label != fault.label or fault.advice not in advice:
        return label, f"{label}: {advice}"
    if fault.why and not any(fault.why in each for each in said):
        return label, f"not explained by it: {said}"
    return label, ""


def swept(text: str, folder: Path, injection: Injection) -> Results:
    """Raises RunError."""
    (folder / "sweep.toml").write_text(text)
    command = [sys.executable, "-m", "edgerig", "sweep", str(folder / "sweep.toml"), "--out", str(folder / "out")]
    with (folder / "said").open("wb") as said:
        sweep = subprocess.Popen([*injection.prefix, *command], cwd=folder, stdout=said, stderr=said)
        try:
            injection.meanwhile(sweep.pid)
            sweep.wait(DEADLINE_S)
        except subprocess.TimeoutExpired as late:
            raise RunError(f"the sweep passed its deadline of {DEADLINE_S:g} s") from late
        finally:
            sweep.kill()
            sweep.wait()
    run = next((folder / "out").glob("*/run.json"), None)
    if run is None:
        raise RunError(f"the sweep failed:\n{(folder / 'said').read_text(errors='replace')[-2000:]}")
    return read_results(run.parent)


def _errors(cells: Sequence[CellResult]) -> str:
    return "; ".join(each.error.message if each.error else each.id for each in cells)


if __name__ == "__main__":
    began = time.monotonic()
    try:
        main()
    finally:
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
