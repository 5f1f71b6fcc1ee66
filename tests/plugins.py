"""Packages of others, as an installer leaves them: a folder for `sys.path` with their code and their entry points."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent / "plugin"


def install(folder: Path, name: str, group: str, point: str, module: str = "") -> Path:
    """Puts the package `name` with one entry point of `group`, such as `folder = folder_kind:KIND`, into `folder`, and
    the `module` of `tests/plugin` that it has."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{point}\n")
    if module:
        shutil.copy(HERE / f"{module}.py", folder)
    return folder


def wheel(into: Path, name: str, module: str, points: dict[str, str]) -> Path:
    """The package `name` of the one file `tests/plugin/<module>.py`, with an entry point of each group of `points`, as
    a wheel (https://packaging.python.org/en/latest/specifications/binary-distribution-format/)."""
    stem = f"{name.replace('-', '_')}-1.0"
    files = {
        f"{module}.py": (HERE / f"{module}.py").read_text(encoding="utf-8"),
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: edgerig\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": "".join(f"[{group}]\n{point}\n" for group, point in points.items()),
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{path},{_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[record] += f"{record},,\n"
    file = into / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return file


def pip_install(site: Path, *wheels: Path) -> Path:
    """Installs them with pip into the folder `site`, offline."""
    flags = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-index", "--no-deps", "--target")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *flags, str(site), *map(str, wheels)], check=True, timeout=120
    )
    return site


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(found).rstrip(b"=").decode()
