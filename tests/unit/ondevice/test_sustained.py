"""Minutes of inferences in a moment, on a clock of the test's own, and on a made board that gets hot meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgerig.measure.raw_sustained import RawSustained
from edgerig.measure.sustained import TOOK_PART, sustained
from edgerig.ondevice.sustained import WINDOWS, keep

CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"


class Board:
    """Its clock is `khz` of 2 GHz, and an inference takes as much longer; `hot_after_s` it is halved. A counter of its
    energy tells 2 W."""

    def __init__(self, root: Path, hot_after_s: float) -> None:
        self.root, self.now, self.hot_after_s = root, 0, hot_after_s
        self.busy_after_s, self.waited = 1e9, 0
        for name, text in {
            "proc/self/stat": f"1 (a) {' '.join(['S', *['7'] * 35, '0'])}",
            f"{CPUFREQ}/cpuinfo_max_freq": "2000000",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
            "sys/class/powercap/intel-rapl:0/name": "package-0",
            "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
        }.items():
            self.write(name, text)
        self.update()

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(f"{text}\n")

    def update(self) -> None:
        seconds = self.now / 1e9
        self.khz = 2_000_000 if seconds < self.hot_after_s else 1_000_000
        self.write(f"{CPUFREQ}/scaling_cur_freq", str(self.khz))
        self.write(f"proc/self/task/{os.getpid()}/schedstat", f"{self.now + 1} {self.waited} {self.now + 1}")
        self.write("sys/class/thermal/thermal_zone0/temp", str(int(40_000 + 1000 * min(45, seconds / 4))))
        self.write("sys/class/powercap/intel-rapl:0/energy_uj", str(1000 + self.now // 500))

    def infer(self) -> None:
        took = 500_000_000 * 2_000_000 // self.khz
        if self.now / 1e9 >= self.busy_after_s:  # a neighbour on its processor has half of it from now on
            self.waited += took
            took *= 2
        self.now += took
        self.update()

    def kept(self, seconds: float) -> RawSustained:
        return RawSustained.model_validate(keep(self.infer, seconds, root=str(self.root), clock=lambda: self.now))


def test_a_device_that_gets_hot_is_slower_in_the_last_minute_and_says_when(tmp_path: Path) -> None:
    raw = Board(tmp_path, hot_after_s=200).kept(600)
    found = sustained(raw, asked=True)
    assert len(found.windows) == len(raw.windows) == WINDOWS
    assert found.seconds == pytest.approx(600, abs=1)
    assert (found.first_ms, found.last_ms, found.last_over_first) == (500, 1000, 2)
    assert found.throttled_after_s == pytest.approx(201, abs=2)
    assert found.throttled_by == "its clock"
    assert found.hottest_c == 85
    assert found.first_millijoules == pytest.approx(1000, rel=0.01)
    assert found.last_millijoules == pytest.approx(2000, rel=0.01)
    assert (found.windows[0].frequency_khz, found.windows[-1].frequency_khz) == (2_000_000, 1_000_000)


def test_threads_that_waited_were_not_throttled_and_are_not_ranked(tmp_path: Path) -> None:
    board = Board(tmp_path, hot_after_s=1e9)
    board.busy_after_s = 60
    found = sustained(board.kept(300), asked=True)
    assert (found.throttled_after_s, found.throttled_by) == (None, "")
    assert "it got slower" in found.reasons["throttled_after_s"]
    assert (found.first_ms, found.last_ms, found.contended) == (500, 1000, True)
    assert found.reasons["last_ms"] == TOOK_PART
    assert "first_ms" not in found.reasons
    assert [window.contended for window in found.windows] == [window.at_s > 60.5 for window in found.windows]


def test_a_neighbour_that_goes_again_costs_its_own_windows_alone(tmp_path: Path) -> None:
    """And a device that was throttled meanwhile was throttled."""
    windows = [
        {"at_ns": k * 10**9, "wall_ns": 10**9, "inferences": 9, "p50_ns": 300 if k > 110 else 200 if k > 50 else 100,
         "p90_ns": 900, "waited_ns": 5 * 10**8 if k > 110 else 0}
        for k in range(1, 121)
    ]  # fmt: skip
    found = sustained(RawSustained.model_validate({"windows": windows}), asked=True)
    assert (found.last_ms, found.contended, found.throttled_by) == (200e-6, False, "its latency")


SECOND = 10**9


@pytest.mark.parametrize(
    ("threads", "machine", "expected"),
    [
        (1, {"waited_ns": SECOND // 5}, True),
        (1, {"waited_ns": SECOND // 200}, False),
        (4, {"waited_ns": SECOND // 5, "idle_ns": 3 * SECOND, "own_ns": SECOND}, False),  # they were woken up
        (4, {"waited_ns": SECOND // 5, "idle_ns": 2 * SECOND, "own_ns": 18 * SECOND // 10}, True),
        (4, {"waited_ns": SECOND // 5}, True),
        (1, {"waited_ns": 0, "idle_ns": 2 * SECOND, "own_ns": SECOND}, True),
        (1, {"waited_ns": 0, "idle_ns": 2 * SECOND, "own_ns": SECOND, "steal_ns": SECOND}, True),
        (1, {"waited_ns": 0, "idle_ns": 3 * SECOND, "own_ns": SECOND}, False),
        (1, {}, False),
    ],
)
def test_who_took_part_is_told_by_the_limits_of_the_timed_loop(
    threads: int, machine: dict[str, int], expected: bool
) -> None:
    window = {"at_ns": SECOND, "wall_ns": SECOND, "inferences": 9, "p50_ns": 100, "p90_ns": 250, **machine}
    raw = RawSustained.model_validate({"windows": [window], "cpus": 4})
    found = sustained(raw, asked=True, threads=threads)
    assert (found.windows[0].contended, found.contended) == (expected, expected)


def test_one_that_stays_cool_was_not_throttled(tmp_path: Path) -> None:
    found = sustained(Board(tmp_path, hot_after_s=1e9).kept(60), asked=True)
    assert (found.throttled_after_s, found.throttled_by, found.last_over_first) == (None, "", 1)


def test_where_no_file_tells_anything_the_inferences_do(tmp_path: Path) -> None:
    board = Board(tmp_path, hot_after_s=30)
    found = keep(board.infer, 90, root=str(tmp_path / "none"), clock=lambda: board.now)
    judged = sustained(RawSustained.model_validate(found), asked=True)
    assert judged.throttled_by == "its latency"
    assert judged.throttled_after_s == pytest.approx(30, abs=2)
    assert judged.reasons["frequency_khz"].startswith("the kernel tells no frequency")
    assert "no power sensor" in judged.reasons["microjoules"]
    assert judged.last_millijoules is None


def test_a_single_inference_that_takes_longer_than_all_is_a_window() -> None:
    now = [0]

    def infer() -> None:
        now[0] += 5_000_000_000

    found = sustained(
        RawSustained.model_validate(keep(infer, 1, root="/nonexistent", clock=lambda: now[0])), asked=True
    )
    assert (len(found.windows), found.first_ms, found.last_ms) == (1, 5000, 5000)


def test_one_slow_stretch_that_passes_is_no_throttling(tmp_path: Path) -> None:
    """A neighbour's."""
    windows = [
        {"at_ns": k * 10**9, "wall_ns": 10**9, "inferences": 9, "p50_ns": 200 if 20 <= k < 26 else 100, "p90_ns": 250}
        for k in range(1, 61)
    ]
    assert sustained(RawSustained.model_validate({"windows": windows}), asked=True).throttled_after_s is None


def test_the_firmwares_word_counts_from_when_it_said_so() -> None:
    windows = [
        {"at_ns": k * 10**9, "wall_ns": 10**9, "inferences": 9, "p50_ns": 100, "p90_ns": 250,
         "throttled_bits": 0x4 if k >= 7 else 0x40000}
        for k in range(1, 20)
    ]  # fmt: skip
    found = sustained(RawSustained.model_validate({"windows": windows}), asked=True)
    assert (found.throttled_after_s, found.throttled_by) == (7, "the firmware")


@pytest.mark.parametrize(
    ("asked", "said"), [(True, "the process that was to be kept at work failed"), (False, "asked")]
)
def test_without_it_the_reason_is_said(asked: bool, said: str) -> None:
    assert said in sustained(None, asked=asked).reason


def test_what_cannot_be_kept_at_work_says_why() -> None:
    unable = RawSustained(reason="a script is not kept at work")
    assert sustained(unable, asked=True).reason == "a script is not kept at work"
    assert "was not asked for" in sustained(unable, asked=False).reason
    assert "failed" in sustained(None, asked=True).reason
