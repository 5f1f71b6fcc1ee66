"""A build's process: `python -m edgerig.build.worker FOLDER` reads `request.json` there and writes `<name>.reply.json`.

Frameworks, converters and the user's own model code live and die here. Each variant has a deadline of its own by
SIGALRM's default action, which ends even a converter stuck in native code; the host sees which reply is missing. What
the frameworks print goes to `<name>.log`.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from edgerig.build import keys, queue
from edgerig.build.artifact import record
from edgerig.build.builder import FormatBuilder
from edgerig.build.check import check_constants, check_outputs, float_note, range_note
from edgerig.build.coverage import outside_share
from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.arrays import random_dataset
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.build.datasets.write import write_dataset
from edgerig.build.layout import axes_in, order_in, to_layout
from edgerig.build.ready import adopt, inspect
from edgerig.build.request import LOG, BuildRequest, BuiltVariant, Failure, Prepared, PrepareRequest, Reference, Reply
from edgerig.build.source import Arrays, SourceModel, fed, load_source
from edgerig.build.store import Store, digest
from edgerig.errors import BuildError, DatasetError, EdgerigError
from edgerig.npy import HOST, NpyWriter, fingerprint, load_arrays, read_pieces, samples_a_piece, stems, write
from edgerig.ondevice import engines, lifeline
from edgerig.ondevice.engines import Description
from edgerig.ondevice.evaluate import evaluate
from edgerig.ondevice.memory import peak_rss_bytes
from edgerig.registry import load_object
from edgerig.results import Artifact
from edgerig.spec import (
    AS_IS,
    FormatSpec,
    Layout,
    ModelSpec,
    RecipeSpec,
    TensorSpec,
    has_binary_labels,
    load_engines,
    load_formats,
)

CHECK_SAMPLES = 16
"""Evaluation samples a build is checked on. Not calibration's: a wrong calibration would be held against itself."""
REQUEST: TypeAdapter[PrepareRequest | BuildRequest] = TypeAdapter(
    Annotated[PrepareRequest | BuildRequest, Field(discriminator="op")]
)


def main() -> None:
    lifeline.hold()
    folder = Path(sys.argv[1])
    request = REQUEST.validate_json((folder / "request.json").read_text(encoding="utf-8"))
    if isinstance(request, PrepareRequest):
        _answer(folder, "prepare", request.timeout_s, lambda: Reply(prepared=prepare(request)))
    else:
        session = Session(request, folder)
        if not request.joins or _joined(session, request.timeout_s):
            for recipe in queue.take(request.queue, request.keys, folder.name):
                _answer(folder, recipe, request.timeout_s, lambda recipe=recipe: Reply(built=session.build(recipe)))  # type: ignore[misc]
    sys.stdout.flush()
    os._exit(0)  # a framework's exit handlers may hang or crash; every reply is on disk


