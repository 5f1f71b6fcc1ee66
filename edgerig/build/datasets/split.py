"""What is evaluated in place of the test data, so that whoever chooses among variants never sees it: validation arrays
beside the others, or a share of the calibration data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from edgerig.build.datasets.dataset import Batch, Dataset, Split
from edgerig.errors import DatasetError, NoValidation

EVERY = 4
"""One in so many calibration samples is held out: those of a folder stand in the order of their classes, so that the
last ones would be of a few classes alone."""
VALIDATION, VALIDATION_LABELS = "validation", "validation_labels"
ARRAYS_HINT = (
    'give the arrays "validation" and "validation_labels" beside "calibration", of samples of the training data'
)


def of_validation(found: Sequence[str], where: str, *, labelled: bool) -> dict[str, str]:
    """What the evaluated arrays are usually called → their names in the validation split; the rest as they are.

    `labels_…` and `inputs_…` become `validation_labels_…` and `validation_…`. Raises NoValidation.
    """
    names = {name: name for name in found if name.startswith("calibration")}
    for name in found:
        if name.startswith(VALIDATION_LABELS):
            names["labels" + name.removeprefix(VALIDATION_LABELS)] = name
        elif name.startswith(VALIDATION):
            names["inputs" + name.removeprefix(VALIDATION)] = name
    for needed in ("inputs", *(("labels",) if labelled else ())):
        if not any(name.startswith(needed) for name in names):
            missing = VALIDATION if needed == "inputs" else VALIDATION_LABELS
            raise NoValidation(f'{where}: has no array "{missing}"', hint=ARRAYS_HINT)
    return names


def held_out(dataset: Dataset, *, sequences: bool) -> Dataset:
    """Every fourth calibration sample as what is evaluated, without labels; the others calibrate.

    Raises DatasetError where there is nothing to hold out of.
    """
    split = dataset.calibration
    if split is None or sequences or (split.count is not None and split.count < EVERY):
        why = "it has no calibration data" if split is None else "its samples are sequences"
        if split is not None and split.count is not None and split.count < EVERY:
            why = f"it has {split.count} calibration samples, {EVERY} are needed"
        raise DatasetError(f"{dataset.where}: nothing can be held out: {why}", hint=ARRAYS_HINT)
    return replace(
        dataset,
        origin=f"{dataset.origin}, one in {EVERY} of its calibration samples",
        evaluation=_part(split, lambda place: place % EVERY == EVERY - 1),
        calibration=_part(split, lambda place: place % EVERY != EVERY - 1),
        labels={},
    )


def _part(split: Split, chosen: Callable[[int], bool]) -> Split:
    def batches() -> Iterator[Batch]:
        seen = 0
        for batch in split.batches():
            count = len(batch.inputs[0])
            places = [place for place in range(count) if chosen(seen + place)]
            seen += count
            if places:
                yield Batch([array[places] for array in batch.inputs], None, _named(batch.names, places))

    count = None if split.count is None else sum(map(chosen, range(split.count)))
    return Split(count, batches)


def _named(names: Callable[[int], str], places: Sequence[int]) -> Callable[[int], str]:
    return lambda index: names(places[index])
