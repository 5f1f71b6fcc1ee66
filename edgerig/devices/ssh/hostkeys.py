"""Host keys: a server is spoken to only when the key it shows stands in a known_hosts file (format: sshd(8)).

Keys are compared byte for byte. A server with no entry raises HostKeyUnknown, one whose entries are other keys
HostKeyMismatch; nothing is ever added by itself. `@cert-authority` lines are not used.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig.devices.ssh.config import Endpoint
from edgerig.errors import DeviceError, HostKeyMismatch, HostKeyUnknown

FILE_LIMIT_BYTES = 16 * 2**20
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")
"""How a key of type ssh-rsa is asked for in the handshake."""


@dataclass(frozen=True)
class KnownKey:
    """A key a known_hosts file has for a host; `revoked` when the line says it must never be accepted."""

    kind: str
    blob: bytes
    file: Path
    line: int
    revoked: bool = False


def known_keys(name: str, files: Iterable[Path]) -> list[KnownKey]:
    """Every key the files have for the host `name` (`host`, or `[host]:port`). Raises DeviceError for an unreadable
    file; one that does not exist has no keys."""
    return [key for file in files for key in _keys_in(file, name)]


def preferred_algorithms(known: Sequence[KnownKey], offered: Sequence[str]) -> list[str]:
    """`offered` host key algorithms with those of the known keys first, so that the server shows a key we know."""
    kinds = [kind for key in known for kind in (RSA_SIGNATURES if key.kind == "ssh-rsa" else (key.kind,))]
    first = [kind for kind in dict.fromkeys(kinds) if kind in offered]
    return [*first, *(kind for kind in offered if kind not in first)]


def check_host_key(endpoint: Endpoint, known: Sequence[KnownKey], kind: str, blob: bytes) -> None:
    """Returns when the server's key is known. Raises HostKeyUnknown, HostKeyMismatch."""
    same = [key for key in known if key.blob == blob]
    if any(key.revoked for key in same):
        raise HostKeyMismatch(
            f"{endpoint.address} shows a host key that {same[0].file}:{same[0].line} revokes ({fingerprint(blob)})",
            hint="do not connect; ask whoever runs the device",
        )
    if same:
        return
    stated = [key for key in known if not key.revoked]
    if not stated:
        file = endpoint.known_hosts[0]
        line = f"{endpoint.known_as} {kind} {base64.b64encode(blob).decode()}"
        raise HostKeyUnknown(
            f"{endpoint.address} is not in {file}: its host key is {kind} {fingerprint(blob)}",
            hint="compare the fingerprint with the device's own (there: `ssh-keygen -lf /etc/ssh/ssh_host_"
            f"{_short(kind)}_key.pub`); if they are the same: "
            f"mkdir -p {shlex.quote(str(file.parent))} && echo {shlex.quote(line)} >> {shlex.quote(str(file))}",
        )
    places = ", ".join(f"{key.file}:{key.line} has {key.kind} {fingerprint(key.blob)}" for key in stated)
    raise HostKeyMismatch(
        f"the host key of {endpoint.address} is not the one known: it shows {kind} {fingerprint(blob)}, {places}",
        hint="somebody may stand between you and the device. If it was installed anew: "
        f"ssh-keygen -f {shlex.quote(str(stated[0].file))} -R {shlex.quote(endpoint.known_as)}, "
        "then connect again and compare the new fingerprint",
    )


def fingerprint(blob: bytes) -> str:
    """As OpenSSH prints it: SHA256 in base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _short(kind: str) -> str:
    return next((name for name in ("ed25519", "ecdsa", "rsa") if name in kind), "*")


def _keys_in(file: Path, name: str) -> Iterator[KnownKey]:
    try:
        with file.open("rb") as stream:
            text = stream.read(FILE_LIMIT_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise DeviceError(f"{file}: known host keys cannot be read: {error.strerror}", hint="check the path") from error
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked"):
            continue
        if _matches(name, fields[0]):
            try:
                blob = base64.b64decode(fields[2], validate=True)
            except binascii.Error:
                continue  # a broken line knows no key: the server stays unknown, which is an error of its own
            yield KnownKey(fields[1], blob, file, number, revoked=marker == "@revoked")


def _matches(name: str, patterns: str) -> bool:
    """Whether a line's host field covers `name`: `*` and `?`, `!` to exclude, or one hashed name (`|1|salt|hash`)."""
    if patterns.startswith("|1|"):
        return _hashed(name, patterns)
    covered = False
    for pattern in patterns.lower().split(","):
        # `[` is meant literally ("[host]:port"), so it must not open one of fnmatch's character sets.
        if fnmatch.fnmatchcase(name.lower(), pattern.removeprefix("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            covered = True
    return covered


def _hashed(name: str, field: str) -> bool:
    try:
        salt, expected = (base64.b64decode(part, validate=True) for part in field.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), expected)
