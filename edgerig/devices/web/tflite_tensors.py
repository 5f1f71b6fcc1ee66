"""What LiteRT.js does not tell of a `.tflite` file, read from the file: its inputs and outputs in the file's own order,
by the names that the graph and a signature have for them, with scale and zero point.

Fields are numbered as in schema.fbs; a FlatBuffer's layout is told in `ondevice/engines/litert_state.py`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgerig.ondevice.engines.litert_state import MAIN, OF_SUBGRAPH, SIGNATURES, SUBGRAPHS, TENSORS, Table, number

GRAPH_INPUTS, GRAPH_OUTPUTS = 1, 2  # of SubGraph
NAME, QUANTIZATION = 3, 4  # of Tensor
SCALE, ZERO_POINT = 2, 3  # of QuantizationParameters
SIGNATURE_INPUTS, SIGNATURE_OUTPUTS, SIGNATURE_KEY = 0, 1, 2  # of SignatureDef
MAP_NAME, MAP_INDEX = 0, 1  # of TensorMap


@dataclass(frozen=True)
class Known:
    """A tensor by any of its `names`; `name` is the one it has in results."""

    name: str
    names: tuple[str, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Entry:
    """The way into a file that is run. `key` is its signature's, "" where the file has none for it."""

    key: str
    inputs: tuple[Known, ...]
    outputs: tuple[Known, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def entry_of(path: Path, signature: str) -> Entry:
    """Through `signature`, its tensors by their names as `ondevice` orders them; "": the first subgraph. Raises
    ValueError for what is no such file, or has no such signature."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            model = Table(content, number(content, 0, "<I"))
            known = model.tables(SIGNATURES)
            keys = {_text(each, SIGNATURE_KEY): each for each in known}
            if signature and signature not in keys:
                raise ValueError(f'it has no signature "{signature}"')
            chosen = keys[signature] if signature else _first(known)
            graph = model.tables(SUBGRAPHS)[chosen.value(OF_SUBGRAPH, "<I") if chosen and signature else MAIN]
            return Entry(
                _text(chosen, SIGNATURE_KEY) if chosen else "",
                _known(graph, GRAPH_INPUTS, chosen, SIGNATURE_INPUTS, by_name=bool(signature)),
                _known(graph, GRAPH_OUTPUTS, chosen, SIGNATURE_OUTPUTS, by_name=bool(signature)),
            )
        except (struct.error, IndexError) as error:
            raise ValueError(f"{path.name} is no whole TFLite file") from error


def _first(signatures: Sequence[Table]) -> Table | None:
    """One into the first subgraph, whatever it is called."""
    return next((each for each in signatures if each.value(OF_SUBGRAPH, "<I") == MAIN), None)


def _known(graph: Table, field: int, chosen: Table | None, named: int, *, by_name: bool) -> tuple[Known, ...]:
    tensors = graph.tables(TENSORS)
    maps = chosen.tables(named) if chosen else []
    called = {each.value(MAP_INDEX, "<I"): _text(each, MAP_NAME) for each in maps}
    own = [number(graph.content, place, "<i") for place in graph.vector(field)]
    order = sorted(called, key=lambda index: called[index]) if by_name else own
    return tuple(_tensor(tensors[index], called.get(index, ""), by_name) for index in order)


def _tensor(tensor: Table, called: str, by_name: bool) -> Known:
    own = _text(tensor, NAME)
    found = tensor.table(QUANTIZATION)
    scales, zeros = (found.vector(SCALE), found.vector(ZERO_POINT)) if found else ([], [])
    scale = struct.unpack_from("<f", tensor.content, scales[0])[0] if len(scales) == 1 else 0.0
    zero = number(tensor.content, zeros[0], "<q") if len(scales) == 1 and zeros else 0
    names = tuple(dict.fromkeys(name for name in (called, own) if name))
    return Known(called if by_name else own, names, scale, zero)


def _text(table: Table, field: int) -> str:
    return table.text(field).decode("utf-8", "replace")
