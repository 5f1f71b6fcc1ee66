"""The kinds of servers: how one at an address is asked, and what starts one here. One row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgerig.devices.kinds.serving import Protocol, ServingDevice
from edgerig.devices.serving import start_torchserve, start_triton
from edgerig.devices.serving.kserve import KServe
from edgerig.devices.serving.protocol import Dialect
from edgerig.devices.serving.started import Starter
from edgerig.devices.serving.tfserving import TfServing
from edgerig.devices.serving.torchserve import TorchServe


@dataclass(frozen=True)
class Server:
    """`there(spec, model, token)` is the dialect of a server at an address; `starts` None: the rig can start none."""

    there: Callable[[ServingDevice, str, str], Dialect]
    starts: Starter | None


SERVERS: Mapping[Protocol, Server] = {
    "torchserve": Server(
        lambda spec, model, token: TorchServe(model, ours=False, metrics=spec.metrics_url is not None, token=token),
        start_torchserve.STARTER,
    ),
    "kserve": Server(
        lambda spec, model, token: KServe(model, binary=False, counts=True, token=token), start_triton.STARTER
    ),
    "tfserving": Server(lambda spec, model, token: TfServing(model), None),
}
