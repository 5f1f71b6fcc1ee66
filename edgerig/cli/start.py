"""Before a command: the process it runs in; after one that nobody foresaw would fail: what to say."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from edgerig.errors import ConfigError, EdgerigError, foreseen

_UTF8 = "PYTHONUTF8"


def prepare() -> None:
    """Makes the process one in which every name of a file can be written down.

    Python takes names and output for ASCII where the locale says so and its UTF-8 mode is off (PEP 538, PEP 540), and
    can then neither write an umlaut into run.json nor open a file by it. The mode is chosen when the interpreter
    starts, so it is started anew in this process' place.
    """
    if not sys.flags.utf8_mode and sys.getfilesystemencoding().lower() not in ("utf-8", "utf8"):
        os.environ[_UTF8] = "1"
        with contextlib.suppress(OSError):  # else as it is: names in ASCII work
            os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  (itself)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # of a stream that somebody put there
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def unforeseen(error: Exception) -> EdgerigError:
    """What to say of an exception that no command made an error of: the system's is told with its file, a fault of
    edgerig's own with where its traceback is kept."""
    if isinstance(error, ImportError):
        from edgerig import extras  # here alone: it reads packages' metadata

        if absent := extras.of(error):
            return absent
    if isinstance(error, OSError):
        file = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "temporary directory" in str(error)
        return ConfigError(
            f"{file}{error.strerror or error}",
            hint="make space there, or set TMPDIR to a folder that has some" if full else "may you use what it names?",
        )
    if isinstance(error, UnicodeEncodeError) or "surrogates not allowed" in str(error):
        return ConfigError(f"a name is not UTF-8 text: {error}"[:1000], hint="rename that file or folder")
    return foreseen(error, _kept())


def _kept() -> Path:
    """A file of the user's alone for a traceback."""
    import tempfile  # not before every `--help`

    try:
        descriptor, name = tempfile.mkstemp(prefix="edgerig-traceback-", suffix=".txt")
    except OSError:
        return Path("edgerig-traceback.txt")
    os.close(descriptor)
    return Path(name)
