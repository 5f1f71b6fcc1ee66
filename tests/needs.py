"""What a test needs of the machine, and what becomes of it where that is missing.

`debian-packages.txt` is the one list of packages. A test says what it needs with `@pytest.mark.needs("adb")`, a shared
module with `require`; either skips the test and names the package. With CI set (to anything) it fails instead: nothing
is left out there unseen.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("debian-packages.txt")
NAMESPACES = ("unshare", "--user", "--mount", "--pid", "--net", "--map-root-user", "--fork", "sh", "-c")
MACHINE = {
    "an account that is not locked": ("sh", "-c", "! getent shadow $(id -un) | cut -d: -f2 | grep -q '^!'"),
    "user namespaces": (*NAMESPACES, "mount -t proc proc /proc"),
    "arm64 programs (binfmt_misc)": (
        *NAMESPACES,
        "[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc",
    ),
}
"""What no package brings, and a command that ends with 0 where it is there. Containers often
refuse namespaces; sshd refuses a locked account."""
PROBE_TIMEOUT_S = 30.0
OF_DEBIAN, OF_THE_MACHINE = "needs Debian's ", "needs of this machine: "


def packages() -> dict[str, str]:
    """Each package of the list with what it is probed by."""
    rows = (line.split() for line in LIST.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1] for row in rows if row and not row[0].startswith("#")}


def missing(names: Iterable[str]) -> list[str]:
    """Those of `names` (packages, or keys of MACHINE) that are not there. Raises KeyError for any other name."""
    return [name for name in names if not _is_there(name)]


def require(*names: str) -> None:
    """Skips the test that asks, or in CI fails it, where one of `names` is not there."""
    gone = missing(names)
    if not gone:
        return
    kinds = {OF_DEBIAN: [n for n in gone if n not in MACHINE], OF_THE_MACHINE: [n for n in gone if n in MACHINE]}
    reason = "; ".join(prefix + " ".join(found) for prefix, found in kinds.items() if found)
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so nothing is left out)", pytrace=False)
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """The path of a program of `package`; where there is none, the test that asks is skipped, or in CI fails."""
    require(package)
    found = shutil.which(name, path=_path())
    assert found, f"{package} is there, {name} is not"
    return found


def told(reasons: Iterable[str]) -> str:
    """One line of all that was left out, from the reasons of a run's skipped tests; "" where nothing was."""
    ours = [reason for reason in reasons if OF_DEBIAN in reason or OF_THE_MACHINE in reason]
    wanted = sorted(packages().keys() & " ".join(ours).replace(";", "").split())
    refused = [name for name in MACHINE if any(name in reason for reason in ours)]
    remedies = [f"apt-get install {' '.join(wanted)}"] if wanted else []
    remedies += [f"this machine refuses {' and '.join(refused)}"] if refused else []
    return f"tests left out: {len(ours)}; {'; '.join(remedies)}" if ours else ""


@functools.cache
def _is_there(name: str) -> bool:
    if name in MACHINE:
        return _ends_well(MACHINE[name])
    probe = packages()[name]
    if probe.startswith("import:"):
        return importlib.util.find_spec(probe.removeprefix("import:")) is not None
    return any(shutil.which(program, path=_path()) for program in probe.split("|"))


def _ends_well(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=PROBE_TIMEOUT_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _path() -> str:
    """Also where an ordinary user's PATH does not lead: sshd, mke2fs."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
