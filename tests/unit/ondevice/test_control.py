"""The controls: what they take, and that they never take a device's last memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerig.ondevice import control


def test_each_is_timed_as_often_as_it_is_measured() -> None:
    found = control.Controls()
    found.measure()
    found.measure()
    told = found.to_json()
    for name in ("clock_ns", "core_ns", "memory_ns") if not told["reason"] else ("clock_ns", "core_ns"):
        assert len(told[name]) == 2
        assert min(told[name]) > 1000


def test_memory_is_read_beyond_the_caches() -> None:
    """Every line of 64 MiB: faster than 1 TB/s no memory is, and a cache of that size is."""
    assert control.memory() > control.MEMORY_BYTES / 1000


def test_a_device_without_room_keeps_its_memory_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_no_room", lambda: "1,024 bytes of memory are available")
    monkeypatch.setattr(control, "memory", lambda: pytest.fail("it was read all the same"))
    found = control.Controls()
    found.measure()
    assert (found.memory_ns, found.reason) == ([], "1,024 bytes of memory are available")
    assert len(found.clock_ns) == len(found.core_ns) == 1


def test_memory_that_cannot_be_had_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "ones", none)
    found = control.Controls()
    found.measure()
    assert found.memory_ns == []
    assert found.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MemTotal: 5 kB\nMemAvailable:     1024 kB\n", "1,048,576 bytes of memory are available"),
        ("MemAvailable: 900000 kB\n", ""),
        ("MemTotal: 5 kB\n", ""),
        ("MemAvailable: many\n", ""),
    ],
)
def test_room_is_what_the_kernel_can_give(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "meminfo").write_text(text)
    assert control._no_room(str(tmp_path / "meminfo")) == said
    assert control._no_room(str(tmp_path / "absent")) == ""
