"""What a user may write, and what he is told when it is wrong."""

from pathlib import Path
from typing import Any

import pytest

from edgerig import spec
from edgerig.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_quickstart_is_what_no_file_means() -> None:
    sweep = spec.load_sweep(None, {})
    assert sweep.models == ("digits_cnn", "digits_vit")
    assert sweep.formats == ("tflite", "executorch", "onnx")
    assert sweep.recipes == ("fp32", "fp16", "int8-dynamic", "int8-static")
    assert sweep.devices == ("local",)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('recipies = ["fp32"]', 'unknown key "recipies"', 'did you mean "recipes"?'),
        ("[run]\nmin_run = 5", 'unknown key "run.min_run"', 'did you mean "min_runs"?'),
        ('recipes = ["int8-statik"]', 'unknown recipe "int8-statik"', 'did you mean "int8-static"?'),
        ('recipes = ["int4"]', 'unknown recipe "int4"', 'did you mean "int4-weight"?'),
        ('recipes = ["int8"]', 'unknown recipe "int8"', '"int8-static" or "int8-static-equalized" or'),
        ("threads = [0]", 'key "threads.0"', ""),
        ('formats = ["tflight"]', 'key "formats": unknown format "tflight"', 'did you mean "tflite"?'),
        ("[run]\nmin_runs = -1", 'key "run.min_runs"', ""),
        ("models = []", 'key "models"', ""),
        ("models = [", "not TOML", "correct the line"),
        ('[options.executorch]\nbackend = "xnnpak"', 'unknown value "xnnpak"', 'did you mean "xnnpack"?'),
        ('[options.executorch]\nbakend = "xnnpack"', 'unknown option "executorch.bakend"', 'did you mean "backend"?'),
        ('[options.tflite]\nx = "y"', 'unknown option "tflite.x"', "known: none"),
        ('[options.onx]\nx = "y"', 'key "options": unknown format "onx"', 'did you mean "onnx"? known: aoti, '),
        ('sources = ["troch"]', 'unknown source "troch"', 'did you mean "torch"? known: aoti, '),
        ("processors = [[0, 1], [-1]]", 'key "processors.1.0"', ""),
        ("processors = [1024]", 'key "processors.0.0"', ""),
        ("processors = [true]", 'key "processors', ""),
        ('cpus = "bog"', "nor big, little or all", ""),
        ('cpus = ""', "no list of processors", ""),
        ('cpus = "0-1024"', "numbered from 0 to 1023, not 1024", ""),
        ("cpus = [true]", 'key "cpus"', ""),
        ('cpus = "big"\nprocessors = [1]', "two ways to say the same", ""),
        ("[run]\nprecision = 0", 'key "run.precision"', ""),
        ('processors = "0-3"', 'key "processors"', ""),
        ('accelerators = ["cpus"]', 'unknown accelerator "cpus"', 'did you mean "cpu"?'),
        ("[engine.liter]\nxnnpack = true", 'unknown engine "liter"', 'did you mean "litert"'),
        ("[engine.litert]\nxnpack = true", 'unknown option "litert.xnpack"', 'did you mean "xnnpack"?'),
        ("[engine.litert]\nxnnpack = 1", 'option "litert.xnnpack": unknown value 1', "known: false, true"),
        ("[engine.litert]\nxnnpack = 0.5", 'key "engine.litert.xnnpack.0', ""),
        ("[engine.litert]\nxnnpack = []", 'key "engine.litert.xnnpack"', ""),
        ("[engine.executorch]\nx = true", 'unknown option "executorch.x"', "known: none"),
        (
            '[engine.onnxruntime]\ngraph_optimization_level = ["all", "bsic"]',
            'option "onnxruntime.graph_optimization_level": unknown value bsic',
            'did you mean "basic"?',
        ),
    ],
)
def test_a_wrong_sweep_names_file_key_and_fix(tmp_path: Path, text: str, said: str, hint: str) -> None:
    path = write(tmp_path / "sweep.toml", text)
    with pytest.raises(ConfigError) as caught:
        spec.load_sweep(path, {})
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", ((),)),
        ("processors = [3, 2, 3]", ((2, 3),)),
        ("processors = [[0], [3, 2], []]", ((0,), (2, 3), ())),
        ("processors = []", ((),)),
    ],
)
def test_processors_are_one_list_or_several(tmp_path: Path, written: str, meant: tuple[tuple[int, ...], ...]) -> None:
    assert spec.load_sweep(write(tmp_path / "sweep.toml", written), {}).processors == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('cpus = "big"', (("big", ()),)),
        ('cpus = ["big", "little"]', (("big", ()), ("little", ()))),
        ('cpus = "0,1"', (("", (0, 1)),)),
        ('cpus = "4-7,0"', (("", (0, 4, 5, 6, 7)),)),
        ("cpus = [1, 0]", (("", (0, 1)),)),
        ('cpus = ["all", "2", [3, 2]]', (("", ()), ("", (2,)), ("", (2, 3)))),
        ("", (("", ()),)),
        ("processors = [[], [1]]", (("", ()), ("", (1,)))),
    ],
)
def test_processors_have_names_too(tmp_path: Path, written: str, meant: tuple[Any, ...]) -> None:
    sweep = spec.load_sweep(write(tmp_path / "sweep.toml", written), {})
    assert sweep.holds == meant
    assert spec.SweepSpec.model_validate_json(sweep.model_dump_json()) == sweep


