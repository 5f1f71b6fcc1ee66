"""Samples that are sequences of a network's steps: begun anew with each, judged by their last step, by all of them, or
step by step; of one length, of several, and padded; in calibration too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from e2e.commands import QUICK, Edgerig
from recurrent_nets import U, V, W, recurrent

pytestmark = pytest.mark.e2e
Array = npt.NDArray[Any]
RNG = np.random.default_rng(2)
TABLE = """source = "onnx"
file = "rnn.onnx"
metric = {metric}
[[state]]
from = "hn"
to = "h"
[stream]
samples = "sequences"
{stream}
[dataset]
npz = "data.npz"
{labels}
"""
LENGTHS = [3, 7, 1, 5, 6, 2, 9, 4]


def stepped(sequence: Array) -> Array:
    """The network's outputs (T, 5) on one sequence (T, 4)."""
    found, state = [], np.zeros(8, np.float32)
    for x in sequence:
        state = np.tanh(x @ W + state @ U)
        found.append(state @ V)
    return np.array(found)


def sequences(lengths: list[int], sign: float = 1.0) -> list[Array]:
    return [sign * RNG.standard_normal((length, 4)).astype(np.float32) for length in lengths]


def model(
    folder: Path, metric: str, arrays: dict[str, Any], stream: str = "", labels: str = "", more: str = ""
) -> None:
    folder.mkdir()
    recurrent(folder / "rnn.onnx")
    np.savez(folder / "data.npz", **arrays)
    (folder / "model.toml").write_text(more + TABLE.format(metric=metric, stream=stream, labels=labels))


def run(edgerig: Edgerig, *recipes: str, more: str = "") -> list[dict[str, Any]]:
    flags = [word for recipe in recipes for word in ("--recipe", recipe)]
    done = edgerig("sweep", edgerig.sweep_file(QUICK + more), "--model", "rnn", "--format", "onnx", *flags)
    assert done.code == 0, done.err
    return [done.cells[f"rnn-onnx-onnx-{recipe}@local/t1"] for recipe in recipes]


def given(form: str) -> tuple[dict[str, Any], list[Array]]:
    """Evaluation and calibration of sequences in one of the forms, and evaluation's sequences."""
    if form == "equal":
        found, own = sequences([6] * 8), sequences([4] * 3, -1.0)
        return {"inputs": np.stack(found), "calibration": np.stack(own)}, found
    found, own = sequences(LENGTHS), sequences([5, 2, 8], -1.0)
    arrays: dict[str, Any] = {}
    for name, several in (("inputs", found), ("calibration", own)):
        lengths = np.array([len(one) for one in several])
        padded = np.full((len(several), lengths.max(), 4), np.nan, np.float32)
        for row, one in zip(padded, several, strict=True):
            row[: len(one)] = one
        arrays |= {name: padded if form == "padded" else np.concatenate(several), f"{name}_lengths": lengths}
    return arrays, found


@pytest.mark.parametrize("form", ["equal", "together", "padded"])
def test_a_sequence_is_judged_by_its_last_step(edgerig: Edgerig, form: str) -> None:
    arrays, found = given(form)
    labels = np.array([stepped(one)[-1].argmax() for one in found])
    model(edgerig.folder / "rnn", '"top1"', {**arrays, "labels": labels})
    exact, quantized = run(edgerig, "fp32", "int8-static") if form == "padded" else (*run(edgerig, "fp32"), None)
    assert (exact["accuracy"]["value"], exact["accuracy"]["samples"]) == (1.0, 8)
    assert exact["parity"]["samples"] == sum(map(len, found)), "what is held against the source is every step"
    assert exact["engine"]["reset"] == "per sample; a sample is a sequence of steps, of which its last step is judged"
    assert exact["first_inference_ms"] > 0
    if quantized is not None:
        assert quantized["parity"]["relative_error"] < 0.15
        assert quantized["accuracy"]["delta"] is not None


