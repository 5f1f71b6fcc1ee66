"""What the probe makes of what devices print, and of what they should not."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgerig.devices import probe
from edgerig.devices.local import LocalTransport
from edgerig.results import DeviceRecord

PI = b"""\
arch=aarch64
kernel=Linux 6.6.31+rpt-rpi-v8
clock=1700000100
os="Debian GNU/Linux 12 (bookworm)"
board=Raspberry Pi 4 Model B Rev 1.4
cpuinfo=CPU implementer\t: 0x41
cpuinfo=CPU part\t: 0xd08
features= fp asimd evtstrm crc32 cpuid asimddp
cpuinfo=Model\t\t: Raspberry Pi 4 Model B Rev 1.4
processors=4
online=0-3
memory=MemTotal:        3884364 kB
available=MemAvailable:    3457068 kB
load=0.52 0.58 0.59 1/150 1234
governor=ondemand
frequency=600000
max_frequency=1800000
policy=policy0 600000 1800000
temperature=48686 cpu-thermal
throttled=throttled=0x50005
space=/dev/mmcblk0p2 30235648 4200000 24500000  15% /
python=Python 3.11.2
"""


def record(output: bytes, **changes: Any) -> DeviceRecord:
    given: dict[str, Any] = {"kind": "ssh", "emulated": False, "now": 1_700_000_000.0}
    return probe.parse(output, **{**given, **changes})


def test_a_raspberry_pi() -> None:
    found = record(PI)
    assert (found.kind, found.arch, found.cores, found.memory_bytes) == ("ssh", "aarch64", 4, 3884364 * 1024)
    assert found.cpu == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.os == "Debian GNU/Linux 12 (bookworm)"
    state = found.state.model_dump(mode="json")
    assert found.int8_saturates is False
    assert state["features"] == ["neon", "dotprod"]
    assert (state["governor"], state["frequency_khz"], state["max_frequency_khz"]) == ("ondemand", 600_000, 1_800_000)
    assert state["temperatures_c"] == {"cpu-thermal": 48.686}
    assert state["throttled"] == [
        "under-voltage",
        "throttled",
        "under-voltage has occurred",
        "throttling has occurred",
    ]
    assert state["free_bytes"] == 24_500_000 * 1024
    assert (state["load1"], state["python"], state["clock_offset_s"]) == (0.52, "3.11.2", 100)
    assert state["memory_available_bytes"] == 3457068 * 1024
    assert set(state["reasons"]) == {"battery", "oom_kills"}


def test_a_phone_names_its_chip() -> None:
    found = record(b"arch=aarch64\nandroid=14\nboard=Pixel 7\nsoc=GS201\nonline=0-7\nbattery=85 Charging\n")
    assert (found.cpu, found.os, found.cores) == ("GS201", "Android 14", 8)
    assert found.state.battery.model_dump() == {"percent": 85, "status": "Charging"}


def test_a_device_that_says_nothing_has_a_reason_for_every_value() -> None:
    found = record(b"")
    for name in ("arch", "cpu", "cores", "memory_bytes", "os"):
        assert getattr(found, name) is None
        assert found.state.reasons[name]
    for name, value in found.state.model_dump().items():
        assert value is not None or found.state.reasons[name]


@pytest.mark.parametrize(
    "line",
    [
        b"arch=../../etc",
        b"online=0-3;rm",
        b"memory=MemTotal: 99999999999999999999 kB",
        b"load=lots",
        b"frequency=-1",
        b"temperature=9999999 hot",
        b"temperature=nan x",
        b"throttled=throttled=0xzz",
        b"space=df: no",
        b"python=Python 3.x",
        b"clock=tomorrow",
        b"\xff\xfe=\x00\x00",
    ],
)
def test_what_makes_no_sense_is_none(line: bytes) -> None:
    found = record(line)
    key = line.partition(b"=")[0].decode("utf-8", "replace")
    name = {"online": "cores", "memory": "memory_bytes"}.get(key, key)
    assert getattr(found, name, None) is None
    assert found.state.temperatures_c is None


def test_a_flood_is_bounded_and_texts_are_printable() -> None:
    found = record(b"os=\x1b[31m" + b"x" * 10_000 + b"\n" + b"temperature=1000 z\n" * 100_000)
    assert found.os is not None and len(found.os) <= probe.TEXT_LIMIT and found.os.isprintable()
    assert len(found.state.temperatures_c) <= probe.LIST_LIMIT


@pytest.mark.parametrize(
    "shell", [["sh"], ["bash", "--posix"], pytest.param(["busybox", "sh"], marks=pytest.mark.needs("busybox-static"))]
)
def test_the_script_runs_in_every_shell_without_a_complaint(shell: list[str], tmp_path: Path) -> None:
    argv = [*shell, "-c", probe.SCRIPT, "probe", str(tmp_path / "not" / "there"), "python3"]
    done = subprocess.run(argv, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    found = record(done.stdout)
    assert found.arch and found.cores and found.memory_bytes and found.os and found.cpu
    assert found.state.free_bytes > 0
    assert re.fullmatch(r"3\.\d+\.\S+", found.state.python)


def test_it_goes_over_any_transport() -> None:
    with LocalTransport() as transport:
        found = probe.probe(transport, kind="local", emulated=True, workdir="/tmp")
    assert (found.kind, found.emulated) == ("local", True)
    assert abs(found.state.clock_offset_s) <= 5


def test_the_kernels_count_of_what_its_oom_killer_ended() -> None:
    assert record(PI + b"oom_kills=3\n").state.oom_kills == 3
    assert record(PI + b"oom_kills=-1\n").state.oom_kills is None
    with LocalTransport() as transport:
        here = probe.probe(transport, kind="local", emulated=False, workdir="/").state.oom_kills
    assert isinstance(here, int)


@pytest.mark.parametrize(
    ("arch", "features", "saturates"),
    [
        ("x86_64", "fpu sse2 ssse3 sse4_1 avx avx2 fma", True),
        ("x86_64", "sse4_1 avx2 avx512f avx512bw avx512vl", True),  # AVX-512 without VNNI
        ("x86_64", "sse4_1 avx2 avx512f avx512_vnni", False),
        ("x86_64", "sse4_1 avx2 avx_vnni", False),
        ("x86_64", "fpu sse sse2", False),  # before PMADDUBSW's kernels
        ("i686", "sse4_1", True),
        ("x86_64", None, None),
        ("aarch64", "fp asimd", False),
        ("aarch64", None, False),
        ("armv7l", "neon vfpv4", False),
        ("riscv64", "sse4_1", None),
        (None, "sse4_1 avx2", None),
    ],
)
def test_8_bit_products_saturate_on_x86_without_vnni(
    arch: str | None, features: str | None, saturates: bool | None
) -> None:
    lines = [b"arch=" + arch.encode()] if arch else []
    lines += [b"features= " + features.encode()] if features else []
    assert record(b"\n".join(lines)).int8_saturates is saturates


def test_this_machine_tells_whether_its_8_bit_products_saturate() -> None:
    found = probe.probe(LocalTransport(), kind="local", emulated=False, workdir="/")
    assert found.int8_saturates is not None
