"""How many processors there are to use, read from a made file system, and keeping a real process to some of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgerig.ondevice import processors

ALLOWED = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system in which this process is in the cgroup /a/b, with no limit yet."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:cpu:/x\n0::/a/b\n")
    (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 4),
        ({"a/b": "max 100000"}, 4),
        ({"a/b": "200000 100000"}, 2),
        ({"a/b": "150000 100000"}, 2),
        ({"a/b": "1000 100000"}, 1),
        ({"a": "300000 100000", "a/b": "max 100000"}, 3),
        ({"": "100000 100000", "a": "300000 100000"}, 1),
        ({"a/b": "900000 100000"}, 4),
        ({"a/b": "no number"}, 4),
        ({"a/b": "1 0"}, 4),
    ],
)
def test_the_tightest_limit_counts(
    root: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    for group, text in limits.items():
        (root / "sys/fs/cgroup" / group / "cpu.max").write_text(text + "\n")
    assert processors.available(str(root)) == expected


@pytest.mark.parametrize("groups", [None, "4:cpu:/x\n", "0::/../../elsewhere\n"])
def test_without_a_cgroup_to_be_seen_the_affinity_counts(root: Path, groups: str | None) -> None:
    (root / "sys/fs/cgroup/cpu.max").write_text("1000 100000\n")
    if groups is None:
        (root / "proc/self/cgroup").unlink()
    else:
        (root / "proc/self/cgroup").write_text(groups)
    assert processors.available(str(root)) == len(ALLOWED)


def test_the_affinity_of_this_process_counts() -> None:
    code = (
        "import os\nfrom edgerig.ondevice import processors\n"
        f"os.sched_setaffinity(0, [{ALLOWED[0]}])\nprint(processors.available('/nonexistent'))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"


KEPT = """\
import json, os, subprocess, sys, threading
from edgerig.ondevice import processors
wanted = json.loads(sys.argv[1])
try:
    processors.keep_to(wanted)
except ValueError as error:
    sys.exit(f"refused: {error}")
seen = [sorted(os.sched_getaffinity(0))]
thread = threading.Thread(target=lambda: seen.append(sorted(os.sched_getaffinity(0))))
thread.start()
thread.join()
child = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
seen.append(json.loads(subprocess.check_output(child, text=True)))
print(json.dumps(seen))
"""


def kept(wanted: list[int]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KEPT, json.dumps(wanted)], capture_output=True, text=True, timeout=60, check=False
    )


def test_threads_and_children_keep_to_the_same_processors() -> None:
    done = kept(ALLOWED[:1])
    assert json.loads(done.stdout) == [ALLOWED[:1]] * 3, done.stderr


@pytest.mark.parametrize("wanted", [[1023], [ALLOWED[0], 1023]])
def test_processors_that_are_not_there_are_refused(wanted: list[int]) -> None:
    named, there = ", ".join(map(str, wanted)), ", ".join(map(str, ALLOWED))
    assert f"refused: processors {named} were asked for; the runner may use {there}" in kept(wanted).stderr


def test_where_the_system_tells_no_affinity_all_processors_count_and_none_can_be_kept_to(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert processors.available(str(root)) == 3
    with pytest.raises(ValueError, match="keeps nobody to some"):
        processors.keep_to([0])


@pytest.mark.parametrize(
    ("told", "exactly"),
    [
        ("flags\t\t: fpu avx2 avx512_vnni\n\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t\t: fpu avx2 avx_vnni\n", True),
        ("flags\t\t: fpu avx2\n", False),
        ("flags\t\t: fpu avx2 avx_vnni\n\nflags\t\t: fpu avx2\n", False),
        ("Features\t: fp asimd asimddp\n", False),
        (None, False),
    ],
)
def test_whether_8_bit_products_are_exact_is_read_from_every_processor(
    root: Path, told: str | None, exactly: bool
) -> None:
    if told is not None:
        (root / "proc").mkdir(parents=True, exist_ok=True)
        (root / "proc" / "cpuinfo").write_text(told)
    assert processors.multiplies_exactly(str(root)) is exactly
