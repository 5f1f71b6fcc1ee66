"""edgerig: which build of a model should ship to which edge device, with evidence.

    plan = edgerig.plan(edgerig.SweepSpec(models=("digits_cnn",), formats=("onnx",)))
    run = edgerig.sweep(plan)
    for decision in edgerig.decide(run.results):
        print(decision.model, decision.device, decision.why)

`plan`, `sweep`, `profile`, `read`, `decide`, `compare` and `gate` are what the command line does, as functions
(`edgerig/api.py`); docs/api.md tells more. Importing edgerig imports nothing else until one of the names below is asked
for.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgerig.api import Gated as Gated
    from edgerig.api import Observer as Observer
    from edgerig.api import Profiled as Profiled
    from edgerig.api import Run as Run
    from edgerig.api import compare as compare
    from edgerig.api import decide as decide
    from edgerig.api import gate as gate
    from edgerig.api import plan as plan
    from edgerig.api import profile as profile
    from edgerig.api import read as read
    from edgerig.api import sweep as sweep
    from edgerig.compare.comparison import Comparison as Comparison
    from edgerig.compare.gate import GateResult as GateResult
    from edgerig.decide.decision import Decision as Decision
    from edgerig.errors import EdgerigError as EdgerigError
    from edgerig.plan import Plan as Plan
    from edgerig.results import CellResult as CellResult
    from edgerig.results import Results as Results
    from edgerig.spec import RunSettings as RunSettings
    from edgerig.spec import SweepBudget as SweepBudget
    from edgerig.spec import SweepSpec as SweepSpec
    from edgerig.spec.budget import Budget as Budget
    from edgerig.sweep.progress import Progress as Progress

__version__ = "0.1.0"

_API = "edgerig.api"
_FACE = {
    **dict.fromkeys(("plan", "sweep", "profile", "read", "decide", "compare", "gate"), _API),
    **dict.fromkeys(("Gated", "Observer", "Profiled", "Run"), _API),
    "Comparison": "edgerig.compare.comparison",
    "GateResult": "edgerig.compare.gate",
    "Decision": "edgerig.decide.decision",
    "EdgerigError": "edgerig.errors",
    "Plan": "edgerig.plan",
    "CellResult": "edgerig.results",
    "Results": "edgerig.results",
    "RunSettings": "edgerig.spec",
    "SweepBudget": "edgerig.spec",
    "SweepSpec": "edgerig.spec",
    "Budget": "edgerig.spec.budget",
    "Progress": "edgerig.sweep.progress",
}
"""Name → the module that has it."""


def __getattr__(name: str) -> object:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(_FACE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})


class _Package(ModuleType):
    """Python gives a package each of its submodules as an attribute. Four have the name of a function: the name is the
    function's, and such a module is imported by what is in it (`from edgerig.plan import Cell`)."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _FACE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
