"""How right a cell's answers are: the model's metrics over its outputs, the first as its accuracy; confusions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial

from edgerig.measure.cell_run import CellRun
from edgerig.measure.confusion import confusion
from edgerig.measure.delta import with_delta
from edgerig.measure.labels import classes_of, set_of
from edgerig.measure.metrics import Evidence, Given, Unmeasurable, array_of, chosen, measure
from edgerig.measure.sequences import judged
from edgerig.results import (
    Accuracy,
    Confusion,
)
from edgerig.spec import Asked, Metric, ModelSpec, asked, load_metrics


def accuracy_of(ran: CellRun, metrics: Mapping[str, Accuracy]) -> Accuracy:
    """The model's first metric, with what it lost against the fp32 variant's."""
    if not metrics:
        return Accuracy(reason=_no_accuracy(ran.model))
    first = ran.model.metric[0]
    accuracy, fp32 = metrics[first], ran.fp32
    if ran.answers is not None:
        return accuracy.model_copy(update={"delta_reason": "it is taken of what the postprocess function made"})
    try:
        outputs = [array_of(one) for one in chosen(first, *ran.found)]
        fp32 = (
            None if fp32 is None else [array_of(one) for one in chosen(first, ran.names, judged(ran.sequences, fp32))]
        )
    except Unmeasurable:
        return accuracy  # which says so itself
    labels = classes_of(ran.labels, set_of(asked(first), ran.model.dataset))
    return with_delta(accuracy, outputs, fp32, labels, ran.no_fp32)


def metrics_of(ran: CellRun) -> dict[str, Accuracy]:
    """Each of the model's metrics on the samples the cell ran on (`run.limit`), by the text that asks for it."""
    model = ran.model
    samples = len(judged(ran.sequences, ran.raw.outputs[:1])[0])
    given = judged(ran.sequences, ran.inputs)
    found: dict[str, Accuracy] = {}
    for text in model.metric:
        wanted = asked(text)
        none = partial(Accuracy, metric=wanted.metric, output=wanted.output)
        targets = _targets(ran, wanted)
        if wanted.metric not in load_metrics():
            found[text] = ran.own_metrics.get(text, none(reason=_not_taken(wanted.metric)))
        elif targets is None:
            found[text] = none(reason=_no_accuracy(model))
        else:
            try:
                outputs = chosen(text, *ran.found)
                inputs = [array_of(one)[:samples] for one in given] if ran.model.measured_on_inputs else []
                found[text] = measure(text, Evidence(outputs, targets[:samples], inputs))
            except Unmeasurable as error:
                found[text] = none(reason=str(error))
    return found


def _targets(ran: CellRun, wanted: Asked) -> Given | None:
    """What the metric is taken against; None where there is nothing."""
    dataset = ran.model.dataset
    if dataset is not None and dataset.labels_of(wanted.outputs) == "inputs":
        return judged(ran.sequences, ran.inputs[:1])[0] if ran.inputs else None
    return ran.labels.get(set_of(wanted, dataset))


def confusions(ran: CellRun) -> Iterator[Confusion]:
    """Of each output that a metric of classes is taken of, once."""
    known = load_metrics()
    wanted = [asked(text) for text in ran.model.metric]
    rows = {metric.output: metric.text for metric in wanted if _of_classes(known.get(metric.metric))}
    for output, text in rows.items():
        with contextlib.suppress(Unmeasurable):  # the metric says so
            scores = [array_of(one) for one in chosen(text, *ran.found)]
            labels = classes_of(ran.labels, set_of(asked(text), ran.model.dataset))
            if (
                labels is not None
                and len(scores) == 1
                and (found := confusion(output, scores[0], labels[: len(scores[0])])) is not None
            ):
                yield found


def _of_classes(metric: Metric | None) -> bool:
    return metric is not None and metric.labels == ("class",) and not metric.binary


def _not_taken(name: str) -> str:
    if ".py:" in name:
        return "it was not taken in this run"
    return f"nothing that is installed here knows the metric {name}"


def _no_accuracy(model: ModelSpec) -> str:
    return model.no_accuracy_reason or "the dataset has no labels"
