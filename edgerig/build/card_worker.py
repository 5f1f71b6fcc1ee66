"""A card's process: `python -m edgerig.build.card_worker FOLDER` reads `model.json` there and writes `reply.json`."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from edgerig import extras
from edgerig.build.card import CardReply
from edgerig.build.counting import count
from edgerig.build.request import Failure
from edgerig.errors import BuildError, EdgerigError
from edgerig.ondevice import lifeline
from edgerig.spec import ModelSpec


def main() -> None:
    lifeline.hold()
    folder = Path(sys.argv[1])
    model = ModelSpec.model_validate_json((folder / "model.json").read_text(encoding="utf-8"))
    try:
        reply = CardReply(facts=count(model))
    except EdgerigError as error:
        reply = CardReply(failure=Failure.of(error))
    except ImportError as error:
        traceback.print_exc()
        told = extras.of(error) or BuildError(f"{type(error).__name__}: {error}"[:2000])
        reply = CardReply(failure=Failure.of(told))
    except Exception as error:  # a framework may raise anything
        traceback.print_exc()
        failure = Failure(kind="BuildError", message=f"{type(error).__name__}: {error}"[:2000], hint="")
        reply = CardReply(failure=failure)
    temporary = folder / "reply.tmp"
    temporary.write_text(reply.model_dump_json(), encoding="utf-8")
    os.replace(temporary, folder / "reply.json")
    sys.stdout.flush()
    os._exit(0)  # a framework's exit handlers may hang or crash


if __name__ == "__main__":
    main()
