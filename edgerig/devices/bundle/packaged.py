"""A bundle as a Python package, for every host that can `pip install`:
`edgerig_bundle_<machine>-<version>-py3-none-any.whl`.

The package is data: one file `bundle.tar`, as `carried.py` writes and takes it, with every check of there, and an entry
point of the group `edgerig.bundles` by which it is found. Nothing of it is imported. The version is edgerig's, which it
asks for: another edgerig takes another bundle.

Form of a wheel: https://packaging.python.org/en/latest/specifications/binary-distribution-format/ (PEP 427);
METADATA: .../core-metadata/; RECORD: .../recording-installed-packages/; entry points: .../entry-points/, same place.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from edgerig import __version__
from edgerig.devices.bundle import Bundle, carried
from edgerig.errors import ConfigError
from edgerig.plugins import added

GROUP = "edgerig.bundles"
FILE = "bundle.tar"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal bundles give equal wheels; the earliest a zip can say."""
COPY_BYTES = 2**20


def save(found: Bundle, folder: Path) -> Path:
    """Writes the bundle's wheel into `folder`, made if missing, whole or not at all; gives its path. Raises ConfigError
    when it cannot be written."""
    name = f"edgerig_bundle_{found.architecture.name}"
    wheel = folder / f"{name}-{__version__}-py3-none-any.whl"
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".bundle-") as work:
            carried.save(found, Path(work) / FILE)
            _write(name, found.architecture.name, Path(work) / FILE, Path(work) / wheel.name)
            (Path(work) / wheel.name).chmod(0o644)
            os.replace(Path(work) / wheel.name, wheel)
    except OSError as error:
        raise ConfigError(f"{wheel} cannot be written: {error}", hint="give another folder with --to") from error
    return wheel


def installed(arch: str) -> Path | None:
    """The file of the bundle for `arch` that a package brings; None where none does. Raises ConfigError for a package
    that is not as it must be."""
    plugin = added(GROUP, ()).get(arch)
    if plugin is None:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_]{1,80}", plugin.value):
        raise plugin.refused("names no folder of a bundle")
    return Path(str(importlib.metadata.distribution(plugin.package).locate_file(f"{plugin.value}/{FILE}")))


def taken(arch: str) -> tuple[Bundle | None, str]:
    """The bundle for `arch` of an installed package, taken into the cache as any file is; or None, and why one that is
    there is not taken. Raises DeviceError when the cache does not take it."""
    try:
        file = installed(arch)
        found = carried.load(file) if file else None
    except ConfigError as error:
        return None, error.message
    if found is not None and found.architecture.name != arch:
        return None, f"{file} is for {found.architecture.name}"
    return found, ""


def _write(name: str, arch: str, bundle: Path, wheel: Path) -> None:
    info = f"{name}-{__version__}.dist-info"
    texts = {
        f"{name}/__init__.py": f'"""edgerig\'s bundle for {arch}: data, which edgerig finds and checks."""\n',
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {__version__}\n"
            f"Summary: edgerig's bundle for {arch}: Python, a C library and the runtimes, for devices that have none\n"
            f"Requires-Python: >=3.11\nRequires-Dist: edgerig (=={__version__})\n"
            "License: several, GPL-2.0 among them: the folder licences/ of the bundle has them all\n"
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: edgerig\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[{GROUP}]\n{arch} = {name}\n",
    }
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        record = ""
        for path, text in texts.items():
            archive.writestr(_member(path), text)
            record += _recorded(path, hashlib.sha256(text.encode()).digest(), len(text.encode()))
        with bundle.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256").digest(), file.tell()
            file.seek(0)
            with archive.open(_member(f"{name}/{FILE}"), "w") as member:
                shutil.copyfileobj(file, member, COPY_BYTES)
        record += _recorded(f"{name}/{FILE}", digest, size) + f"{info}/RECORD,,\n"
        archive.writestr(_member(f"{info}/RECORD"), record)


def _member(path: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(path, EPOCH)
    member.external_attr = 0o100644 << 16  # an ordinary file's mode, where Unix keeps it in a zip
    return member


def _recorded(path: str, digest: bytes, size: int) -> str:
    """A line of RECORD: the digest as URL-safe Base64 without padding."""
    return f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode('ascii')},{size}\n"
