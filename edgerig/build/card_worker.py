"""A card's process, `python -m edgerig.build.card_worker FOLDER`: its request is a model's spec."""

from __future__ import annotations

from edgerig.build.aside import answer
from edgerig.build.counting import count
from edgerig.spec import ModelSpec

if __name__ == "__main__":
    answer(ModelSpec, lambda model, _: count(model))
