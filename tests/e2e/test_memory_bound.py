"""A network that waits for the memory: one product whose weights are more than the caches hold, on one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig

from edgerig.explain import Evidence, explained
from edgerig.explain.causes import memory
from edgerig.ondevice.profiles.work import largest_cache
from edgerig.report.run.read import read_results

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.long]

WIDTH = 5120
WEIGHTS_BYTES = 4 * WIDTH**2
MODEL = f"""\
source = "torch"
factory = "model.py:create"
no_accuracy_reason = "made for a test"
random_weights = true
[[inputs]]
name = "x"
shape = [1, {WIDTH}]
[[outputs]]
name = "y"
shape = [1, {WIDTH}]
"""
CODE = f"""\
import torch
def create():
    torch.manual_seed(0)
    return torch.nn.Linear({WIDTH}, {WIDTH}, bias=False)
"""
SWEEP = 'models = ["net"]\nformats = ["tflite"]\nrecipes = ["fp32", "fp16"]\n' + QUICK.replace("never", "always")


def test_halves_that_are_computed_in_float_wait_for_the_memory_as_float_does(tmp_path: Path) -> None:
    """LiteRT makes float32 of them when it loads the file: as many bytes come from the memory in each inference."""
    cache = largest_cache()
    if cache is None or cache >= WEIGHTS_BYTES:
        pytest.skip(f"the caches hold them: {cache} bytes")
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "model.toml").write_text(MODEL)
    (tmp_path / "net" / "model.py").write_text(CODE)
    edgerig = Edgerig(tmp_path)
    done = edgerig("sweep", edgerig.sweep_file(SWEEP), "--device", "local")
    assert done.code == 0, done.err
    results = read_results(done.run)
    for cell in results.cells:
        (product,) = [each for each in cell.profile.operators if each.macs]
        assert (product.macs, product.kind) == (WIDTH**2, "matrix product")
        reason = memory.bound(Evidence(cell, results.devices["local"]))
        assert reason is not None, (product.traffic, memory.reading_speed(cell), cell.profile)
        assert reason.text.startswith("memory-bound: Fully Connected")
        assert "4.00 bytes a multiply-accumulate" in reason.text
    half = next(each for each in results.cells if each.recipe == "fp16")
    why = next((each for each in explained(results) if each.cell.id == half.id), None)
    if all(each.verdict is not None and each.verdict.label != "contended" for each in results.cells):
        assert why is not None
        assert "memory" in [reason.cause for reason in why.reasons]
