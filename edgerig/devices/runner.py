"""The runner as one file (`zipapp`), which any Python 3.11+ with numpy starts: `edgerig/ondevice` and what it reads
files by, and where another package adds the engine, that package's Python files."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgerig.errors import ConfigError
from edgerig.registry import code_elsewhere
from edgerig.spec import PACKAGE

EPOCH = (1980, 1, 1, 0, 0, 0)
MAIN = "from edgerig.ondevice.main import main\nmain()\n"

LEAVES = ("__init__.py", "processor_list.py", "protobuf.py")
"""What `ondevice` needs of edgerig beside itself."""


def write_runner(path: Path, engine: str) -> None:
    """Writes the archive that runs the `engine` ("package.module:Class") to `path`; equal code gives equal bytes.
    Raises ConfigError where there is no such package."""
    ours = [*(PACKAGE / name for name in LEAVES), *sorted((PACKAGE / "ondevice").rglob("*.py"))]
    files = {source.relative_to(PACKAGE.parent).as_posix(): source for source in ours}
    try:
        files |= code_elsewhere(engine)
    except ImportError as error:
        raise ConfigError(f"engine {engine}: {error}", hint="is the package that adds it still installed?") from error
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), source.read_bytes())
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), MAIN)
