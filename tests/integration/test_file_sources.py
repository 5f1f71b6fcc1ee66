"""Models that come as files: .pt2 archives and state dicts without unpickling, .onnx and .tflite to build from."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edgerig.build import keys
from edgerig.build.routes import find_route
from edgerig.build.source import load_source
from edgerig.errors import BuildError, ConfigError, UnsupportedRecipe
from edgerig.spec import ModelSpec, load_models

pytestmark = pytest.mark.integration

SHAPE = (1, 3, 8, 8)
OWN_TOML = (
    'source = "onnx"\nfile = "net.onnx"\nno_accuracy_reason = "a test"\n[[inputs]]\nname = "x"\nshape = {shape}\n'
)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)).eval()


def samples(count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, *SHAPE[1:]), dtype=np.float32)


def expected(arrays: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        outputs: np.ndarray = network()(torch.from_numpy(arrays)).numpy()
    return outputs


def from_file(path: Path) -> ModelSpec:
    (spec,) = load_models(str(path), quantize=True).values()
    return spec


def folder_model(folder: Path, weights: bytes) -> ModelSpec:
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\ndef create():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))\n",
        encoding="utf-8",
    )
    (folder / "weights.pt").write_bytes(weights)
    (folder / "model.toml").write_text(
        f'source = "torch"\nfactory = "net.py:create"\nweights = "weights.pt"\n'
        f'weights_sha256 = "{hashlib.sha256(weights).hexdigest()}"\nno_accuracy_reason = "a test"\n'
        f'[[inputs]]\nname = "x"\nshape = {list(SHAPE)}\nlayout = "NCHW"\n[[outputs]]\nname = "y"\nshape = [1, 5]\n',
        encoding="utf-8",
    )
    return load_models(str(folder))["torch"]


def saved(value: object, path: Path) -> bytes:
    torch.save(value, path)
    return path.read_bytes()


def test_an_exported_program_computes_what_its_network_does(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network(), (torch.zeros(SHAPE),)), path)
    source = load_source(from_file(path))
    assert [(t.shape, t.layout) for t in source.spec.inputs] == [(SHAPE, "NCHW")]
    assert [t.shape for t in source.spec.outputs] == [(1, 5)]
    np.testing.assert_allclose(source.infer([samples()])[0], expected(samples()), atol=1e-5)
    assert source.module.eval() is source.module  # what every converter calls


def test_an_exported_program_with_pickled_parts_is_not_opened(tmp_path: Path) -> None:
    whole, pickled = tmp_path / "whole.pt2", tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network(), (torch.zeros(SHAPE),)), whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(pickled, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("weights_config.json"):
                config = json.loads(content)
                next(iter(config["config"].values()))["use_pickle"] = True
                content = json.dumps(config).encode()
            copy.writestr(name, content)
    with pytest.raises(BuildError, match="pickled"):
        load_source(from_file(pickled))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_a_broken_exported_program_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pt2").write_bytes(content)
    with pytest.raises(BuildError, match=r"net\.pt2: not a whole \.pt2 archive"):
        load_source(from_file(tmp_path / "net.pt2"))


def test_a_state_dict_of_torch_save_is_read(tmp_path: Path) -> None:
    spec = folder_model(tmp_path, saved(network().state_dict(), tmp_path / "w"))
    np.testing.assert_allclose(load_source(spec).infer([samples()])[0], expected(samples()), atol=1e-6)


class Hostile:
    """What runs code when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (Path.touch, (self.marker,))  # type: ignore[return-value]


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    weights = pickle.dumps({"0.weight": Hostile(marker)})
    pickle.loads(weights)
    assert marker.exists()  # it would
    marker.unlink()
    spec = folder_model(tmp_path, weights)
    with pytest.raises(BuildError, match="not a state dict"):
        load_source(spec)
    spec = folder_model(tmp_path, saved({"0.weight": Hostile(marker)}, tmp_path / "w"))
    with pytest.raises(BuildError, match="not a state dict"):
        load_source(spec)
    assert not marker.exists()


def test_torchscript_is_refused_with_the_way_out(tmp_path: Path) -> None:
    script = tmp_path / "script.pt"
    torch.jit.save(torch.jit.trace(network(), torch.zeros(SHAPE)), script)
    with pytest.raises(ConfigError) as caught:
        load_models(str(script))
    assert "torch.export.save" in caught.value.hint
    with pytest.raises(BuildError, match="a TorchScript file") as refused:
        load_source(folder_model(tmp_path, script.read_bytes()))
    assert "safetensors" in refused.value.hint


def test_a_checkpoint_around_a_state_dict_says_so(tmp_path: Path) -> None:
    weights = saved({"epoch": 3, "model": network().state_dict()}, tmp_path / "w")
    with pytest.raises(BuildError, match="a dict that is not a state dict"):
        load_source(folder_model(tmp_path, weights))


