"""XLA ahead of time, from a Keras twin to this machine and to an emulated arm64 one: a file for each processor."""

from __future__ import annotations

import pytest
from e2e.commands import QUICK, Edgerig

from edgerig.spec import load_recipes

pytestmark = [pytest.mark.e2e, pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")]

SWEEP = """
models = ["digits_cnn"]
sources = ["keras"]
formats = ["xla"]
recipes = ["fp32", "int8-static"]
devices = ["local", "qemu-rpi4"]
"""
MACHINES = {"local": 62, "qemu-rpi4": 183}
"""Device → EM_X86_64 or EM_AARCH64 (elf.h), at byte 18 of its file."""


def test_every_processor_gets_a_file_of_its_own_that_computes_what_the_source_does(edgerig: Edgerig) -> None:
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 0, done.err
    ran = {cell["device"]: cell for cell in done.cells.values() if cell["status"] == "ok"}
    assert ran.keys() == MACHINES.keys()
    files = sorted((done.run / "artifacts").iterdir(), key=lambda path: len(path.name))
    for (device, machine), file in zip(MACHINES.items(), files, strict=True):
        cell = ran[device]
        assert int.from_bytes(file.read_bytes()[18:20], "little") == machine
        assert cell["size_bytes"] == file.stat().st_size
        assert cell["accuracy"]["value"] > 0.98
        assert cell["parity"]["relative_error"] < 1e-5
        assert cell["verdict"]["evidence"]["host_relative_error"] < 1e-5
        assert (cell["engine"]["name"], cell["engine"]["threads"]) == ("xla", 1)
    assert ran["local"]["size_bytes"] != ran["qemu-rpi4"]["size_bytes"]
    assert ran["qemu-rpi4"]["cost"]["instructions"] > 100_000
    refused = [cell["error"]["message"] for cell in done.cells.values() if cell["status"] == "unsupported"]
    assert refused == [load_recipes()["int8-static"].formats["xla"].unsupported] * 2
