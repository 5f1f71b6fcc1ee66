"""An ONNX model's IR version and opsets against an ONNX Runtime release, read from the file's outermost message.

The file is a ModelProto (onnx.proto3): `ir_version` is field 1, `opset_import` field 8 with `domain` 1 and `version` 2,
the graph's nodes name their own domain. Weights are stepped over, and so are the graphs inside of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgerig.check.flatbuffer import Buffer
from edgerig.check.targets import Targets, Version, rows, shown
from edgerig.check.verdicts import Broken, Finding, Verdict
from edgerig.protobuf import BYTES, VARINT, Field, fields

OPERATORS = "operators"
_IR_VERSION, _GRAPH, _OPSET_IMPORT = 1, 7, 8
_NODE, _NODE_DOMAIN = 1, 7  # of GraphProto, of NodeProto
_FIELDS = 1_000_000
"""Fields of one file that are stepped over."""
_BUILT_IN = {"": "opset", "ai.onnx": "opset", "ai.onnx.ml": "ml_opset"}
_CONTRIBUTED = frozenset({"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental"})
"""Domains that ONNX Runtime registers itself (docs/ContribOperators.md); their version says nothing of a release."""
_TRAINING = frozenset({"ai.onnx.training", "ai.onnx.preview.training"})
_CONVERT = "export it with an older opset (torch.onnx.export(…, opset_version=N)), or ship a newer onnxruntime"


def findings(content: Buffer, targets: Targets, where: str) -> list[Finding]:
    """Raises Broken."""
    ir_version, opsets, used = _read(content)
    needed = [f"IR {ir_version}", *(f"{domain or 'ai.onnx'} {version}" for domain, version in sorted(opsets.items()))]
    found = list(_own_domains(used, where))
    release = targets.onnxruntime or max(_releases())
    row = _row(release)
    if row is None:
        oldest, newest = shown(min(_releases())), shown(max(_releases()))
        what = f"{', '.join(needed)}; what onnxruntime {shown(release)} takes is not known here"
        return [*found, Finding(Verdict.NOTE, OPERATORS, what, where, f"known releases: {oldest} to {newest}")]
    lacking = [f"IR {ir_version} (up to {row['ir']})"] if ir_version > row["ir"] else []
    for domain, version in sorted(opsets.items()):
        most = row.get(_BUILT_IN.get(domain, ""), version)
        if version > most:
            lacking.append(f"{domain or 'ai.onnx'} {version} (up to {most})")
    if lacking:
        what = f"onnxruntime {shown(release)} lacks {', '.join(lacking)}"
        return [*found, Finding(Verdict.FAILS, OPERATORS, what, where, _CONVERT)]
    taken = f"onnxruntime {shown(release)} takes {', '.join(needed)}"
    return [*found, Finding(Verdict.OK, OPERATORS, taken, where)]


def _own_domains(used: set[str], where: str) -> Iterator[Finding]:
    own = sorted(used - set(_BUILT_IN) - _CONTRIBUTED - _TRAINING)
    if own:
        what = f"has operators of {', '.join(own[:8])}, which ONNX Runtime does not bring"
        yield Finding(Verdict.NOTE, OPERATORS, what, where, "register their library in the app's session options")


def _releases() -> list[Version]:
    return [tuple(map(int, name.split("."))) for name in rows("onnxruntime_releases")["releases"]]


def _row(release: Version) -> dict[str, int] | None:
    """Of its minor release: patches add no opset."""
    found: dict[str, int] | None = rows("onnxruntime_releases")["releases"].get(shown(release[:2]))
    return found


def _read(content: Buffer) -> tuple[int, dict[str, int], set[str]]:
    """The IR version, the opset of each domain, and the domains its nodes name. Raises Broken."""
    left = [_FIELDS]
    ir_version, has_graph = 0, False
    opsets: dict[str, int] = {}
    used: set[str] = set()
    for field, wire, value, start, stop in _fields(content, 0, len(content), left):
        if field == _IR_VERSION and wire == VARINT:
            ir_version = value
        elif field == _GRAPH and wire == BYTES:
            has_graph = True
            used |= _domains(content, start, stop, left)
        elif field == _OPSET_IMPORT and wire == BYTES:
            domain, version = _opset(content, start, stop, left)
            opsets[domain] = version
    if not (ir_version and has_graph):
        raise Broken("is no ONNX model: it has no IR version or no graph")
    return ir_version, opsets or {"": 1}, used


def _domains(content: Buffer, begin: int, end: int, left: list[int]) -> set[str]:
    """Of the graph's own nodes."""
    return {
        _text(content, start, stop)
        for field, wire, _, node, node_end in _fields(content, begin, end, left)
        if field == _NODE and wire == BYTES
        for field, wire, _, start, stop in _fields(content, node, node_end, left)
        if field == _NODE_DOMAIN and wire == BYTES
    }


def _opset(content: Buffer, begin: int, end: int, left: list[int]) -> tuple[str, int]:
    domain, version = "", 0
    for field, wire, value, start, stop in _fields(content, begin, end, left):
        if field == 1 and wire == BYTES:
            domain = _text(content, start, stop)
        elif field == 2 and wire == VARINT:
            version = value
    return domain, version


def _text(content: Buffer, start: int, stop: int) -> str:
    """A domain's name, of at most 200 bytes."""
    return bytes(content[start : min(stop, start + 200)]).decode("utf-8", "replace")


def _fields(content: Buffer, at: int, end: int, left: list[int]) -> Iterator[Field]:
    """`left` counts down over the whole file. Raises Broken."""
    try:
        for field in fields(content, at, end):
            left[0] -= 1
            if left[0] < 0:
                raise Broken(f"has over {_FIELDS:,} fields")
            yield field
    except ValueError as error:
        raise Broken(f"is no ONNX model: {error}") from error