def exported(path: Path, axes: list[int | str], external: bool = False) -> Path:
    """A small ONNX graph, y = x @ w over the last axis, with an input of `axes`."""
    weight = numpy_helper.from_array(np.eye(8, 5, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [*axes[:-1], 5])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    where = f"{path.name}.data"
    onnx.save(model, path, save_as_external_data=external, location=where if external else None, size_threshold=0)
    return path


def test_an_onnx_file_is_a_source(tmp_path: Path) -> None:
    source = load_source(from_file(exported(tmp_path / "net.onnx", ["batch", 8])))
    assert [t.shape for t in source.spec.inputs] == [(1, 8)]
    given = np.arange(16, dtype=np.float32).reshape(2, 8)
    np.testing.assert_allclose(source.infer([given])[0], given[:, :5])


def test_onnx_weights_in_another_file_are_taken_in(tmp_path: Path) -> None:
    source = load_source(from_file(exported(tmp_path / "net.onnx", [1, 8], external=True)))
    out = tmp_path / "out" / "float.onnx"
    out.parent.mkdir()
    find_route("onnx", "onnx")(source, out)
    assert onnx.load(out).graph.initializer[0].raw_data  # nothing lies beside it


def test_missing_onnx_weights_are_named(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", [1, 8], external=True)
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(BuildError, match=r"missing: net\.onnx\.data"):
        load_source(from_file(path))


def test_a_dynamic_axis_needs_a_value_and_takes_it_from_model_toml(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", ["batch", "time", 8])
    with pytest.raises(BuildError, match="dynamic shape") as caught:
        load_source(from_file(path))
    assert "[[inputs]]" in caught.value.hint
    (tmp_path / "model.toml").write_text(
        OWN_TOML.format(shape="[1, 4, 8]"),
        encoding="utf-8",
    )
    source = load_source(load_models(str(tmp_path))["onnx"])
    assert [t.shape for t in source.spec.outputs] == [(1, 4, 5)]
    assert source.infer([np.zeros((2, 4, 8), np.float32)])[0].shape == (2, 4, 5)


def test_a_shape_that_is_not_the_files_is_refused(tmp_path: Path) -> None:
    exported(tmp_path / "net.onnx", [1, 8])
    (tmp_path / "model.toml").write_text(
        OWN_TOML.format(shape="[1, 9]"),
        encoding="utf-8",
    )
    with pytest.raises(BuildError, match=r"has shape \[1, 8\], model.toml says \[1, 9\]"):
        load_source(load_models(str(tmp_path))["onnx"])


def test_a_truncated_onnx_file_is_named(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", [1, 8])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BuildError, match=r"net\.onnx"):
        load_source(from_file(path))


def test_a_quantized_file_is_not_built_from(tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantized = tmp_path / "net8.onnx"
    quantize_dynamic(exported(tmp_path / "net.onnx", [1, 8]), quantized, weight_type=QuantType.QInt8)
    source = load_source(from_file(quantized))
    with pytest.raises(UnsupportedRecipe, match="quantized already"):
        find_route("onnx", "onnx")(source, tmp_path / "float.onnx")


def test_a_pair_without_a_route_says_why() -> None:
    with pytest.raises(UnsupportedRecipe, match="nothing turns a TFLite file into a torch model"):
        find_route("tflite", "executorch")


def test_an_exported_graph_does_not_tell_where_its_author_works(tmp_path: Path) -> None:
    source = load_source(load_models("digits_cnn")["torch"])
    out = tmp_path / "float.onnx"
    find_route("torch", "onnx")(source, out)
    content = out.read_bytes()
    assert b"model.py" not in content
    assert str(source.spec.folder).encode() not in content
    graph = onnx.load(out).graph
    assert not any(node.metadata_props or node.doc_string for node in graph.node)


def test_no_part_of_an_exported_program_runs_code(tmp_path: Path) -> None:
    """Every member torch would unpickle, replaced by a hostile pickle: refused or read without running it."""
    whole, marker = tmp_path / "whole.pt2", tmp_path / "ran"
    torch.export.save(torch.export.export(network(), (torch.zeros(SHAPE),)), whole)
    hostile = pickle.dumps(Hostile(marker))
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    root = next(iter(members)).partition("/")[0]
    places = ("sample_inputs/model.pt", "constants/custom_obj_0", "constants/opaque_obj_0", "constants/model.pt")
    for place in places:
        path = tmp_path / "net.pt2"
        with zipfile.ZipFile(path, "w") as copy:
            for name, content in {**members, f"{root}/data/{place}": hostile}.items():
                copy.writestr(name, content)
        with pytest.raises(BuildError):
            load_source(from_file(path))
        assert not marker.exists(), place


def test_onnx_weights_of_any_name_are_read_and_noticed(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", [1, 8])
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    before = keys.reference_key(from_file(path), "data")
    assert load_source(from_file(path)).spec.inputs[0].shape == (1, 8)
    (tmp_path / "weights.bin").write_bytes(bytes(8 * 5 * 4))
    assert keys.reference_key(from_file(path), "data") != before
