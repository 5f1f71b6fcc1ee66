"""edgerig's p50 latency against the runtimes' own tools, on the same files, interleaved.

    python benchmarks/latency.py [--rounds 7] [--seconds 1] [--large]

Our side is the real thing: the zipped runner in its own process, deployed and started as in a sweep, its raw samples
summarized by `edgerig.measure`. A round measures our side, our side once more (the noise floor) and then each peer,
for as many inferences as ours made; a ratio is taken within a round.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from peers import Peer, p50_ms, peers_by_engine
from ratios import machine, per_round

from edgerig import process
from edgerig.devices import open_device
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.errors import BuildError, EdgerigError
from edgerig.measure.latency import summarize
from edgerig.measure.raw import read_raw
from edgerig.measure.raw_run import RawRun
from edgerig.plan import Placement
from edgerig.results import Artifact, Latency
from edgerig.spec import RunSettings, load_device
from edgerig.sweep.run_folder import RunFolder

SWEEP_DEADLINE_S = 3600.0
THREADS = 1
PLACEMENT = Placement(device="local", threads=THREADS)
SMALL = ("--model", "digits_cnn", "--recipe", "fp32", "--recipe", "int8-static")
LARGE = ("--model", "mobilenet_v2", "--recipe", "fp32", "--recipe", "int8-static")
OURS = "edgerig: the zipped runner, one inference by the runtime's binding, timed in Python; no copies"
AGAIN = "again: edgerig once more in the same round; how far this ratio strays from 1 is noise, not overhead"


@dataclass(frozen=True)
class Built:
    """An artifact of a sweep and its file."""

    variant: str
    artifact: Artifact
    file: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="times each side is measured (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="steady state of each measurement (default 1 s)")
    parser.add_argument("--large", action="store_true", help="mobilenet_v2 too (its build takes minutes)")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or not 0 < arguments.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds above 0 and at most 60")
    try:
        compare(arguments.rounds, RunSettings(min_seconds=arguments.seconds), arguments.large)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)


def compare(rounds: int, settings: RunSettings, large: bool) -> None:
    """Builds, measures and prints, a line per file and peer. Raises EdgerigError."""
    with (
        tempfile.TemporaryDirectory(prefix="edgerig-latency-") as temporary,
        open_device(load_device("local")) as device,
    ):
        folder = Path(temporary)
        peers = peers_by_engine(device, folder)
        builds = [built for selection in [SMALL, *([LARGE] if large else [])] for built in built_by(selection, folder)]
        print(machine())
        print(
            f"rounds: {rounds}, {settings.min_seconds:g} s a side, {THREADS} thread, batch 1; "
            "p50: median of the rounds; ratio and difference: edgerig to peer within a round, median [min, max]"
        )
        print(OURS, AGAIN, *[f"{peer.name}: {peer.measures}" for each in peers.values() for peer in each], sep="\n")
        for built in builds:
            print(flush=True)
            _compare_file(device, built, peers[built.artifact.engine], rounds, settings, folder)
        print(f"\nload average {os.getloadavg()[0]:.2f} at the end")


def built_by(selection: tuple[str, ...], folder: Path) -> list[Built]:
    """The files an `edgerig sweep` of the selection leaves behind."""
    out = folder / selection[1]
    print(f"building {selection[1]} …", file=sys.stderr)
    command = [sys.executable, "-m", "edgerig", "sweep", *selection, "--limit", "1", "--out", str(out)]
    done = process.run(command, timeout_s=SWEEP_DEADLINE_S)
    if done.returncode != 0:
        said = done.stderr[-2000:].decode(errors="replace")
        raise BuildError(f"the sweep failed:\n{said}", hint=f"edgerig sweep {' '.join(selection)}")
    run = RunFolder.open(next(out.glob("*/run.json")).parent)
    outcomes = run.outcomes()
    return [
        Built(variant, artifact, run.path / "artifacts" / f"{variant}{Path(artifact.file).suffix}")
        for cell in run.file.plan.cells
        if (artifact := outcomes[cell.id].artifact) is not None
        for variant in [f"{cell.model_id}-{cell.format}-{cell.recipe}"]
    ]


def _compare_file(
    device: PosixDevice, built: Built, peers: list[Peer], rounds: int, settings: RunSettings, folder: Path
) -> None:
    ours: list[float] = []
    others: dict[str, list[float]] = {name: [] for name in ["again", *(peer.name for peer in peers)]}
    for number in range(rounds):
        print(f"{built.variant}: round {number + 1} of {rounds}", file=sys.stderr)
        run, latency = _measure(device, built, settings, folder / "raw" / f"{built.variant}-{number}")
        ours.append(latency.p50_ms)
        _, again = _measure(device, built, settings, folder / "raw" / f"{built.variant}-{number}-again")
        others["again"].append(again.p50_ms)
        for peer in peers:
            others[peer.name].append(p50_ms(device, peer, built.file, latency.samples, settings.warmup_runs))
    print(
        f"{built.variant}: {run.engine.runtime} {run.engine.version}, the timer alone adds {run.timer_overhead_ns} ns"
    )
    for name, theirs in others.items():
        microseconds = sorted((a - b) * 1000 for a, b in zip(ours, theirs, strict=True))
        print(
            f"{built.variant} / {name}: edgerig {median(ours):.4f} ms, {name} {median(theirs):.4f} ms, "
            f"{per_round(ours, theirs)}, difference {median(microseconds):+.2f} us "
            f"[{microseconds[0]:+.2f}, {microseconds[-1]:+.2f}]"
        )


def _measure(device: PosixDevice, built: Built, settings: RunSettings, into: Path) -> tuple[RawRun, Latency]:
    """One run of our side. Its only dataset is a single sample: the accuracy pass is not what is compared."""
    cell = f"{built.variant}@{PLACEMENT.place}"
    inputs = [np.ones(tensor.shape, np.float32) for tensor in built.artifact.inputs]
    device.execute(CellJob(cell, built.artifact, built.file, inputs, PLACEMENT, settings, into, device.probe()))
    raw = read_raw(into, cell)
    return raw.run, summarize(raw.processes_ns, raw.run.warmup_runs)


if __name__ == "__main__":
    main()
