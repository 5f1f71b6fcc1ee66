"""adb against a real adb server and a real adbd: which device it is, what it tells, files, and the bundle."""

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import adbd
import looked_into
import posix_device
import pytest
import slow_link
from adb_device import FOLDER, MIB, WORKDIR, device, fresh, linked, listing, opened, use
from adbd import AdbTarget
from ports import held_port
from processes import wait_for
from several_files import error_on

from edgerig.devices import content_store
from edgerig.devices.adb import AdbTransport
from edgerig.devices.adb import server as adb_server
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.errors import DeviceError, Unreachable
from edgerig.measure.operator_layers import COMPUTING

pytestmark = pytest.mark.integration

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
KEYWORDS = DATA / "mlperf_tiny/keyword_spotting/kws_ref_model_float32.tflite"
AUTH = int.from_bytes(b"AUTH", "little")


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbTarget]:
    with adbd.adb_target() as running:
        use(monkeypatch, running.environment)
        yield running


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An adb server without devices."""
    with adbd.adb_server(tmp_path) as (_, environment):
        use(monkeypatch, environment)
        yield


# Choosing a device


def test_an_unknown_serial_names_the_known_ones(target: AdbTarget) -> None:
    with pytest.raises(Unreachable, match=f'no device "nosuch".*{target.address} \\(device\\)') as caught:
        AdbTransport(device(target, connect=None, serial="nosuch")).__enter__()
    assert "adb devices" in caught.value.hint


def test_the_only_device_needs_no_serial(target: AdbTarget) -> None:
    with opened(device(target, connect=None)) as transport:
        assert transport.serial == target.address


def test_of_several_devices_the_serial_chooses(
    target: AdbTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with adbd.adb_target() as second:
        use(monkeypatch, target.environment)
        assert b"connected to" in target.adb("connect", second.address).stdout
        adbd.wait_for_state(target, "device")
        with pytest.raises(Unreachable, match="2 devices are known"):
            AdbTransport(device(target, connect=None)).__enter__()
        for one in (target, second):
            with opened(device(target, connect=None, serial=one.address)) as transport:
                transport.run(["sh", "-c", 'echo "$1" >"$2"', "sh", one.address, f"{FOLDER}/mine"], 30)
        for one in (target, second):
            with opened(device(target, connect=None, serial=one.address)) as transport:
                assert transport.run(["cat", f"{FOLDER}/mine"], 30).stdout.decode().strip() == one.address


def test_without_any_device_it_says_how_to_get_one(server: None) -> None:
    with pytest.raises(Unreachable, match="0 devices are known to adb: none") as caught:
        AdbTransport(AdbDevice(name="android", kind="adb")).__enter__()
    assert "USB debugging" in caught.value.hint


def test_nothing_listens_at_the_address(server: None) -> None:
    with held_port() as port:
        address = f"127.0.0.1:{port}"
        with pytest.raises(Unreachable, match=address) as caught:
            AdbTransport(AdbDevice(name="android", kind="adb", connect=address)).__enter__()
    assert f"adb connect {address}" in caught.value.hint


@contextlib.contextmanager
def stubborn(answer: bytes) -> Iterator[str]:
    """A fake adbd: it says `answer` to a greeting and to a signature, and nothing to the public key that is last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def speak(connection: socket.socket) -> None:
            with contextlib.suppress(OSError, struct.error):
                while True:
                    word, kind, _, length, _, _ = struct.unpack("<6I", connection.recv(24, socket.MSG_WAITALL))
                    connection.recv(length, socket.MSG_WAITALL)
                    if (word, kind) != (AUTH, 3):
                        connection.sendall(answer)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
                    threading.Thread(target=speak, args=[kept[-1]], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def auth_packet() -> bytes:
    """A_AUTH with a token to sign (adb's protocol.txt): what a phone says until its owner accepts the host."""
    token = b"t" * 20
    return struct.pack("<6I", AUTH, 1, 0, len(token), sum(token), AUTH ^ 0xFFFFFFFF) + token


@pytest.mark.parametrize(
    ("answer", "state", "remedy"),
    [
        pytest.param(b"", "offline", "reconnect", id="offline"),
        pytest.param(auth_packet(), "unauthorized", "accept the question", id="unauthorized"),
    ],
)
def test_a_device_that_cannot_be_talked_to_is_named_with_its_remedy(
    server: None, monkeypatch: pytest.MonkeyPatch, answer: bytes, state: str, remedy: str
) -> None:
    monkeypatch.setattr(adb_server, "SETTLE_S", 3.0)
    with stubborn(answer) as address:
        client = adb_server.adb_client()
        with contextlib.suppress(Unreachable):
            adb_server.connect_to(client, address, address)
        wait_for(lambda: adb_server.devices(client).get(address) == state)
        with pytest.raises(Unreachable, match=f"{address} is {state}") as caught:
            AdbTransport(AdbDevice(name="android", kind="adb", serial=address)).__enter__()
        assert remedy in caught.value.hint
        client.disconnect(address)


# The server


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A port for an adb server, at which none runs."""
    with held_port() as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        yield


def test_a_server_is_started_when_none_runs(no_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"HOME": str(tmp_path), "ADB_MDNS_AUTO_CONNECT": "0"})
    client = adb_server.adb_client()
    try:
        assert adb_server.devices(client) == {}
        assert adb_server.devices(adb_server.adb_client()) == {}
    finally:
        client.server_kill()


def test_a_missing_adb_is_a_device_error_with_the_package(
    no_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "adb"))
    with pytest.raises(DeviceError) as caught:
        adb_server.adb_client()
    assert "apt-get install adb" in caught.value.hint


@pytest.mark.parametrize("port", ["adb", "0", "70000", ""])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    with pytest.raises(DeviceError, match="ANDROID_ADB_SERVER_PORT"):
        adb_server.adb_client()


# Files


def test_a_full_disk_is_named_and_left_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with adbd.adb_target(data_bytes=16 * MIB) as small:
        use(monkeypatch, small.environment)
        with opened(device(small)) as transport:
            with pytest.raises(DeviceError, match="No space left"):
                transport.push(fresh(tmp_path / "sent", 20 * MIB), f"{FOLDER}/file")
            assert listing(transport, f"{WORKDIR}/store") == []
            assert listing(transport, FOLDER) == ["edgerig"]
            transport.push(fresh(tmp_path / "less", 5 * MIB), f"{FOLDER}/file")


def test_what_was_sent_once_is_not_sent_again(target: AdbTarget, tmp_path: Path) -> None:
    sent = fresh(tmp_path / "sent", 5 * MIB)
    with linked(target) as (link, transport):
        transport.push(sent, f"{FOLDER}/one")
        before = link.carried
        transport.push(sent, f"{FOLDER}/two")
        assert link.carried - before < 100_000
        assert transport.run(["cmp", f"{FOLDER}/one", f"{FOLDER}/two"], 30).returncode == 0


def test_a_damaged_store_is_found_out_and_mended(target: AdbTarget, tmp_path: Path) -> None:
    sent = fresh(tmp_path / "sent", MIB)
    with opened(device(target)) as transport:
        transport.push(sent, f"{FOLDER}/one")
        [name] = listing(transport, f"{WORKDIR}/store")
        damage = 'rm "$1" && head -c 1048576 /dev/zero >"$1"'
        assert transport.run(["sh", "-c", damage, "sh", f"{WORKDIR}/store/{name}"], 30).returncode == 0
        transport.push(sent, f"{FOLDER}/two")
        transport.pull(f"{FOLDER}/two", tmp_path / "back", MIB)
        assert (tmp_path / "back").read_bytes() == sent.read_bytes()


def test_the_store_can_be_cleaned(target: AdbTarget, tmp_path: Path) -> None:
    with opened(device(target)) as transport:
        for index in range(3):
            transport.push(fresh(tmp_path / f"{index}", MIB), f"{FOLDER}/{index}")
        cleaned = content_store.clean(transport, WORKDIR, MIB)
        assert (cleaned.removed, cleaned.kept) == (2, 1)
        assert len(listing(transport, f"{WORKDIR}/store")) == 1


def test_a_workdir_that_cannot_be_made_is_named(target: AdbTarget) -> None:
    with pytest.raises(DeviceError, match="/proc/edgerig"), opened(device(target, workdir="/proc/edgerig")):
        pass


# What Android tells


def test_the_probe_tells_what_android_knows(target: AdbTarget) -> None:
    with opened(device(target, emulated=True)) as transport:
        record = transport.probe()
    assert (record.kind, record.emulated, record.os) == ("adb", True, "Android 14")
    assert record.state.board == "Test Phone"
    assert (record.state.maker, record.state.sdk) == ("Debian", 34)
    assert record.state.battery.model_dump(mode="json") == {
        "percent": 87,
        "status": "Charging",
        "powered_by": ["USB"],
        "temperature_c": 28.4,
    }
    assert record.state.thermal_status == "none"
    assert all(key in record.state.reasons for key, value in record.state.model_dump().items() if value is None)


# A device without Python or glibc


def profiled(ready: PosixDevice, folder: Path) -> None:
    """By each runtime's own means, in nanoseconds: the clock is the bundle's."""
    files = {
        "onnx": (looked_into.onnx(folder / "net.onnx"), "ort", 2),
        "executorch": (looked_into.program(folder / "net.pte"), "xnnpack", 2),
    }
    if KEYWORDS.is_file():
        files["tflite"] = (KEYWORDS, "xnnpack", 5)
    for name, (file, runner, products) in files.items():
        found = looked_into.profile(ready, file, name, folder / name)
        assert found.reason == "", name
        assert not [note for note in found.notes if "whole microseconds" in note], name
        computing = [each for each in found.operators if each.kind in COMPUTING]
        assert len(computing) >= products, name
        assert {each.runner for each in computing} == {runner}, name
        assert all(each.value > 0 for each in computing), name


def test_the_bundle_runs_where_there_is_no_python_and_no_glibc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """arm64, an Android-like userland: all three runtimes start out of what was pushed, a variant of several files
    runs, and the runtimes tell what inferences are made of."""
    code = (
        "import ctypes, platform, sys, numpy, onnxruntime\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "ctypes.CDLL(sys.argv[1])\n"
        "print(platform.machine(), numpy.arange(4).sum(), len(onnxruntime.get_available_providers()) > 0)\n"
    )
    with adbd.adb_target("arm64") as phone:
        use(monkeypatch, phone.environment)
        spec = device(phone, emulated=True)
        with posix_device.opened(spec) as ready:
            found = ready.transport.run(["sh", "-c", "ls /lib /lib64 /usr; command -v python3 python"], 30)
            assert found.stdout == b""
            assert ready.executorch_library is not None
            done = ready.transport.run([*ready.python, "-c", code, ready.executorch_library], 180)
            assert done.stdout == b"aarch64 6 True\n", done.stderr.decode(errors="replace")
            assert error_on(ready, tmp_path) < 1e-5
        # Not called emulated, or its times would not be asked for; nothing is said of them but that they are told.
        with posix_device.opened(device(phone)) as timed:
            assert timed.clock.startswith(f"{WORKDIR}/bundles/")
            profiled(timed, tmp_path)
        with (
            slow_link.slow_link(phone.port) as link,
            posix_device.opened(device(phone, connect=f"127.0.0.1:{link.port}", emulated=True)) as again,
        ):
            assert again.python == ready.python
            assert link.carried < MIB, "a bundle that is there is not brought again"
