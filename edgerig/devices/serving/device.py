"""A cell on a model server: the file served, asked until it is timed and evaluated, the raw run written here."""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgerig.devices.device import CellJob, Fact
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.leashed import private_folder
from edgerig.devices.local import LocalTransport
from edgerig.devices.runner import write_runner
from edgerig.devices.serving.asked import AskedModel
from edgerig.devices.serving.cut import Cut
from edgerig.devices.serving.link import Link, Question
from edgerig.devices.serving.record import Asked, measure
from edgerig.devices.serving.servers import SERVERS
from edgerig.devices.serving.started import LOG, Running, ports, running
from edgerig.devices.serving.tokens import token_for
from edgerig.devices.turns import Lease
from edgerig.errors import BuildError, DeviceError, EdgerigError, RunError, RunTimeout, Unreachable
from edgerig.measure.raw_run import RawEngine
from edgerig.ondevice.engines import Description, TensorInfo, entry_options
from edgerig.ondevice.served.model import Order, write_order
from edgerig.process import pause
from edgerig.results import DeviceRecord, TensorRecord
from edgerig.spec import load_engines
from edgerig.toolenv import ToolEnvironment, tool_environment

ANSWER_BYTES = 2**28
STATISTICS_BYTES = 2**24
HEALTH_POLL_S = 0.02
OURS = "model"
"""What servers of ours call theirs: it is part of their sockets' paths, which are short."""
NOT_TOLD = "the server does not tell its version"


@dataclass
class ServingHost:
    """The rig's side of the servers of one device file; `tell` is told what takes long."""

    spec: ServingDevice
    lease: Lease
    tell: Callable[[str], None]
    left: list[str] = field(default_factory=list)
    tools: ToolEnvironment | None = None

    def make_ready(self) -> None:
        """What the server is installed in, made where it is not; of one at an address, whose token it is told. Raises
        DeviceError."""
        starts = SERVERS[self.spec.server].starts
        if self.spec.url is not None:
            token_for(self.spec.url)
        if self.spec.url is not None or starts is None:
            return
        starts.check()
        try:
            self.tools = tool_environment(self.spec.server, starts.requirements, self.tell)
        except BuildError as error:
            raise DeviceError(error.message, hint=error.hint) from error

    def probe(self) -> DeviceRecord:
        """This machine where the rig starts the server; of one at an address nothing is known."""
        if self.spec.url is not None:
            return DeviceRecord(kind="serving", emulated=self.spec.emulated)
        return LocalTransport().probe().model_copy(update={"kind": "serving"})

    def facts(self) -> dict[str, Fact]:
        starts = SERVERS[self.spec.server].starts
        if self.tools is not None and starts is not None:
            return {"server": (starts.name, ""), "installed in": (str(self.tools.python.parents[1]), "")}
        with contextlib.suppress(EdgerigError), Link(self.spec.url or "", self.spec.request_timeout_s, 2**20) as link:
            link.ask(Question("/"))
            return {"server": (f"{self.spec.url} answers", "")}
        return {"server": (None, f"nothing answers at {self.spec.url}")}

    def execute(self, job: CellJob) -> None:
        """Serves the job's file and leaves a checked raw run in its folder, with the log of a server of ours. Raises
        DeviceError, RunError; nothing of a server of ours is left either way."""
        _possible(job)
        job.into.mkdir(parents=True, exist_ok=True)
        cut, timeout_s = Cut(), job.settings.timeout_s
        if self.spec.url is not None:
            with self._there(job, cut) as server, cut.at(timeout_s, job.cell):
                measure(server, job, self.spec)
            return
        with (
            private_folder("edgerig-serving-") as folder,
            self._started(job, folder, cut) as server,
            cut.at(timeout_s, job.cell),  # what starts and loads has a deadline of its own
        ):
            measure(server, job, self.spec)

    @contextlib.contextmanager
    def _there(self, job: CellJob, cut: Cut) -> Iterator[Asked]:
        """A server at an address, with the model loaded by whoever started it."""
        spec, name = self.spec, self.spec.model or model_name(job)
        dialect = SERVERS[spec.server].there(spec, name, token_for(spec.url or ""))
        open_link = functools.partial(Link, spec.url or "", spec.request_timeout_s, ANSWER_BYTES, cut)
        description = Description(
            inputs=[_info(each) for each in job.artifact.inputs],
            outputs=[_info(each) for each in job.artifact.outputs],
            runtime=spec.server,
            version=NOT_TOLD,
            threads=job.placement.threads,
            delegation_reason="a server does not tell which operators were delegated",
            notes=["served by whoever started the server: its threads, and that it is this file, are not told"],
        )
        with open_link() as link, contextlib.ExitStack() as stack:
            metrics = _statistics(spec.metrics_url, spec, cut, stack)
            model = AskedModel(link, dialect, description, metrics)
            yield Asked(spec.server, model, open_link, lambda _: None)

    @contextlib.contextmanager
    def _started(self, job: CellJob, folder: Path, cut: Cut) -> Iterator[Asked]:
        """A server of ours with the job's file, once it has loaded it and answers with a prediction."""
        spec, starts = self.spec, SERVERS[self.spec.server].starts
        if self.tools is None or starts is None:
            raise DeviceError("the server was not made ready", hint="open the device first")
        taken = ports(starts.ports, spec.port)
        order = _order(job, folder, taken[0])
        write_order(order, str(folder))
        command = starts.command(self.tools, folder, taken, order)
        deadline = time.monotonic() + spec.start_timeout_s
        with running(command, folder, job.into / LOG) as server:
            loaded = server.loaded(deadline)
            open_link = functools.partial(Link, server.url, spec.request_timeout_s, ANSWER_BYTES, cut)
            with open_link() as link, contextlib.ExitStack() as stack:
                statistics = _statistics(starts.statistics_url(taken), spec, cut, stack)
                description = _described(loaded.engine, command.name)
                model = AskedModel(link, starts.dialect(folder, order), description, statistics)
                yield Asked(
                    command.name,
                    model,
                    open_link,
                    server.check,
                    loaded.runtime_import_ns,
                    loaded.load_ns,
                    functools.partial(_until_healthy, model, server, deadline),
                )


