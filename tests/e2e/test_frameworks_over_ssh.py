"""PyTorch and TensorFlow themselves on a device that has them: a real sshd, there the Python of this environment."""

import pytest
from e2e.commands import QUICK, Edgerig
from sshd import Sshd

pytestmark = pytest.mark.e2e

OF_TORCH = ("torchscript", "aoti", "torch_eager", "torch_compile")
OF_KERAS = ("saved_model", "keras_eager", "xla")
SWEEP = f"""
models = ["digits_cnn"]
sources = ["torch", "keras"]
formats = {[*OF_TORCH, *OF_KERAS]}
recipes = ["fp32"]
devices = ["remote"]
select = {[f"*-torch-{name}-*" for name in OF_TORCH] + [f"*-keras-{name}-*" for name in OF_KERAS]}
"""


def test_each_runs_there_and_computes_what_its_source_does(edgerig: Edgerig, remote: Sshd) -> None:
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 0, done.err
    assert {cell["format"] for cell in done.cells.values()} == {*OF_TORCH, *OF_KERAS}
    for name, cell in done.cells.items():
        assert (cell["status"], cell["accuracy"]["value"] > 0.98) == ("ok", True), name
        assert cell["parity"]["relative_error"] < 1e-5, name
        assert cell["verdict"]["evidence"]["host_relative_error"] < 1e-5, "the same file, here and there"
    assert done.results["devices"]["remote"]["state"]["runtime"] == "system"
