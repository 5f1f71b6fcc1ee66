"""A file of a device's as it comes here: the whole of it, or none."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edgerig.errors import NotKept


@contextlib.contextmanager
def kept_whole(remote: str, local: Path) -> Iterator[BinaryIO]:
    """What is written to the file given here is `local` once the block has ended well, and is gone when it has not.
    Raises NotKept for what this machine's disk refuses; `remote` is what the file is called there."""
    temporary = local.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, local)
    except OSError as error:
        raise NotKept(f"{remote} could not be kept as {local}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
