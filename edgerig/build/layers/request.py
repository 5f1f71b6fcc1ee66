"""What the host asks of the process that looks at layers, and what it hears back."""

from __future__ import annotations

from pathlib import Path

from edgerig.results import Artifact
from edgerig.spec import FormatName, ModelSpec, RecipeSpec, Strict, TensorSpec

FED = "is fed its own state, sample after sample: its layers are not looked into"
FED_HINT = "debug a model without state, such as one step of it with the state among its data's inputs"


class LayersRequest(Strict):
    """The model's data is in the store, laid out for the source's own `inputs`, and so are both artifacts. They are
    None where the format's files are not read; then `program` is the one that a run had, if any."""

    variant: str
    model: ModelSpec
    format: FormatName
    recipe: RecipeSpec
    inputs: tuple[TensorSpec, ...]
    floating: Artifact | None
    quantized: Artifact | None
    program: Artifact | None = None
    store: Path
    data_key: str
    samples: int
    threshold_db: float
