"""`edgerig check` on what the runtimes' wheels bring, on linked libraries, and on models the runtimes load."""

import importlib.util
import shutil
import subprocess
import zipfile
from pathlib import Path

import made_apps
import numpy as np
import pytest

from edgerig.check import tflite_write
from edgerig.check.files import check
from edgerig.check.targets import Targets, rows
from edgerig.check.tflite_write import Labels, Normalization
from edgerig.check.verdicts import Verdict

pytestmark = pytest.mark.integration


def libraries_of(package: str) -> list[Path]:
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    return sorted(path for path in Path(folder).rglob("*.so*") if path.is_file())


@pytest.mark.parametrize("package", ["ai_edge_litert", "onnxruntime", "executorch"])
def test_the_runtimes_libraries_are_read_as_readelf_reads_them(package: str) -> None:
    """`readelf -lW` shows the least p_align of LOAD in the last column."""
    if shutil.which("readelf") is None:
        pytest.skip("no readelf")
    found = libraries_of(package)
    assert found
    for library in found:
        shown = subprocess.run(["readelf", "-lW", library], capture_output=True, text=True, check=True).stdout
        least = min(int(line.split()[-1], 16) for line in shown.splitlines() if line.startswith("  LOAD"))
        report = check(library, Targets())
        assert report.verdict is (Verdict.OK if least >= 16384 else Verdict.FAILS), library
        assert f"aligned to {least // 1024} KB" in report.findings[0].what


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A shared library per page size, linked by gcc."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    folder = tmp_path_factory.mktemp("linked")
    (folder / "x.c").write_text("int data = 3; int twice(int x) { return data * x; }\n")
    made = {}
    for page in (4096, 16384):
        made[page] = folder / f"lib{page}.so"
        flag = f"-Wl,-z,max-page-size={page}"
        subprocess.run(["gcc", "-shared", "-fPIC", flag, folder / "x.c", "-o", made[page]], check=True)
    return made


def test_what_gcc_links_for_16_kb_passes_and_for_4_kb_fails(linked: dict[int, Path]) -> None:
    assert check(linked[16384], Targets()).verdict is Verdict.OK
    assert check(linked[4096], Targets()).verdict is Verdict.FAILS


def test_a_made_wheel_and_a_made_aar(linked: dict[int, Path], tmp_path: Path) -> None:
    for page, library in linked.items():
        content = library.read_bytes()
        machine = content[18]
        folder = "x86_64" if machine == 62 else "arm64-v8a"
        aar = made_apps.archive(tmp_path / f"{page}.aar", {f"jni/{folder}/libx.so": content}, compressed=True)
        assert check(aar, Targets()).verdict is (Verdict.OK if page == 16384 else Verdict.FAILS)


def convolution(folder: Path) -> Path:
    """A small convolution as .tflite, through TensorFlow."""
    import tensorflow as tf

    layers = [tf.keras.Input((8, 8, 3), batch_size=1), tf.keras.layers.Conv2D(4, 3), tf.keras.layers.Flatten()]
    net = tf.keras.Sequential([*layers, tf.keras.layers.Dense(5)])
    path = folder / "net.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(net).convert())
    return path


def test_a_rewritten_model_computes_the_same_and_reads_back_as_the_runtime_s_schema_has_it(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter

    path = convolution(tmp_path)
    labels = Labels("labels.txt", b"a\nb\nc\nd\ne\n")
    new = tflite_write.rewritten(path.read_bytes(), labels, Normalization((127.5,), (127.5,)))
    again = tflite_write.rewritten(new, labels, Normalization((0.0,), (255.0,)))
    sample = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    outputs = []
    for content in (path.read_bytes(), new, again):
        network = Interpreter(model_content=content)
        network.allocate_tensors()
        network.set_tensor(network.get_input_details()[0]["index"], sample)
        network.invoke()
        outputs.append(network.get_tensor(network.get_output_details()[0]["index"]))
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])
    old, read = (schema.ModelT.InitFromPackedBuf(content, 0) for content in (path.read_bytes(), new))
    assert [entry.name for entry in read.metadata][-1] == b"TFLITE_METADATA"
    assert len(read.buffers) == len(old.buffers) + 1
    written = tmp_path / "new.tflite"
    written.write_bytes(new)
    assert check(written, Targets()).verdict is Verdict.OK
    assert zipfile.ZipFile(written).read("labels.txt") == labels.content


def test_the_release_a_model_needs_is_the_one_its_converter_wrote(tmp_path: Path) -> None:
    """The converter writes `min_runtime_version` into a model by the same function the table was read from."""
    from ai_edge_litert import schema_py_generated as schema

    path = convolution(tmp_path)
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (entry,) = (each for each in model.metadata if each.name == b"min_runtime_version")
    written = bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode()
    said = [finding.what for finding in check(path, Targets()).findings if finding.check == "operators"]
    assert said == [f"its {len(model.operatorCodes)} operators run from TensorFlow Lite {written} on"]


def test_onnxruntime_s_own_answer_is_the_table_s() -> None:
    """Opset and IR version one over the table's are refused by the installed release, the table's are not."""
    import onnx
    import onnxruntime

    row = rows("onnxruntime_releases")["releases"][".".join(onnxruntime.__version__.split(".")[:2])]

    def loads(ir: int, opset: int) -> bool:
        value = onnx.helper.make_tensor_value_info
        node = onnx.helper.make_node("Relu", ["x"], ["y"])
        graph = onnx.helper.make_graph([node], "g", [value("x", 1, [1])], [value("y", 1, [1])])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
        model.ir_version = ir
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        except Exception:  # whatever class the runtime's refusal is
            return False
        return True

    assert loads(row["ir"], row["opset"])
    assert not loads(row["ir"] + 1, row["opset"])
    assert not loads(row["ir"], row["opset"] + 1)


def test_executorch_s_registry_is_the_table_s() -> None:
    import executorch.kernels.quantized  # noqa: F401  (registers its kernels)
    from executorch.runtime import Runtime

    runtime = Runtime.get()
    (row,) = rows("executorch_kernels").values()
    listed = {f"{space}::{name}" for space, names in row["kernels"].items() for name in names}
    assert listed <= set(runtime.operator_registry.operator_names)
    assert set(row["backends"]) <= set(runtime.backend_registry.registered_backend_names)
