"""Profiles against the whole: do the operators add up, do two profiles agree, and what does looking cost?

    python benchmarks/profile.py [--rounds 5] [--large] [--device local]

Each file is looked into `rounds` times as a sweep does it, in a process of its own, and once without edgerig's clock,
which is what the runtime's own profiler tells; for ExecuTorch and ONNX Runtime their own Python tools stand beside
(`own_profiles.py`). Exit code 1 when the operators of an inference above 100 µs, with the calls of the delegate where
they are told, are off by more than a tenth of the whole.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
from latency import LARGE, SMALL, Built, built_by
from ratios import machine

from edgerig import process
from edgerig.compiler import NativeLibrary
from edgerig.devices import native, open_device
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.errors import EdgerigError
from edgerig.measure.profile import FOLDER, read_profile
from edgerig.plan import Placement
from edgerig.results import Profile
from edgerig.spec import RunSettings, load_device

HELD_ABOVE_NS = 100_000
MISSED = 0.1
TOOL_RUNS = 200
TOOL_DEADLINE_S = 300.0
OWN = Path(__file__).with_name("own_profiles.py")


@dataclass(frozen=True)
class Place:
    device: PosixDevice
    placement: Placement
    folder: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="profiles of each file (default 5)")
    parser.add_argument("--large", action="store_true", help="mobilenet_v2 too (its build takes minutes)")
    parser.add_argument("--device", default="local", help="where (default local)")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds must be at least 2")
    try:
        sys.exit(0 if look(arguments.rounds, arguments.large, arguments.device) else 1)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)


def look(rounds: int, large: bool, device: str) -> bool:
    """Builds, profiles and prints, a line per file; whether all add up. Raises EdgerigError."""
    with (
        tempfile.TemporaryDirectory(prefix="edgerig-profile-") as temporary,
        open_device(load_device(device)) as opened,
    ):
        if not isinstance(opened, PosixDevice):
            raise EdgerigError(f"{device} looks into nothing", hint="name another device")
        folder = Path(temporary)
        place = Place(opened, Placement(device=device, threads=1), folder)
        builds = [built for selection in [SMALL, *([LARGE] if large else [])] for built in built_by(selection, folder)]
        print(machine())
        sound = [_file(place, built, rounds) for built in builds]  # each is printed, whatever the one before was
        return all(sound)


def _file(place: Place, built: Built, rounds: int) -> bool:
    print(f"{built.variant} …", file=sys.stderr)
    found = [_profile(place, built, str(number)) for number in range(rounds)]
    if found[0].reason:
        print(f"{built.variant}: no profile: {found[0].reason}")
        return True
    unit = found[0].unit
    parts = median((each.sum or 0.0) / (each.whole or 1.0) for each in found)
    entering = median((each.entering or 0.0) / (each.whole or 1.0) for each in found)
    slower = median((each.profiled_whole or 0.0) / (each.whole or 1.0) for each in found)
    whole = median(each.whole or 0.0 for each in found)
    calls = f", calls of the delegate {entering:.3f}" if entering else ""
    line = f"{built.variant}: whole {whole:,.0f} {unit}, operators {parts:.3f} of it{calls}, looking ×{slower:.2f}"
    print(f"{line}, two profiles differ by {_apart(found):.4f}{_beside(place, built)}", flush=True)
    return unit == "instructions" or whole < HELD_ABOVE_NS or abs(1 - parts - entering) <= MISSED


def _apart(found: list[Profile]) -> float:
    """How far the share of an operator goes from round to round, at the most, as a part of the whole."""
    shares = np.array([[operator.value / (each.whole or 1.0) for operator in each.operators] for each in found])
    return float(np.abs(shares - np.median(shares, axis=0)).max())


def _beside(place: Place, built: Built) -> str:
    """What the runtime's own tools tell of the same file."""
    bare = replace(place, device=replace(place.device, clock=""))
    with mock.patch.object(native, "op_clock", return_value=NativeLibrary(None, "left out")):
        plain = _profile(bare, built, "plain")
    told = "" if plain.reason else f"; without edgerig's clock {(plain.sum or 0.0) / (plain.whole or 1.0):.3f}"
    engine = built.artifact.engine
    if engine not in ("executorch", "onnxruntime") or place.placement.device != "local":
        return told
    shape = "x".join(map(str, built.artifact.inputs[0].shape))
    # -P: this folder has a `profile.py`, which is not the standard library's that its tools import.
    argv = [sys.executable, "-P", str(OWN), engine, str(built.file), shape, str(TOOL_RUNS)]
    done = process.run(argv, timeout_s=TOOL_DEADLINE_S)
    if done.returncode != 0:
        return f"{told}; its own tool failed"
    own = json.loads(done.stdout.splitlines()[-1])
    return f"{told}; its own tool {own['sum'] / own['whole']:.3f} of {own['whole']:,.0f} ns"


def _profile(place: Place, built: Built, name: str) -> Profile:
    """One profile. Its only sample is ones: no values change what is computed."""
    cell = f"{built.variant}@{place.placement.place}"
    raw = place.folder / "profiles" / f"{built.variant}-{name}"
    inputs = [np.ones(tensor.shape, np.float32) for tensor in built.artifact.inputs]
    before = place.device.probe()
    job = CellJob(cell, built.artifact, built.file, inputs, place.placement, RunSettings(), raw / FOLDER, before)
    place.device.profile(job)
    return read_profile(raw, cell)


if __name__ == "__main__":
    main()