def _statistics(url: str | None, spec: ServingDevice, cut: Cut, stack: contextlib.ExitStack) -> Link | None:
    return stack.enter_context(Link(url, spec.request_timeout_s, STATISTICS_BYTES, cut)) if url else None


def _until_healthy(model: AskedModel, server: Running, deadline: float) -> None:
    """Asks for predictions until one is given: a server that listens, or says it is well, may have none yet. Raises
    RunTimeout, RunnerCrashed."""
    while True:
        server.check()
        try:
            return model.invoke()
        except (RunTimeout, Unreachable, RunError) as error:
            if time.monotonic() > deadline:
                raise RunTimeout(
                    f"{server.name} gave no prediction in time; the last try: {error.message}", hint=error.hint
                ) from error
        pause(HEALTH_POLL_S)


def _possible(job: CellJob) -> None:
    """Raises RunError for what no server here can do: requests know nothing of each other, and have one shape."""
    if job.artifact.fed or job.resets:
        raise RunError(f"{job.cell}: the model keeps state from one inference to the next; a served one has none")
    if job.placement.processors or job.placement.cluster:
        raise RunError(f"{job.cell}: a server is not held to processors here", hint="leave processors out")


def _order(job: CellJob, folder: Path, port: int) -> Order:
    """The job's file and what loads it, copied to the server's folder: runtimes refuse weights that links lead to."""
    artifact, engine = job.artifact, load_engines()[job.artifact.engine]
    if engine.native:
        raise RunError(f"{job.cell}: {engine.runtime} runs in no server here")
    write_runner(folder / "runner.pyz", engine.module)
    for name in (artifact.file, *(other.name for other in artifact.beside)):
        shutil.copyfile(job.file.with_name(name), folder / name)
    options = {**job.placement.engine_options, **entry_options(artifact.signature)}
    shapes = [list(shape) for shape in artifact.shapes]
    path = str(folder / artifact.file)
    return Order(OURS, engine.module, options, path, job.placement.threads, shapes, port, secrets.token_hex(16))


def model_name(job: CellJob) -> str:
    """What a server at an address is taken to call the cell's model: its variant, of characters every server takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", job.cell.partition("@")[0])[:100]


def _described(engine: RawEngine, server: str) -> Description:
    return Description(
        inputs=[_info(each) for each in engine.inputs],
        outputs=[_info(each) for each in engine.outputs],
        runtime=f"{engine.runtime} in {server}",
        version=engine.version,
        threads=engine.threads,
        delegated=engine.delegated,
        total=engine.total,
        delegation_reason=engine.delegation_reason,
        undelegated=list(engine.undelegated),
        notes=list(engine.notes),
        signature=engine.signature,
        compile_ns=engine.compile_ns,
    )


def _info(tensor: TensorRecord) -> TensorInfo:
    return TensorInfo(tensor.name, tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point)
