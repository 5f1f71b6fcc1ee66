"""PyTorch and TensorFlow themselves on a device that has them: a real sshd, there the Python of this environment."""

import pytest
from e2e.commands import QUICK, Edgerig
from sshd import Sshd

pytestmark = pytest.mark.e2e

SWEEP = """
models = ["digits_cnn"]
sources = ["torch", "keras"]
formats = {formats}
recipes = ["fp32"]
devices = ["remote"]
select = {select}
"""
COMPILED = {"torchscript": "torch", "aoti": "torch", "saved_model": "keras", "xla": "keras"}
"""Format → the source it is built from."""
AS_WRITTEN = {"torch_eager": "torch", "torch_compile": "torch", "keras_eager": "keras"}


@pytest.mark.parametrize("formats", [COMPILED, pytest.param(AS_WRITTEN, marks=pytest.mark.long)], ids=", ".join)
def test_each_runs_there_and_computes_what_its_source_does(
    edgerig: Edgerig, remote: Sshd, formats: dict[str, str]
) -> None:
    select = [f"*-{source}-{name}-*" for name, source in formats.items()]
    done = edgerig("sweep", edgerig.sweep_file(SWEEP.format(formats=list(formats), select=select) + QUICK))
    assert done.code == 0, done.err
    assert {cell["format"] for cell in done.cells.values()} == set(formats)
    for name, cell in done.cells.items():
        assert (cell["status"], cell["accuracy"]["value"] > 0.98) == ("ok", True), name
        assert cell["parity"]["relative_error"] < 1e-5, name
        assert cell["verdict"]["evidence"]["host_relative_error"] < 1e-5, "the same file, here and there"
    assert done.results["devices"]["remote"]["state"]["runtime"] == "system"
