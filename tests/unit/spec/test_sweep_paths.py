"""Paths in a sweep's file go by the file; what only the working folder has is refused with both readings."""

from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.spec import load_sweep

SWEEP = """\
models = ["net.onnx", "sub/other.tflite", "digits_cnn", "own"]
dataset = "data.npz"
out = "reports"
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep's folder with what its file names, and the working folder beside it."""
    (tmp_path / "there" / "sub").mkdir(parents=True)
    (tmp_path / "there" / "own").mkdir()
    for name in ("net.onnx", "sub/other.tflite", "data.npz", "own/model.toml"):
        (tmp_path / "there" / name).touch()
    (tmp_path / "there" / "sweep.toml").write_text(SWEEP)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "there"


@pytest.mark.parametrize("absolute", [True, False])
def test_paths_go_by_the_file_and_names_stay_names(there: Path, absolute: bool) -> None:
    folder = there if absolute else Path("../there")
    sweep = load_sweep(folder / "sweep.toml", {})
    assert sweep.models == (f"{folder}/net.onnx", f"{folder}/sub/other.tflite", "digits_cnn", f"{folder}/own")
    assert (sweep.dataset, sweep.out) == (folder / "data.npz", folder / "reports")


def test_in_the_working_folder_they_are_what_they_were(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(there)
    for path in (Path("sweep.toml"), there / "sweep.toml"):
        sweep = load_sweep(path, {})
        assert sweep.models == ("net.onnx", "sub/other.tflite", "digits_cnn", "own")
        assert (sweep.dataset, sweep.out) == (Path("data.npz"), Path("reports"))


def test_flags_go_by_the_working_folder(there: Path) -> None:
    sweep = load_sweep(there / "sweep.toml", {"out": Path("elsewhere"), "models": ["net.onnx"]})
    assert (sweep.out, sweep.models) == (Path("elsewhere"), ("net.onnx",))
    (there / "data.npz").rename("data.npz")
    assert load_sweep(there / "sweep.toml", {"dataset": Path("data.npz")}).dataset == Path("data.npz")


@pytest.mark.parametrize(
    ("key", "name"), [("models", "net.onnx"), ("dataset", "data.npz"), ("models", "own/model.toml")]
)
def test_what_only_the_working_folder_has_is_refused_with_both_readings(there: Path, key: str, name: str) -> None:
    (there / name).rename(there / "gone")
    if name.startswith("own/"):
        (there / "own").rmdir()
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).touch()
    with pytest.raises(ConfigError) as caught:
        load_sweep(there / "sweep.toml", {})
    named = name.removesuffix("/model.toml")
    assert f'key "{key}"' in caught.value.message
    assert str(there / named) in caught.value.message
    assert str(Path(named).absolute()) in caught.value.message
    assert "relative to that file" in caught.value.hint


def test_what_is_nowhere_is_looked_for_beside_the_file(there: Path) -> None:
    (there / "net.onnx").unlink()
    assert load_sweep(there / "sweep.toml", {}).models[0] == str(there / "net.onnx")


def test_what_no_file_can_be_called_is_left_to_be_refused(there: Path) -> None:
    (there / "sweep.toml").write_text("models = [1]\ndataset = 3")
    with pytest.raises(ConfigError, match="models"):
        load_sweep(there / "sweep.toml", {})
    (there / "sweep.toml").write_text('models = ["a\\u0000/b"]\nout = "' + "x" * 5000 + '"')
    assert load_sweep(there / "sweep.toml", {}).models[0].endswith("a\0/b")
