"""A question to a process of its own, in which frameworks load and a model's code runs: one request, one reply."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, SerializeAsAny, ValidationError

from edgerig import extras, process
from edgerig.build.request import Failure
from edgerig.build.spawn import environment, tail
from edgerig.errors import BuilderCrashed, BuildError, BuildTimeout, EdgerigError
from edgerig.ondevice import lifeline
from edgerig.spec import Strict

LOG = "aside.log"
_REQUEST, _REPLY = "request.json", "reply.json"
_MOST = 2000
"""Signs of a failure nobody foresaw."""


FoundT = TypeVar("FoundT", bound=BaseModel)


class Answer(Strict, Generic[FoundT]):
    """What a process replies. Exactly one is set."""

    found: SerializeAsAny[FoundT] | None = None
    failure: Failure | None = None


RequestT = TypeVar("RequestT", bound=BaseModel)


@dataclass(frozen=True)
class Question:
    """`module` answers, by `answer`. The others are words: `what` is done ("loading the model"), `who` does it ("the
    process that loads the model"), and what to do when it took too `long` or `died`."""

    module: str
    what: str
    who: str
    long: str
    died: str


def ask(question: Question, request: BaseModel, answer: type[Answer[FoundT]], timeout_s: float) -> FoundT:
    """Raises the error that the process met, BuildTimeout, or BuilderCrashed."""
    with tempfile.TemporaryDirectory(prefix="edgerig-aside-") as temporary:
        folder = Path(temporary)
        (folder / _REQUEST).write_text(request.model_dump_json(), encoding="utf-8")
        finished = process.run(
            [sys.executable, "-P", "-m", question.module, str(folder)],
            env={**environment(), "TMPDIR": temporary},
            timeout_s=timeout_s,
            output=folder / LOG,
        )
        try:
            reply = answer.model_validate_json((folder / _REPLY).read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            said = tail(folder / LOG)
            if finished.timed_out:
                raise BuildTimeout(
                    f"{question.what} took more than {timeout_s:g} s; the last it said: {said}", hint=question.long
                ) from error
            raise BuilderCrashed(
                f"{question.who} ended by {process.signal_name(finished.returncode)}; the last it said: {said}",
                hint=question.died,
            ) from error
    if reply.failure is not None:
        raise reply.failure.error()
    if reply.found is None:
        raise BuilderCrashed(f"{question.who} gave an empty reply", hint="try again")
    return reply.found


def answer(request: type[RequestT], made: Callable[[RequestT, Path], FoundT]) -> None:
    """The process itself: `made` of the request and a folder for its own files is the reply, or what it raised is."""
    lifeline.hold()
    folder = Path(sys.argv[1])
    asked = request.model_validate_json((folder / _REQUEST).read_text(encoding="utf-8"))
    try:
        reply = Answer[BaseModel](found=made(asked, folder))
    except Exception as error:  # a framework may raise anything
        traceback.print_exc()
        reply = Answer[BaseModel](failure=Failure.of(_known(error)))
    temporary = folder / f"{_REPLY}.tmp"
    temporary.write_text(reply.model_dump_json(), encoding="utf-8")
    os.replace(temporary, folder / _REPLY)
    sys.stdout.flush()
    os._exit(0)  # a framework's exit handlers may hang or crash


def _known(error: Exception) -> EdgerigError:
    if isinstance(error, EdgerigError):
        return error
    told = extras.of(error) if isinstance(error, ImportError) else None
    return told or BuildError(f"{type(error).__name__}: {error}"[:_MOST])
