"""Calling user code by "file.py:function": what is found, what stays isolated, what a failure says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgerig.build.factory import call_factory
from edgerig.errors import BuildError


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_calls_the_function_and_returns_what_it_returns(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create():\n    return {'answer': 42}\n")
    assert call_factory(tmp_path, "model.py:create") == {"answer": 42}


def test_file_may_lie_in_a_neighbouring_folder(tmp_path: Path) -> None:
    write(tmp_path, "a/data.py", "def load():\n    return 'of a'\n")
    (tmp_path / "b").mkdir()
    assert call_factory(tmp_path / "b", "../a/data.py:load") == "of a"


def test_folder_given_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "m/model.py", "def create():\n    return __file__\n")
    monkeypatch.chdir(tmp_path)
    assert call_factory(Path("m"), "model.py:create") == str((tmp_path / "m" / "model.py").resolve())


def test_each_folder_has_its_own_neighbours(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}/blocks_for_test.py", f"NAME = {name!r}\n")
        write(tmp_path, f"{name}/model.py", "from blocks_for_test import NAME\ndef create():\n    return NAME\n")
    assert [call_factory(tmp_path / name, "model.py:create") for name in ("a", "b", "a")] == ["a", "b", "a"]


def test_packages_and_imports_inside_the_function_work_and_are_forgotten(tmp_path: Path) -> None:
    write(tmp_path, "package_for_test/__init__.py", "")
    write(tmp_path, "package_for_test/part.py", "VALUE = 7\n")
    write(tmp_path, "namespace_for_test/part.py", "VALUE = 8\n")
    write(
        tmp_path,
        "model.py",
        (
            "def create():\n"
            "    from package_for_test.part import VALUE as a\n"
            "    from namespace_for_test.part import VALUE as b\n"
            "    return a + b\n"
        ),
    )
    path = list(sys.path)
    assert call_factory(tmp_path, "model.py:create") == 15
    assert sys.path == path
    assert not [name for name in sys.modules if "_for_test" in name]


def test_a_module_that_makes_up_its_attributes_is_no_neighbour(tmp_path: Path) -> None:
    """As `torch.classes` does, which a Keras twin that takes its weights from torch brings in."""
    odd = "import sys, types\nclass Odd(types.ModuleType):\n    def __getattr__(self, name):\n        return object()\n"
    odd += "sys.modules['odd_for_test'] = Odd('odd_for_test')\ndef create():\n    return 1\n"
    write(tmp_path, "model.py", odd)
    try:
        assert call_factory(tmp_path, "model.py:create") == 1
    finally:
        sys.modules.pop("odd_for_test", None)


def test_an_installation_inside_the_folder_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment beside the model: a second copy of a framework would not know the first one's classes."""
    write(tmp_path, "venv/site/installed_for_test.py", "class Kind: pass\n")
    write(tmp_path, "model.py", "import installed_for_test\ndef create():\n    return installed_for_test.Kind()\n")
    monkeypatch.syspath_prepend(tmp_path / "venv" / "site")
    made = call_factory(tmp_path, "model.py:create")
    assert type(made) is sys.modules.pop("installed_for_test").Kind


def test_the_path_is_restored_after_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "import sys\nsys.path.pop(0)\nraise ValueError('no')\n")
    path = list(sys.path)
    with pytest.raises(BuildError):
        call_factory(tmp_path, "model.py:create")
    assert sys.path == path
    assert str(tmp_path / "model.py") not in {getattr(module, "__file__", None) for module in sys.modules.values()}


def test_the_file_is_read_anew_at_each_call(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create():\n    return 'first'\n")
    assert call_factory(tmp_path, "model.py:create") == "first"
    write(tmp_path, "model.py", "def create():\n    return 'second one'\n")
    assert call_factory(tmp_path, "model.py:create") == "second one"


@pytest.mark.parametrize(
    ("text", "says", "hints"),
    [
        (None, "no such file", "relative to the model's folder"),
        ("def build():\n    return 1\n", 'has no function "create"', "functions there: build"),
        ("create = 3\n", 'has a int, not a function, "create"', "functions there: none"),
        ("\n\nx = 1 / 0\n", "importing it failed: ZeroDivisionError: division by zero", "correct the line"),
        ("def create():\n    return {}['weights']\n", "create() failed: KeyError: 'weights'", "correct the line"),
        ("def create(size):\n    return size\n", "create() failed: TypeError", "called without arguments"),
        ("def create(:\n", "importing it failed: SyntaxError", "correct the line"),
        ("import no_such_thing_anywhere\n", "ModuleNotFoundError", 'install what provides "no_such_thing_anywhere"'),
        ("import sys\nsys.exit(3)\n", "importing it failed: SystemExit: 3", "correct the line"),
        ("def create():\n    raise SystemExit('usage')\n", "create() failed: SystemExit: usage", "correct the line"),
    ],
    ids=[
        "no-file",
        "no-function",
        "not-callable",
        "import-raises",
        "call-raises",
        "wants-arguments",
        "syntax-error",
        "missing-module",
        "exits-on-import",
        "exits-on-call",
    ],
)
def test_failures_name_file_and_fix(tmp_path: Path, text: str | None, says: str, hints: str) -> None:
    if text is not None:
        write(tmp_path, "model.py", text)
    with pytest.raises(BuildError) as caught:
        call_factory(tmp_path, "model.py:create")
    assert says in caught.value.message
    assert str(tmp_path / "model.py") in caught.value.message
    assert hints in caught.value.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\nx = 1 / 0\n", 3),
        ("def create():\n    x = 1\n    return inner()\n\ndef inner():\n    raise ValueError('deep')\n", 6),
        ("import json\ndef create():\n    return json.loads('{')\n", 3),
        ("x = 1\ndef create(:\n", 2),
    ],
    ids=["at-import", "innermost-own-line", "inside-a-library", "syntax-error"],
)
def test_failures_name_the_line_in_the_users_file(tmp_path: Path, text: str, line: int) -> None:
    write(tmp_path, "model.py", text)
    with pytest.raises(BuildError, match=rf"model\.py, line {line}\)"):
        call_factory(tmp_path, "model.py:create")


def test_the_cause_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create():\n    raise ValueError('why')\n")
    with pytest.raises(BuildError) as caught:
        call_factory(tmp_path, "model.py:create")
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_interrupt_is_not_swallowed(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create():\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        call_factory(tmp_path, "model.py:create")


def test_a_function_with_a_parameter_gets_the_folder_of_fetched_files(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create(fetched, scale=2):\n    return fetched, scale\n")
    assert call_factory(tmp_path, "model.py:create", fetched=tmp_path / "cache") == (tmp_path / "cache", 2)
    write(tmp_path, "plain.py", "def create():\n    return 1\n")
    assert call_factory(tmp_path, "plain.py:create", fetched=tmp_path / "cache") == 1


def test_a_function_that_wants_fetched_files_of_a_model_without_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "def create(fetched):\n    return fetched\n")
    with pytest.raises(BuildError, match="missing 1 required positional argument: 'fetched'") as caught:
        call_factory(tmp_path, "model.py:create")
    assert "fetched files" in caught.value.hint
