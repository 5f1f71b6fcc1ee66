"""Faults put into what a runner reads, twenty times each: the verdict is the right one, and never `stable`."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_up
import numpy as np
import numpy.typing as npt
import pytest

from edgerig.measure import drift, throttling
from edgerig.measure.affinity import affinity
from edgerig.measure.cell import delegation_of
from edgerig.measure.device_state import cell_state
from edgerig.measure.latency import median_interval
from edgerig.measure.raw_affinity import RawAffinity
from edgerig.measure.raw_run import RawEngine, RawState
from edgerig.measure.verdict import Seen, judge
from edgerig.ondevice import timing
from edgerig.ondevice.sensors import Sensors
from edgerig.results import CellState, Delegation

TRIALS = range(20)
MS = 1_000_000
WHOLE = Delegation(delegated=3, total=3)
CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"


def still(seed: int) -> list[npt.NDArray[np.int64]]:
    """Five processes that would be `stable`."""
    generator = np.random.default_rng(seed)
    return [(3 * MS * generator.lognormal(0, 0.003, 100)).astype(np.int64) for _ in range(5)]


def judged(
    processes: list[npt.NDArray[np.int64]],
    state: CellState,
    threads: int = 1,
    held: RawAffinity | None = None,
    delegation: Delegation = WHOLE,
) -> tuple[str, str]:
    found = judge(
        Seen(
            emulated=False,
            threads=threads,
            threads_in_force=threads,
            delegation=delegation,
            interval=median_interval(processes),
            throttling=throttling.signs(state),
            drift=drift.signs(processes, state),
            affinity=None if held is None else affinity(held),
            seconds=sum(float(samples.sum()) for samples in processes) / 1e9,
        )
    )
    return found.label, found.advice


def raw_engine(**told: Any) -> RawEngine:
    tensor = {"name": "y", "shape": [1, 2], "dtype": "float32"}
    known = {"inputs": [], "outputs": [tensor], "runtime": "LiteRT", "version": "1", "threads": 1}
    return RawEngine.model_validate(known | told)


class Board:
    """A made file system of a board whose clock the test sets, and a clock of its time that inferences alone move."""

    def __init__(self, root: Path, khz: int) -> None:
        self.root, self.now = root, 0
        (root / CPUFREQ).mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/stat").write_text(f"1 (a) {' '.join(['S', *['7'] * 35, '0'])}\n")
        (root / CPUFREQ / "cpuinfo_max_freq").write_text("2000000\n")
        self.set(khz)

    def set(self, khz: int) -> None:
        (self.root / CPUFREQ / "scaling_cur_freq").write_text(f"{khz}\n")

    def infer(self) -> None:
        self.now += 3 * MS

    def state(self, changes_to: int, at_pause: int) -> CellState:
        """As the runner reads it around a real timed loop, in the `at_pause`-th pause of which the clock changes."""
        sensors = Sensors(str(self.root))
        during: list[dict[str, Any]] = []

        def pause() -> None:
            if len(during) == at_pause:
                self.set(changes_to)
            during.append(sensors.read())

        before = sensors.read()
        timing.steady(self.infer, min_runs=1, min_seconds=2, max_seconds=5, pause=pause)
        after = sensors.read()
        raw = RawState.model_validate({"before": before, "during": during, "after": after, "reasons": sensors.reasons})
        return cell_state(raw, None, None)


@pytest.mark.parametrize("seed", TRIALS)
@pytest.mark.parametrize(("label", "said"), [("throttled", "fell to"), ("drifting", "rose to")])
def test_a_clock_that_changes_in_the_files_while_it_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, label: str, said: str
) -> None:
    generator = np.random.default_rng(seed)
    high, low = 2_000_000, int(2_000_000 * generator.uniform(0.5, 0.8))
    before, after = (high, low) if label == "throttled" else (low, high)
    board = Board(tmp_path, before)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter_ns=lambda: board.now))
    state = board.state(after, at_pause=int(generator.integers(1, 4)))
    assert len(state.during) > 4
    found, advice = judged(still(seed), state)
    assert (found, said in advice) == (label, True)


@pytest.mark.parametrize("seed", TRIALS)
def test_a_throttle_trace_of_a_phone(seed: int) -> None:
    """Temperature up, clock down in steps, samples longer by as much."""
    generator = np.random.default_rng(seed)
    steps = np.linspace(1.0, generator.uniform(0.5, 0.8), 12)
    during = [
        {"at_ns": k * 10**9, "cpu": 4, "frequency_khz": int(2_800_000 * s), "max_frequency_khz": 2_802_000,
         "temperature_c": 45 + 3.0 * k}
        for k, s in enumerate(steps)
    ]  # fmt: skip
    state = cell_state(
        RawState.model_validate({"before": during[0], "during": during, "after": during[-1]}), None, None
    )
    slower = [(samples / s).astype(np.int64) for samples, s in zip(still(seed), steps[::3], strict=False)]
    found, advice = judged(slower, state)
    assert found == "throttled"
    assert "fell to" in advice


@pytest.mark.parametrize("seed", TRIALS)
def test_the_same_trace_where_no_clock_is_told(seed: int) -> None:
    """As on most virtual machines: the samples alone say it."""
    generator = np.random.default_rng(seed)
    steps = np.linspace(1.0, generator.uniform(0.6, 0.85), 5)
    slower = [(samples / s).astype(np.int64) for samples, s in zip(still(seed), steps, strict=True)]
    found, advice = judged(slower, CellState())
    assert found == "drifting"
    assert "slower one after another" in advice


@pytest.mark.parametrize("seed", TRIALS)
def test_two_threads_where_one_can_run(seed: int) -> None:
    processor = int(np.random.default_rng(seed).integers(0, 8))
    held = RawAffinity(asked=[processor], processors=[processor], at_once=1)
    found, advice = judged(still(seed), CellState(), threads=2, held=held)
    assert found == "fallback"
    assert f"2 threads were asked for, 1 can run at once on processor {processor}" in advice


@pytest.mark.parametrize("seed", TRIALS)
@pytest.mark.parametrize("counts", [True, False])
def test_a_runtime_whose_delegate_is_off(tmp_path: Path, seed: int, counts: bool) -> None:
    """LiteRT counts the operators of a file's first subgraph alone: of another signature it tells none."""
    total = int(np.random.default_rng(seed).integers(1, 500))
    told = {"delegated": 0, "total": total, "undelegated": ["CONV_2D"]} if counts else {"delegation_reason": "not told"}
    artifact = made_up.artifact(tmp_path / "model", "onnx").model_copy(update={"engine": "litert"})
    delegation = delegation_of(artifact, raw_engine(**told), {"xnnpack": False})
    found, advice = judged(still(seed), CellState(), delegation=delegation)
    assert found == "fallback"
    assert (f"{total} of {total} operators run outside" if counts else "the fast backend is off") in advice


@pytest.mark.parametrize("options", [{}, {"xnnpack": True}])
def test_a_delegate_that_is_on_and_tells_nothing_is_no_fallback(tmp_path: Path, options: dict[str, Any]) -> None:
    artifact = made_up.artifact(tmp_path / "model", "onnx").model_copy(update={"engine": "litert"})
    delegation = delegation_of(artifact, raw_engine(delegation_reason="not told"), options)
    assert (delegation.delegated, delegation.reason) == (None, "not told")
    assert judged(still(0), CellState(), delegation=delegation)[0] == "stable"


@pytest.mark.parametrize("seed", TRIALS)
def test_nothing_injected_is_stable(seed: int) -> None:
    assert judged(still(seed), CellState())[0] == "stable"


@pytest.mark.parametrize(("count", "level_ms", "label"), [(20, 1.0, "too-short"), (20, 100.0, "noisy")])
def test_few_samples_are_too_short_unless_they_took_their_time(count: int, level_ms: float, label: str) -> None:
    assert judged([np.full(count, int(level_ms * MS))], CellState())[0] == label
