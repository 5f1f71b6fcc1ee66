"""What a self-contained page is put together from: our files, Plotly, data, and a policy that allows nothing else.

Plotly and the data travel compressed (gzip in base64, in script elements that are not run): 2 MB instead of 5, and a
browser unpacks them faster than a disk reads the difference. Of Plotly the script alone is here (MIT, its licence
stands at its head): the package plotly around it takes 66 MB. The page's script runs Plotly by putting it into a script
element of its own; the policy (CSP) knows both by their hashes and allows no network at all.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def inlined(*names: str, package: str = "edgerig.report") -> Markup:
    """Files beside a package's templates, one after the other."""
    folder = resources.files(package).joinpath("templates")
    return Markup("".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))  # noqa: S704


PLOTLY = "plotly.min.js.gz"
"""Beside this module: plotly.js as the package plotly of pyproject.toml's `dev` has it, packed by `pack`."""


@cache
def plotly() -> Markup:
    """Plotly's own script, packed."""
    return _in_base64(_plotly())


@cache
def _plotly() -> bytes:
    return resources.files("edgerig.report").joinpath(PLOTLY).read_bytes()


def pack(script: bytes) -> bytes:
    """A script as `PLOTLY` holds it."""
    return gzip.compress(script, 9, mtime=0)


def data(value: Any) -> Markup:
    """`value` as JSON, packed, so that no text in it can end the element around it. Raises ValueError for nan."""
    return _packed(json.dumps(value, allow_nan=False, separators=(",", ":")).encode())


def _packed(content: bytes) -> Markup:
    # No time stamp: the same results give the same page.
    return _in_base64(gzip.compress(content, 6, mtime=0))


def _in_base64(packed: bytes) -> Markup:
    return Markup(base64.b64encode(packed).decode())  # noqa: S704


def policy(script: str) -> str:
    """The page's Content-Security-Policy: `script` and Plotly may run, nothing may be fetched."""
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in (gzip.decompress(_plotly()), script.encode()))
    # Plotly sets styles as it draws, and makes its image downloads as data or blob addresses.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()


@cache
def environment(package: str = "edgerig.report") -> Environment:
    """Of a package's templates; every text is escaped."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
