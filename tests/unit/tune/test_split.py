"""What is chosen on is never the test data; without labels agreement takes the place of a metric."""

from __future__ import annotations

from edgerig.build import keys
from edgerig.spec import load_models
from edgerig.tune.split import UNLABELLED, held_out


def test_held_out_samples_have_no_labels_and_no_metric_that_needs_them() -> None:
    model = load_models("digits_cnn")["torch"]
    found = held_out(model)
    assert found.dataset is not None
    assert (found.dataset.evaluate, found.dataset.labels) == ("held-out", "inputs")
    assert (found.metric, found.no_accuracy_reason) == ((), UNLABELLED)
    assert type(found).model_validate(found.model_dump()) == found


def test_a_metric_taken_against_the_inputs_stays() -> None:
    model = load_models("digits_cnn")["torch"]
    assert model.dataset is not None
    own = model.dataset.model_copy(update={"labels": "inputs"})
    found = held_out(model.model_copy(update={"dataset": own, "metric": ("mse",)}))
    assert found.metric == ("mse",)


def test_each_split_has_a_place_of_its_own_in_the_store() -> None:
    model = load_models("digits_cnn")["torch"]
    assert model.dataset is not None
    splits = ("test", "validation", "held-out")
    data = [model.dataset.model_copy(update={"evaluate": each}) for each in splits]
    found = {keys.data_key(model.model_copy(update={"dataset": each}), 0) for each in data}
    assert len(found) == len(splits)
