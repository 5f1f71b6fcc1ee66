"""Names to code, imported only when the code is needed: `"package.module:Object"`."""

from __future__ import annotations

import importlib
from typing import Any


def load_object(path: str) -> Any:
    """The object `"package.module:Object"` names. Raises ImportError or AttributeError when there is none."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
