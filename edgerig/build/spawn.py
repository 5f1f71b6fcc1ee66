"""The host's side of a build: what is in the store is taken from it, the rest is built in processes of their own.

A process builds several variants of one model and format, because importing a converter costs 5-14 s. When it dies,
the variant it was at is lost and a new process goes on with those after it. Others may join it, which take from the
same queue (`queue.py`).
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from edgerig import process
from edgerig.build import datasets, keys, queue, versions
from edgerig.build.request import LOG, BuildRequest, BuiltVariant, Failure, Prepared, PrepareRequest, Reference, Reply
from edgerig.build.store import Store
from edgerig.cache import temporary_folder
from edgerig.errors import BuilderCrashed, BuildTimeout, EdgerigError, NotOnDevice
from edgerig.quiet import child_environment
from edgerig.results import Artifact, BuildRecord, DeviceRecord
from edgerig.spec import (
    AS_IS,
    FormatName,
    ModelSpec,
    OwnRecipe,
    RecipeSpec,
    Strict,
    load_formats,
    load_recipes,
    load_sources,
    recipes_with,
    unknown,
)

START_LOG = "start.log"
"""What a build's process said before its first variant: kept only when there was something."""
START_ALLOWANCE_S = 120.0
"""Beyond the variants' own deadlines: the interpreter's start and its exit."""
FULL_BYTES = 2**20
"""A disk with less left than this has no room for a log, which is why the log does not say so."""


class BuildOutcome(Strict):
    """One variant: its artifact, or why there is none. `log` is in the folder given to `build_variants`."""

    recipe: str
    artifact: Artifact | None
    reduced: Artifact | None = None
    """See `BuiltVariant`, for the next two as well."""
    machines: dict[str, Artifact] = Field(default={})
    no_machines: dict[str, Failure] = Field(default={})
    record: BuildRecord
    failure: Failure | None

    def on(self, device: DeviceRecord) -> BuildOutcome:
        """The same with the artifact that is for this device. Raises EdgerigError where machine code was compiled for
        other processors alone."""
        if self.machines:
            return self._with(self._for_machine(device.arch or ""))
        if self.reduced is None or device.int8_saturates is not True:
            return self
        return self._with(self.reduced)

    def _for_machine(self, machine: str) -> Artifact:
        if machine in self.no_machines:
            raise self.no_machines[machine].error()
        if machine not in self.machines:
            raise NotOnDevice(
                f"the file is machine code, compiled for {', '.join(self.machines)}, not for {machine or 'an unknown'}",
                hint="choose a format whose files run on every processor",
            )
        return self.machines[machine]

    def _with(self, chosen: Artifact) -> BuildOutcome:
        told = {"check": chosen.check, "constants": chosen.constants, "notes": chosen.notes, "key": chosen.key}
        return self.model_copy(update={"artifact": chosen, "record": self.record.model_copy(update=told)})


def prepare(model: ModelSpec, seed: int, timeout_s: float, store: Store, logs: Path) -> Prepared:
    """The model's data and reference outputs, from the store or made now. Raises EdgerigError."""
    found = prepared(model, seed, store)
    if found is not None:
        return found
    data_key = keys.data_key(model, seed)
    request = PrepareRequest(model=model, seed=seed, store=store.root, data_key=data_key, timeout_s=timeout_s)
    reply = _run(request, ["prepare"], logs)["prepare"]
    if reply.prepared is None:
        raise _failure(reply).error()
    return _prepared(model, data_key, store) or reply.prepared


def prepared(model: ModelSpec, seed: int, store: Store) -> Prepared | None:
    """What `prepare` finds in the store, None where it would have to be made. Raises EdgerigError."""
    return _prepared(model, keys.data_key(model, seed), store)


def _prepared(model: ModelSpec, data_key: str, store: Store) -> Prepared | None:
    """What the store has of the model's data and its source's outputs on it; None unless it has both."""
    known = store.meta("data", data_key, Prepared)
    if known is None or model.ready:
        return known
    wanted = keys.reference_key(model, data_key)
    reference = store.meta("reference", wanted, Reference)
    if reference is None:
        return None
    return known.model_copy(update={"reference_key": wanted, "outside": reference.outside})