def test_each_step_is_judged_and_a_limit_is_one_of_sequences(edgerig: Edgerig) -> None:
    arrays, found = given("together")
    labels = np.concatenate([stepped(one).argmax(axis=1) for one in found])
    model(edgerig.folder / "rnn", '"top1"', {**arrays, "labels": labels}, 'answer = "each"')
    (whole,) = run(edgerig, "fp32")
    assert (whole["accuracy"]["value"], whole["accuracy"]["samples"]) == (1.0, sum(LENGTHS))
    (limited,) = run(edgerig, "fp32", more="limit = 3\n")
    assert (limited["accuracy"]["value"], limited["accuracy"]["samples"]) == (1.0, sum(LENGTHS[:3]))


def test_all_steps_together_reach_a_postprocess_function_and_a_metric_of_ones_own(edgerig: Edgerig) -> None:
    arrays, found = given("padded")
    texts = ["".join("abcde"[place] for place in stepped(one).argmax(axis=1)) for one in found]
    model(
        edgerig.folder / "rnn",
        '"wer"',
        {**arrays, "labels": np.array(texts)},
        'answer = "all"',
        'labels = "text"',
        'postprocess = "after.py:spell"\n',
    )
    (edgerig.folder / "rnn/after.py").write_text(
        'def spell(outputs):\n    return "".join("abcde"[place] for place in outputs[0].argmax(axis=1))\n'
    )
    (cell,) = run(edgerig, "fp32")
    assert (cell["accuracy"]["value"], cell["accuracy"]["samples"]) == (0.0, 8)


def test_a_metric_of_ones_own_is_given_sequences(edgerig: Edgerig) -> None:
    arrays, found = given("together")
    labels = {"labels": np.concatenate([stepped(one) for one in found]), "labels_lengths": np.array(LENGTHS)}
    model(edgerig.folder / "rnn", '"own.py:far"', {**arrays, **labels}, 'answer = "all"', 'labels = "any"')
    (edgerig.folder / "rnn/own.py").write_text(
        "def far(outputs, labels):\n"
        "    return max(float(abs(a - b).max()) for a, b in zip(outputs[0], labels, strict=True))\n"
    )
    (cell,) = run(edgerig, "fp32")
    assert cell["accuracy"]["samples"] == 8 and cell["accuracy"]["value"] < 1e-5


def test_a_state_that_goes_on_over_sequences(edgerig: Edgerig) -> None:
    arrays, found = given("equal")
    whole = stepped(np.concatenate(found)).reshape(8, 6, 5)
    model(edgerig.folder / "rnn", '"top1"', {**arrays, "labels": whole[:, -1].argmax(axis=1)}, 'reset = "never"')
    (cell,) = run(edgerig, "fp32")
    assert cell["accuracy"]["value"] == 1.0 and cell["engine"]["reset"].startswith("never; a sample is a sequence")


def test_without_data_sequences_are_random(edgerig: Edgerig) -> None:
    model(edgerig.folder / "rnn", '"top1"', {"inputs": np.zeros(1)})
    toml = edgerig.folder / "rnn/model.toml"
    toml.write_text(toml.read_text().replace('metric = "top1"', 'no_accuracy_reason = "none"').split("[dataset]")[0])
    (cell,) = run(edgerig, "fp32")
    assert cell["parity"]["samples"] == 64


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"inputs": np.zeros((3, 6, 5), np.float32)}, "(N, T, 4) is needed"),
        ({"inputs": np.zeros((3, 4), np.float32)}, "no input has an axis of steps"),
        ({"inputs": np.ones((9, 4), np.float32), "inputs_lengths": np.array([4, 4])}, "lengths add up to 8"),
        ({"inputs": np.ones((2, 6, 4), np.float32), "inputs_lengths": np.array([4, 7])}, "numbers from 1 to 6"),
    ],
)
def test_what_is_no_sequence_is_refused(edgerig: Edgerig, arrays: dict[str, Any], said: str) -> None:
    model(edgerig.folder / "rnn", '"top1"', {**arrays, "labels": np.zeros(3, np.int64)})
    done = edgerig("sweep", "--model", "rnn", "--format", "onnx", "--recipe", "fp32")
    assert said in done.err
