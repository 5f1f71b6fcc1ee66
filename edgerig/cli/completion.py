"""What the shell offers on TAB (`edgerig --install-completion`). Quick, and silent whatever is wrong: a completion
must not print into the line being typed. Nothing heavy is imported before it is asked for."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from edgerig.confined import Confined

_RUNS = Path("reports")
_MOST_CELLS = 500
_LARGEST = 32 * 2**20


def runs(incomplete: str) -> list[str]:
    """Folders of runs under `reports/` or the folder being typed, newest first."""
    typed = Path(incomplete)
    parent = _RUNS if not incomplete else typed if incomplete.endswith("/") else typed.parent
    with contextlib.suppress(OSError):
        found = [str(file.parent) for file in parent.glob("*/run.json")]
        return _starting(incomplete, sorted(found, reverse=True))
    return []


def models(incomplete: str) -> list[str]:
    from edgerig import spec
    from edgerig.errors import EdgerigError

    with contextlib.suppress(EdgerigError, OSError):
        return _starting(incomplete, spec.known_models())
    return []


def devices(incomplete: str) -> list[str]:
    from edgerig import spec
    from edgerig.errors import EdgerigError

    with contextlib.suppress(EdgerigError, OSError):
        return _starting(incomplete, spec.known_devices())
    return []


def formats(incomplete: str) -> list[str]:
    from edgerig import spec
    from edgerig.errors import EdgerigError

    with contextlib.suppress(EdgerigError):
        return _starting(incomplete, spec.load_formats())
    return []


def recipes(incomplete: str) -> list[str]:
    from edgerig import spec
    from edgerig.errors import EdgerigError

    with contextlib.suppress(EdgerigError):
        return _starting(incomplete, spec.load_recipes())
    return []


def cells(incomplete: str) -> list[str]:
    """Cell ids of the newest run under `reports/`."""
    import json

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
        newest = max(_RUNS.glob("*/results.json"), default=None)
        if newest is not None:
            content = (Confined(newest.parent) / newest.name).read_bytes(_LARGEST)
            ids = [cell["id"] for cell in json.loads(content)["cells"]]
            return _starting(incomplete, [name for name in ids if re.fullmatch(r"[\w./@=-]+", name)])[:_MOST_CELLS]
    return []


def exports(incomplete: str) -> list[str]:
    from edgerig.errors import EdgerigError
    from edgerig.report.exports import load_exports

    with contextlib.suppress(EdgerigError):
        return _starting(incomplete, load_exports())
    return []


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
