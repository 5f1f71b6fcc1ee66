"""Malformed inputs, each of a seed of its own: what fails can be made again from its number alone.

`EDGERIG_FUZZ` is how many of each kind are tried (10000 takes some minutes a file of tests); without it some hundred.
"""

from __future__ import annotations

import contextlib
import copy
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgerig.errors import EdgerigError, InternalError

SECONDS = 20
"""More than any of these takes on a busy machine by far: what is not done by then hangs."""
BYTES = (
    b"", b"null", b'"', b"[" * 3000, b"]", b"{}", b"-1", b"0", b"1e999", b"\xff\x00", b"9" * 5000, b"NaN", b"-Infinity",
    b"\x1b[2J", b"\n::error::x\n", b"##[group]", "\u202e".encode(), b"\r", b"\n", b"0x" + b"f" * 5000, b"../", b"'",
    b"=", b"a" * 5000, b"[[x]]\n", b"[a.b.c]\n", b"\\ud800",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 10**30, 0.0, -0.5, 1e308, 5e-324, "", "x", "a" * 5000,
    "../../../etc", "/etc/passwd", "..", ".", "a/../../b", "\x1b]0;x\x07", "\u202e", "::error::x", "\n::error::x",
    "##[group]x", "=1+1", "<script>", "|`", "nan", "NaN", "1970-01-01", "\0", [], [[]], [None], {}, {"x": {}}, {"": 0},
    ["x"] * 300, [0] * 300, "1e999", "int8", "<i8", "local", "onnx", [1, 2, 3], [-1], [0], [2**40],
)  # fmt: skip


def count(ordinary: int) -> int:
    return int(os.environ.get("EDGERIG_FUZZ", ordinary))


def numbers(kind: str, ordinary: int) -> Iterator[tuple[str, random.Random]]:
    """The name of each input and what it is made by."""
    for number in range(count(ordinary)):
        yield f"{kind} {number}", random.Random(f"{kind} {number}")


class Hung(BaseException):
    """No part of what is tried may take it for an error of its own."""


@contextlib.contextmanager
def survived(name: str) -> Iterator[None]:
    """Fails unless what is inside ends in time, well or with an error that edgerig raises on purpose."""

    def ring(number: int, frame: object) -> None:
        raise Hung(name)

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    except EdgerigError as error:
        told = error
    except Hung:
        raise AssertionError(f"{name}: not done after {SECONDS} s") from None
    except BaseException as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {str(error)[:300]}") from error
    else:
        return
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not isinstance(told, InternalError), f"{name}: {told.message}"
    assert told.message, name
    assert len(told.message) < 20_000, name


def damaged(content: bytes, random: random.Random) -> bytes:
    """Cut short, or some stretches replaced."""
    if random.random() < 0.15:
        return content[: random.randrange(len(content) + 1)]
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at, length = random.randrange(len(content) + 1), random.choice((0, 0, 1, 2, 8, 40))
        filling = random.choice((*BYTES, random.randbytes(4), content[at : at + 300]))
        content = content[:at] + filling + content[at + length :]
    return content


def altered(document: Any, random: random.Random) -> Any:
    """A tree of dicts and lists with some values exchanged, doubled, renamed or left out."""
    document = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = list(_places(document))
        if not places:
            return document
        where, key = random.choice(places)
        what = random.random()
        if what < 0.7:
            where[key] = copy.deepcopy(random.choice(VALUES))
        elif what < 0.8:
            del where[key]
        elif what < 0.9 and isinstance(where, dict):
            where[random.choice(("x", "", "../x", "a" * 5000, "\x1b[0m", "é"))] = where.pop(key)
        else:
            other, its = random.choice(places)
            with contextlib.suppress(KeyError, IndexError):  # what stood there went with the one before
                where[key] = copy.deepcopy(other[its])
    return document


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def exchanged(path: Path, outside: Path, random: random.Random) -> None:
    """Something else in the place of the file or folder: a link out, a FIFO, a device, a socket, another type."""
    aside = path.with_name(f"{path.name}.was")
    path.rename(aside)
    random.choice(KINDS)(path, aside, outside)


def _socket(path: Path, aside: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, contextlib.suppress(OSError):  # its name may be too long for one
        made.bind(str(path))


KINDS: tuple[Callable[[Path, Path, Path], object], ...] = (
    lambda path, aside, outside: path.symlink_to(outside),
    lambda path, aside, outside: path.symlink_to(aside.name),
    lambda path, aside, outside: path.symlink_to(outside / "secret"),
    lambda path, aside, outside: path.symlink_to(path.name),
    lambda path, aside, outside: path.symlink_to("/dev/zero"),
    lambda path, aside, outside: os.mkfifo(path),
    lambda path, aside, outside: path.mkdir(),
    lambda path, aside, outside: path.write_bytes(b""),
    lambda path, aside, outside: path.symlink_to("nowhere"),
    lambda path, aside, outside: None,
    _socket,
)
