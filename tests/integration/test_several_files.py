"""Variants of several files: weights an ONNX file keeps outside of itself, in the store, on devices, as a source."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import onnx
import posix_device
import pytest
import sshd
from several_files import error_on, net, ready, run
from ssh_device import spec_of

from edgerig.build import onnx_weights
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.onnx_weights import external_files
from edgerig.build.ready import adopt
from edgerig.build.source import load_source
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.errors import BuildError, RunError
from edgerig.measure.error import relative_error
from edgerig.spec import load_formats, load_models, load_recipes

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def local(tmp_path: Path) -> Iterator[PosixDevice]:
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        yield device


@contextlib.contextmanager
def ssh(tmp_path: Path) -> Iterator[PosixDevice]:
    with (
        sshd.running(tmp_path / "sshd") as server,
        posix_device.opened(spec_of(server, runtime="system", python=sys.executable)) as device,
    ):
        yield device


@pytest.mark.parametrize("opened", [local, ssh])
def test_a_ready_file_reaches_a_device_with_those_that_belong_to_it(
    opened: Callable[[Path], AbstractContextManager[PosixDevice]], tmp_path: Path
) -> None:
    """Over adb: tests/integration/test_adb.py."""
    with opened(tmp_path) as device:
        assert error_on(device, tmp_path) < 1e-5


def test_a_file_beside_it_that_is_another_one_is_noticed_on_the_device(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    artifact = adopt(ready(net(tmp_path / "net.onnx", "w.bin")), load_formats()["onnx"], "key", staged)
    (staged / "w.bin").write_bytes(bytes(64 * 64 * 4))
    with local(tmp_path) as device, pytest.raises(RunError, match=r"w\.bin has sha256"):
        run(device, artifact, staged, tmp_path / "raw")


@pytest.mark.parametrize(("locations", "words"), [(("../w.bin",), "outside of its folder"), (("/w.bin",), "outside")])
def test_weights_outside_of_the_folder_are_refused(locations: tuple[str, ...], words: str, tmp_path: Path) -> None:
    path = net(tmp_path / "inner.onnx", "w.bin")
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = locations[0]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BuildError, match=words):
        external_files(path)


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8-dynamic", "int8-static", "int8-weight"])
def test_a_model_too_large_for_one_file_is_built_in_several(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit lowered to what this small one exceeds in float32."""
    monkeypatch.setattr(onnx_weights, "LARGEST", 8_000)
    (spec,) = load_models(str(net(tmp_path / "net.onnx", "a.bin", "b.bin")), quantize=True).values()
    source = load_source(spec)
    data = [np.random.default_rng(2).standard_normal((16, 64), dtype=np.float32)]
    work = tmp_path / "work"
    work.mkdir()
    out = tmp_path / "out" / "model.onnx"
    out.parent.mkdir()
    row = load_recipes()[recipe]
    OnnxBuilder(source, {}, work).build(row, data if row.calibration else None, out)
    assert len(external_files(out)) == 1
    assert {file.name for file in out.parent.iterdir()} == {"model.onnx", *external_files(out)}
    from edgerig.ondevice.engines.onnxruntime import OnnxruntimeEngine
    from edgerig.ondevice.evaluate import evaluate

    engine = OnnxruntimeEngine()
    engine.load(str(out), 1)
    assert relative_error(evaluate(engine, data)[0], source.infer(data)[0]) < 0.05
