"""Which operator a TFLite file's operator is: a file has a table of codes, which its operators name by index.

Codes up to 127 stand in the old field, later ones in the new (schema.fbs, OperatorCode).
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema


def builtin(graph: Any, operator: Any) -> int:
    """The operator's `schema.BuiltinOperator`."""
    return _of(graph.operatorCodes[operator.opcodeIndex])


def index_of(graph: Any, wanted: int) -> int:
    """The index of the code of a `schema.BuiltinOperator`, which is added where the file has none."""
    for index, code in enumerate(graph.operatorCodes):
        if _of(code) == wanted:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted
    code.version = 1
    graph.operatorCodes.append(code)
    return len(graph.operatorCodes) - 1


def _of(code: Any) -> int:
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))
