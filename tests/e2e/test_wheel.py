"""edgerig installed from a wheel works in any folder: what it ships travels with it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from e2e.wheel import ROOT
from e2e.wheel import wheel as wheel

from edgerig.devices.bundle.wheels import installed_version
from edgerig.devices.runner_recipe import COMPILERS, shipped_name

pytestmark = pytest.mark.e2e


def test_the_wheel_carries_models_devices_and_data_files(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "edgerig/shipped/models/digits_cnn/model.toml",
        "edgerig/shipped/models/digits_cnn/weights.safetensors",
        "edgerig/shipped/devices/local.toml",
        "edgerig/build/recipes.toml",
        "edgerig/py.typed",
        "edgerig/ondevice/native/executorch_runner.cc",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


@pytest.mark.needs("g++", "g++-aarch64-linux-gnu")
def test_the_wheel_brings_runners_that_fit_and_fits_every_platform(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    version = installed_version("executorch")
    for machine in COMPILERS:
        assert f"edgerig/shipped/native/{shipped_name(machine, version)}" in names
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_example_is_typed_by_the_installed_package(wheel: Path, tmp_path: Path) -> None:
    """`mypy --strict` takes the types of what is installed only where it says it has some (py.typed)."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    example = (ROOT / "examples" / "choose_a_build.py").read_text()
    (tmp_path / "right.py").write_text(example)
    (tmp_path / "wrong.py").write_text(example.replace("len(plan.cells)", "len(plan.cell)"))

    def checked(file: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", file]
        given = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env=given)

    right, wrong = checked("right.py"), checked("wrong.py")
    assert right.returncode == 0, right.stdout + right.stderr
    assert (wrong.returncode, '"Plan" has no attribute "cell"' in wrong.stdout) == (1, True), wrong.stdout


def test_it_plans_the_quickstart_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import edgerig.cli\nsys.argv = ['edgerig', 'plan']\nedgerig.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=empty, capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 24
