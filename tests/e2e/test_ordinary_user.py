"""No root is needed for an emulated device: another user, with a home and a cache of its own, sweeps over it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
def home() -> Iterator[Path]:
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
                # A laid-out runner links to its environment's libraries, and that environment may be gone by now.
                shutil.copytree(cache_root() / kind, cache / kind, symlinks=True, ignore=shutil.ignore_patterns(".*"))
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        yield Path(folder)


# $1 a folder that others may not enter, $2 an empty one; what of the first is to be seen all the same; --; a command.
OPEN = """\
closed=$1 kept=$2; shift 2
number=0
for folder; do
  [ "$folder" != -- ] || break
  number=$((number + 1))
  mkdir "$kept/$number"
  mount --bind "$folder" "$kept/$number"
done
mount -t tmpfs -o mode=755 tmpfs "$closed"
number=0
while [ "$1" != -- ]; do
  number=$((number + 1))
  mkdir -p "$1"
  mount -o bind,ro "$kept/$number" "$1"
  shift
done
shift
exec "$@"
"""


def opened(kept: Path) -> list[str]:
    """A command before another: this environment, its Python and this checkout are read where they lie also by somebody
    else, though they may lie in somebody's closed home. In a mount namespace of its own: nothing else changes."""
    wanted = sorted({Path(sys.prefix), Path(sys.base_prefix), PACKAGE.parent})
    closed = {next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None) for path in wanted}
    command: list[str] = []
    for number, folder in enumerate(sorted(closed - {None})):
        (kept / str(number)).mkdir(parents=True)
        inside = [str(path) for path in wanted if path.is_relative_to(folder)]
        command += ["unshare", "--mount", "sh", "-ec", OPEN, "sh", str(folder), str(kept / str(number)), *inside, "--"]
    return command


def as_ordinary_user(home: Path, *command: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """`command` with nothing of this environment; by somebody else where this is root."""
    switch = []
    if os.geteuid() == 0:
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        switch = [*opened(home / "seen"), *user]
    return subprocess.run(
        [*switch, *command],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_an_ordinary_user_sweeps_over_an_emulated_pi(home: Path) -> None:
    sweep = Edgerig(home).sweep_file(SWEEP)
    done = as_ordinary_user(home, sys.executable, "-m", "edgerig", "sweep", sweep, timeout=300)
    ended = Ended(done.returncode, done.stdout, done.stderr, home)
    assert ended.code == 0, done.stderr
    (cell,) = ended.cells.values()
    assert (cell["status"], cell["verdict"]["label"]) == ("ok", "emulated")
    assert cell["accuracy"]["value"] > 0.98
    assert cell["cost"]["instructions"] > 100_000
    assert ended.run.stat().st_uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
