from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgerig import compiler
from edgerig.compiler import find_compiler
from edgerig.devices import native, runner_recipe
from edgerig.devices.native import executorch_runner


def script(folder: Path, name: str, body: str) -> str:
    """An executable shell script that answers `--version` and otherwise does `body`."""
    file = folder / name
    file.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{name} 1.0"; exit 0; fi\n{body}\n')
    file.chmod(0o755)
    return str(file)


@pytest.fixture(autouse=True)
def _needs_the_wheel() -> None:
    if native._find_wheel() is None:
        pytest.skip("executorch is not installed")


@pytest.mark.needs("g++")
def test_compiles_once_and_the_library_loads(tmp_path: Path) -> None:
    first = executorch_runner(tmp_path)
    assert first.path is not None, first.reason
    assert first.compiler
    made = first.path.stat().st_ino
    assert executorch_runner(tmp_path) == first
    assert first.path.stat().st_ino == made
    assert [file.name for file in tmp_path.iterdir()] == [first.path.name]
    library = ctypes.CDLL(str(first.path))
    library.edgerig_et_version.restype = ctypes.c_char_p
    assert library.edgerig_et_version()


@pytest.mark.needs("g++")
def test_a_runner_that_was_shipped_is_taken_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = native._find_wheel()
    assert wheel is not None
    flags, link = runner_recipe.flags(wheel.folder, wheel.version, runner_recipe.BESIDE)
    made = compiler.compiled("it", tmp_path / "made", runner_recipe.SOURCE, flags, link, None)
    assert made.path is not None, made.reason
    monkeypatch.setattr(native, "SHIPPED", tmp_path / "shipped")
    native.SHIPPED.mkdir()
    made.path.rename(native.SHIPPED / runner_recipe.shipped_name(platform.machine(), wheel.version))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")

    found = executorch_runner(tmp_path / "cache")
    assert found.compiler == native.SHIPPED_COMPILER
    assert executorch_runner(tmp_path / "cache") == found
    # Its libraries are found beside it, in a process that has none of them loaded.
    program = f"import ctypes; ctypes.CDLL({str(found.path)!r}).edgerig_et_version"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0

    monkeypatch.setattr(runner_recipe, "LIBRARIES", (*runner_recipe.LIBRARIES, "another"))
    assert native.shipped_runner(platform.machine(), wheel.version) is None, "made for other libraries"


@pytest.mark.needs("g++")
def test_two_compile_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(executorch_runner, [tmp_path, tmp_path])
    assert one == two
    assert list(tmp_path.iterdir()) == [one.path]


def test_the_name_follows_the_compiler(tmp_path: Path) -> None:
    body = 'while [ "$1" != -o ]; do shift; done; echo library > "$2"'
    one = executorch_runner(tmp_path / "cache", [script(tmp_path, "cc1", body)])
    two = executorch_runner(tmp_path / "cache", [script(tmp_path, "cc2", body)])
    assert one.path is not None and two.path is not None
    assert one.path != two.path
    assert (one.compiler, two.compiler) == ("cc1 1.0", "cc2 1.0")


def test_a_failing_compiler_is_quoted(tmp_path: Path) -> None:
    failing = script(tmp_path, "cc", 'echo "fatal error: no such header" >&2; exit 3')
    found = executorch_runner(tmp_path / "cache", [failing])
    assert found.path is None
    assert "exit code 3: fatal error: no such header" in found.reason
    assert found.compiler == "cc 1.0"
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_hanging_compiler_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "COMPILE_DEADLINE_S", 0.3)
    found = executorch_runner(tmp_path / "cache", [script(tmp_path, "cc", "sleep 60 & wait")])
    assert found.path is None
    assert "deadline of 0.3 s" in found.reason


def test_no_compiler_names_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = executorch_runner(tmp_path / "cache")
    assert found.path is None
    assert "no C++ compiler" in found.reason
    assert "apt install g++" in found.reason
    missing = executorch_runner(tmp_path / "cache", [str(tmp_path / "gone")])
    assert "does not start" in missing.reason


def test_an_unwritable_cache_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = executorch_runner(tmp_path / "file", [script(tmp_path, "cc", "exit 0")])
    assert found.path is None
    assert "not compiled" in found.reason


def test_cxx_may_carry_arguments(tmp_path: Path) -> None:
    assert find_compiler({"CXX": "ccache g++ -m64", "PATH": ""}) == ["ccache", "g++", "-m64"]
    script(tmp_path, "clang++", "")
    assert find_compiler({"CXX": " ", "PATH": str(tmp_path)}) == [str(tmp_path / "clang++")]
    assert find_compiler({"PATH": ""}) == []


def test_looking_for_the_wheel_imports_nothing_heavy() -> None:
    program = (
        "import sys; from edgerig.devices.native import _find_wheel; assert _find_wheel();"
        "sys.exit(any(m in sys.modules for m in ('executorch', 'torch', 'numpy')))"
    )
    root = Path(native.__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False, timeout=60).returncode == 0
