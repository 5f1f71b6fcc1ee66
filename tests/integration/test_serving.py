"""Servers that the rig starts, for real: TorchServe by Debian's Java, Triton by PyTriton. What they leave: nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import served
from processes import once, processes, running, wait_for

from edgerig.devices import open_device
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.errors import DeviceError, RunError, RunnerCrashed
from edgerig.measure.raw import Raw, read_raw
from edgerig.measure.served import served as concluded

pytestmark = [pytest.mark.integration, pytest.mark.needs("openjdk-17-jre-headless")]
SHORT = {"load_requests": 50, "load_seconds": 1.0, "warmup_seconds": 0.2, "concurrency": (1, 2)}

STARTS_S = 120.0
"""As long as a device waits for its server (`start_timeout_s`): a busy machine takes that for Java and torch."""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a server writes lies in the test's folder, so that its processes are told from another test's; sockets need
    a shorter path than pytest's."""
    with tempfile.TemporaryDirectory(prefix="served-", dir="/tmp") as own:
        monkeypatch.setattr("tempfile.tempdir", own)
        yield Path(own)


def device(server: str = "torchserve", **keys: object) -> ServingDevice:
    return ServingDevice.model_validate({"name": "d", "kind": "serving", "server": server, **SHORT, **keys})


def run(folder: Path, spec: ServingDevice, min_seconds: float = 0.0) -> Raw:
    file = served.write_net(folder / "net.onnx")
    with open_device(spec) as opened:
        opened.execute(served.job(file, folder / "raw", min_seconds=min_seconds))
    return read_raw(folder / "raw", served.CELL)


def left(folder: Path) -> list[object]:
    return [*processes(f"{folder}/edgerig-serving-"), *folder.glob("edgerig-serving-*")]


def check(raw: Raw) -> None:
    """The right outputs, the server's own time within each round trip, answers under load."""
    np.testing.assert_allclose(raw.outputs[0], served.X @ served.W, rtol=1e-5, atol=1e-6)
    found = concluded(raw)
    assert found.timed == "server"
    assert raw.round_trips_ns is not None
    assert len(raw.samples_ns) == len(raw.round_trips_ns) >= 20
    assert (raw.samples_ns < raw.round_trips_ns).mean() > 0.9  # it answers a moment before it has counted
    assert [load.failed for load in found.loads] == [0, 0]
    assert raw.run.load_ns
    assert raw.run.runtime_import_ns


def test_torchserve_serves_and_only_to_whoever_has_its_key(folder: Path) -> None:
    refused: list[bytes] = []

    def ask_without_a_key() -> None:
        (port,) = {int(line.rsplit(":", 1)[1]) for line in settings(folder) if line.startswith("inference_address")}
        with socket.create_connection(("127.0.0.1", port), 10) as link:
            link.sendall(b"POST /predictions/model HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            refused.append(link.recv(4096))

    asks = once(lambda: list(folder.glob("edgerig-serving-*/described.json")), ask_without_a_key, STARTS_S)
    raw = run(folder, device(), min_seconds=0.5)
    asks.join()
    check(raw)
    assert raw.run.engine.runtime == "ONNX Runtime in TorchServe 0.12.0"
    assert b"Token Authorization failed" in refused[0]
    assert left(folder) == []
    assert "ModelServer" in (folder / "raw" / "server.log").read_text()


def settings(folder: Path) -> list[str]:
    (found,) = folder.glob("edgerig-serving-*/config.properties")
    return found.read_text().splitlines()


def test_a_server_that_is_killed_while_it_is_timed(folder: Path) -> None:
    def java() -> list[int]:
        found = processes(f"{folder}/edgerig-serving-", "ModelServer")
        return [pid for pid in found if "leash.py" not in Path(f"/proc/{pid}/cmdline").read_text()]

    def kill() -> None:
        os.kill(java()[0], signal.SIGKILL)

    kills = once(lambda: list(folder.glob("edgerig-serving-*/described.json")), kill, STARTS_S)
    with pytest.raises(RunnerCrashed, match=r"TorchServe 0\.12\.0 ended with SIGKILL"):
        run(folder, device(), min_seconds=60)
    kills.join()
    assert wait_for(lambda: not left(folder))


HOST = """\
import sys, tempfile
from pathlib import Path
tempfile.tempdir = sys.argv[1]
sys.path[:0] = sys.argv[2:]
import test_serving
test_serving.run(Path(sys.argv[1]), test_serving.device(), min_seconds=60)
"""


def test_the_server_ends_with_a_host_that_is_killed(folder: Path) -> None:
    paths = [str(Path(__file__).parent), str(Path(served.__file__).parent)]
    host = subprocess.Popen([sys.executable, "-c", HOST, str(folder), *paths])
    try:
        wait_for(lambda: list(folder.glob("edgerig-serving-*/described.json")), STARTS_S)
        started = processes(f"{folder}/edgerig-serving-")
        assert len(started) >= 3  # the leash, Java, Python
        host.kill()
        assert wait_for(lambda: not any(map(running, started)))
        assert wait_for(lambda: not left(folder))
    finally:
        host.kill()
        host.wait()


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeviceError, match=f"port {port} of 127.0.0.1 cannot be had"):
            run(folder, device(port=port))
    assert left(folder) == []


def test_a_file_the_runtime_refuses_is_the_runtimes_word(folder: Path) -> None:
    file = folder / "net.onnx"
    file.write_bytes(b"no model")
    with (
        pytest.raises(RunError, match=r"could not load the model: .*Protobuf"),
        open_device(device()) as opened,
    ):
        opened.execute(served.job(file, folder / "raw"))
    assert left(folder) == []


@pytest.mark.long
def test_triton_serves_by_pytriton(folder: Path) -> None:
    raw = run(folder, device("kserve"))
    check(raw)
    assert raw.run.engine.runtime == "ONNX Runtime in Triton, by PyTriton 0.7.0"
    assert left(folder) == []
