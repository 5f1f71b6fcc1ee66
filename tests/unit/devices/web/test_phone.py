"""A phone's browser: which one is meant, and a turn that is lost while a page is at work."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from edgerig.devices.kinds.adb_browser import AdbBrowserDevice
from edgerig.devices.turns import NoLease
from edgerig.devices.web import phone
from edgerig.devices.web.devtools import Version
from edgerig.errors import DeviceError, Unreachable

NOTHING = cast(Any, None)


class Lost(NoLease):
    """Of which another took the next turn."""

    def renew(self) -> bool:
        return False


class Away(NoLease):
    """Of a device that is not reached for a while."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def renew(self) -> bool:
        self.asked.set()
        raise Unreachable("the link was lost")


def test_another_app_at_the_socket_is_not_measured_for_the_one_that_is_meant() -> None:
    spec = AdbBrowserDevice(name="phone", kind="adb-browser")
    one = phone._Phone(spec, NOTHING, NOTHING, Path())
    assert one._meant(Version("Chrome/138.0", "com.android.chrome")) == "Chrome/138.0"
    assert one._meant(Version("Chrome/138.0", "")) == "Chrome/138.0", "it does not say"
    with pytest.raises(DeviceError, match=r"com\.chrome\.beta answers at chrome_devtools_remote") as caught:
        one._meant(Version("Chrome/139.0", "com.chrome.beta"))
    assert '"package" or "socket"' in caught.value.hint


def test_a_turn_that_was_lost_meanwhile_costs_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "RENEWED_EVERY_S", 0.01)
    with pytest.raises(DeviceError, match="the turn on the phone was lost"), phone._renewing(Lost()):
        time.sleep(0.3)


def test_a_link_that_is_away_for_a_moment_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "RENEWED_EVERY_S", 0.01)
    lease = Away()
    with phone._renewing(lease):
        assert lease.asked.wait(10)
