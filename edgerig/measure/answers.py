"""What a model's postprocess function made of a raw run's outputs, as it is kept beside them.

`answers.json` says what the answers are called and how long the function took; `answers_<i>.npy` has them, and
`answers_<i>_lengths.npy` how much each sample has where they differ (`ragged.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgerig.confined import Confined
from edgerig.errors import ResultsError
from edgerig.measure.metrics import Given
from edgerig.measure.ragged import Ragged, decoded
from edgerig.npy import map_untrusted
from edgerig.results.stages import HostStage
from edgerig.spec import Strict

RECORD = "answers.json"
LENGTHS = "_lengths"
LIMIT_BYTES = 2**20


class AnswersRecord(Strict):
    """`texts` are those of the answers that are text. `failure` says why there are none."""

    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    stage: HostStage
    failure: str = ""


@dataclass(frozen=True)
class Answers:
    """What metrics are taken of in place of the outputs."""

    record: AnswersRecord
    values: Sequence[Given]


def read_answers(raw: Path | Confined) -> Answers | None:
    """Of the raw run in the folder `raw`; None where its model has no such function. Raises ResultsError."""
    folder = Confined.at(raw)
    try:
        record = AnswersRecord.model_validate_json((folder / RECORD).read_bytes(LIMIT_BYTES))
        return Answers(
            record, [_answer(folder, place, name in record.texts) for place, name in enumerate(record.names)]
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise ResultsError(f"{raw}: answers are damaged: {error}"[:300], hint="run the cell again") from error


def _answer(folder: Confined, place: int, text: bool) -> Given:
    values, lengths = map_untrusted(folder / f"answers_{place}.npy"), folder / f"answers_{place}{LENGTHS}.npy"
    if not lengths.is_there():
        return values
    found = Ragged(values, map_untrusted(lengths))
    return decoded(found) if text else found
