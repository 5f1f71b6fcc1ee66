"""Which token a server at an address is told: the one that whoever runs edgerig wrote beside that address.

A device file names the address, and may be anybody's: were it alone to say who is told, whoever writes one would get
every token. So `EDGERIG_SERVING_TOKEN` binds each to the scheme, host and port it is for, as browsers bind what they
know to an origin (RFC 6454, section 4).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from edgerig.errors import DeviceError

VARIABLE = "EDGERIG_SERVING_TOKEN"
_PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]
"""Scheme, host, port."""


def token_for(url: str, environment: Mapping[str, str] = os.environ) -> str:
    """The token of the server at `url`; "" where the variable names none for it. Raises DeviceError for a variable that
    says of a token not whose it is; no message holds a part of it."""
    words = environment.get(VARIABLE, "").split()
    known: dict[Origin, str] = {}
    for address, token in zip(words[::2], words[1::2], strict=False):
        origin = _origin(address)
        if origin is None or not (token.isascii() and token.isprintable()):
            raise _malformed(url)
        known[origin] = token
    if len(words) % 2:
        raise _malformed(url)
    origin = _origin(url)
    return "" if origin is None else known.get(origin, "")


def _origin(address: str) -> Origin | None:
    """None of what is no server's address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _malformed(url: str) -> DeviceError:
    parts = urlsplit(url)
    return DeviceError(
        f"{VARIABLE} does not say which server each token is for: none is sent",
        hint=f"an address and its token, further ones behind them: {VARIABLE}='{parts.scheme}://{parts.netloc} TOKEN'",
    )
