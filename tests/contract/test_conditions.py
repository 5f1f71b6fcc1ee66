"""Knobs of a made tree on every kind of device: read, set with a note, and put back after whoever set them is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from places import PLACES, Place

from edgerig.devices.conditioning.knobs import knobs
from edgerig.devices.conditioning.notes import Note
from edgerig.devices.conditioning.snapshot import snapshot, temperature_c
from edgerig.spec.conditions import Conditions

pytestmark = pytest.mark.contract

CPU = "sys/devices/system/cpu"
GOVERNOR = f"{CPU}/cpufreq/policy0/scaling_governor"
_MAKE = """\
mkdir -p "$1/sys/devices/system/cpu/cpufreq/policy0" "$1/sys/class/thermal/thermal_zone0" && cd "$1" || exit 1
echo schedutil >sys/devices/system/cpu/cpufreq/policy0/scaling_governor
echo 'performance schedutil' >sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors
echo cpu-thermal >sys/class/thermal/thermal_zone0/type
echo 51500 >sys/class/thermal/thermal_zone0/temp
"""


@pytest.fixture(scope="module", params=PLACES)
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PLACES[request.param](tmp_path_factory.mktemp(request.param)) as place:
        yield place


def test_a_governor_is_set_noted_and_put_back_by_the_next_one(device: Place) -> None:
    root, notes = f"{device.folder}/root", f"{device.folder}/notes of ours"
    assert device.transport.run(["sh", "-c", _MAKE, "make", root], 60).returncode == 0
    seen = snapshot(device.transport, root)
    assert temperature_c(seen) == 51.5
    governor = knobs(seen, Conditions(governor="performance"))[0]
    assert (governor.value, governor.settable) == ("schedutil", True)
    assert Note(device.transport, notes, root=root).set(governor.writes) == {GOVERNOR: "performance"}
    assert snapshot(device.transport, root)[GOVERNOR].value == "performance"

    another = Note(device.transport, notes, root=root)  # its host was killed: this one knows nothing of it
    assert another.restore() == (True, {})
    assert snapshot(device.transport, root)[GOVERNOR].value == "schedutil"
    assert another.restore() == (False, {})
