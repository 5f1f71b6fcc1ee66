"""Environments of tools: made for real by pip, from tiny wheels that are written here. No network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgerig.build.beside import bring, environment_of, needs_more
from edgerig.cache import cache_root
from edgerig.errors import BuildError
from edgerig.spec import ToolSpec, load_formats
from edgerig.toolenv import ToolEnvironment, tool_environment

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def wheel(folder: Path, name: str, version: str = "1.0", needs: str = "") -> str:
    """A wheel of a module that has its version (PyPA, "Binary distribution format")."""
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\nif __name__ == '__main__': print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]))
    return str(path)


def says(made: ToolEnvironment, module: str) -> str:
    return subprocess.check_output([made.python, "-I", "-m", module], text=True, timeout=60).strip()


def test_an_environment_is_made_once_and_said(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path, "tinytool", needs="tinydep"), wheel(tmp_path, "tinydep", "2.0")]
    said: list[str] = []
    made = tool_environment("tiny", wheels, said.append)
    assert (says(made, "tinytool"), says(made, "tinydep")) == ("1.0", "2.0")
    assert subprocess.run([made.python, "-I", "-c", "import numpy"], capture_output=True, timeout=60).returncode == 1
    assert said == [f"making the environment of tiny, 2 packages, once; its log: {made.log}"]
    assert "Successfully installed tinydep-2.0 tinytool-1.0" in made.log.read_text(encoding="utf-8")

    written = made.log.stat().st_mtime_ns
    assert tool_environment("tiny", wheels, said.append) == made
    assert len(said) == 1
    assert made.log.stat().st_mtime_ns == written
    assert not list((cache_root() / "tools").glob(".new-*"))


def test_another_list_or_another_wheel_of_the_same_name_is_another_environment(tmp_path: Path) -> None:
    first = tool_environment("tiny", [wheel(tmp_path, "tinytool")], lambda line: None)
    (tmp_path / "changed").mkdir()
    changed = wheel(tmp_path / "changed", "tinytool", needs="tinydep; python_version < '3'")
    second = tool_environment("tiny", [changed], lambda line: None)
    assert first.key != second.key
    assert first.python.exists() and second.python.exists()


def test_two_at_once_make_one(tmp_path: Path) -> None:
    said: list[str] = []
    tool = wheel(tmp_path, "tinytool")
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: tool_environment("tiny", [tool], said.append), range(2))
    assert one == other
    assert says(one, "tinytool") == "1.0"
    assert sum(line.startswith("making the environment of tiny") for line in said) == 1
    assert all(line.startswith(("making", "waiting for another process")) for line in said)


def test_a_list_that_is_not_complete_leaves_its_log_and_is_tried_again(tmp_path: Path) -> None:
    tool = wheel(tmp_path, "tinytool", needs="tinydep")
    for _ in range(2):
        with pytest.raises(BuildError, match="requires tinydep, which is not installed") as caught:
            tool_environment("tiny", [tool], lambda line: None)
    (log,) = (cache_root() / "tools").glob("*.log")
    assert str(log) in caught.value.hint
    assert "requires tinydep" in log.read_text(encoding="utf-8")
    assert not [path for path in (cache_root() / "tools").iterdir() if path.is_dir()]


def test_a_version_that_the_index_lacks_is_pips_to_say() -> None:
    with pytest.raises(BuildError, match="No matching distribution found for tinytool==9"):
        tool_environment("tiny", ["tinytool==9"], lambda line: None)


def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path: Path) -> None:
    tool = [wheel(tmp_path, "tinytool")]
    made = tool_environment("tiny", tool, lambda line: None)
    made.python.unlink()
    made.python.symlink_to(tmp_path / "uninstalled")
    said: list[str] = []
    assert tool_environment("tiny", tool, said.append) == made
    assert (says(made, "tinytool"), len(said)) == ("1.0", 1)


@pytest.mark.parametrize(
    "requirement", ["tinytool", "tinytool>=1", "tinytool==1.*", "tinytool==1; x", "-r other.txt", "git+https://x/y==1"]
)
def test_what_does_not_name_one_version_is_refused(requirement: str) -> None:
    with pytest.raises(BuildError, match="does not name one version"):
        tool_environment("tiny", [requirement], lambda line: pytest.fail(line))
    assert not cache_root().exists()


def test_a_wheel_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"gone\.whl: cannot be read: No such file"):
        tool_environment("tiny", [str(tmp_path / "gone.whl")], lambda line: None)


def test_the_environment_sees_nothing_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = tool_environment("tiny", [wheel(tmp_path, "tinytool")], lambda line: None)
    code = "import sys; print(sys.prefix, '\\n'.join(sys.path))"
    seen = subprocess.check_output([made.python, "-I", "-c", code], text=True, timeout=60)
    assert str(made.python.parents[1]) in seen
    assert sys.prefix not in seen


def test_what_a_format_needs_beside_this_environment_is_made_before_its_build_and_said(tmp_path: Path) -> None:
    tool = ToolSpec(name="tiny", packages=(wheel(tmp_path, "tinytool"),))
    row = load_formats()["onnx"].model_copy(update={"tool": tool})
    said: list[str] = []
    bring(row, said.append)
    assert [words.partition(",")[0] for words in said] == ["making the environment of tiny"]
    assert says(environment_of(tool, said.append), "tinytool") == "1.0"
    bring(row, said.append)
    assert len(said) == 1
    assert (needs_more(row), needs_more(load_formats()["onnx"])) == (True, False)
