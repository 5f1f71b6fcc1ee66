"""The metrics of tasks against their field's own implementation: scikit-learn's, pycocotools', jiwer's; where it has
none that can be installed, against the formula, written out plainly."""

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn import metrics as field

from edgerig.measure.metrics import Evidence, Given, measure
from edgerig.measure.ragged import Ragged, decoded, encoded, ragged
from edgerig.results import Accuracy
from edgerig.spec import load_metrics

RNG = np.random.default_rng(11)


def taken(name: str, targets: Given, *outputs: Given) -> Accuracy:
    return measure(name, Evidence(outputs, targets, []))


def holds(found: Accuracy) -> bool:
    """Is there an interval, with the value in it?"""
    return found.value is not None and found.ci95 is not None and found.ci95[0] <= found.value <= found.ci95[1]


def test_recall_is_scikit_learns() -> None:
    scores, labels = RNG.normal(size=(300, 5)), RNG.integers(0, 5, 300)
    scores[np.arange(300), labels] += 1.0
    found = taken("macro_recall", labels, scores)
    assert found.value == pytest.approx(field.recall_score(labels, scores.argmax(axis=1), average="macro"))
    assert holds(found)


@pytest.mark.parametrize("shape", [(80,), (80, 1), (80, 3), (80, 4, 2)])
def test_mae_and_r2_are_scikit_learns(shape: tuple[int, ...]) -> None:
    targets = RNG.normal(size=shape) * 3 + 1000
    outputs = targets + RNG.normal(size=shape)
    flat, wanted = outputs.reshape(80, -1), targets.reshape(80, -1)
    mae, r2 = taken("mae", targets, outputs), taken("r2", targets, outputs)
    assert mae.value == pytest.approx(field.mean_absolute_error(wanted, flat))
    assert r2.value == pytest.approx(field.r2_score(wanted, flat))
    assert (mae.higher_is_better, r2.higher_is_better) == (False, True)
    assert holds(mae)
    assert holds(r2)


def test_r2_of_a_target_that_never_changes_is_scikit_learns() -> None:
    targets = np.column_stack([np.full(10, 5.0), np.arange(10.0)])
    outputs = np.column_stack([np.full(10, 5.0), np.arange(10.0) + 1])
    assert taken("r2", targets, outputs).value == pytest.approx(field.r2_score(targets, outputs))
    outputs[0, 0] = 6
    assert taken("r2", targets, outputs).value == pytest.approx(field.r2_score(targets, outputs))


@pytest.mark.parametrize("axes", ["last", "second", "classes"])
def test_miou_is_scikit_learns_mean_of_jaccard_scores(axes: str) -> None:
    labels = RNG.integers(0, 4, (12, 6, 7))
    scores = RNG.normal(size=(12, 6, 7, 5))  # class 4 is answered at times and never labelled
    scores[np.arange(12)[:, None, None], np.arange(6)[:, None], np.arange(7), labels] += 2
    answers = scores.argmax(axis=-1)
    labels[0, 0] = 255
    labels[1, 0] = -1
    counts = (labels != 255) & (labels >= 0)
    given = {"last": scores, "second": np.moveaxis(scores, -1, 1), "classes": answers}[axes]
    found = taken("miou", labels, given)
    assert found.value == pytest.approx(field.jaccard_score(labels[counts], answers[counts], average="macro"))
    assert holds(found)


def test_miou_says_when_the_axis_of_classes_cannot_be_told() -> None:
    found = taken("miou", np.zeros((2, 3, 3), int), np.zeros((2, 3, 3, 3)))
    assert (found.value, "may be the axis of classes" in found.reason) == (None, True)


def test_landmarks_against_the_formulas() -> None:
    labels = np.concatenate([RNG.uniform(0, 100, (30, 5, 2)), RNG.integers(0, 3, (30, 5, 1))], axis=2)
    found = labels[:, :, :2] + RNG.normal(size=(30, 5, 2)) * 12
    distances, near = [], []
    for points, wanted in zip(found, labels, strict=True):
        seen = wanted[wanted[:, 2] > 0]
        side = (
            max((max(p[axis] for p in seen) - min(p[axis] for p in seen) for axis in (0, 1)), default=0)
            if len(seen)
            else 0
        )
        for point, (x, y, visible) in zip(points, wanted, strict=True):
            if visible > 0:
                distance = ((point[0] - x) ** 2 + (point[1] - y) ** 2) ** 0.5
                distances.append(distance)
                near.append(distance <= 0.2 * side)
    error, pck = taken("landmark_error", labels, found.reshape(30, 10)), taken("pck", labels, found)
    assert error.value == pytest.approx(np.mean(distances))
    assert pck.value == pytest.approx(np.mean(near))
    assert holds(error)
    assert holds(pck)


WORDS = ["a", "the", "cat", "sat", "on", "mat", "it's", "Ünü"]


def sentences(count: int) -> list[str]:
    return [" ".join(RNG.choice(WORDS, RNG.integers(1, 9))) for _ in range(count)]


@pytest.mark.parametrize(("name", "reference"), [("wer", jiwer.wer), ("cer", jiwer.cer)])
def test_error_rates_are_jiwers(name: str, reference: Callable[[list[str], list[str]], float]) -> None:
    said, heard = sentences(60), sentences(60)
    heard[:30] = said[:30]
    heard[3] = f"  {said[3]}   {said[3]} "
    heard[4] = ""
    found = taken(name, said, heard)
    assert found.value == pytest.approx(reference(said, heard))
    assert holds(found)


