"""A browser or node of this machine as a device."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgerig.cache import temporary_folder
from edgerig.devices.device import CellJob, Fact, PosixDevice, with_facts
from edgerig.devices.kinds.browser import BrowserDevice
from edgerig.devices.kinds.node import NodeDevice
from edgerig.devices.local import LocalTransport
from edgerig.devices.local_lease import LocalLease
from edgerig.devices.turns import Claim, Lease, NoLease
from edgerig.devices.web.programs import find_browser, find_node, require_browser, require_driver, version_of
from edgerig.results import DeviceRecord
from edgerig.spec import OfNpm, load_engines
from edgerig.web.packages import modules_of

START = Path(__file__).with_name("start.py")
WORKDIR_PREFIX = "edgerig-web-"


@dataclass(frozen=True)
class WebDevice:
    """`posix` is this machine, on which the runner is started; `program` ("browser" or "node") is what it is given to,
    and `version` what that says it is. `needs` are programs of npm's that are brought before a job. What a job needs
    around it stands in `ready`, which gives the `posix` that runs it. `probes` tells of the device where that is not
    the machine of `posix`, and `others` what else is so of it."""

    posix: PosixDevice
    kind: str
    program: str
    version: Fact
    say: Callable[[str], None]
    needs: Sequence[OfNpm] = ()
    probes: Callable[[], DeviceRecord] | None = None
    others: Mapping[str, Fact] = field(default_factory=dict)
    ready: Callable[[PosixDevice], contextlib.AbstractContextManager[PosixDevice]] = contextlib.nullcontext

    @property
    def lease(self) -> Lease:
        return self.posix.lease

    @property
    def left(self) -> list[str]:
        return self.posix.left

    def probe(self) -> DeviceRecord:
        """The machine's, but for what WebAssembly has instead: its products of 8-bit numbers are exact, as its
        instructions widen before they multiply (WebAssembly SIMD, "extended multiplication")."""
        record = (self.probes or self.posix.probe)().model_copy(update={"kind": self.kind, "int8_saturates": False})
        return with_facts(record, self.facts())

    def execute(self, job: CellJob) -> None:
        from edgerig.devices.deploy import run_on_device  # numpy: not for whoever only opens a device

        with self.ready(self.posix) as posix:
            # The child's environment is bare: it could not find our cache.
            for needed in self.needs:
                modules_of(needed, self.say)
            modules = modules_of(load_engines()[job.artifact.engine], self.say)
            if self.probes:  # a runner that dies dies on this machine: what has changed here says of what
                job = replace(job, before=posix.probe())
            run_on_device(replace(posix, python=(*posix.python, str(modules))), job)

    def facts(self) -> dict[str, Fact]:
        return {self.program: self.version, **self.others}


@contextlib.contextmanager
def open_browser(spec: BrowserDevice, claim: Claim | None = None) -> Iterator[WebDevice]:
    """Raises DeviceError where there is no browser, where what is named is none, or with nothing to drive it."""
    require_driver()
    program = find_browser(spec.browser)
    with _opened("browser", program, spec.port, claim) as device:
        require_browser(program, device.version)
        yield device


@contextlib.contextmanager
def open_node(spec: NodeDevice, claim: Claim | None = None) -> Iterator[WebDevice]:
    """Raises DeviceError where there is no node."""
    with _opened("node", find_node(spec.node), spec.port, claim) as device:
        yield device


@contextlib.contextmanager
def _opened(kind: str, program: str, port: int, claim: Claim | None) -> Iterator[WebDevice]:
    version = version_of(program)
    with (
        LocalTransport() as transport,
        temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as workdir,
        contextlib.closing(LocalLease(claim)) if claim else contextlib.nullcontext(NoLease()) as lease,
    ):
        posix = PosixDevice(
            transport=transport,
            workdir=str(workdir),
            python=runner(kind, [program], port),
            executorch_library=None,
            no_instructions=None,
            lease=lease,
            run=claim.run if claim else "",
            brings_runner=False,
        )
        yield WebDevice(posix, kind, kind, version, claim.tell if claim else quiet)


def runner(kind: str, command: Sequence[str], port: int) -> tuple[str, ...]:
    """What starts the runner of a job; the folder of packages and the job follow."""
    return (sys.executable, "-I", str(START), kind, json.dumps(command), str(port))


def quiet(_: str) -> None:
    """For whoever asks a device what it is: nothing is downloaded for that."""
