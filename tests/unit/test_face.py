"""The package's face: light, complete, and the functions have their names whatever else is imported."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import edgerig

FUNCTIONS = ("plan", "sweep", "profile", "read", "decide", "compare", "gate")
HEAVY = ("pydantic", "numpy", "typer", "distributed")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, edgerig; print([name for name in sys.modules if name.startswith('edgerig.')"
    assert python(f"{code} or name in {HEAVY!r}])") == "[]"


def test_a_plan_takes_no_framework_and_no_numpy() -> None:
    code = "import sys, edgerig; print(len(edgerig.plan().cells), 'numpy' in sys.modules, 'distributed' in sys.modules)"
    assert python(code) == "24 False False"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_name_is_the_functions_though_a_module_has_it_too(name: str) -> None:
    code = "import edgerig.plan, edgerig.sweep.engine, edgerig.compare.gate, edgerig.decide.decision\n"
    code += "from edgerig.plan import Cell\nfrom edgerig.sweep import engine\nimport edgerig\n"
    code += f"from edgerig import {name}\nassert {name} is edgerig.{name}\nprint(type(edgerig.{name}).__name__)"
    assert python(code) == "function"


def test_every_name_is_there_and_listed() -> None:
    public = {name for name in dir(edgerig) if name in edgerig._FACE}
    assert public == set(edgerig._FACE)
    for name in public:
        found = getattr(edgerig, name)
        assert found.__module__.startswith(edgerig._FACE[name]), name
        assert inspect.getdoc(found), name
    with pytest.raises(AttributeError, match="no attribute 'shipp'"):
        _ = edgerig.shipp


def test_what_the_type_checker_sees_is_what_there_is() -> None:
    source = inspect.getsource(edgerig)
    told = {
        line.rsplit(" as ", 1)[1]: line.split()[1]
        for line in source.splitlines()
        if line.startswith("    from edgerig.")
    }
    assert told == edgerig._FACE
