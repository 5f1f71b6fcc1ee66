"""A model's file opened by its runtime on the host, as a device will open it."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Engine, entry_options
from edgerig.ondevice.stream import Fed, streamed
from edgerig.spec import FormatSpec, load_engines


def opened(
    path: str, format_spec: FormatSpec, signature: str = "", fed: Sequence[Fed] = (), resets: Sequence[int] = ()
) -> Engine:
    """The file, loaded, run through `signature` ("": its default), its state `fed` and to be started anew. Raises what
    the runtime raises."""
    made = engines.create(load_engines()[format_spec.engine].module, entry_options(signature))
    engine = streamed(made, fed, resets)
    engine.load(path, 1)
    return engine