def _joined(session: Session, timeout_s: float) -> bool:
    """Makes what the session's variants share before one of them is begun. False where that fails: the process that was
    at work on them before meets the same, with a variant to tell it of."""
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        session.start()
    except Exception:  # as in `_answer`
        traceback.print_exc()
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def _answer(folder: Path, name: str, timeout_s: float, work: Callable[[], Reply]) -> None:
    """Runs `work` under its deadline with its output in `<name>.log`, and writes `<name>.reply.json`."""
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        reply = work()
    except EdgerigError as error:
        traceback.print_exc()
        reply = Reply(failure=Failure.of(error))
    except Exception as error:  # a converter may raise anything: it costs this variant only
        traceback.print_exc()
        reply = Reply(
            failure=Failure(
                kind="BuildError",
                message=f"{type(error).__name__}: {error}"[:2000],
                hint="the build's log has the whole story",
            )
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    temporary = folder / f"{name}.reply.tmp"
    temporary.write_text(reply.model_dump_json(), encoding="utf-8")
    os.replace(temporary, folder / f"{name}{queue.REPLY}")


def prepare(request: PrepareRequest) -> Prepared:
    """The model's data and its source's outputs on it, committed to the store."""
    spec, store = request.model, Store(request.store)
    source = None
    if spec.ready and spec.path is not None:
        described = inspect(spec.path, load_formats()[spec.source])
        inputs = tuple(Tensor(name, shape, dtype=dtype) for name, shape, dtype in map(fed, described.inputs))
        fits = _fits(spec, inputs, [tensor.shape for tensor in described.outputs])
    else:
        source = load_source(spec)
        inputs = tuple(_stored(tensor, spec.dataset_layout) for tensor in source.spec.inputs)
        fits = _fits(spec, inputs, [tensor.shape for tensor in source.spec.outputs])
    reference_key = None if source is None else keys.reference_key(spec, request.data_key)
    with store.staging("data") as staged:
        dataset = (
            random_dataset(fits, request.seed)
            if spec.dataset is None
            else open_dataset(spec.dataset, spec.folder, fits, spec.fetched, spec.located)
        )
        written = write_dataset(dataset, fits, staged, spec.dataset.max_gib if spec.dataset else math.inf)
        prepared = Prepared(
            data_key=request.data_key,
            reference_key=reference_key,
            fingerprint=written.fingerprint,
            calibration_fingerprint=written.calibration_fingerprint,
            samples=written.samples,
            labelled=written.labelled,
            origin=dataset.origin,
            inputs=() if source is None else source.spec.inputs,
            outputs=() if source is None else tuple(tensor.name for tensor in source.spec.outputs),
        )
        data = store.commit("data", request.data_key, staged, prepared.model_dump(mode="json"))
    if source is not None and reference_key is not None and store.find("reference", reference_key) is None:
        with store.staging("reference") as reference:
            _infer(source, data, reference)  # on what is stored, were it another process' data
            found = Reference(outside=outside_share(source, data, reference))
            store.commit("reference", reference_key, reference, found.model_dump(mode="json"))
    return prepared


def _stored(tensor: TensorSpec, layout: Layout) -> Tensor:
    """The model's input as its dataset holds it: in `layout`, where both are known."""
    if "any" in (tensor.layout, layout):
        return Tensor(tensor.name, tensor.shape, tensor.layout, range=tensor.range, dtype=tensor.dtype)
    shape = axes_in(tensor.shape, tensor.layout, layout)
    return Tensor(tensor.name, shape, layout, order_in(layout, tensor.layout), tensor.range, tensor.dtype)


def _fits(spec: ModelSpec, inputs: tuple[Tensor, ...], outputs: list[tuple[int, ...]]) -> Fits:
    """What the model's data must fit. A label names a class where there is one output, a score a class."""
    output = outputs[0]
    labels = "inputs" if spec.dataset is None else spec.dataset.labels  # random inputs have no others
    scores = output[1] if len(outputs) == 1 and len(output) == 2 and output[1] > 1 else None
    return Fits(inputs, output, labels, 2 if has_binary_labels(spec.metric) else scores)


def _infer(source: SourceModel, data: Path, folder: Path) -> None:
    """Writes the source's outputs on the inputs in `data` as `output_<i>.npy` into `folder`, a piece at a time."""
    step = min(samples_a_piece(tensor.shape, tensor.dtype) for tensor in source.spec.inputs)
    with contextlib.ExitStack() as stack:
        writers: list[NpyWriter] = []
        for inputs in zip(*(read_pieces(path, step) for path in stems(data, "input")), strict=True):
            outputs = source.infer(list(inputs))
            for index, output in enumerate(outputs):
                if index == len(writers):
                    path = folder / f"output_{index}.npy"
                    writers.append(stack.enter_context(NpyWriter(path, output.shape[1:], output.dtype)))
                writers[index].append(output)


class Session:
    """What the variants of one process share: the loaded source, its builder, the samples they are checked on."""

    def __init__(self, request: BuildRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._format: FormatSpec = load_formats()[request.format]
        self._store = Store(request.store)
        self._started: tuple[SourceModel, FormatBuilder, Arrays] | None = None

    def build(self, recipe_name: str) -> BuiltVariant:
        """Builds, checks and commits one variant. Raises EdgerigError."""
        begin = time.monotonic()
        key = self._request.keys[recipe_name]
        with self._store.staging("artifact") as staged:
            if recipe_name == AS_IS:
                artifact, seconds = adopt(self._request.model, self._format, key, staged), None
                reduced = None
                self._run(staged / artifact.file, self._samples(), staged)
            else:
                recipe = self._request.recipes[recipe_name]
                reduced = self._reduced(recipe, key)
                artifact = self._build(recipe.with_reduced(False), key, staged)
                seconds = time.monotonic() - begin
            built = BuiltVariant(artifact=artifact, reduced=reduced, seconds=seconds, peak_rss_bytes=peak_rss_bytes())
            sys.stdout.flush()
            sys.stderr.flush()
            shutil.copyfile(self._folder / f"{recipe_name}.log", staged / LOG)  # a cached build still shows its log
            self._store.commit("artifact", key, staged, built.model_dump(mode="json"))
        return built

    def _reduced(self, recipe: RecipeSpec, key: str) -> Artifact | None:
        """The variant for devices whose 8-bit products saturate, in an entry of its own, where the recipe has it so."""
        if not recipe.by_device(self._format.name):
            return None
        own = digest({"reduced": key})
        with self._store.staging("artifact") as staged:
            artifact = self._build(recipe.with_reduced(True), own, staged)
            built = BuiltVariant(artifact=artifact, seconds=None, peak_rss_bytes=None)
            self._store.commit("artifact", own, staged, built.model_dump(mode="json"))
        return artifact

    def _build(self, recipe: RecipeSpec, key: str, staged: Path) -> Artifact:
        source, builder, reference = self.start()
        calibration = self._calibration(recipe) if recipe.calibration else None
        path = staged / f"model{self._format.suffix}"
        built = builder.build(recipe, calibration, path)
        check_constants(recipe, self._format.name, built.constants)

        samples = to_layout(self._samples(), source.spec.inputs, built.layout)
        outputs, described = self._run(path, samples, staged)
        check = check_outputs([tensor.name for tensor in source.spec.outputs], outputs, reference)
        return record(
            path,
            described,
            key=key,
            format=self._format.name,
            recipe=recipe.name,
            engine=self._format.engine,
            layout=built.layout,
            constants=built.constants,
            delegated=built.delegated,
            operators=built.operators,
            undelegated=built.undelegated,
            notes=(*source.notes, *built.notes, *float_note(recipe, check), *range_note(recipe)),
            check=check,
            options=self._request.options | recipe.options.told,
            calibration=None if calibration is None else fingerprint(list(calibration)),
        )

    def _run(self, path: Path, samples: Arrays, staged: Path) -> tuple[Arrays, Description]:
        """The file's outputs on the samples, kept beside it as `host_<i>.npy`: what a device's are held against."""
        engine = engines.create(load_engines()[self._format.engine].module, {})
        engine.load(str(path), 1)
        outputs = evaluate(engine, samples)
        for index, output in enumerate(outputs):
            write(staged / f"{HOST}_{index}.npy", output)
        return outputs, engine.describe()

    def _samples(self) -> Arrays:
        return [np.array(array[:CHECK_SAMPLES]) for array in load_arrays(self._data(), "input")]

    def start(self) -> tuple[SourceModel, FormatBuilder, Arrays]:
        """The source, loaded, its builder and its outputs on the samples, made once. Raises EdgerigError."""
        if self._started is None:
            data = self._data()
            traced = load_arrays(data, "calibration") or load_arrays(data, "input")
            sample = [np.array(array[:1]) for array in traced]
            source = replace(load_source(self._request.model), sample=sample)
            work = self._folder / "work"
            work.mkdir(exist_ok=True)  # an earlier variant may have failed at what follows
            builder: FormatBuilder = load_object(self._format.builder)(source, self._request.options, work)
            self._started = (source, builder, source.infer(self._samples()))
        return self._started

    def _calibration(self, recipe: RecipeSpec) -> Arrays:
        arrays = load_arrays(self._data(), "calibration")
        if not arrays:
            raise DatasetError(
                f'model "{self._request.model.name}": its dataset has no calibration split',
                hint='give it samples of the training split: an array "calibration", or in dataset.images, audio or '
                "table a calibration_folder, calibration_list or calibration_file",
            )
        return [np.array(array[: recipe.options.calibration_samples]) for array in arrays]

    def _data(self) -> Path:
        folder = self._store.find("data", self._request.data_key)
        if folder is None:
            raise BuildError("the model's data is no longer in the store", hint="run the sweep again")
        return folder


if __name__ == "__main__":
    main()
