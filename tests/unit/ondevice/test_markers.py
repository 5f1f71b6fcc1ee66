"""Without an emulator a marker is a refused system call; the counting itself is tested under QEMU."""

import gc
import os

from edgerig.ondevice import markers


def test_a_real_kernel_answers_no_marker_and_nothing_is_left_behind() -> None:
    open_before = set(os.listdir("/proc/self/fd"))
    called = []
    found = markers.count(lambda: called.append(1))
    assert found == {"reason": markers.NO_ANSWER}
    assert called == [1]
    assert gc.isenabled()
    assert set(os.listdir("/proc/self/fd")) == open_before
