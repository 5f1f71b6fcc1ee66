"""Room for one more process that builds, read from a made file system."""

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from edgerig.sweep import room

GIB = 2**30


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A quiet machine of 4 processors with 8 GiB free; this process is in the cgroup /a, with no limit."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(room, "BETWEEN_LOOKS_S", 0)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/a").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a\n")
    (tmp_path / "proc/loadavg").write_text("9.00 9.00 9.00 1/345 4711\n")
    has(8 * GIB, monkeypatch)
    return tmp_path


def has(available: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))


@pytest.mark.parametrize(("running", "there"), [(1, True), (4, True), (5, False)])
def test_threads_that_run_or_wait_take_processors_and_not_the_load_of_minutes(
    root: Path, running: int, there: bool
) -> None:
    (root / "proc/loadavg").write_text(f"0.00 0.00 0.00 {running}/345 4711\n")
    assert room.for_one_more(str(root)) is there


@pytest.mark.parametrize(("percent", "there"), [(0.0, True), (75.0, True), (100.0, False)])
def test_without_proc_the_busy_processors_are_as_many_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, percent: float, there: bool
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(psutil, "cpu_percent", lambda seconds: percent)
    has(8 * GIB, monkeypatch)
    assert room.for_one_more(str(tmp_path)) is there


def test_memory_that_is_not_there_is_no_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(GIB, monkeypatch)
    assert not room.for_one_more(str(root))


@pytest.mark.parametrize(
    ("most", "used", "cached", "there"),
    [("max", 9, 0, True), (4 * GIB, GIB, 0, True), (4 * GIB, 3 * GIB, 0, False), (4 * GIB, 3 * GIB, 2 * GIB, True)],
)
def test_a_cgroups_limit_counts_without_what_it_caches(
    root: Path, most: str | int, used: int, cached: int, there: bool
) -> None:
    group = root / "sys/fs/cgroup/a"
    for name, text in (("max", most), ("current", used), ("stat", f"anon 1\ninactive_file {cached}\n")):
        (group / f"memory.{name}").write_text(f"{text}\n")
    assert room.for_one_more(str(root)) is there


def test_what_is_not_told_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc").mkdir()

    def silent() -> None:
        raise RuntimeError("psutil: no such figure here")

    monkeypatch.setattr(psutil, "virtual_memory", silent)
    assert room.for_one_more(str(tmp_path))