def test_a_flag_for_one_axis_is_instead_of_the_files_other_words_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "sweep.toml", 'cpus = "big"')
    assert spec.load_sweep(path, {"processors": [[2]]}).holds == (("", (2,)),)
    path = write(tmp_path / "sweep.toml", "processors = [1]")
    assert spec.load_sweep(path, {"cpus": ["little"]}).holds == (("little", ()),)


def test_a_sweep_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    engines = "[engine.litert]\nxnnpack = [true, false]\n[engine.onnxruntime]\nintra_op_spinning = false"
    sweep = spec.load_sweep(write(tmp_path / "sweep.toml", f"processors = [[], [1]]\n{engines}"), {})
    assert sweep.engine == {"litert": {"xnnpack": (True, False)}, "onnxruntime": {"intra_op_spinning": (False,)}}
    assert spec.SweepSpec.model_validate_json(sweep.model_dump_json()) == sweep


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        spec.load_sweep(tmp_path / "none.toml", {})


def test_a_flag_changes_one_key_of_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "sweep.toml", "[run]\nmin_runs = 7\nlimit = 3")
    sweep = spec.load_sweep(path, {"run": {"limit": 5}})
    assert (sweep.run.min_runs, sweep.run.limit) == (7, 5)


def test_an_unknown_model_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        spec.load_models("digits_cn")
    assert 'did you mean "digits_cnn"?' in caught.value.hint


def test_an_unknown_device_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        spec.load_device("locale")
    assert caught.value.hint.startswith('did you mean "local"? known: browser, local, ')


def test_the_users_own_models_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write(
        tmp_path / "models/digits_cnn/model.toml",
        'description = "mine"\nsource = "torch"\nfactory = "m.py:create"\nno_accuracy_reason = "a test"\n'
        '[[inputs]]\nname = "x"\nshape = [1, 4]\n[[outputs]]\nname = "y"\nshape = [1, 2]\n',
    )
    monkeypatch.chdir(tmp_path)
    assert spec.load_models("digits_cnn")["torch"].description == "mine"
    assert spec.known_models()["digits_cnn"] == own
    assert "mobilenet_v2" in spec.known_models()


