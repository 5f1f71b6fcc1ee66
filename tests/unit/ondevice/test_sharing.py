"""The computations between bursts, timed here; what is made of them is `measure/sharing`'s."""

import subprocess
import sys

import numpy as np

from edgerig.ondevice.sharing import Core, chain_ns


def test_the_core_computes_what_it_times() -> None:
    core = Core()
    assert core.time_ns() > 0
    np.testing.assert_allclose(core._out[[0, -1]], [1.0, np.e], rtol=1e-6)
    assert 2 * core._numbers.nbytes <= 16 * 1024, "half of a first-level cache stays the network's"


def test_the_chain_takes_longer_than_the_clock_is_coarse() -> None:
    assert chain_ns() > 1000


def test_neither_draws_in_a_framework() -> None:
    heavy = "{'torch', 'tensorflow', 'scipy', 'pydantic'}"
    code = f"import sys, edgerig.ondevice.sharing; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
