"""The rows of engines, formats, recipes and sources agree with each other, and others may be added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgerig.devices.bundle import wheels
from edgerig.errors import ConfigError
from edgerig.plan import unsupported_reason
from edgerig.spec import (
    PACKAGE,
    file_source,
    load_engines,
    load_formats,
    load_recipes,
    load_sources,
    no_route,
    on_device,
    rows,
)
from edgerig.sweep.environment import tools

READERS = (load_engines, load_formats, load_recipes, load_sources)


def forget() -> None:
    for reader in READERS:
        reader.cache_clear()


@pytest.fixture
def more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of rows beside edgerig's own, not written yet."""
    file = tmp_path / "rows.toml"
    monkeypatch.setattr(rows, "FILES", [*rows.FILES, file])
    forget()
    yield file
    forget()


NEW = """
[engine.plain]
runtime = "Plain"
module = "plain:PlainEngine"
distributions = ["plain-runtime"]
imports = "plain_runtime"
skip = ["plain/docs/*"]
[format.plain]
summary = "a format from elsewhere"
builder = "plain:PlainBuilder"
engine = "plain"
suffix = ".plain"
tools = ["plain-converter"]
routes = { torch = "plain:convert" }
[format.plain.recipes.fp32]
weights = "float32"
activations = "float32"
source = "its manual"
constant_dtypes = ["float32"]
"""


@pytest.mark.parametrize("source", list(load_sources()))
@pytest.mark.parametrize("format_name", list(load_formats()))
def test_a_format_has_a_route_from_a_source_or_a_reason(source: str, format_name: str) -> None:
    reason = no_route(source, format_name)
    assert (source in load_formats()[format_name].routes) == (reason == "")
    assert not reason or len(reason) > 40


def test_a_new_format_and_engine_are_known_everywhere(more: Path) -> None:
    more.write_text(NEW, encoding="utf-8")
    assert unsupported_reason("torch", "plain", "fp32") == ""
    assert unsupported_reason("torch", "plain", "int8-static") == (
        "nothing builds int8-static in the format plain: neither row says how"
    )
    assert unsupported_reason("keras", "plain", "fp32") == "nothing converts Keras (TensorFlow) models to plain"
    assert unsupported_reason("plain", "onnx", "fp32").startswith("a .plain file is a finished program")
    assert unsupported_reason("plain", "plain", "as-is") == ""
    assert file_source(Path("net.plain")) == "plain"
    assert on_device()[-1] == "plain-runtime"
    assert wheels.wanted()[-2:] == ("plain-runtime", "executorch")
    assert "plain/docs/*" in wheels.useless()
    assert {"plain-converter", "plain-runtime"} < set(tools())


def test_a_framework_s_format_is_named_by_its_row_and_its_modules_alone() -> None:
    names = {name for name, row in load_formats().items() if not load_engines()[row.engine].brought}
    names -= rows_of_sources()
    assert {"torch_eager", "torchscript", "torch_compile", "aoti", "keras_eager"} <= names
    # The survey's claims are of these frameworks by their names; a kind of device says which formats it is given.
    elsewhere = {"study", "kinds"}
    files = [path for path in PACKAGE.rglob("*.py") if not elsewhere & set(path.relative_to(PACKAGE).parts)]
    found = {
        (name, path.stem)
        for path in files
        for name in names
        if f'"{name}"' in path.read_text(encoding="utf-8") and path.stem != name
    }
    assert not found


def rows_of_sources() -> set[str]:
    """The sources that have a row of their own: a format may be called as one."""
    return {name for name, row in load_sources().items() if row.loader}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[formats.x]\n", 'unknown kind of row "formats"'),
        ('[engine.litert]\nruntime = "x"\nmodule = "x:Y"', "[engine.litert]: there is such a row already"),
        (NEW.replace('engine = "plain"', 'engine = "plan"'), 'unknown engine "plan": did you mean "plain"?'),
        (NEW.replace("recipes.fp32", "recipes.fp23"), '[format.plain]: unknown recipe "fp23"'),
        (NEW.replace('module = "plain:PlainEngine"', 'module = "plain"'), '[engine.plain]: key "module"'),
        (NEW + 'wieghts = "int8"', 'unknown key "recipes.fp32.wieghts" did you mean "weights"?'),
        (
            '[source.x]\ntitle = "X"\norigins = ["file"]\ndistributions = []',
            'give "loader" and "counter", or "finished"',
        ),
    ],
)
def test_a_row_that_is_wrong_is_refused(more: Path, text: str, said: str) -> None:
    more.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        [reader() for reader in READERS]
    assert str(more) in caught.value.message or said in caught.value.message
    assert said in f"{caught.value.message} {caught.value.hint}"
