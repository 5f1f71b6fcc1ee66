"""Sweeps killed at moments of chance, by the benchmark in its shortest setting."""

import re
import subprocess
import sys

import pytest

from edgerig.spec import PACKAGE

pytestmark = pytest.mark.e2e


def test_what_is_killed_and_resumed_loses_nothing_and_leaves_nothing() -> None:
    script = PACKAGE.parent / "benchmarks" / "kills.py"
    done = subprocess.run(
        [sys.executable, str(script), "--trials", "2", "--seed", "3"], capture_output=True, text=True, timeout=850
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^kills: 2 of 2 as they should be", done.stdout, re.MULTILINE)
