"""A key changes exactly when what would be built could change."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.build import keys
from edgerig.spec import PACKAGE, ModelSpec, load_formats, load_models, load_recipes

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