MODEL = 'source = "torch"\nfactory = "m.py:create"\n[[inputs]]\nname = "x"\nshape = {shape}\n{more}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MODEL.format(shape="[2, 4]", more=""), "must start with batch size 1"),
        (MODEL.format(shape="[1, 4]", more='layout = "NCHW"'), "needs a shape of four axes"),
        (MODEL.format(shape="[2, 4]", more="batch_axis = 1"), "has no axis 1 of length 1 for the batch"),
        (MODEL.format(shape="[2, 1]", more="batch_axis = 2"), "has no axis 2 of length 1 for the batch"),
        (MODEL.format(shape="[1, 0]", more=""), "has an axis of length 0"),
        (MODEL.format(shape="[1, -1]", more=""), "needs a length for every axis"),
        (MODEL.format(shape="[3, 1, 4, 4]", more='batch_axis = 1\nlayout = "NCHW"'), "needs the batch on axis 0"),
        (MODEL.format(shape="[1, 4]", more=""), 'needs the keys "inputs" and "outputs"'),
        ('source = "torch"\nfactory = "/etc/passwd"', 'key "factory"'),
        ('source = "pytorch"', 'key "source": no such source; did you mean "torch"? known: '),
        (
            'source = "onnx"\nfile = "n.onnx"\nno_accuracy_reason = "x"\n[[published]]\nwhat = "w"\nsize_bytes = 1\n'
            'format = "onx"\nsource = { title = "t", url = "https://example.org" }',
            'key "published": no format "onx"; did you mean "onnx"?',
        ),
        ('source = "onnx"\nfile = "net.onnx"\ndataset.images = "photos"', "a table is needed, with keys out of: "),
        ('name = "other"\nsource = "torch"', "needs exactly one of factory, file"),
    ],
)
def test_a_wrong_model_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "m1" / "model.toml", text)
    with pytest.raises(ConfigError) as caught:
        spec.load_models(str(tmp_path / "m1"))
    assert str(path) in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("keys", "batch", "of_sample"),
    [
        ({"shape": [1, 4]}, 0, (4,)),
        ({"shape": []}, None, ()),
        ({"shape": [2, 4], "batch_axis": "none"}, None, (2, 4)),
        ({"shape": [1, 4], "batch_axis": "none"}, None, (1, 4)),
        ({"shape": [2, 1, 4], "batch_axis": 1}, 1, (2, 4)),
        ({"shape": [-1, 7]}, None, (-1, 7)),
        ({"shape": [1, -1], "dtype": "float16"}, 0, (-1,)),
    ],
)
def test_a_tensor_says_what_one_sample_of_it_is(
    keys: dict[str, object], batch: int | None, of_sample: tuple[int, ...]
) -> None:
    tensor = spec.TensorSpec.model_validate({"name": "t", **keys})
    assert (tensor.batch, tensor.of_sample) == (batch, of_sample)


def test_a_ready_file_is_a_model(tmp_path: Path) -> None:
    file, data = write(tmp_path / "net.tflite", "x"), write(tmp_path / "d.npz", "x")
    model = spec.load_models(str(file), data)["tflite"]
    assert (model.source, model.file, model.metric, model.ready) == ("tflite", file.resolve(), ("top1",), True)
    assert not spec.load_models(str(file), quantize=True)["tflite"].ready
    assert spec.load_models(str(file))["tflite"].no_accuracy_reason == "no dataset was given for this file"


@pytest.mark.parametrize("missing", ["net.onnx", "d.npz"])
def test_a_missing_ready_file_or_dataset_is_named(tmp_path: Path, missing: str) -> None:
    for name in {"net.onnx", "d.npz"} - {missing}:
        write(tmp_path / name, "x")
    with pytest.raises(ConfigError, match=missing):
        spec.load_models(str(tmp_path / "net.onnx"), tmp_path / "d.npz")


def test_every_shipped_file_loads() -> None:
    assert all(m.folder.is_dir() for name in spec.known_models() for m in spec.load_models(name).values())
    assert all(spec.load_device(name).name == name for name in spec.known_devices())


def test_a_process_does_its_share_of_the_timing() -> None:
    settings = spec.RunSettings(repeats=4, min_runs=50, min_seconds=2.0, max_seconds=100.0, warmup_runs=7)
    share = settings.share()
    assert (share.min_runs, share.min_seconds, share.max_seconds, share.warmup_runs) == (13, 0.5, 25.0, 7)
    assert settings.on_emulator().repeats == 1