def build_variants(
    model: ModelSpec,
    format_name: FormatName,
    recipes: list[str],
    options: Mapping[str, str],
    prepared: Prepared,
    timeout_s: float,
    store: Store,
    logs: Path,
    own: Mapping[str, OwnRecipe],
    shared: Path,
    machines: Sequence[str] = (),
    *,
    joins: bool = False,
) -> list[BuildOutcome]:
    """The outcomes of the recipes that were in the store and of those built here, in order; the others are taken from
    the queue in the folder `shared` by calls which join this one. One that `joins` gives the outcomes of what it took.
    `own` are the sweep's recipes beside edgerig's. `machines` are processors beside this host's that files of machine
    code are wanted for.

    Raises ConfigError only for what concerns them all.
    """
    if format_name not in load_formats():  # of a run that was planned where there was one
        raise unknown("format", format_name, load_formats())
    complete = _complete(format_name, options)
    known = recipes_with(own)
    wanted = {recipe: _key(model, format_name, recipe, known, complete, prepared) for recipe in recipes}
    found = {recipe: _found(store, key, machines) for recipe, key in wanted.items()}
    missing = {recipe: key for recipe, key in wanted.items() if found[recipe] is None}
    if not joins:
        _copy_logs({recipe: key for recipe, key in wanted.items() if recipe not in missing}, store, logs)
        queue.fill(shared, missing)
    replies: dict[str, Reply] = {}
    while missing:
        request = BuildRequest(
            model=model,
            format=format_name,
            options=complete,
            keys=missing,
            recipes={recipe: known[recipe] for recipe in missing if recipe != AS_IS},
            store=store.root,
            data_key=prepared.data_key,
            timeout_s=timeout_s,
            queue=shared,
            machines=tuple(machines),
            joins=joins,
        )
        replies |= _run(request, list(missing), logs)
        left = set() if joins else queue.waiting(shared) or set()
        missing = {recipe: key for recipe, key in missing.items() if recipe in left}
    done = [recipe for recipe in recipes if recipe in replies or (found[recipe] is not None and not joins)]
    return [_outcome(recipe, wanted[recipe], found[recipe], replies.get(recipe), logs) for recipe in done]


def all_built(
    model: ModelSpec,
    format_name: FormatName,
    recipes: Iterable[str],
    options: Mapping[str, str],
    prepared: Prepared,
    store: Store,
    own: Mapping[str, OwnRecipe],
) -> bool:
    """Does the store have each of these variants? Raises ConfigError."""
    complete, known = _complete(format_name, options), recipes_with(own)
    wanted = (_key(model, format_name, recipe, known, complete, prepared) for recipe in recipes)
    return all(_found(store, key) is not None for key in wanted)


def _found(store: Store, key: str, machines: Sequence[str] = ()) -> BuiltVariant | None:
    """What the store has under the key: whole, with what it has for the `machines`, or nothing."""
    built = store.meta("artifact", key, BuiltVariant)
    if built is None or (built.reduced is not None and store.find("artifact", built.reduced.key) is None):
        return None
    others = {machine: store.meta("artifact", keys.for_machine(key, machine), BuiltVariant) for machine in machines}
    found = {machine: other.artifact for machine, other in others.items() if other is not None}
    return built.model_copy(update={"machines": built.machines | found}) if len(found) == len(others) else None


def _complete(format_name: FormatName, options: Mapping[str, str]) -> dict[str, str]:
    """The options with their defaults."""
    return {name: values[0] for name, values in load_formats()[format_name].options.items()} | dict(options)


def _copy_logs(cached: Mapping[str, str], store: Store, logs: Path) -> None:
    """The logs of cached builds, as if they had been built now."""
    for recipe, key in cached.items():
        entry = store.find("artifact", key)
        if entry is not None and (entry / LOG).is_file():
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry / LOG, logs / f"{recipe}.log")


def _outcome(recipe: str, key: str, cached: BuiltVariant | None, reply: Reply | None, logs: Path) -> BuildOutcome:
    log = logs / f"{recipe}.log"
    if cached is not None:
        built = cached
    elif reply is not None and reply.built is not None:
        built = reply.built
    else:
        failure = _failure(reply) if reply is not None else Failure(kind="BuilderCrashed", message="no reply", hint="")
        return BuildOutcome(
            recipe=recipe,
            artifact=None,
            failure=failure,
            record=BuildRecord(
                seconds=None, cached=False, peak_rss_bytes=None, log=log.name if log.is_file() else None, key=key
            ),
        )
    artifact = built.artifact
    return BuildOutcome(
        recipe=recipe,
        artifact=artifact,
        reduced=built.reduced,
        machines=built.machines,
        no_machines=built.no_machines,
        failure=None,
        record=BuildRecord(
            seconds=built.seconds,
            cached=cached is not None,
            peak_rss_bytes=built.peak_rss_bytes,
            log=log.name if log.is_file() else None,
            key=key,
            check=artifact.check,
            calibration=artifact.calibration,
            constants=artifact.constants,
            options=artifact.options,
            notes=artifact.notes,
        ),
    )


