"""Logging in: key files, the agent's keys, and last a password, from the environment or asked for.

A secret never stands in a file of ours and never leaves this module.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm  # of paramiko's own dependency, which it lets through

from edgerig.devices.ssh.config import Endpoint
from edgerig.errors import LoginRefused, Unreachable

PASSWORD_VARIABLE = "EDGERIG_SSH_PASSWORD"  # noqa: S105  (its name, not a password)


@dataclass
class _Attempt:
    """A login on its way: what was offered, what of it the server took, and what it wants beside that.

    A server may demand several (AuthenticationMethods, sshd_config(5)): it takes the first and asks for more (RFC 4252,
    5.1: "partial success").
    """

    tried: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)

    def note(self, what: str, wanted: list[str]) -> None:
        self.taken.append(what)
        self.wanted = wanted


def log_in(connection: paramiko.Transport, endpoint: Endpoint, last_word: Callable[[], str]) -> None:
    """Raises LoginRefused when the server takes none of what we have, or wants more, and Unreachable when it hangs up,
    as one that is only starting does (pam_nologin(8)); both say what was tried. `last_word` gives its reason."""
    attempt = _Attempt()
    for source, key in _keys(endpoint, attempt.tried):
        attempt.tried.append(source)
        if _accepted(connection, endpoint, source, key, attempt):
            return
        if not connection.is_active() or (attempt.wanted and "publickey" not in attempt.wanted):
            break
    password = _password(endpoint) if connection.is_active() else None
    if password is not None:
        attempt.tried.append("a password")
        try:
            wanted = connection.auth_password(endpoint.user, password)
            if wanted:
                attempt.note("the password", wanted)
        except paramiko.SSHException:
            _ask.cache_clear()  # a mistyped one must not be offered to every later connection
    if not connection.is_authenticated():
        methods = [] if attempt.taken or not connection.is_active() else _methods(connection, endpoint)
        refusal = LoginRefused if connection.is_active() else Unreachable
        said = f"; it said: {last_word()}" if last_word() else ""
        if attempt.taken:
            raise refusal(_half(endpoint, attempt) + said, hint=_more(attempt))
        takes = f"; it takes {', '.join(methods)}" if methods else ""
        raise refusal(
            f"{endpoint.address} refused the login; tried: {', '.join(attempt.tried) or 'nothing, there is no key'}"
            f"{takes}{said}",
            hint=_remedy(endpoint, methods, last_word()),
        )


def _half(endpoint: Endpoint, attempt: _Attempt) -> str:
    refused = [what for what in attempt.tried if what not in attempt.taken]
    return (
        f"{endpoint.address} took {' and '.join(attempt.taken)} and wants more than that: {' or '.join(attempt.wanted)}"
        + (f"; it refused {', '.join(refused)}" if refused else "")
    )


def _more(attempt: _Attempt) -> str:
    """What is to be done for the factor that is missing."""
    if "password" in attempt.wanted:
        given = "a password" in attempt.tried
        return (
            f"the password was refused: is {PASSWORD_VARIABLE} right?" if given else f"put it into {PASSWORD_VARIABLE}"
        )
    if "publickey" in attempt.wanted:
        return "it wants a second key: name both with IdentityFile in ~/.ssh/config"
    return (
        "its questions (a one-time code, say) cannot be answered by a program: let the key alone be enough for this "
        'user, "Match User …" with "AuthenticationMethods publickey" in the device\'s sshd configuration'
    )


def _remedy(endpoint: Endpoint, methods: list[str], last_word: str) -> str:
    """What is to be done for a server that took nothing."""
    if "Too many authentication failures" in last_word:
        return 'it allows few tries (MaxAuthTries): name the one key that is right, "key" in the device file'
    if methods and "publickey" not in methods:
        return f"it takes no keys: put the password into {PASSWORD_VARIABLE}, or allow PubkeyAuthentication there"
    root = "may root log in there (PermitRootLogin)? " if endpoint.user == "root" else ""
    password = f"; a password goes into {PASSWORD_VARIABLE}" if not methods or "password" in methods else ""
    return (
        f"{root}does `{endpoint.by_hand('ssh')} true` work? `{endpoint.by_hand('ssh-copy-id')}` installs your key"
        f"{password}"
    )


def _methods(connection: paramiko.Transport, endpoint: Endpoint) -> list[str]:
    """How one may log in there: what a server answers to an attempt with nothing (RFC 4252, 5.2); [] if it does not."""
    try:
        connection.auth_none(endpoint.user)
    except paramiko.BadAuthenticationType as refused:
        return list(refused.allowed_types)
    except (paramiko.SSHException, EOFError):
        pass
    return []


def _accepted(
    connection: paramiko.Transport, endpoint: Endpoint, source: str, key: paramiko.PKey, attempt: _Attempt
) -> bool:
    """Whether the key sufficed. What a server wants beside it is noted, and the rest of what we have tried for it."""
    try:
        wanted = connection.auth_publickey(endpoint.user, key)
    except paramiko.SSHException:
        return False
    if wanted:
        attempt.note(source, wanted)
    return connection.is_authenticated()


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
    """Asked for once per process: every cell on the device logs in anew."""
    try:
        return getpass.getpass(f"Password of {address}: ")
    except (EOFError, KeyboardInterrupt):
        return ""
