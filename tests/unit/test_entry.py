"""Entries of a model's file: named behind a colon, told in names and ids where they are not the default."""

from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.plan import make_plan
from edgerig.spec import SweepSpec, load_models, load_sweep
from edgerig.spec.entry import split

CELL = "net+encode-tflite-tflite-as-is@local/t1"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tflite").write_bytes(b"")
    return tmp_path / "net.tflite"


def test_a_colon_is_the_names_own_unless_a_model_stands_before_it() -> None:
    assert split("net.tflite:encode", lambda text: text == "net.tflite") == ("net.tflite", "encode")
    assert split("a:b.tflite", lambda text: text == "a:b.tflite") == ("a:b.tflite", "")
    assert split("hf:org/model", lambda text: False) == ("hf:org/model", "")
    assert split("net.tflite:", lambda text: text == "net.tflite") == ("net.tflite:", "")


def test_two_signatures_are_two_models(file: Path) -> None:
    plan = make_plan(SweepSpec(models=("net.tflite", "net.tflite:encode", "net.tflite:a b/c")))
    assert [cell.id for cell in plan.cells] == [
        "net-tflite-tflite-as-is@local/t1",
        CELL,
        "net+a_b_c-tflite-tflite-as-is@local/t1",
    ]
    assert [model.signature for model in plan.models.values()] == ["", "encode", "a b/c"]
    assert plan.cells[1].raw == f"raw/{CELL}"


def test_what_is_the_default_is_not_named(file: Path) -> None:
    (file.parent / "net.pte").write_bytes(b"")
    (model,) = load_models("net.pte:forward").values()
    assert (model.signature, model.id) == ("forward", "net-executorch")


def test_an_onnx_file_has_no_signatures(file: Path) -> None:
    (file.parent / "net.onnx").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"net.onnx:encode: .*signatures or methods .*not for onnx"):
        load_models("net.onnx:encode")


def test_a_sweeps_file_names_them_beside_itself(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "other.tflite").write_bytes(b"")
    (folder / "sweep.toml").write_text('models = ["other.tflite:encode"]\n')
    sweep = load_sweep(folder / "sweep.toml", {})
    assert sweep.models == (f"{folder}/other.tflite:encode",)
    assert make_plan(sweep).cells[0].model == "other+encode"


def test_a_model_toml_chooses_one(file: Path) -> None:
    folder = file.parent / "mine"
    folder.mkdir()
    file.rename(folder / "net.tflite")
    (folder / "model.toml").write_text(
        'source = "tflite"\nfile = "net.tflite"\nsignature = "encode"\nno_accuracy_reason = "none"\n'
    )
    (model,) = load_models("mine").values()
    assert model.id == "mine+encode-tflite"
    (other,) = load_models("mine:decode").values()
    assert other.id == "mine+decode-tflite"
