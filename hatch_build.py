"""Puts the shipped models and devices into a wheel, and the ExecuTorch runners and clocks of profiles that this
host has compilers for; an editable install uses the checkout's own folders, and compiles what is needed.

A runner is compiled against the executorch wheel of its machine, in the version `pyproject.toml` asks for, which pip
fetches. What cannot be had is said, and the wheel is made without it: it compiles a runner where it runs, then. Runners
are data: the wheel fits every platform.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PYTHON, PLATFORM = "3.11", "manylinux_2_28_{machine}"
"""Of the executorch wheel: the runner asks for nothing of Python, and its libraries are the same in every one."""
DEADLINE_S = 600.0


class CustomBuildHook(BuildHookInterface[Any]):
    def dependencies(self) -> list[str]:
        return ["pip"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for folder in ("models", "devices"):
            build_data["force_include"][folder] = f"edgerig/shipped/{folder}"
        self._work = Path(tempfile.mkdtemp(prefix="edgerig-runners-"))
        recipe = _recipe(Path(self.root))
        for machine, compiler in recipe.COMPILERS.items():
            for what, make in (("the clock of profiles", self._clock), ("the ExecuTorch runner", self._runner)):
                try:
                    made = make(recipe, machine, compiler)
                except (OSError, ValueError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
                    said = getattr(error, "stderr", None) or str(error)
                    self.app.display_warning(f"without {what} for {machine}: {said.strip()[-600:]}")
                    continue
                build_data["force_include"][str(made)] = f"edgerig/shipped/native/{made.name}"
                self.app.display_info(f"with {what} for {machine}: {made.name}")

    def _runner(self, recipe: ModuleType, machine: str, compiler: str) -> Path:
        return _runner(recipe, machine, compiler, self._work / machine, _executorch(Path(self.root)))

    def _clock(self, recipe: ModuleType, machine: str, compiler: str) -> Path:
        return _clock(recipe, machine, compiler, self._work)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self._work, ignore_errors=True)


def _recipe(root: Path) -> ModuleType:
    """`edgerig.devices.runner_recipe`, by its path: what the rest of edgerig imports is not installed here."""
    found = importlib.util.spec_from_file_location("recipe", root / "edgerig" / "devices" / "runner_recipe.py")
    if found is None or found.loader is None:
        raise OSError("edgerig/devices/runner_recipe.py cannot be loaded")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _executorch(root: Path) -> str:
    """The version `pyproject.toml` pins. Raises ValueError when it pins none."""
    found = re.search(r'"executorch==([\w.]+)"', (root / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("pyproject.toml pins no executorch")
    return found[1]


def _runner(recipe: ModuleType, machine: str, compiler: str, work: Path, version: str) -> Path:
    """The runner for the machine, in the folder `work`. Raises OSError, SubprocessError, BadZipFile."""
    command = shutil.which(compiler)
    if command is None:
        raise OSError(f"{compiler} is not installed")
    work.mkdir()
    _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"),
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON),
        *("--platform", PLATFORM.format(machine=machine), "--dest", str(work), f"executorch=={version}"),
    )
    with zipfile.ZipFile(next(work.glob("executorch-*.whl"))) as archive:
        archive.extractall(work)
    compile_flags, link_flags = recipe.flags(work / "executorch", version, recipe.BESIDE)
    runner = work / recipe.shipped_name(machine, version)
    _run(command, *compile_flags, str(recipe.SOURCE), *link_flags, "-Wl,--strip-debug", "-o", str(runner))
    return runner


def _clock(recipe: ModuleType, machine: str, compiler: str, work: Path) -> Path:
    """The clock of profiles for the machine, in the folder `work`. Raises OSError, SubprocessError."""
    clock = work / recipe.shipped_clock(machine)
    _run(compiler, *recipe.CLOCK_FLAGS, str(recipe.CLOCK), "-Wl,--strip-debug", "-o", str(clock))
    return clock


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S)
