"""What a `.tflite` file remembers from one inference to the next, read from the file: the runtime does not tell.

Those are variables (resources, which VAR_HANDLE names) and the state tensors of operators such as SVDF and the fused
LSTMs: their inputs with `is_variable` (schema.fbs). Offsets are those of a flatbuffer
(https://flatbuffers.dev/internals/): a table begins with the distance back to its vtable, which has the distance of
each field from the table, and what a field refers to lies so many bytes behind it.
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAIN = 0
CALL_ONCE = 129
VAR_HANDLE = 142
STATEFUL = {
    16: "LSTM",
    24: "RNN",
    27: "SVDF",
    35: "UNIDIRECTIONAL_SEQUENCE_RNN",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM",
    46: "BIDIRECTIONAL_SEQUENCE_RNN",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
}
"""BuiltinOperator's codes (schema.fbs) of operators with state tensors."""
OPERATOR_CODES, SUBGRAPHS, SIGNATURES = 1, 2, 7  # of Model
CODE_OF_OLD, CODE = 0, 3  # of OperatorCode
TENSORS, OPERATORS = 0, 3  # of SubGraph
IS_VARIABLE = 5  # of Tensor
OPCODE, INPUTS, OPTIONS = 0, 1, 4  # of Operator
SHARED_NAME = 1  # of VarHandleOptions
INIT_SUBGRAPH = 0  # of CallOnceOptions
OF_SUBGRAPH = 4  # of SignatureDef


def kept(path: str, subgraph: int) -> list[str]:
    """What the file keeps when it is run through this subgraph, a line each; [] of a file that is no such flatbuffer.
    Raises OSError."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return list(_lines(Table(content, number(content, 0, "<I")), subgraph))
        except (struct.error, IndexError):
            return []


@dataclass(frozen=True)
class Table:
    """A table of a flatbuffer; `which` is a field's number in the schema."""

    content: mmap.mmap
    place: int

    def field(self, which: int) -> int:
        """Where the field lies, 0 where it has its default."""
        vtable = self.place - number(self.content, self.place, "<i")
        entry = 4 + 2 * which
        offset = number(self.content, vtable + entry, "<H") if entry < number(self.content, vtable, "<H") else 0
        return self.place + offset if offset else 0

    def value(self, which: int, kind: str) -> int:
        place = self.field(which)
        return number(self.content, place, kind) if place else 0

    def table(self, which: int) -> Table | None:
        place = self.field(which)
        return Table(self.content, referred(self.content, place)) if place else None

    def vector(self, which: int) -> list[int]:
        """The places of its elements, four bytes each."""
        place = self.field(which)
        if not place:
            return []
        start = referred(self.content, place)
        return [start + 4 + 4 * index for index in range(number(self.content, start, "<I"))]

    def tables(self, which: int) -> list[Table]:
        return [Table(self.content, referred(self.content, place)) for place in self.vector(which)]

    def text(self, which: int) -> bytes:
        place = self.field(which)
        if not place:
            return b""
        start = referred(self.content, place)
        return self.content[start + 4 : start + 4 + number(self.content, start, "<I")]


def number(content: mmap.mmap, place: int, kind: str) -> int:
    found: int = struct.unpack_from(kind, content, place)[0]
    return found


def referred(content: mmap.mmap, place: int) -> int:
    return place + number(content, place, "<I")


def _lines(model: Table, subgraph: int) -> Iterator[str]:
    """Of the subgraph itself and of those that are no other signature's, nor give variables their first values: what
    its operators run is among them."""
    codes = [max(each.value(CODE_OF_OLD, "<b"), each.value(CODE, "<i")) for each in model.tables(OPERATOR_CODES)]
    others = {each.value(OF_SUBGRAPH, "<I") for each in model.tables(SIGNATURES)} - {subgraph}
    graphs = model.tables(SUBGRAPHS)
    others |= {MAIN} - {subgraph} | set(_beginnings(graphs, codes))
    variables: set[bytes] = set()
    states: Counter[str] = Counter()
    for graph in (each for index, each in enumerate(graphs) if index not in others):
        tensors = graph.tables(TENSORS)
        for operator in graph.tables(OPERATORS):
            code = codes[operator.value(OPCODE, "<I")]
            options = operator.table(OPTIONS)
            if code == VAR_HANDLE:
                variables.add(b"" if options is None else options.text(SHARED_NAME))
            inputs = [number(model.content, place, "<i") for place in operator.vector(INPUTS)]
            count = sum(tensors[index].value(IS_VARIABLE, "<B") for index in inputs if index >= 0)
            if count:
                states[STATEFUL.get(code, f"operator {code}")] += count
    if variables:
        yield f"{len(variables)} variable{'s' if len(variables) > 1 else ''} of the graph"
    for name, count in states.items():
        yield f"{count} state tensor{'s' if count > 1 else ''} of {name}"


def _beginnings(graphs: Sequence[Table], codes: Sequence[int]) -> Iterator[int]:
    """The subgraphs that are run once, before all: they give variables their first values, all signatures' alike."""
    for graph in graphs:
        for operator in graph.tables(OPERATORS):
            options = operator.table(OPTIONS)
            if codes[operator.value(OPCODE, "<I")] == CALL_ONCE and options is not None:
                yield options.value(INIT_SUBGRAPH, "<i")
