"""Energy from the command line to the results, on a made sensor that the sweep finds where the kernel's would be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, Ended
from made_power import Package
from processes import processes

from edgerig.measure.energy import energy
from edgerig.measure.raw import read_raw

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
BUSY_WATTS = 10.0
CELL = "digits_cnn-torch-onnx-fp32@local/t1"
ARGUMENTS = ("--model", "digits_cnn", "--format", "onnx", "--recipe", "fp32", "--device", "local")


class Runners:
    """µJ that the runners' time on processors takes, at `BUSY_WATTS`, since it was asked before."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._look_at = 0.0

    def __call__(self) -> float:
        if time.monotonic() > self._look_at:
            self._look_at = time.monotonic() + 0.2
            for pid in processes("runner.pyz"):
                self._known.setdefault(pid, self._ns(pid))
        taken = 0
        for pid, before in list(self._known.items()):
            now = max(self._ns(pid), before)  # it may have ended
            taken += now - before
            self._known[pid] = now
        return BUSY_WATTS * taken / 1e3

    @staticmethod
    def _ns(pid: int) -> int:
        """Of its first thread, which is the one that infers."""
        try:
            return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except OSError:
            return 0


def swept(folder: Path, *prefix: str) -> Ended:
    settings = QUICK.replace("min_seconds = 0.05", "min_seconds = 0.5").replace("repeats = 1", "repeats = 2")
    command = [*prefix, sys.executable, "-m", "edgerig", "sweep", Edgerig(folder).sweep_file(settings), *ARGUMENTS]
    done = subprocess.run([*command, "--out", "reports"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr, folder)


@pytest.mark.needs("user namespaces")
def test_an_inference_s_energy_is_in_the_results(tmp_path: Path) -> None:
    made = tmp_path / "made"
    mounted = 'mount --bind "$1" /sys/class && shift && exec "$@"'
    with Package(made, 1.0, Runners(), start=990_000_000):
        done = swept(tmp_path, "unshare", "-rm", "sh", "-c", mounted, "sh", str(made / "sys" / "class"))
    cell = done.cells[CELL]
    raw = read_raw(done.run / cell["raw"], CELL)
    found = energy(raw.energies, None)
    assert (found.reason, found.sensor, len(found.process_millijoules)) == ("", "RAPL package-0", 2)
    assert found.inferences == len(raw.samples_ns)
    assert found.seconds is not None and found.seconds >= raw.samples_ns.sum() / 1e9
    # A single thread that infers without a pause takes the watts of one processor, the loop's own work with it.
    assert found.millijoules == pytest.approx(BUSY_WATTS * 1e3 * found.seconds / found.inferences, rel=0.5)
    told = cell["energy"]
    if told["reason"]:  # other processes took a part of the time: nothing is claimed then
        assert (told["millijoules"], "other processes" in told["reason"]) == (None, True)
    else:
        assert told == json.loads(found.model_dump_json())
