"""A metric as another package adds it: one file. The mean over samples of the distance between largest and smallest
output value, whatever the labels say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.spec import Metric

if TYPE_CHECKING:
    from edgerig.measure.metrics import Evidence


def spread(evidence: Evidence) -> tuple[float, tuple[float, float] | None]:
    from edgerig.measure.metrics import array_of, mean

    output = array_of(*evidence.outputs)
    flat = output.reshape(len(output), -1).astype("float64")
    return mean(flat.max(axis=1) - flat.min(axis=1))


SPREAD = Metric(compute="spread_metric:spread", labels=("class", "values"), higher_is_better=True, unit="V")
