"""What `edgerig devices` says of a device."""

import pytest

from edgerig.devices.kinds.adb import AdbDevice


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"serial": "ABC"}, "adb:ABC"),
        ({"connect": "phone.local:5555"}, "adb:phone.local:5555"),
        ({"serial": "ABC", "connect": "phone.local:5555"}, "adb:ABC"),
        ({}, "adb:the only one"),
    ],
)
def test_the_address_of_an_adb_device_is_what_it_is_found_by(table: dict[str, str], expected: str) -> None:
    assert AdbDevice.model_validate({"name": "phone", "kind": "adb", **table}).address == expected
