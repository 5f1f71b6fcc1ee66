"""The benchmarks run from end to end in their shortest setting, and what they print can be read. No time is judged."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.commands import QUICK

from edgerig.spec import PACKAGE

pytestmark = pytest.mark.integration

NUMBER = r"[-+]?\d+\.\d+"
RATIO = rf"ratio ({NUMBER}) \[({NUMBER}), ({NUMBER})\]"
LATENCY_LINE = re.compile(
    rf"(\S+) / (\S+): edgerig ({NUMBER}) ms, (\S+) ({NUMBER}) ms, {RATIO}, "
    rf"difference {NUMBER} us \[{NUMBER}, {NUMBER}\]"
)
STARTUP_LINE = re.compile(rf"startup: {RATIO} .*; goal at most 1\.2")
MEDIAN_LINE = re.compile(rf"(.+) --help: median ({NUMBER}) ms \[({NUMBER}), ({NUMBER})\]")
TRANSFER_LINE = re.compile(rf"(\w+) (\w+): (.+) ({NUMBER}) MB/s, (.+) ({NUMBER}) MB/s, {RATIO}(; goal at least .+)?")
SWEEP_LINE = re.compile(
    rf"small (cold|warm): wall ({NUMBER}) s, ideal ({NUMBER}) s \(builds ({NUMBER}) s of (\d+) processes, "
    rf"device ({NUMBER}) s of (\d+)\), ratio ({NUMBER})"
)
PEERS = {
    "tflite": ["again", "litert-tool", "litert-loop"],
    "executorch": ["again", "cpp-loop"],
    "onnx": ["again", "ort-run", "ort-binding"],
}


def benchmark(script: str, *arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(PACKAGE.parent / "benchmarks" / script), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == expected, done.stderr
    return done


def positive(*texts: str) -> bool:
    return all(math.isfinite(float(text)) and float(text) > 0 for text in texts)


def test_latency_compares_every_file_with_each_of_its_peers() -> None:
    lines = benchmark("latency.py", "--rounds", "1", "--seconds", "0.05").stdout.splitlines()
    assert re.fullmatch(r"machine: .+, \d+ cores, .+, load average \d+\.\d+", lines[0])
    found = [match.groups() for line in lines if (match := LATENCY_LINE.fullmatch(line))]
    assert [(variant, peer) for variant, peer, *_ in found] == [
        (f"digits_cnn-torch-{format}-{recipe}", peer)
        for format, peers in PEERS.items()
        for recipe in ("fp32", "int8-static")
        for peer in peers
    ]
    for _, peer, ours, named, theirs, ratio, low, high in found:
        assert named == peer
        assert positive(ours, theirs, ratio, low, high)
        assert float(low) <= float(ratio) <= float(high)
    for peer in {peer for peers in PEERS.values() for peer in peers}:
        assert any(line.startswith(f"{peer}: ") for line in lines), f"what {peer} measures is not said"


def test_startup_gives_a_ratio_and_where_the_time_goes() -> None:
    lines = benchmark("startup.py", "--rounds", "2").stdout.splitlines()
    medians = [match.groups() for line in lines if (match := MEDIAN_LINE.fullmatch(line))]
    assert [side for side, *_ in medians] == ["edgerig", "bare typer app"]
    assert all(positive(*figures) for _, *figures in medians)
    ratios = [match.groups() for line in lines if (match := STARTUP_LINE.fullmatch(line))]
    assert len(ratios) == 1 and positive(*ratios[0])
    assert any(re.fullmatch(r"  edgerig\.cli\.app: \d+\.\d+ ms", line) for line in lines), "our own modules are listed"


@pytest.mark.parametrize(
    ("script", "link", "sides", "peers"),
    [
        ("transfer.py", "ssh", ["edgerig", "edgerig with connecting"], ["scp", "sftp"]),
        ("adb_transfer.py", "adb", ["edgerig", "edgerig, there already"], ["adb push", "adb push, verified"]),
    ],
)
def test_a_transfer_is_compared_with_each_peer(script: str, link: str, sides: list[str], peers: list[str]) -> None:
    told = benchmark(script, "--rounds", "1", "--megabytes", "1", "--link", "loopback").stdout.splitlines()
    found = [match.groups() for line in told if (match := TRANSFER_LINE.fullmatch(line))]
    assert [(side, peer) for _, _, side, _, peer, *_ in found] == [(side, peer) for side in sides for peer in peers]
    for kind, name, _, ours, _, theirs, ratio, low, high, _ in found:
        assert (kind, name) == (link, "loopback")
        assert positive(ours, theirs, ratio, low, high)


def test_a_fault_is_told_in_its_own_words() -> None:
    """Of those that no neighbour of the test's can hide."""
    assert "--trials must be at least 1" in benchmark("faults.py", "--trials", "0", expected=2).stderr
    lines = benchmark("faults.py", "--trials", "1", "--only", "delegate", "--only", "threads").stdout.splitlines()
    assert lines[1:] == [f"{name}: 1 of 1 fallback in its own words; stable 0" for name in ("delegate", "threads")]


def test_a_sweep_is_held_against_its_ideal_cold_and_warm(tmp_path: Path) -> None:
    """The exit code is the machine's: so small a sweep is above the goal, as a start of Python takes longer."""
    file = tmp_path / "small.toml"
    file.write_text(f'models = ["digits_cnn"]\nformats = ["onnx"]\nrecipes = ["fp32", "int8-dynamic"]\n{QUICK}')
    told = benchmark("sweep.py", "--sweep", str(file), expected=1).stdout.splitlines()
    found = [match.groups() for line in told if (match := SWEEP_LINE.fullmatch(line))]
    assert [state for state, *_ in found] == ["cold", "warm"]
    for _, wall, ideal, builds, _, device, runners, ratio in found:
        assert math.isclose(float(builds) + float(device), float(ideal), abs_tol=0.11)
        assert math.isclose(float(wall) / float(ideal), float(ratio), rel_tol=0.1)
        assert positive(device) and int(runners) == 2
    assert [(float(builds) > 0, int(processes)) for _, _, _, builds, processes, *_ in found] == [(True, 2), (False, 0)]


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("latency.py", ["--rounds", "0"]),
        ("latency.py", ["--seconds", "0"]),
        ("startup.py", ["--rounds", "0"]),
        ("transfer.py", ["--rounds", "0"]),
    ],
)
def test_settings_that_measure_nothing_are_refused(script: str, arguments: list[str]) -> None:
    assert "--rounds must be at least 1" in benchmark(script, *arguments, expected=2).stderr
