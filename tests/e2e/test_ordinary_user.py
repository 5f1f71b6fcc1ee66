"""No root is needed for an emulated device: another user, with a home and a cache of its own, sweeps over it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, Ended

from edgerig.cache import cache_root
from edgerig.devices.bundle import bundle
from edgerig.spec import PACKAGE

pytestmark = [pytest.mark.e2e, pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")]

NOBODY = 65534
SWEEP = 'models = ["digits_cnn"]\nformats = ["tflite"]\nrecipes = ["int8-static"]\ndevices = ["qemu-rpi4"]\n' + QUICK


@pytest.fixture
def home():
    """A folder of the other user's, with copies of what is expensive to make: the bundle, and built models."""
    with tempfile.TemporaryDirectory(prefix="edgerig-user-", dir="/tmp") as folder:
        cache = Path(folder) / ".cache" / "edgerig"
        made = bundle("aarch64").folder
        shutil.copytree(made / "root", cache / "bundles" / made.name / "root", symlinks=True)
        shutil.copy(made / "manifest.json", cache / "bundles" / made.name)
        for pointer in made.parent.glob("*.key"):
            shutil.copy(pointer, cache / "bundles")
        for kind in ("artifact", "data", "reference", "native"):
            if (cache_root() / kind).is_dir():
                shutil.copytree(cache_root() / kind, cache / kind, ignore=shutil.ignore_patterns(".*"))
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        yield Path(folder)


@pytest.fixture
def python(home):
    """This environment's Python where the other user can reach it: not in somebody's closed home."""
    if os.geteuid() != 0:
        yield sys.executable
        return
    environment = home / "venv"
    environment.mkdir()
    # Read-only and let go of at once: whatever happens, removing the folder does not remove the environment.
    if subprocess.run(["mount", "-o", "bind,ro", sys.prefix, str(environment)]).returncode != 0:
        yield sys.executable  # a container that may not mount: it may be open to others where it lies
        return
    try:
        yield str(environment / "bin" / Path(sys.executable).name)
    finally:
        subprocess.run(["umount", "--lazy", str(environment)], check=True)


def as_ordinary_user(home: Path, *command: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """`command` with nothing of this environment; by somebody else where this is root."""
    switch = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return subprocess.run(
        [*(switch if os.geteuid() == 0 else []), *command],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_an_ordinary_user_sweeps_over_an_emulated_pi(home, python):
    seen = as_ordinary_user(home, "cat", str(PACKAGE / "__init__.py"), timeout=60)
    if seen.returncode != 0:
        pytest.skip(f"other users may not read this checkout: {seen.stderr}")
    sweep = Edgerig(home).sweep_file(SWEEP)
    done = as_ordinary_user(home, python, "-m", "edgerig", "sweep", sweep, timeout=300)
    ended = Ended(done.returncode, done.stdout, done.stderr, home)
    assert ended.code == 0, done.stderr
    (cell,) = ended.cells.values()
    assert (cell["status"], cell["verdict"]["label"]) == ("ok", "emulated")
    assert cell["accuracy"]["value"] > 0.98
    assert cell["cost"]["instructions"] > 100_000
    assert ended.run.stat().st_uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
