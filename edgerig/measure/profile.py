"""A profile as it came off a device, untrusted until it has passed through here, → what is reported of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from edgerig.confined import Confined
from edgerig.errors import UnparsableOutput, printable
from edgerig.measure.operator_kinds import kind_of
from edgerig.measure.operator_layers import GRAPH, UNKNOWN, Node, matched
from edgerig.measure.untrusted import LONGEST_NS, Text
from edgerig.npy import load_untrusted
from edgerig.results import OperatorProfile, Profile
from edgerig.results.profile import MOST_OPERATORS

SCHEMA = 1
FOLDER, FILE, VALUES = "profile", "profile.json", "profile.npy"
JSON_LIMIT_BYTES = 8 * 2**20
MOST_RUNS = 1000
BESIDE = 2
"""Columns of the values before the operators': an inference left alone, and one looked into."""
NPY_HEADER_BYTES = 4096
NONE = Profile(reason="the cell was not profiled")
INFLATED = 1.1
"""Where operators take so many times what the whole does, their times are mostly the profiling's: what is left alone
cannot be longer in its parts than as a whole, but for the machine's own noise."""
NONSENSE = 2.0
"""And from here on shares say no more either: what is added is the same for operators of every length."""


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


Amount = Annotated[int | None, Field(default=None, ge=0, le=10**15)]


class RawOperator(_Told):
    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
    layer: Annotated[str, Field(max_length=500), AfterValidator(printable)] = ""
    runner: Literal["xnnpack", "kernel", "ort", "portable"]
    partition: int | None = Field(default=None, ge=0, le=MOST_OPERATORS)
    calls: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    macs: Amount = None
    moved: Amount = None


RawNode = (
    tuple[
        Annotated[str, Field(max_length=200), AfterValidator(printable)],
        Annotated[str, Field(max_length=500), AfterValidator(printable)],
    ]
    | tuple[
        Annotated[str, Field(max_length=200), AfterValidator(printable)],
        Annotated[str, Field(max_length=500), AfterValidator(printable)],
        Amount,
        Amount,
    ]
)
"""An operator of the graph, what it computes, and its multiply-accumulates and bytes: none of an older runner."""


RawGraph = Annotated[list[Annotated[list[RawNode], Field(max_length=MOST_OPERATORS)]], Field(max_length=MOST_OPERATORS)]
_GRAPH: TypeAdapter[list[list[RawNode]]] = TypeAdapter(RawGraph)
NO_GRAPH = "no layers are told of what XNNPACK computes: the graph it was given is not known"


class RawProfile(_Told):
    """`profile.json`, schema 1 (see `ondevice/profiles/record.py`)."""

    schema_: Literal[1] = Field(alias="schema")
    cell: Text
    unit: Literal["ns", "instructions"] = "ns"
    method: Annotated[str, Field(max_length=300), AfterValidator(printable)] = ""
    partitions: int | None = Field(default=None, ge=0, le=MOST_OPERATORS)
    floor: int = Field(default=0, ge=0, le=10**9)
    notes: list[Annotated[str, Field(max_length=500), AfterValidator(printable)]] = Field(default=[], max_length=10)
    cache: Amount = None
    entering: int | None = Field(default=None, ge=0, le=LONGEST_NS)
    graph: RawGraph = []
    runs: int = Field(default=0, ge=0, le=MOST_RUNS)
    operators: list[RawOperator] = Field(default=[], max_length=MOST_OPERATORS)
    reason: Text = ""

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if not self.reason and not (self.runs and self.operators):
            raise ValueError("neither operators nor a reason")
        return self


def parse_profile(text: bytes, cell: str) -> RawProfile:
    """Raises UnparsableOutput when it is no profile of this cell."""
    try:
        found = RawProfile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise UnparsableOutput(f"{cell}: {FILE} is not a profile: {where}: {first['msg']}"[:1000]) from error
    if found.cell != cell:
        raise UnparsableOutput(f"{cell}: the profile is of {found.cell!r}", hint="two runs may have shared a folder")
    return found


def values_limit(found: RawProfile) -> int:
    """How large `profile.npy` may be, in bytes."""
    return found.runs * (BESIDE + len(found.operators)) * 8 + NPY_HEADER_BYTES