def test_error_rates_of_tokens_are_those_of_words() -> None:
    said, heard = [RNG.integers(0, 9, n) for n in (4, 7, 2)], [RNG.integers(0, 9, n) for n in (5, 5, 3)]
    padded = np.full((3, 6), -1)
    for row, one in zip(padded, heard, strict=True):
        row[: len(one)] = one
    words, guessed = ([" ".join(f"w{token}" for token in one) for one in each] for each in (said, heard))
    assert taken("wer", ragged(said), padded).value == pytest.approx(jiwer.wer(words, guessed))


def test_perplexity_against_the_formula() -> None:
    scores, labels = RNG.normal(size=(6, 5, 9)) * 4 + 300, RNG.integers(0, 9, (6, 5))
    labels[2, 3:] = -100
    lost = []
    for row, label in zip(scores.reshape(-1, 9), labels.ravel(), strict=True):
        if label >= 0:
            lost.append(-np.log(np.exp(row[label] - 300) / np.exp(row - 300).sum()))
    found = taken("perplexity", labels, scores)
    assert found.value == pytest.approx(np.exp(np.mean(lost)))
    assert holds(found)
    shorter = Ragged(labels[labels >= 0], (labels >= 0).sum(axis=1))
    assert taken("perplexity", shorter, scores).value == pytest.approx(found.value)


def coco(found: Sequence[npt.NDArray[Any]], labels: Sequence[npt.NDArray[Any]]) -> float:
    """pycocotools' own AP of (D, 6) detections and (M, 6) labels."""
    truth, seen = COCO(), []
    boxes = [
        {
            "id": number,
            "image_id": picture + 1,
            "category_id": int(row[4]),
            "bbox": [row[0], row[1], row[2] - row[0], row[3] - row[1]],
            "area": float((row[2] - row[0]) * (row[3] - row[1])),
            "iscrowd": int(row[5]),
        }
        for number, (picture, row) in enumerate(((p, row) for p, one in enumerate(labels) for row in one), 1)
    ]
    for picture, rows in enumerate(found):
        seen += [
            {
                "image_id": picture + 1,
                "category_id": int(row[5]),
                "bbox": [row[0], row[1], row[2] - row[0], row[3] - row[1]],
                "score": float(row[4]),
            }
            for row in rows
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [{"id": picture + 1} for picture in range(len(labels))],
            "categories": [{"id": number} for number in range(6)],
            "annotations": boxes,
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(seen), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[0])


def scene(pictures: int, crowds: bool) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """Detections and labels: boxes moved a little, some missed, doubled, of another class or made up; equal scores."""
    found, labels = [], []
    for _ in range(pictures):
        count = int(RNG.integers(0, 9))
        corner, size = RNG.uniform(0, 80, (count, 2)), RNG.uniform(5, 60, (count, 2))
        crowd = (RNG.uniform(size=(count, 1)) < 0.2) if crowds else np.zeros((count, 1))
        names = RNG.integers(0, 4, (count, 1))
        labels.append(np.hstack([corner, corner + size, names, crowd]))
        own = np.repeat(np.hstack([corner, corner + size]), 2, axis=0) + RNG.normal(size=(2 * count, 4)) * 3
        kept = RNG.uniform(size=2 * count) < 0.8
        made_up = np.hstack([c := RNG.uniform(0, 60, (4, 2)), c + 20])
        boxes = np.vstack([own[kept], made_up])
        guessed = np.concatenate([np.repeat(names, 2)[kept], RNG.integers(0, 6, 4)])
        scores = np.round(RNG.uniform(0.05, 1, len(boxes)), 1)
        found.append(np.column_stack([boxes, scores, guessed]))
    return found, labels


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("pictures", [3, 40])
def test_coco_map_is_pycocotools(pictures: int, crowds: bool) -> None:
    seen, labels = scene(pictures, crowds)
    found = taken("coco_map", ragged(labels), ragged(seen))
    assert found.value == pytest.approx(coco(seen, labels), abs=1e-9)
    assert holds(found)


def test_coco_map_of_three_outputs_with_empty_places_is_that_of_one() -> None:
    seen, labels = scene(12, crowds=False)
    most = max(map(len, seen))
    padded = np.stack([np.vstack([one, np.zeros((most - len(one), 6))]) for one in seen])
    outputs = padded[:, :, :4], padded[:, :, 4], padded[:, :, 5]
    assert taken("coco_map", ragged(labels), *outputs).value == pytest.approx(coco(seen, labels), abs=1e-9)
    assert taken("coco_map", ragged([one[:, :5] for one in labels]), padded).value is not None
    assert "taken of 3 outputs" in taken("coco_map", ragged(labels), *outputs[:2]).reason


@pytest.mark.parametrize("name", load_metrics())
def test_what_is_no_output_of_its_kind_is_told(name: str) -> None:
    found = taken(name, ["yes", "no"], ["maybe", ""])
    assert found.value is None or name in ("wer", "cer")
    assert found.reason or name in ("wer", "cer")


def test_texts_survive_as_bytes() -> None:
    texts = ["", "naïve\n", "日本"]
    assert decoded(encoded(texts)) == texts
    assert decoded(encoded(texts)[1:]) == texts[1:]
