"""A key changes exactly when what would be built could change."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.build import keys
from edgerig.spec import PACKAGE, FormatSpec, ModelSpec, ToolSpec, load_formats, load_models, load_recipes

TOML = """
source = "torch"
factory = "model.py:create"
reads = ["table.txt"]
no_accuracy_reason = "a test"
inputs = [{ name = "x", shape = [1, 4] }]
outputs = [{ name = "y", shape = [1, 2] }]
[dataset]
factory = "data.py:load"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"model.toml": TOML, "model.py": "import blocks", "data.py": "", "table.txt": "1", "notes.md": "a"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "blocks" / "deep").mkdir(parents=True)
    (tmp_path / "blocks" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "blocks" / "deep" / "layer.py").write_text("", encoding="utf-8")
    return tmp_path


def model(folder: Path) -> ModelSpec:
    return load_models(str(folder))["torch"]


def all_keys(spec: ModelSpec) -> tuple[str, str, str]:
    data = keys.data_key(spec, 0)
    formats, recipes = load_formats(), load_recipes()
    artifact = keys.artifact_key(spec, formats["executorch"], recipes["fp32"], {}, data, "calibration")
    return data, keys.reference_key(spec, data), artifact


@pytest.mark.parametrize("file", ["model.py", "data.py", "table.txt", "blocks/__init__.py", "blocks/deep/layer.py"])
def test_whatever_the_factories_may_read_changes_every_key(folder: Path, file: str) -> None:
    before = all_keys(model(folder))
    (folder / file).write_text("changed = 1", encoding="utf-8")
    assert all(old != new for old, new in zip(before, all_keys(model(folder)), strict=True))


def test_what_nothing_reads_changes_none(folder: Path) -> None:
    before = all_keys(model(folder))
    (folder / "notes.md").write_text("b", encoding="utf-8")
    assert all_keys(model(folder)) == before


def test_how_a_job_is_timed_is_no_part_of_a_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    def seen(path: Path) -> str:
        if path.is_relative_to(PACKAGE):
            read.add(str(path.relative_to(PACKAGE)))
        return "digest"

    monkeypatch.setattr(keys, "file_digest", seen)
    all_keys(model(folder))
    assert {"ondevice/evaluate.py", "ondevice/tensors.py", "ondevice/engines/litert.py", "build/worker.py"} < read
    assert not read & {f"ondevice/{name}.py" for name in ("main", "job", "timing", "memory", "state", "contention")}


def test_two_applications_share_nothing(tmp_path: Path) -> None:
    def key(name: str) -> str:
        spec = ModelSpec(name="net", source="keras", application=name, no_accuracy_reason="a test", folder=tmp_path)
        return keys.data_key(spec, 0)

    assert key("MobileNetV2") != key("InceptionV3")


def test_what_another_environment_makes_or_opens_has_its_packages_in_the_key(folder: Path) -> None:
    spec, row, recipe = model(folder), load_formats()["tfjs"], load_recipes()["fp32"]
    assert row.tool is not None
    other = ToolSpec(name=row.tool.name, packages=(*row.tool.packages[1:], "setuptools==65.5.1"))

    def key(form: FormatSpec) -> str:
        return keys.artifact_key(spec, form, recipe, {}, "data", "calibration")

    assert key(row) == key(row.model_copy())
    assert len({key(row), key(row.model_copy(update={"tool": other})), key(row.model_copy(update={"tool": None}))}) == 3


def test_the_scripts_that_open_a_file_where_it_is_built_are_in_its_key_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()

    def seen(path: Path) -> str:
        read.add(str(path))
        return "digest"

    monkeypatch.setattr(keys, "file_digest", seen)
    scripts = ("web/js/host.mjs", "web/js/engines/tfjs.mjs", "web/node_engine.py", "web/archive.py")
    for name, there in (("onnx", False), ("tfjs", True)):
        keys.artifact_key(model(folder), load_formats()[name], load_recipes()["fp32"], {}, "data", "calibration")
        assert all((str(PACKAGE / script) in read) is there for script in scripts)
