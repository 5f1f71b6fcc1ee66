"""Which Pythons the runtimes' wheels are brought for, told from what a device's Python says of itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import pytest

from edgerig.devices.local import LocalTransport
from edgerig.devices.own_python import DevicePython, NoWheels, python_for_wheels
from edgerig.process import Finished

GOOD = {
    "executable": "/usr/bin/python3",
    "version": [3, 11],
    "implementation": "cpython",
    "machine": "aarch64",
    "wide": True,
    "libc": "glibc 2.36",
    "lacks": [],
    "free_threaded": False,
}


class Says(LocalTransport):
    """A device whose Python says this."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        return Finished(0, self._said, b"", 0.1, False)


def asked(**changes: object) -> DevicePython:
    return python_for_wheels(Says(json.dumps({**GOOD, **changes}).encode()), "python3")


def test_an_ordinary_board_gets_wheels() -> None:
    assert asked() == DevicePython("/usr/bin/python3", (3, 11), "aarch64", 36)
    assert asked(version=[3, 13], libc="glibc 2.41").minor == "3.13"
    assert asked(libc="glibc 2.31.9000").glibc == 31


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": [3, 10]}, "is Python 3.10, wheels are for 3.11 to 3.13"),
        ({"version": [3, 14]}, "is Python 3.14"),
        ({"implementation": "pypy"}, "not the ordinary CPython"),
        ({"free_threaded": True}, "not the ordinary CPython"),
        ({"wide": False}, "is a 32-bit program"),
        ({"machine": "armv7l"}, "runs on armv7l"),
        ({"libc": None}, "another C library than glibc"),
        ({"libc": "glibc 2.27"}, "has glibc 2.27, wheels need 2.28"),
        ({"lacks": ["ctypes", "libstdc++.so.6"]}, r"lacks ctypes, libstdc\+\+\.so\.6"),
        ({"executable": ""}, "its own path"),
        ({"version": "3.11"}, "does not work"),
        ({"version": None}, "does not work"),
    ],
)
def test_any_other_does_not_and_is_told_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(NoWheels, match=f"python3 .*{said}"):
        asked(**changes)


@pytest.mark.parametrize("said", [b"", b"[]", b"{", b"{}", b"sh: python3: not found"])
def test_what_says_something_else_is_no_python(said: bytes) -> None:
    with pytest.raises(NoWheels, match="does not work there"):
        python_for_wheels(Says(said), "python3")


def test_this_python_is_asked_by_the_same_question() -> None:
    found = python_for_wheels(LocalTransport(), sys.executable)
    assert (found.executable, found.version) == (sys.executable, sys.version_info[:2])
    with pytest.raises(NoWheels):
        python_for_wheels(LocalTransport(), "true")
