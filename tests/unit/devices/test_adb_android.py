"""Reading `dumpsys`, whose words nobody promises."""

import pytest

from edgerig.devices.adb.android import NO_DUMPSYS, battery, screen, thermal_status, with_android
from edgerig.results import Battery, DeviceState

BATTERY = """\
Current Battery Service state:
  AC powered: true
  USB powered: false
  status: 5
  present: true
  level: 50
  scale: 200
  temperature: 305
"""


def test_a_battery() -> None:
    assert battery(BATTERY) == Battery(percent=25, status="Full", powered_by=("AC",), temperature_c=30.5)


def test_an_empty_battery_is_not_a_missing_one() -> None:
    found = battery("level: 0\nscale: 100\nstatus: 9\n")
    assert found == Battery(percent=0, status=None, powered_by=(), temperature_c=None)


@pytest.mark.parametrize(
    "text", ["", "Can't find service: battery", "level: 5", "level: 5\nscale: 0", "level: x\nscale: 100",
             BATTERY.replace("present: true", "present: false")]
)  # fmt: skip
def test_no_battery(text: str) -> None:
    assert battery(text) is None


@pytest.mark.parametrize(
    ("text", "status"),
    [("Thermal Status: 0", "none"), ("x\n  Thermal Status: 3\ny", "severe"), ("Thermal Status: 9", None), ("", None)],
)
def test_thermal_status(text: str, status: str | None) -> None:
    assert thermal_status(text) == status


def test_what_is_missing_has_a_reason() -> None:
    state = with_android(DeviceState(load1=0.5, battery=None, reasons={"battery": "no battery", "python": "none"}), "")
    assert (state.battery, state.sdk, state.thermal_status, state.load1) == (None, None, None, 0.5)
    assert state.reasons["battery"] == NO_DUMPSYS
    assert state.reasons["python"] == "none"
    assert "Android" in state.reasons["sdk"]


def test_what_is_found_has_none() -> None:
    said = f"maker=Google\nsdk=34\ndumpsys=yes\n@battery\n{BATTERY}\n@thermal\nThermal Status: 1\n"
    said += "@power\n  mWakefulness=Awake\n"
    state = with_android(DeviceState(battery=None, reasons={"battery": "no battery"}), said)
    assert (state.maker, state.sdk, state.thermal_status) == ("Google", 34, "light")
    assert state.screen == "on"
    assert state.battery.percent == 25
    assert state.reasons == {}


def test_the_kernels_battery_stays_where_dumpsys_has_none() -> None:
    state = with_android(DeviceState(battery=Battery(percent=7, status=None)), "dumpsys=yes\n@battery\n\n@thermal\n")
    assert state.battery.percent == 7
    assert state.reasons["thermal_status"] == "dumpsys does not tell"


def test_hostile_words_are_not_taken() -> None:
    state = with_android(DeviceState(), "maker=\x1b[31mevil\nsdk=99999999999999999999\n")
    assert (state.maker, state.sdk) == (None, None)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("  mWakefulness=Awake", "on"),
        ("  mWakefulness=Asleep\n  mWakefulnessChanging=false", "off"),
        ("mWakefulness=Dozing", "off"),
        ("mWakefulness=", None),
        ("", None),
    ],
)
def test_the_screen_is_on_or_off(said: str, shown: str | None) -> None:
    assert screen(said) == shown