def _key(
    model: ModelSpec,
    format_name: FormatName,
    recipe: str,
    known: Mapping[str, RecipeSpec],
    options: dict[str, str],
    prepared: Prepared,
) -> str:
    if recipe == AS_IS:
        return keys.ready_key(model, prepared.data_key)
    return keys.artifact_key(
        model,
        load_formats()[format_name],
        known[recipe],
        options,
        prepared.data_key,
        prepared.calibration_fingerprint,
    )


def _run(request: PrepareRequest | BuildRequest, names: list[str], logs: Path) -> dict[str, Reply]:
    """One build process over `names`, or what it gets of them; the replies it gave, and a failure for the one it died
    at."""
    logs.mkdir(parents=True, exist_ok=True)
    versions.remember(request.store, _tools())
    above = Path(tempfile.gettempdir()) if isinstance(request, PrepareRequest) else request.queue
    with temporary_folder(above, f"edgerig-{request.op}-process-") as folder:
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        finished = process.run(
            [sys.executable, "-P", "-m", "edgerig.build.worker", str(folder)],
            env={**environment(), "TMPDIR": str(folder)},
            timeout_s=request.timeout_s * len(names) + START_ALLOWANCE_S,
            output=folder / START_LOG,
        )
        begun = names if isinstance(request, PrepareRequest) else _begun(request, names, folder.name)
        replies = {name: reply for name in begun if (reply := _read(folder / f"{name}{queue.REPLY}")) is not None}
        full = f"{folder.parent}: {os.strerror(errno.ENOSPC)}" if shutil.disk_usage(folder).free < FULL_BYTES else ""
        for name in begun:
            if name not in replies:
                said = tail(folder / f"{name}.log") or tail(folder / START_LOG)
                error = _death(finished, request, "\n".join(filter(None, (full, said))))
                replies[name] = Reply(failure=Failure.of(error))
        for log in folder.glob("*.log"):
            if log.name != START_LOG or (log.stat().st_size and begun):
                shutil.move(log, logs / log.name)
    return replies


def _tools() -> Iterator[str]:
    """Every distribution whose version is part of some key."""
    for row in load_formats().values():
        yield from row.tools
    for recipe in load_recipes().values():
        yield from recipe.needs
    for source in load_sources().values():
        yield from source.distributions
    yield from datasets.DECODERS.values()


def _begun(request: BuildRequest, names: list[str], process: str) -> list[str]:
    """What a process that has ended had begun: at least one, or there would be no end, unless it joined another."""
    begun = [each.recipe for each in queue.begun(request.queue) if each.process == process]
    return begun or ([] if request.joins else list(itertools.islice(queue.take(request.queue, names, process), 1)))


def _death(finished: process.Finished, request: PrepareRequest | BuildRequest, tail: str) -> EdgerigError:
    said = f"\nthe last it said: {tail}" if tail else ""
    if finished.timed_out or finished.returncode == -signal.SIGALRM:
        what, hint = "build", "raise build.timeout_s, or leave this variant out with --select"
        if isinstance(request, PrepareRequest):
            what, hint = "preparation", "raise build.prepare_timeout_s, or give the model less data"
        return BuildTimeout(f"the {what} was killed at its deadline of {request.timeout_s:g} s{said}", hint=hint)
    hint = (
        "the kernel may have killed it for memory: lower build.jobs"
        if finished.returncode == -signal.SIGKILL
        else ("the converter itself died: the build's log has the whole story")
    )
    return BuilderCrashed(f"the build's process ended by {process.signal_name(finished.returncode)}{said}", hint=hint)


def _failure(reply: Reply) -> Failure:
    return reply.failure or Failure(kind="BuilderCrashed", message="the build's process gave an empty reply", hint="")


def _read(path: Path) -> Reply | None:
    try:
        return Reply.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def tail(path: Path, lines: int = 3, limit: int = 400) -> str:
    """The last lines of a log, "" when there are none."""
    try:
        said = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(line[:limit] for line in said[-lines:])


def environment() -> dict[str, str]:
    """Ours, with the frameworks held to one thread (two contend 40× slower on a busy machine) and off any GPU."""
    return child_environment(
        OMP_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
        CUDA_VISIBLE_DEVICES="",
        TF_CPP_MIN_LOG_LEVEL="2",
        HF_HUB_OFFLINE="1",
    )
