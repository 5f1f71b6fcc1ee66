"""The suite itself: nothing of it is left out unseen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
# pytest looks for files as ever, and tells them instead of importing them.
LISTING = """\
import pytest
class Listing:
    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path, parent):
        print("file", module_path)
        return pytest.File.from_parent.__func__(Nothing, parent, path=module_path)
class Nothing(pytest.File):
    def collect(self):
        return []
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[Listing()])
"""
LONG = re.compile(r"^(@|pytestmark = .*)pytest\.mark\.long\b|marks=.*pytest\.mark\.long\b", re.MULTILINE)
BLOCKED = """\
import sys
import pytest
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refusing())
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests/unit"]))
"""
FRAMEWORKS = ("torch", "tensorflow", "keras", "executorch", "onnx", "onnxruntime", "litert_torch", "ai_edge_litert")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_every_file_of_tests_is_collected() -> None:
    """pytest leaves out folders of some names (norecursedirs) without a word."""
    found = {line.removeprefix("file ") for line in python(LISTING).stdout.splitlines() if line.startswith("file ")}
    assert found == {str(path) for path in TESTS.rglob("test_*.py")}


def test_every_file_of_tests_has_some() -> None:
    assert [path for path in TESTS.rglob("test_*.py") if "def test_" not in path.read_text(encoding="utf-8")] == []


def test_what_ci_has_no_time_for_is_listed() -> None:
    """Every file with a test marked `long` is named in docs/testing.md, and no other there is."""
    marked = {str(path.relative_to(ROOT)) for path in TESTS.rglob("test_*.py") if LONG.search(path.read_text("utf-8"))}
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    told = page.partition("Tests marked `long`")[2].partition("\n- `bench")[0]
    assert set(re.findall(r"`(tests/[\w/]+\.py)", told)) == marked


def test_unit_tests_are_collected_where_there_is_no_framework() -> None:
    done = python(BLOCKED.format(names=FRAMEWORKS))
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_a_unit_test_cannot_import_a_framework(name: str) -> None:
    with pytest.raises(ImportError):
        __import__(name)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_what_is_missing_is_left_out_with_its_package_but_not_in_ci(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = tmp_path / "packages.txt"
    listed.write_text("# nobody has it\nno-such-package  no-such-program|nor-this\n")
    monkeypatch.setattr(needs, "LIST", listed)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="needs Debian's no-such-package"):
        needs.require("no-such-package")
    with pytest.raises(KeyError):
        needs.require("not-listed")


def test_what_was_left_out_is_one_line() -> None:
    reasons = [
        "Skipped: needs Debian's adb",
        "Skipped: needs Debian's qemu-user adb",
        "Skipped: root may write anywhere",
    ]
    reasons.append("Skipped: needs Debian's g++; needs of this machine: user namespaces")
    assert needs.told(reasons) == (
        "tests left out: 3; apt-get install adb g++ qemu-user; this machine refuses user namespaces"
    )
    assert needs.told(reasons[2:3]) == ""


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.(?:py|txt))(?:::(\w+))?`", (ROOT / "docs" / "testing.md").read_text("utf-8"))
    assert len(named) > 40
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file, _ in named}
    assert [(file, name) for file, name in named if name and f"def {name}(" not in texts[file]] == []


def tools(folder: Path, **scripts: str) -> str:
    """A PATH of bash, what .ci/setup calls of the system, and `scripts` in the place of programs."""
    folder.mkdir()
    for program in ("bash", "dirname"):
        (folder / program).symlink_to(shutil.which(program) or program)
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_a_user_without_rights_is_told_the_package(tmp_path: Path) -> None:
    """Debian's Python as it comes: ensurepip, without which no environment is made, is another package."""
    bare = f'case $* in *ensurepip*|*base_prefix*) exit 1 ;; esac; exec {sys.executable} "$@"'
    called = {"apt-get": f": > {tmp_path}/called", "sudo": "exit 1", "id": "echo 1000"}
    path = tools(tmp_path / "bin", python3=bare, **{"g++": "exit 0"}, **called)
    fresh = tmp_path / "checkout"
    shutil.copytree(ROOT / ".ci", fresh / ".ci")
    (fresh / "tests").mkdir()
    shutil.copy(needs.LIST, fresh / "tests")
    argv = [str(fresh / ".ci" / "setup"), "touch", str(tmp_path / "ran")]
    done = subprocess.run(argv, env={"PATH": path}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("sudo apt-get install python3-venv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bin", "checkout"]