def read_profile(raw: Path | Confined, cell: str) -> Profile:
    """The profile beside the raw run in the folder `raw`; one that cannot be read is none, and says why."""
    folder = raw / FOLDER
    if not (folder / FILE).is_file():
        return NONE
    try:
        found = parse_profile(Confined.at(folder / FILE).read_bytes(JSON_LIMIT_BYTES), cell)
        if found.reason:
            return Profile(reason=found.reason)
        if not found.graph and (folder / GRAPH).is_file():
            content = Confined.at(folder / GRAPH).read_bytes(JSON_LIMIT_BYTES)
            found = found.model_copy(update={"graph": _GRAPH.validate_json(content)})
        shape = (found.runs, BESIDE + len(found.operators))
        return summarized(found, load_untrusted(folder / VALUES, "<i8", shape))
    except (UnparsableOutput, OSError, ValueError) as error:
        return Profile(reason=f"the profile cannot be read: {error}"[:500])


def summarized(found: RawProfile, values: npt.NDArray[np.int64]) -> Profile:
    """What is reported: medians over the runs. `values` is int64 (runs, 2 + operators), in the profile's unit. Raises
    ValueError for values that no inference has."""
    if values.min() < 0 or values.max() > LONGEST_NS:
        raise ValueError(f"{VALUES} holds values from {values.min()} to {values.max()}")
    medians = np.median(values, axis=0)
    whole, profiled, each = float(medians[0]), float(medians[1]), medians[BESIDE:]
    total = float(each.sum())
    if total > NONSENSE * whole:
        return Profile(
            method=found.method,
            reason=f"the operators are said to take {total / max(whole, 1):.1f} times what the whole takes: what "
            "profiling adds to each is more than the operator itself",
        )
    of = max(whole, total)
    nodes, unmatched = _nodes(found)
    return Profile(
        method=found.method,
        unit=found.unit,
        whole=whole,
        profiled_whole=profiled,
        sum=total,
        outside=max(whole - total, 0.0),
        entering=None if found.entering is None else min(float(found.entering), max(whole - total, 0.0)),
        floor=found.floor,
        cache_bytes=found.cache,
        shares_only=total > INFLATED * whole,
        runs=found.runs,
        partitions=found.partitions,
        operators=tuple(
            OperatorProfile(
                index=index,
                name=operator.name,
                kind=kind_of(operator.name),
                layer=operator.layer or node.layer,
                runner=operator.runner,
                partition=operator.partition,
                value=float(value),
                spread=_spread(column, found.unit),
                share=float(value) / of if of else 0.0,
                calls=operator.calls,
                macs=node.macs if operator.macs is None else operator.macs,
                moved=node.moved if operator.moved is None else operator.moved,
            )
            for index, (operator, node, value, column) in enumerate(
                zip(found.operators, nodes, each, values.T[BESIDE:], strict=True)
            )
        ),
        notes=(*found.notes, *unmatched),
    )


def _nodes(found: RawProfile) -> tuple[list[Node], list[str]]:
    """Of each operator inside a delegate the graph's that it computes, as far as the graph of its partition tells; and
    of which partitions it does not, with why."""
    told, unmatched = [UNKNOWN] * len(found.operators), list[str]()
    met = {operator.partition for operator in found.operators if operator.partition is not None}
    if not found.graph:
        return told, [NO_GRAPH] * bool(met)
    if len(found.graph) != found.partitions:
        return told, [f"no layers are told: of {len(found.graph)} partitions {found.partitions or 0} ran"]
    for number, nodes in enumerate(found.graph):
        inside = [place for place, operator in enumerate(found.operators) if operator.partition == number]
        pairs = matched([Node(*node) for node in nodes], [found.operators[place].name for place in inside])
        unmatched += [f"no layers are told of partition {number}: {pairs.reason}"] * bool(pairs.reason and nodes)
        for place, node in zip(inside, pairs.nodes, strict=True):
            told[place] = node
    return told, unmatched


def _spread(values: npt.NDArray[np.int64], unit: str) -> float:
    """Of times the distance of the quartiles, which a machine's other work hardly moves; of instructions all of it."""
    if unit == "instructions":
        return float(values.max() - values.min())
    low, high = np.percentile(values, (25, 75))
    return float(high - low)
