"""What every page of ours is made of so that it needs nothing but itself: the style, Plotly, and a policy (CSP) that
allows no network at all and only the page's own scripts, by their hashes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs


def json_data(value: Any) -> Markup:
    """`value` as JSON that cannot end the script element around it, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


@cache
def inlined(name: str) -> Markup:
    """A file of ours beside the reports' templates."""
    return Markup(resources.files("edgerig.report").joinpath("templates", name).read_text(encoding="utf-8"))  # noqa: S704


def style() -> Markup:
    return inlined("report.css")


@cache
def plotly() -> Markup:
    return Markup(get_plotlyjs())  # noqa: S704


def policy(scripts: Sequence[str]) -> str:
    """The content of the page's Content-Security-Policy."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{found}'" for found in hashes)
    # Plotly sets styles as it draws, and makes its image downloads as data or blob addresses.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
