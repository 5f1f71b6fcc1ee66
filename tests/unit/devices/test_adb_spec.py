"""Addresses and device files of kind adb, and the words for a device that cannot be talked to."""

import re
from pathlib import Path
from typing import Any

import pytest

from edgerig.devices.adb.command import Trailer
from edgerig.devices.adb.server import REMEDIES, refusal
from edgerig.devices.adb.shell import Captured
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.devices.kinds.adb_browser import AdbBrowserDevice
from edgerig.errors import ConfigError
from edgerig.spec import PACKAGE, load_device, parse, read_toml


@pytest.mark.parametrize(
    ("address", "serial", "connect"),
    [
        ("adb:R58M123ABCD", "R58M123ABCD", None),
        ("android:emulator-5554", "emulator-5554", None),
        ("adb:192.168.1.50:5555", "192.168.1.50:5555", "192.168.1.50:5555"),
        ("adb:phone.local:5555", "phone.local:5555", "phone.local:5555"),
        ("adb:[fe80::1%eth0]:5555", "[fe80::1%eth0]:5555", "[fe80::1%eth0]:5555"),
        ("adb:adb-R58M-x1y2._adb-tls-connect._tcp", "adb-R58M-x1y2._adb-tls-connect._tcp", None),
    ],
)
def test_an_address_is_a_device(address: str, serial: str, connect: str | None) -> None:
    device = load_device(address)
    assert isinstance(device, AdbDevice)
    assert (device.serial, device.connect, device.emulated) == (serial, connect, False)
    assert re.fullmatch(r"adb_[A-Za-z0-9.-]+", device.name)


def test_two_addresses_never_share_a_name() -> None:
    serials = ["a:5555", "a-5555", "a_5555", "x" * 100, "x" * 99 + "y"]
    assert len({load_device(f"adb:{serial}").name for serial in serials}) == len(serials)


def test_both_words_mean_the_same_device() -> None:
    assert load_device("adb:ABC") == load_device("android:ABC")


@pytest.mark.parametrize("address", ["adb:", "adb:-s", "adb:a b", "adb:ä", "android:a\nb", "adb:../x"])
def test_what_is_no_serial_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="serial"):
        load_device(address)


@pytest.mark.parametrize(
    "wrong", [{"connect": "phone"}, {"connect": "-x:1"}, {"workdir": "tmp"}, {"runtime": "system"}, {"port": 5555}]
)
def test_a_wrong_key_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        parse(AdbDevice, {"name": "phone", "kind": "adb", **wrong}, "phone.toml")


@pytest.mark.parametrize(
    "wrong",
    [{"package": "chrome; reboot"}, {"package": "chrome"}, {"socket": "a b"}, {"port": 65536}, {"browser": "x"}],
)
def test_a_wrong_key_of_a_phones_browser_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        parse(AdbBrowserDevice, {"name": "phone", "kind": "adb-browser", **wrong}, "phone.toml")


@pytest.mark.parametrize(("name", "kind"), [("android", AdbDevice), ("phone-browser", AdbBrowserDevice)])
def test_an_example_is_a_device_also_with_its_comments_in_force(
    name: str, kind: type[AdbDevice | AdbBrowserDevice], tmp_path: Path
) -> None:
    example = PACKAGE.parent / "devices" / f"{name}.example.toml"
    assert parse(kind, {"name": "phone", **read_toml(example)}, str(example)).workdir == "/data/local/tmp/edgerig"
    in_force = tmp_path / "phone.toml"
    in_force.write_text(re.sub(r"^# (\w+ = )", r"\1", example.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert parse(kind, {"name": "phone", **read_toml(in_force)}, str(in_force)).serial == "R58M123ABCD"


@pytest.mark.parametrize("state", [*REMEDIES, "no permissions (missing udev rules?); see [http://x]"])
def test_every_state_has_its_remedy(state: str) -> None:
    error = refusal("ABC", {"ABC": state})
    assert f"adb device ABC is {state}" in error.message
    assert error.hint
    assert "{" not in error.hint


def test_a_state_nobody_knows_still_says_where_to_look() -> None:
    assert "adb devices" in refusal("ABC", {"ABC": "haunted"}).hint


def test_a_stream_keeps_its_beginning_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgerig.process.OUTPUT_LIMIT_BYTES", 4)
    stream = Captured()
    for piece in (b"abc", b"defgh", b"trailer"):
        stream.add(piece)
    position = bytes(stream.tail).index(b"trailer")
    assert (bytes(stream.kept), bytes(stream.before(Trailer(0, position)))) == (b"abcd", b"abcd")
    assert bytes(stream.before(Trailer(0, 2))) == b"ab"
