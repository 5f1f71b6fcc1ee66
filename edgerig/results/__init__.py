"""The result types: frozen, versioned (`schema.py`), and the contract with everyone downstream (`edgerig schema` prints
it).

A value that was not measured is None and `reason` beside it says why; 0 always means a measured zero.
Units stand in the names: `_ms` milliseconds, `_bytes` bytes, `seconds` seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.accuracy import Accuracy as Accuracy
from edgerig.results.accuracy import Coverage as Coverage
from edgerig.results.accuracy import Parity as Parity
from edgerig.results.affinity import Affinity as Affinity
from edgerig.results.affinity import CpuCluster as CpuCluster
from edgerig.results.affinity import Mask as Mask
from edgerig.results.artifact import Artifact as Artifact
from edgerig.results.artifact import BesideFile as BesideFile
from edgerig.results.artifact import CheckRecord as CheckRecord
from edgerig.results.artifact import FedRecord as FedRecord
from edgerig.results.artifact import OutputParity as OutputParity
from edgerig.results.artifact import TensorRecord as TensorRecord
from edgerig.results.cell import BuildRecord as BuildRecord
from edgerig.results.cell import CellResult as CellResult
from edgerig.results.cell import CellState as CellState
from edgerig.results.cell import Cost as Cost
from edgerig.results.cell import Delegation as Delegation
from edgerig.results.cell import Energy as Energy
from edgerig.results.cell import Engine as Engine
from edgerig.results.cell import ErrorRecord as ErrorRecord
from edgerig.results.cell import Memory as Memory
from edgerig.results.cell import Reading as Reading
from edgerig.results.cell import Stage as Stage
from edgerig.results.cell import Status as Status
from edgerig.results.conditions import ConditionsRecord as ConditionsRecord
from edgerig.results.conditions import HeldKnob as HeldKnob
from edgerig.results.confusion import Confusion as Confusion
from edgerig.results.device import Battery as Battery
from edgerig.results.device import DeviceRecord as DeviceRecord
from edgerig.results.device import DeviceState as DeviceState
from edgerig.results.device import FrequencyPolicy as FrequencyPolicy
from edgerig.results.drift import CellOrder as CellOrder
from edgerig.results.drift import Drift as Drift
from edgerig.results.drift import ReferenceVisit as ReferenceVisit
from edgerig.results.latency import QUANTILE_LEVELS as QUANTILE_LEVELS
from edgerig.results.latency import Contention as Contention
from edgerig.results.latency import Controls as Controls
from edgerig.results.latency import Latency as Latency
from edgerig.results.latency import MedianInterval as MedianInterval
from edgerig.results.profile import OperatorProfile as OperatorProfile
from edgerig.results.profile import Profile as Profile
from edgerig.results.run import Environment as Environment
from edgerig.results.run import HostInfo as HostInfo
from edgerig.results.run import RunInfo as RunInfo
from edgerig.results.schema import SCHEMA_MINOR as SCHEMA_MINOR
from edgerig.results.schema import SCHEMA_VERSION as SCHEMA_VERSION
from edgerig.results.served import Served as Served
from edgerig.results.served import ServedLoad as ServedLoad
from edgerig.results.stages import HostStage as HostStage
from edgerig.results.stages import Stages as Stages
from edgerig.results.sustained import Sustained as Sustained
from edgerig.results.sustained import SustainedWindow as SustainedWindow
from edgerig.results.value import Value as Value
from edgerig.results.verdict import Counted as Counted
from edgerig.results.verdict import Verdict as Verdict
from edgerig.results.verdict import VerdictEvidence as VerdictEvidence
from edgerig.spec.files import PublishedFigure
from edgerig.spec.reference import ReferenceFigure


class ModelRecord(Value):
    """What a report says of a model beside its cells."""

    model: str
    source: str
    description: str
    licence: str
    dataset: str | None = Field(description="where the evaluation data came from, with its fingerprint")
    no_accuracy_reason: str = ""
    classes: tuple[str, ...] = Field(default=(), description="in the order of the scores, where the dataset names them")
    published: tuple[PublishedFigure, ...] = Field(default=(), description="what others reported of the model")
    weights: Literal["", "random"] = Field(default="", description='"random": never trained')
    revision: str = Field(default="", description="the commit or package version its files were fetched from")
    reference: tuple[ReferenceFigure, ...] = Field(
        default=(), description="what others measured of the model on their devices; never ranked with these cells"
    )


class Results(Value):
    schema_version: Literal[3] = 3
    schema_minor: int = Field(
        default=SCHEMA_MINOR, ge=0, le=10_000, description="a newer one has fields beside those that are known here"
    )
    run: RunInfo
    environment: Environment
    devices: dict[str, DeviceRecord]
    models: dict[str, ModelRecord] = Field(description="by model and source, such as digits_cnn-keras")
    cells: tuple[CellResult, ...]
    drift: dict[str, Drift] = Field(
        default={}, description="by device, where a reference cell was timed with the others"
    )
