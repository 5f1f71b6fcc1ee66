"""ExecuTorch programs of several methods, and TFLite files of several signatures that keep state: each is listed,
chosen by name, and a model of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.commands import QUICK, Edgerig
from recurrent_nets import counting_tflite

pytestmark = pytest.mark.e2e
X = np.random.default_rng(5).standard_normal((40, 8)).astype(np.float32)
WEIGHTS = {
    name: np.random.default_rng(place).standard_normal((8, 5)).astype(np.float32) for place, name in enumerate("ab")
}


def program(path: Path) -> None:
    """Two methods, "a" and "b", and no "forward"."""
    import torch
    from executorch.exir import to_edge

    class Times(torch.nn.Module):
        def __init__(self, weight: Any) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.from_numpy(weight))

        def forward(self, x: Any) -> Any:
            return x @ self.weight

    sample = (torch.ones(1, 8),)
    methods = {name: torch.export.export(Times(weight).eval(), sample) for name, weight in WEIGHTS.items()}
    path.write_bytes(to_edge(methods).to_executorch().buffer)


def test_each_method_of_a_program_is_a_model(edgerig: Edgerig) -> None:
    program(edgerig.folder / "two.pte")
    shown = edgerig("models", "show", "two.pte")
    assert shown.code == 0, shown.err
    for name in WEIGHTS:
        assert f"{name}: input0 1×8 float32 → output0 1×5 float32" in shown.out
    for name, weight in WEIGHTS.items():
        np.savez(edgerig.folder / f"{name}.npz", inputs=X, labels=(X @ weight).argmax(axis=1))
        done = edgerig("sweep", edgerig.sweep_file(QUICK), "--model", f"two.pte:{name}", "--dataset", f"{name}.npz")
        assert done.code == 0, done.err
        (cell,) = done.cells.values()
        assert (cell["id"], cell["signature"]) == (f"two+{name}-executorch-executorch-as-is@local/t1", name)
        assert cell["accuracy"]["value"] == 1.0
    refused = edgerig("sweep", "--model", "two.pte", "--dataset", "a.npz")
    assert refused.code != 0 and 'it has no method "forward"; it has: a, b' in refused.err
    assert "two.pte:NAME" in refused.err


def test_each_signature_of_a_tflite_file_has_its_own_state(edgerig: Edgerig) -> None:
    """In one sweep: two signatures over one variable, one over none. Labels are those of a stream that begins anew."""
    counting_tflite(edgerig.folder / "net.tflite")
    x, length = X[:, :4], 8
    starts = range(0, len(x), length)
    sums = np.concatenate([x[start : start + length].cumsum(axis=0) for start in starts])
    wanted = {"add": sums, "less": -sums, "plain": 2 * x}
    for name, values in wanted.items():
        folder = edgerig.folder / name
        folder.mkdir()
        np.savez(folder / "data.npz", inputs=x, calibration=-x, labels=values.argmax(axis=1))
        (folder / "model.toml").write_text(
            'source = "tflite"\nfile = "../net.tflite"\nmetric = "top1"\n'
            f'signature = "{name}"\n[stream]\nreset = "sequence"\nlength = {length}\n[dataset]\nnpz = "data.npz"\n'
        )
    flags = [word for name in wanted for word in ("--model", name)]
    done = edgerig(
        "sweep", edgerig.sweep_file(QUICK), *flags, "--format", "tflite", "--recipe", "as-is", "--recipe", "fp32"
    )
    assert done.code == 0, done.err
    assert len(done.cells) == 6
    for cell in done.cells.values():
        assert cell["accuracy"]["value"] == 1.0, cell["id"]
        kept: list[str] = [] if cell["signature"] == "plain" else ["1 variable of the graph"]
        assert cell["engine"]["state"] == kept
