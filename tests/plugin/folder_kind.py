"""A kind of device as another package adds it: one file. A folder of this machine, in which the local runner runs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from edgerig.devices.device import OpenDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.local import LocalTransport, open_local
from edgerig.devices.turns import Claim
from edgerig.results import DeviceRecord
from edgerig.spec import Device, DeviceKind, name_of_address, parse


class FolderDevice(Device):
    kind: Literal["folder"]
    path: Path

    @property
    def address(self) -> str:
        return f"folder:{self.path}"


class FolderTransport(LocalTransport):
    def probe(self) -> DeviceRecord:
        return super().probe().model_copy(update={"kind": "folder"})


@contextlib.contextmanager
def open_folder(spec: FolderDevice, claim: Claim | None = None) -> Iterator[OpenDevice]:
    spec.path.mkdir(parents=True, exist_ok=True)
    with open_local(LocalDevice(name=spec.name, kind="local"), claim) as here:
        yield replace(here, transport=FolderTransport(), workdir=str(spec.path))


def addressed(address: str) -> FolderDevice:
    path = address.removeprefix("folder:")
    name = name_of_address("folder", address, re.findall(r"[^/]+", path))
    return parse(FolderDevice, {"name": name, "kind": "folder", "path": path}, address)


KIND = DeviceKind(spec=FolderDevice, opens="folder_kind:open_folder", addressed=addressed, shares="machine")
