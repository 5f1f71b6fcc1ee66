"""What the host asks of a build's process, and what it hears back: JSON files in a folder of the request's own.

Replies are one file each, written atomically, so that what was finished before a crash stays known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from edgerig.errors import EdgerigError, error_class
from edgerig.results import Artifact
from edgerig.results.stages import HostStage
from edgerig.spec import FormatName, ModelSpec, RecipeSpec, Strict, TensorSpec

LOG = "build.log"
"""A build's log in its store entry."""


class PrepareRequest(Strict):
    """Lay out the model's data and run its source model over it."""

    op: Literal["prepare"] = "prepare"
    model: ModelSpec
    seed: int
    store: Path
    data_key: str
    timeout_s: float


class BuildRequest(Strict):
    """Build those of these variants that no other process of the `queue` has begun, in this order; `keys` names each
    one's place in the store."""

    op: Literal["build"] = "build"
    model: ModelSpec
    format: FormatName
    options: dict[str, str]
    keys: dict[str, str]
    """Recipe → store key, in building order."""
    recipes: dict[str, RecipeSpec]
    """What each of them means; a file that is run as it is has none."""
    store: Path
    data_key: str
    timeout_s: float
    queue: Path
    """The folder in which processes say what they begin (`queue.py`), and below it each one's own."""
    machines: tuple[str, ...] = ()
    """Processors beside this host's that a file of machine code is to be compiled for."""
    joins: bool
    """Is another process at work on the queue? Then what variants share is made before one is begun, so that none waits
    for it; and if it cannot be made, the other one says so."""


class Failure(Strict):
    kind: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: EdgerigError) -> Failure:
        return cls(kind=error.kind, message=error.message, hint=error.hint)

    def error(self) -> EdgerigError:
        return error_class(self.kind)(self.message, hint=self.hint)


class Prepared(Strict):
    """A model's data and reference outputs in the store. `reference_key` is None for a ready file.

    `inputs` are the source model's own, in whose layout the data lies; () for a ready file, fed as it is. `outputs` are
    the names of the source's outputs, in order.
    """

    data_key: str
    reference_key: str | None
    fingerprint: str
    calibration_fingerprint: str
    samples: int
    labelled: bool
    origin: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[str, ...] = ()
    steps: int | None = None
    """Of all samples together, where a sample is a sequence of steps."""
    outside: float | None = None
    """See `Reference`."""
    preprocess: HostStage | None = None
    """How long the model's preprocess function took, on the host, when the data was laid out."""

    def same_data(self, other: Prepared) -> bool:
        """Is this of the same data, and of the same network's outputs on it?"""
        return (self.data_key, self.reference_key) == (other.data_key, other.reference_key)


class Reference(Strict):
    """The source model's outputs on its data, in the store. `outside` is the share of evaluation samples beyond what
    calibration has seen (`coverage.py`), None where nothing calibrates."""

    outside: float | None


class BuiltVariant(Strict):
    """`seconds` is the builder's own time; the first variant of a process also pays for what its recipes share."""

    artifact: Artifact
    reduced: Artifact | None = None
    """For devices whose 8-bit products saturate, where the recipe says `reduce_range = "auto"`."""
    machines: dict[str, Artifact] = Field(default={})
    """Of a format of machine code, by the processor that each file is for, this host's among them, which `artifact` is.
    In the store each of the others is an entry of its own."""
    no_machines: dict[str, Failure] = Field(default={})
    """Why there is none for others that were asked for. Not kept: what was missing may be there the next time."""
    seconds: float | None
    peak_rss_bytes: int | None


class Reply(Strict):
    """Exactly one of the three is set."""

    prepared: Prepared | None = None
    built: BuiltVariant | None = None
    failure: Failure | None = None
