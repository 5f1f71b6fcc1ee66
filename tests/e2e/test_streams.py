"""Networks with state, from the command line to the results: fed from outputs, begun anew as said, calibrated over the
stream, in every format and on an emulated device."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from e2e.commands import QUICK, Edgerig
from onnx import TensorProto, helper, numpy_helper
from recurrent_nets import U, V, W, recurrent

pytestmark = pytest.mark.e2e
RNG = np.random.default_rng(1)
X = RNG.standard_normal((60, 4)).astype(np.float32)
INITIAL, LENGTH = 0.25, 10
FROM_H = f'[[state]]\nfrom = "hn"\nto = "h"\ninitial = {INITIAL}\n'

CACHED = """
import torch
from torch import nn


class Cached(nn.Module):
    '''A convolution over time: it keeps the last four frames, and how many it has seen.'''

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv1d(4, 8, 5), nn.Linear(8, 5)
        self.register_buffer("cache", torch.zeros(1, 4, 4))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        window = torch.cat([self.cache, x.unsqueeze(2)], dim=2)
        self.cache.copy_(window[:, :, 1:])
        self.seen += 1
        return self.head(torch.relu(self.conv(window))[:, :, 0]) + 0.1 * self.seen


def build():
    return Cached()
"""


def classes(length: int) -> npt.NDArray[np.int64]:
    """The largest place of y over the samples, the state begun anew every `length` of them."""
    found, first = [], np.full(8, INITIAL, np.float32)
    state = first
    for index, x in enumerate(X):
        state = first if index % length == 0 else state
        state = np.tanh(x @ W + state @ U)
        found.append(int((state @ V).argmax()))
    return np.array(found)


def model(folder: Path, table: str, labels: npt.NDArray[Any] | None) -> None:
    told = np.zeros(len(X), np.int64) if labels is None else labels
    np.savez(folder / "data.npz", inputs=X, calibration=-X, labels=told)
    scored = 'metric = "top1"' if labels is not None else 'no_accuracy_reason = "none"'
    (folder / "model.toml").write_text(f'{scored}\n{table}\n[dataset]\nnpz = "data.npz"\n')


def cells(edgerig: Edgerig, *arguments: str) -> dict[str, Any]:
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *arguments)
    assert done.code == 0, done.err
    return done.cells


@pytest.mark.parametrize(
    ("stream", "length", "words"),
    [
        ("", 60, "never"),
        ('[stream]\nreset = "sample"\n', 1, "per sample"),
        (f'[stream]\nreset = "sequence"\nlength = {LENGTH}\n', LENGTH, f"per sequence of {LENGTH} samples"),
    ],
)
def test_an_onnx_networks_state_is_fed_back(edgerig: Edgerig, stream: str, length: int, words: str) -> None:
    (edgerig.folder / "rnn").mkdir()
    recurrent(edgerig.folder / "rnn/rnn.onnx")
    model(edgerig.folder / "rnn", f'source = "onnx"\nfile = "rnn.onnx"\n{FROM_H}{stream}', classes(length))
    found = cells(edgerig, "--model", "rnn", "--format", "onnx", "--recipe", "fp32", "--recipe", "int8-static")
    exact, quantized = (found[f"rnn-onnx-onnx-{recipe}@local/t1"] for recipe in ("fp32", "int8-static"))
    assert exact["accuracy"]["value"] == 1.0
    assert exact["engine"]["state"] == ['"h" from "hn" (0.25 at first)']
    assert exact["engine"]["reset"] == words
    assert [output["name"] for output in exact["parity"]["outputs"]] == ["y"], "the state is no result"
    assert exact["first_inference_ms"] > 0 and exact["latency"]["samples"] >= 20
    # Calibrated on the states of the stream: on the first one alone its range would be [0, 0.25] instead of [-1, 1].
    assert quantized["parity"]["relative_error"] < 0.15


def two_rates(path: Path) -> dict[int, npt.NDArray[np.float32]]:
    """y = x V + h, h' = tanh y, where V depends on the rate: (n, 5) for frames of n numbers. The weights of each rate.

    With n fixed, one of the branches contradicts itself.
    """
    weights = {n: RNG.standard_normal((n, 5)).astype(np.float32) for n in (4, 8)}
    real = TensorProto.FLOAT
    branches = {
        name: helper.make_graph(
            [helper.make_node("MatMul", ["x", f"V{n}"], [f"y{n}"])],
            name,
            [],
            [helper.make_tensor_value_info(f"y{n}", real, [None, 5])],
            [numpy_helper.from_array(weights[n], f"V{n}")],
        )
        for n, name in ((4, "then_branch"), (8, "else_branch"))
    }
    nodes = [
        helper.make_node("Equal", ["rate", "four"], ["is_four"]),
        helper.make_node("If", ["is_four"], ["a"], **branches),
        helper.make_node("Add", ["a", "h"], ["y"]),
        helper.make_node("Tanh", ["y"], ["hn"]),
    ]
    given = [("x", real, [None, None]), ("h", real, [1, 5]), ("rate", TensorProto.INT64, [])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*each) for each in given],
        [helper.make_tensor_value_info(name, real, [None, 5]) for name in ("y", "hn")],
        [numpy_helper.from_array(np.array(4), "four")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return weights


@pytest.mark.parametrize("rate", [4, 8])
def test_a_network_of_two_rates_runs_at_each(edgerig: Edgerig, rate: int) -> None:
    folder = edgerig.folder / "rates"
    folder.mkdir()
    weights = two_rates(folder / "rates.onnx")[rate]
    x, state, labels = RNG.standard_normal((12, rate)).astype(np.float32), np.zeros(5, np.float32), []
    for frame in x:
        y = frame @ weights + state
        labels.append(y.argmax())
        state = np.tanh(y)
    rates = np.full(12, rate)
    np.savez(
        folder / "data.npz",
        inputs_x=x,
        inputs_rate=rates,
        calibration_x=-x,
        calibration_rate=rates,
        labels=np.array(labels),
    )
    tensors = f'[[inputs]]\nname = "x"\nshape = [1, {rate}]\n[[inputs]]\nname = "h"\nshape = [1, 5]\n'
    tensors += '[[inputs]]\nname = "rate"\nshape = []\ndtype = "int64"\n[[state]]\nfrom = "hn"\nto = "h"\n'
    (folder / "model.toml").write_text(
        f'source = "onnx"\nfile = "rates.onnx"\nmetric = "top1"\n{tensors}[dataset]\nnpz = "data.npz"\n'
    )
    recipes = ("as-is", "fp32", "int8-static")
    flags = [word for recipe in recipes for word in ("--recipe", recipe)]
    found = cells(edgerig, "--model", "rates", "--format", "onnx", *flags)
    own, exact, quantized = (found[f"rates-onnx-onnx-{recipe}@local/t1"] for recipe in recipes)
    for cell in (own, exact):
        assert cell["status"] == "ok" and cell["accuracy"]["value"] == 1.0
        assert cell["parity"]["relative_error"] < 1e-6
        assert cell["engine"]["state"] == ['"h" from "hn" (0 at first)']
    assert quantized["status"] == "unsupported"
    assert "refuses the file with them fixed" in quantized["error"]["message"]


def test_a_torch_modules_cache_is_state_in_every_format(edgerig: Edgerig) -> None:
    folder = edgerig.folder / "cached"
    folder.mkdir()
    (folder / "net.py").write_text(CACHED)
    tensors = '[[inputs]]\nname = "x"\nshape = [1, 4]\n[[outputs]]\nname = "y"\nshape = [1, 5]\n'
    table = f'source = "torch"\nfactory = "net.py:build"\n{tensors}[stream]\nreset = "sequence"\nlength = {LENGTH}\n'
    model(folder, table, None)
    found = cells(edgerig, "--model", "cached", "--recipe", "fp32", "--recipe", "int8-static")
    assert len(found) == 6
    for name, cell in found.items():
        assert cell["status"] == "ok", name
        assert cell["parity"]["relative_error"] < (1e-5 if "fp32" in name else 0.1), name
        assert len(cell["engine"]["state"]) == 2 and cell["engine"]["reset"].startswith("per sequence"), name


@pytest.mark.needs("qemu-user")
def test_a_state_with_its_batch_on_another_axis_on_an_emulated_device(edgerig: Edgerig) -> None:
    (edgerig.folder / "rnn").mkdir()
    recurrent(edgerig.folder / "rnn/rnn.onnx", batch_axis=1)
    tensor = '[[inputs]]\nname = "h"\nshape = [1, 1, 8]\nbatch_axis = 1\n[[inputs]]\nname = "x"\nshape = [1, 4]\n'
    model(edgerig.folder / "rnn", f'source = "onnx"\nfile = "rnn.onnx"\n{tensor}{FROM_H}', classes(60))
    (cell,) = cells(edgerig, "--model", "rnn", "--format", "onnx", "--recipe", "fp32", "--device", "qemu-rpi4").values()
    assert cell["accuracy"]["value"] == 1.0
    assert cell["verdict"]["evidence"]["host_relative_error"] < 1e-5
    assert math.isfinite(cell["cost"]["instructions"])


def test_what_is_not_in_the_network_is_refused_by_name(edgerig: Edgerig) -> None:
    (edgerig.folder / "rnn").mkdir()
    recurrent(edgerig.folder / "rnn/rnn.onnx")
    rows = '[[state]]\nfrom = "hm"\nto = "h"\n'
    model(edgerig.folder / "rnn", f'source = "onnx"\nfile = "rnn.onnx"\n{rows}', None)
    done = edgerig("sweep", "--model", "rnn", "--format", "onnx", "--recipe", "fp32")
    assert 'it has no output "hm"' in done.err and 'did you mean "hn"' in done.err
