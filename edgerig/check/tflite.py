"""A TFLite model: its operators against a release of TensorFlow Lite, its labels and its normalization.

The interpreter resolves every operator code of a file when it opens it (InterpreterBuilder), used or not; so the codes
are what is checked. Fields are numbered as in TFLite's schema.fbs ("TFL3").
"""

from __future__ import annotations

from collections.abc import Iterator

from edgerig.check import tflite_labels
from edgerig.check.flatbuffer import Buffer, Table, root, walked
from edgerig.check.targets import Targets, Version, rows, shown, version
from edgerig.check.tflite_graph import SUBGRAPHS
from edgerig.check.verdicts import Broken, Finding, Verdict

OPERATORS = "operators"
IDENTIFIER = b"TFL3"
_OPERATOR_CODES, _BUFFERS = 1, 4  # of Model
_OLD_CODE, _CUSTOM_CODE, _VERSION, _CODE = 0, 1, 2, 3  # of OperatorCode
_CUSTOM = 32
_BROUGHT = frozenset({"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"})
"""Custom operators that TFLite's own resolver registers (core/kernels/register.cc)."""
_NEVER: Version = (1 << 30,)


def findings(content: Buffer, targets: Targets, where: str) -> list[Finding]:
    """Raises Broken."""
    model = root(content, IDENTIFIER)
    _whole(model)
    needed: dict[str, Version] = {}
    customs: set[str] = set()
    for code in model.tables(_OPERATOR_CODES):
        # Codes up to 127 stand in the old field, later ones in the new (schema.fbs, OperatorCode).
        number = max(code.number(_OLD_CODE, "b"), code.number(_CODE, "i"))
        if number == _CUSTOM:
            customs.add(code.text(_CUSTOM_CODE))
        else:
            name, release = _release(number, code.number(_VERSION, "i", 1))
            needed[name] = release
    found = [*_built_in(needed, targets.tflite, where), *_own(customs - _BROUGHT, where)]
    return [*found, *tflite_labels.findings(content, model, where)]


def _whole(model: Table) -> None:
    """Raises Broken for a file whose weights, tensors or operators are cut off."""
    for weights in model.tables(_BUFFERS):
        weights.vector(0, 1)
        # Of models over 2 GB the weights stand behind the FlatBuffer, by an offset from its start (1: none).
        end = weights.number(1, "Q") + weights.number(2, "Q")
        if end > len(model.buffer):
            raise Broken(f"its weights end at {end:,}, the file at {len(model.buffer):,}: it is cut off")
    for field in (0, 3):  # tensors, operators
        for each in walked(graph.tables(field) for graph in model.tables(SUBGRAPHS)):
            each.fields()


def _release(number: int, operator_version: int) -> tuple[str, Version]:
    """The operator with its version, and the first release that runs it (_NEVER: none that is known). Raises Broken."""
    row = rows("tflite_operators")["operators"].get(str(number))
    if row is None:
        raise Broken(f"has an operator of code {number}, which TFLite's schema does not have")
    name, *cells = row
    releases = dict(cell.split(": ") for cell in cells)
    first = version(releases.get(str(operator_version), ""))
    return f"{name} version {operator_version}", first or _NEVER


def _built_in(needed: dict[str, Version], target: Version, where: str) -> Iterator[Finding]:
    newest = version(rows("tflite_operators")["newest"]) or _NEVER
    unknown = sorted(name for name, release in needed.items() if release == _NEVER)
    known = {name: release for name, release in needed.items() if release != _NEVER}
    least = max(known.values(), default=(1, 5, 0))
    if target and (lacking := sorted(name for name, release in known.items() if release > target)):
        what = f"TensorFlow Lite {shown(target)} lacks {some(lacking)}: {shown(least)} is the first with all"
        fix = f"ship TensorFlow Lite {shown(least)} or newer, or convert with an older converter"
        yield Finding(Verdict.FAILS, OPERATORS, what, where, fix)
    elif target and target <= newest and unknown:
        what = f"TensorFlow Lite {shown(target)} lacks {some(unknown)}, which {shown(newest)} does not have either"
        yield Finding(Verdict.FAILS, OPERATORS, what, where, "convert with an older converter")
    elif unknown:
        what = f"which release first runs {some(unknown)} is not known here; up to {shown(newest)} none does"
        yield Finding(Verdict.NOTE, OPERATORS, what, where, "run it with the runtime you ship")
    else:
        what = f"its {len(needed)} operators run from TensorFlow Lite {shown(least)} on"
        yield Finding(Verdict.OK, OPERATORS, what, where)


def _own(customs: set[str], where: str) -> Iterator[Finding]:
    """Operators that the runtime alone does not run."""
    flex = sorted(name for name in customs if name.startswith("Flex"))
    if flex:
        fix = "ship Select TF ops (org.tensorflow:tensorflow-lite-select-tf-ops), or convert without SELECT_TF_OPS"
        yield Finding(Verdict.FAILS, OPERATORS, f"needs TensorFlow's own kernels: {some(flex)}", where, fix)
    if others := sorted(customs.difference(flex)):
        what = f"needs custom operators that no runtime brings: {some(others)}"
        yield Finding(Verdict.FAILS, OPERATORS, what, where, "register them in the app (AddCustom)")


def some(names: list[str]) -> str:
    """Names in a message: the first eight."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
