"""What a server and edgerig must have in common before they can speak (RFC 4253, 7.1), and what to say without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgerig.errors import DeviceError


@dataclass(frozen=True)
class _Kind:
    """A list of a KEXINIT message: its name in paramiko's parse of it, its setting in sshd_config(5)."""

    what: str
    theirs: str
    setting: str


KINDS = (
    _Kind("key exchange", "kex_algo_list", "KexAlgorithms"),
    _Kind("host key algorithm", "server_key_algo_list", "HostKeyAlgorithms"),
    _Kind("cipher", "client_encrypt_algo_list", "Ciphers"),
    _Kind("MAC", "client_mac_algo_list", "MACs"),
)
PSEUDO = ("ext-info-", "kex-strict-")
"""How what stands among the key exchanges and is none begins (RFC 8308; OpenSSH's PROTOCOL, 1.10)."""


def nothing_in_common(
    address: str, offered: Mapping[str, Sequence[str]], ours: Mapping[str, Sequence[str]], said: str
) -> DeviceError:
    """The error for a server whose `offered` lists share nothing with `ours`, by the names of `KINDS`; `said` is what
    the library made of it."""
    for kind in KINDS:
        theirs = [name for name in offered.get(kind.theirs, ()) if not name.startswith(PSEUDO)]
        known = list(ours.get(kind.theirs, ()))
        if theirs and not set(theirs).intersection(known):
            return DeviceError(
                f"{address} and edgerig have no {kind.what} in common: it offers {', '.join(theirs)}; "
                f"edgerig can {', '.join(known)}",
                hint=f"allow one of edgerig's with {kind.setting} in the device's sshd configuration",
            )
    return DeviceError(f"{address} and edgerig cannot agree on how to speak: {said}", hint="update its SSH server")
