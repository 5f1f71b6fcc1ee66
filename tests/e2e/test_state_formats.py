"""State in every kind of model, from the command line to the results: as it is, and as a source of every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.commands import QUICK, Edgerig
from recurrent_nets import (
    lstm_steps,
    lstm_tflite,
    recurrent_keras,
    recurrent_module,
    recurrent_pte,
    recurrent_tflite,
    steps_of,
    svdf_steps,
    svdf_tflite,
)

pytestmark = pytest.mark.e2e
X = np.random.default_rng(3).standard_normal((60, 4)).astype(np.float32)
LENGTH = 10
BOTH = ("fp32", "int8-static")
NO_VARIABLES = "it keeps its state itself ({}), and ONNX has no variables"


def sweep(
    edgerig: Edgerig, source: str, make: Callable[[Path], None], state: str, *flags: str, inputs: Any = X, labels: Any
) -> dict[str, Any]:
    folder = edgerig.folder / "rnn"
    folder.mkdir(exist_ok=True)
    file = "net" + {"keras": ".keras", "tflite": ".tflite", "executorch": ".pte"}.get(source, "")
    make(folder / file)
    np.savez(folder / "data.npz", inputs=inputs, calibration=-inputs, labels=labels)
    (folder / "model.toml").write_text(
        f'source = "{source}"\nfile = "{file}"\nmetric = "top1"\n{state}'
        f'[stream]\nreset = "sequence"\nlength = {LENGTH}\n[dataset]\nnpz = "data.npz"\n'
    )
    return edgerig("sweep", edgerig.sweep_file(QUICK), "--model", "rnn", *flags).cells


def recipes(*names: str) -> list[str]:
    return [word for name in names for word in ("--recipe", name)]


def state(out: str, into: str) -> str:
    return f'[[state]]\nfrom = "{out}"\nto = "{into}"\ninitial = 0.25\n'


def saved(path: Path) -> None:
    import tensorflow as tf

    net = recurrent_module()
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": net.step})


def exact(cell: dict[str, Any]) -> bool:
    right = cell["status"] == "ok" and cell["accuracy"]["value"] == 1.0
    return bool(right and cell["parity"]["relative_error"] < 1e-5)


def fine(cell: dict[str, Any]) -> bool:
    """Calibrated on the states of the stream: on the first one alone 0.25 would be the largest."""
    right = cell["status"] == "ok" and cell["accuracy"]["value"] > 0.9
    return bool(right and cell["parity"]["relative_error"] < 0.05)


@pytest.mark.parametrize(
    ("source", "make", "more", "formats"),
    [
        ("keras", lambda path: recurrent_keras().save(path), "", ("tflite", "executorch", "onnx")),
        ("saved_model", saved, "", ("tflite", "onnx")),
        ("tflite", recurrent_tflite, 'signature = "serving_default"\n', ("tflite", "onnx")),
    ],
)
def test_a_state_that_is_fed_back(
    edgerig: Edgerig, source: str, make: Any, more: str, formats: tuple[str, ...]
) -> None:
    labels = steps_of(X, LENGTH).argmax(axis=1)
    found = sweep(edgerig, source, make, more + state("hn", "h"), *recipes(*BOTH), labels=labels)
    ran = {name: cell for name, cell in found.items() if cell["status"] != "unsupported"}
    assert {cell["format"] for cell in ran.values()} == set(formats)
    for name, cell in ran.items():
        assert exact(cell) if cell["recipe"] == "fp32" else fine(cell), name
        assert cell["engine"]["state"] == ['"h" from "hn" (0.25 at first)']
        assert cell["engine"]["reset"] == f"per sequence of {LENGTH} samples"


def test_an_executorch_program_as_it_is(edgerig: Edgerig) -> None:
    """A folder says what is fed back in it; nothing is built from it."""
    labels = steps_of(X, LENGTH).argmax(axis=1)
    (cell,) = sweep(edgerig, "executorch", recurrent_pte, state("output1", "input1"), labels=labels).values()
    assert (cell["recipe"], cell["accuracy"]["value"]) == ("as-is", 1.0)
    assert cell["engine"]["state"] == ['"input1" from "output1" (0.25 at first)']


def test_a_tflite_files_variable(edgerig: Edgerig) -> None:
    labels = steps_of(X, LENGTH).argmax(axis=1)
    made = sweep(
        edgerig,
        "tflite",
        lambda path: recurrent_tflite(path, variable=True),
        "",
        *recipes("as-is", *BOTH),
        labels=labels,
    )
    cells = {(cell["format"], cell["recipe"]): cell for cell in made.values()}
    assert exact(cells["tflite", "as-is"]) and exact(cells["tflite", "fp32"]) and fine(cells["tflite", "int8-static"])
    assert cells["tflite", "fp32"]["engine"]["state"] == ["1 variable of the graph"]
    assert cells["onnx", "fp32"]["status"] == "unsupported"
    assert NO_VARIABLES.format("1 variable of the graph") in cells["onnx", "fp32"]["error"]["message"]


@pytest.mark.parametrize(
    ("make", "steps", "inputs", "kept"),
    [
        (svdf_tflite, svdf_steps, X, "1 state tensor of SVDF"),
        (lstm_tflite, lstm_steps, X[:, np.newaxis], "2 state tensors of UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ],
)
def test_a_tflite_operators_own_state(edgerig: Edgerig, make: Any, steps: Any, inputs: Any, kept: str) -> None:
    labels = np.concatenate([steps(X[start : start + LENGTH]) for start in range(0, len(X), LENGTH)]).argmax(axis=1)
    shape = "" if inputs.ndim == 2 else 'postprocess = "flat.py:flat"\n'
    (edgerig.folder / "rnn").mkdir()
    (edgerig.folder / "rnn/flat.py").write_text("def flat(outputs):\n    return outputs[0].ravel()\n")
    made = sweep(edgerig, "tflite", make, shape, *recipes("as-is", *BOTH), inputs=inputs, labels=labels)
    cells = {(cell["format"], cell["recipe"]): cell for cell in made.values()}
    for recipe in ("as-is", "fp32"):
        assert exact(cells["tflite", recipe]) and cells["tflite", recipe]["engine"]["state"] == [kept]
    assert NO_VARIABLES.format(kept) in cells["onnx", "fp32"]["error"]["message"]
