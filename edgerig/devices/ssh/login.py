"""Logging in: key files, the agent's keys, and last a password, from the environment or asked for.

A secret never stands in a file of ours and never leaves this module.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm  # of paramiko's own dependency, which it lets through

from edgerig.devices.ssh.config import Endpoint
from edgerig.errors import LoginRefused, Unreachable

PASSWORD_VARIABLE = "EDGERIG_SSH_PASSWORD"  # noqa: S105  (its name, not a password)


def log_in(transport: paramiko.Transport, endpoint: Endpoint) -> None:
    """Raises LoginRefused when the server takes none of what we have, and Unreachable when it hangs up, as one that is
    only starting does (pam_nologin(8)); both say what was tried."""
    tried: list[str] = []
    for source, key in _keys(endpoint, tried):
        tried.append(source)
        if _accepted(transport, endpoint, key):
            return
        if not transport.is_active():
            break
    password = _password(endpoint) if transport.is_active() else None
    if password is not None:
        tried.append("a password")
        try:
            transport.auth_password(endpoint.user, password)
        except paramiko.SSHException:
            _ask.cache_clear()  # a mistyped one must not be offered to every later connection
    if not transport.is_authenticated():
        refusal = LoginRefused if transport.is_active() else Unreachable
        raise refusal(
            f"{endpoint.address} refused the login; tried: {', '.join(tried) or 'nothing, there is no key'}",
            hint=f"does `{endpoint.by_hand('ssh')} true` work? `{endpoint.by_hand('ssh-copy-id')}` installs your key; "
            f"a password goes into {PASSWORD_VARIABLE}",
        )


def _accepted(transport: paramiko.Transport, endpoint: Endpoint, key: paramiko.PKey) -> bool:
    """Whether the key sufficed. A server that wants a password beside it gets to the password in `log_in`."""
    try:
        transport.auth_publickey(endpoint.user, key)
    except paramiko.SSHException:
        return False
    return transport.is_authenticated()


def _keys(endpoint: Endpoint, tried: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    """What to offer, with where it comes from; a file that cannot be used is noted in `tried`."""
    for path in endpoint.keys:
        key = _from_file(path, tried)
        if key is not None:
            yield str(path), key
    if endpoint.only_keys:
        return
    agent = paramiko.Agent()
    try:
        for agent_key in agent.get_keys():
            yield "a key of the agent", agent_key
    finally:
        agent.close()


def _from_file(path: Path, tried: list[str]) -> paramiko.PKey | None:
    if not path.is_file():
        return None
    try:
        return paramiko.PKey.from_path(path)
    except TypeError:  # how the cryptography library says that the file is encrypted and no passphrase was given
        tried.append(f"{path} (encrypted: `ssh-add {path}` first)")
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType, UnsupportedAlgorithm) as error:
        # The last is what a FIDO key gives: its private half is in the hardware.
        tried.append(f"{path} (unusable: {error})")
    return None


def _password(endpoint: Endpoint) -> str | None:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return _ask(endpoint.address) or None


@cache
def _ask(address: str) -> str:
    """Asked for once a process: every cell on the device logs in anew."""
    try:
        return getpass.getpass(f"Password of {address}: ")
    except (EOFError, KeyboardInterrupt):
        return ""
