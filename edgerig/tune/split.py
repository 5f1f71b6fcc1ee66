"""What variants are chosen on: the model with its validation data in place of its test data."""

from __future__ import annotations

from pathlib import Path

from edgerig.build import spawn
from edgerig.build.request import Prepared
from edgerig.build.store import Store
from edgerig.errors import NoValidation
from edgerig.npy import load_arrays, read_lengths
from edgerig.spec import ModelSpec, Strict, SweepSpec

UNLABELLED = "what was held out of the calibration data has no labels: agreement with the float source is measured"
DRAWN = "inputs drawn at random, others than a sweep's"


class Validation(Strict):
    """The model to choose on, its data in the store. `seed` is that of drawn data; `words` say what it is."""

    model: ModelSpec
    prepared: Prepared
    seed: int
    words: str


def validation(model: ModelSpec, sweep: SweepSpec, store: Store, logs: Path) -> Validation:
    """Its own validation arrays, else a share of its calibration data, without labels; of a model without data other
    random inputs than a sweep's. Raises EdgerigError."""
    limit_s = sweep.build.preparation_s
    if model.dataset is None:
        seed = sweep.seed + 1
        prepared = spawn.prepare(model, seed, limit_s, store, logs)
        return Validation(model=model, prepared=prepared, seed=seed, words=f"{prepared.samples} {DRAWN}")
    own = model.model_copy(update={"dataset": model.dataset.model_copy(update={"evaluate": "validation"})})
    try:
        prepared = spawn.prepare(own, sweep.seed, limit_s, store, logs)
    except NoValidation:
        own = held_out(model)
        prepared = spawn.prepare(own, sweep.seed, limit_s, store, logs)
        words = f"{prepared.samples} samples held out of the calibration data, {prepared.origin}"
    else:
        words = f"{prepared.samples} samples of the validation split, {prepared.origin}"
    return Validation(model=own, prepared=prepared, seed=sweep.seed, words=words)


def held_out(model: ModelSpec) -> ModelSpec:
    """The model to be evaluated on a share of its calibration data, whose labels nobody knows: a metric is kept only
    where it is taken against the inputs themselves."""
    if model.dataset is None:
        return model
    kept = model.dataset.labels == "inputs"
    data = {"evaluate": "held-out", "labels": "inputs", "classes": model.dataset.classes if kept else ()}
    changed: dict[str, object] = {"dataset": model.dataset.model_copy(update=data)}
    if not kept:
        changed |= {"metric": (), "postprocess": None, "no_accuracy_reason": UNLABELLED}
    return model.model_copy(update=changed)


def calibration_samples(found: Validation, store: Store) -> int:
    """How many there are to calibrate on; 0 where there are none."""
    folder = store.find("data", found.prepared.data_key)
    if folder is None:
        return 0
    lengths, arrays = read_lengths(folder, "calibration"), load_arrays(folder, "calibration")
    return len(lengths) if lengths is not None else len(arrays[0]) if arrays else 0
