"""Guest instructions, counted by a real QEMU: of a program with a known loop, and through the runner in whole sweeps.

Needs Debian's `qemu-user`, `g++-aarch64-linux-gnu` and `g++`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import posix_device
import pytest
from e2e.commands import QUICK, Edgerig

from edgerig import process
from edgerig.devices.qemu.instructions import InstructionCounter, instruction_counter
from edgerig.ondevice.markers import MARK
from edgerig.spec import load_device

pytestmark = [pytest.mark.integration, pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")]

QEMU = "qemu-aarch64"
# The inner loop is two instructions a turn, whatever the compiler makes of the rest.
PROGRAM = f"""
#include <stdlib.h>
#include <sys/prctl.h>
int main(int argc, char** argv) {{
  unsigned long turns = strtoul(argv[1], 0, 10);
  for (int i = 0; i < 3; ++i) {{
    unsigned long left = turns;
    prctl({MARK}, 1L, 0L, 0L, 0L);
    __asm__ volatile("1: subs %0, %0, #1\\n b.ne 1b" : "+r"(left) : : "cc");
    prctl({MARK}, 1L, 0L, 0L, 0L);
  }}
  return 0;
}}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "loop.c").write_text(PROGRAM)
    compiler = ["aarch64-linux-gnu-gcc", "-O1", "-static", "-o", str(folder / "loop"), str(folder / "loop.c")]
    subprocess.run(compiler, check=True, timeout=60)
    return folder / "loop"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> InstructionCounter:
    found = instruction_counter(QEMU, tmp_path_factory.mktemp("native"))
    assert found.reason == ""
    return found


def counts(counter: InstructionCounter, program: Path, turns: int, cpu: str = "cortex-a72") -> list[int]:
    """Of each of the program's three loops of `turns` turns."""
    done = process.run([*counter.prefix, QEMU, *counter.arguments, "-cpu", cpu, str(program), str(turns)], timeout_s=60)
    assert done.returncode == 0, done.stderr
    lines = [int(line) for line in done.stdout.split()]
    return [after - before for before, after in zip(lines[::2], lines[1::2], strict=True)]


def test_a_longer_loop_counts_exactly_its_own_instructions_more(counter: InstructionCounter, program: Path) -> None:
    short, long = counts(counter, program, 10_000), counts(counter, program, 20_000)
    assert len(set(short)) == len(set(long)) == 1
    assert long[0] - short[0] == 2 * 10_000
    assert 0 < short[0] - 2 * 10_000 < 200  # the markers' own way through the C library


def test_three_runs_count_the_same(counter: InstructionCounter, program: Path) -> None:
    runs = [counts(counter, program, 12_345) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_without_the_plugin_the_markers_change_nothing(program: Path) -> None:
    done = process.run([QEMU, str(program), "1000"], timeout_s=60)
    assert (done.returncode, done.stdout) == (0, b"")


def test_another_architecture_is_refused_with_the_plugins_own_words(tmp_path: Path) -> None:
    found = instruction_counter("qemu-arm", tmp_path)
    assert "user mode for aarch64 only" in found.reason
    assert found.arguments == ()


def test_the_runners_hashes_and_addresses_are_the_same_in_every_run() -> None:
    """A dictionary's order of search follows them, and with it a count by a dozen instructions."""
    with posix_device.opened(load_device("qemu-rpi4")) as device:
        command = [*device.python, "-c", "print(hash('edgerig'), id(object))"]
        said = {device.transport.run(command, 60).stdout for _ in range(3)}
    assert len(said) == 1
    assert said != {b""}


@pytest.fixture(scope="module")
def edgerig(tmp_path_factory: pytest.TempPathFactory) -> Edgerig:
    return Edgerig(tmp_path_factory.mktemp("sweeps"))


SWEEP = f"""
models = ["digits_cnn"]
formats = ["tflite", "executorch", "onnx"]
recipes = ["fp32", "int8-static"]
select = ["*-int8-static@*", "*-tflite-fp32@*", "*-fp32@qemu-rpi4/*"]
devices = ["qemu-rpi4", "qemu-rpi5"]
{QUICK}
limit = 2
"""


def costs(edgerig: Edgerig, *arguments: str) -> dict[str, dict[str, Any]]:
    """Cell id → what it cost, of a sweep of the digits CNN over both emulated Raspberry Pis."""
    done = edgerig("sweep", edgerig.sweep_file(SWEEP), *arguments)
    assert done.code == 0, done.err
    for identity, cell in done.cells.items():
        assert cell["parity"]["relative_error"] < (1e-4 if cell["recipe"] == "fp32" else 0.1), identity
    return {identity: cell["cost"] for identity, cell in done.cells.items()}


@pytest.fixture(scope="module")
def first(edgerig: Edgerig) -> dict[str, dict[str, Any]]:
    return costs(edgerig)


def cell(file_format: str, recipe: str, device: str = "qemu-rpi4") -> str:
    return f"digits_cnn-torch-{file_format}-{recipe}@{device}/t1"


def test_every_cell_is_counted(first: dict[str, dict[str, Any]]) -> None:
    assert len(first) == 10
    for identity, cost in first.items():
        assert cost["reason"] == "", identity
        assert 50_000 < cost["instructions"] < 5_000_000, identity
        assert cost["spread"] <= 0.002 * cost["instructions"], identity


def test_three_sweeps_count_the_same(edgerig: Edgerig, first: dict[str, dict[str, Any]]) -> None:
    exact = [cell(file_format, "int8-static") for file_format in ("tflite", "executorch")]
    for _ in range(2):
        again = costs(edgerig, *(argument for identity in exact for argument in ("--select", identity)))
        assert again == {identity: first[identity] for identity in exact}


@pytest.mark.parametrize("file_format", ["tflite", "executorch", "onnx"])
def test_the_dot_product_instructions_make_int8_cheaper(file_format: str, first: dict[str, dict[str, Any]]) -> None:
    """A Cortex-A76 has them, a Cortex-A72 does not."""
    assert saved(first, file_format, "int8-static") > 0.2


def test_float32_has_no_use_for_them(first: dict[str, dict[str, Any]]) -> None:
    assert abs(saved(first, "tflite", "fp32")) < 0.05


def saved(costs: dict[str, dict[str, Any]], file_format: str, recipe: str) -> float:
    """The share of a Cortex-A72's instructions that a Cortex-A76 can do without."""
    counted = [costs[cell(file_format, recipe, device)]["instructions"] for device in ("qemu-rpi4", "qemu-rpi5")]
    a72, a76 = map(int, counted)
    return 1 - a76 / a72
