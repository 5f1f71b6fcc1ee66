"""A build's process: `python -m edgerig.build.worker FOLDER` reads `request.json` there and writes `<name>.reply.json`.

Frameworks, converters and the user's own model code live and die here. Each variant has a deadline of its own by
SIGALRM's default action, which ends even a converter stuck in native code; the host sees which reply is missing. What
the frameworks print goes to `<name>.log`.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from edgerig.build import keys, queue
from edgerig.build.artifact import record, tensor_records
from edgerig.build.builder import FormatBuilder
from edgerig.build.check import check_constants, check_outputs, far_note, float_note, range_note
from edgerig.build.coverage import outside_share
from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.arrays import random_dataset
from edgerig.build.datasets.dataset import Dataset, Fits, Tensor, stored
from edgerig.build.datasets.index_bounds import told, with_ranges
from edgerig.build.datasets.labels import BATCHED, LabelSet
from edgerig.build.datasets.write import write_dataset
from edgerig.build.layout import to_layout
from edgerig.build.machines import compiled_for
from edgerig.build.opening import Opening, opened
from edgerig.build.ready import adopt, inspect
from edgerig.build.request import LOG, BuildRequest, BuiltVariant, Failure, Prepared, PrepareRequest, Reference, Reply
from edgerig.build.source import Arrays, SourceModel, fed, load_source, named_tensors, one_sample, output_names
from edgerig.build.stage import stage_of
from edgerig.build.store import Store, digest
from edgerig.build.streams import fed_of_file, recorded, whole_sample
from edgerig.errors import BuildError, DatasetError, EdgerigError
from edgerig.measure.metrics import Unmeasurable, places
from edgerig.measure.operator_layers import GRAPH, written
from edgerig.npy import (
    HOST,
    NpyWriter,
    fingerprint,
    load_arrays,
    read_lengths,
    read_pieces,
    samples_a_piece,
    stems,
    write,
)
from edgerig.ondevice import lifeline
from edgerig.ondevice.engines import Description, TensorInfo
from edgerig.ondevice.evaluate import evaluated
from edgerig.ondevice.memory import peak_rss_bytes
from edgerig.ondevice.stream import hidden
from edgerig.registry import load_object
from edgerig.results import Artifact
from edgerig.spec import (
    AS_IS,
    FormatSpec,
    ModelSpec,
    RecipeSpec,
    TensorSpec,
    asked,
    has_binary_labels,
    load_formats,
)
from edgerig.spec.stream import resets

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
        described, _ = inspect(spec.path, load_formats()[spec.source], spec=spec)
        described = hidden(described, fed_of_file(spec, described))
        inputs = tuple(stored(tensor, "any") for tensor in _with_ranges(spec, described.inputs))
        fits = _fits(spec, inputs, named_tensors(map(fed, described.outputs), "any"))
    else:
        source = load_source(spec)
        inputs = tuple(stored(tensor, spec.dataset_layout) for tensor in source.outside.inputs)
        fits = _fits(spec, inputs, source.outside.outputs)
    reference_key = None if source is None else keys.reference_key(spec, request.data_key)
    with store.staging("data") as staged, stage_of(spec.folder, spec.preprocess) as stage:
        fits = replace(fits, preprocess=stage)
        if spec.dataset is None:
            dataset = _random(spec, fits, source, request.seed)
        else:
            dataset = open_dataset(spec.dataset, spec.folder, fits, spec.fetched, spec.located)
        written = write_dataset(dataset, fits, staged, spec.dataset.max_gib if spec.dataset else math.inf)
        prepared = Prepared(
            data_key=request.data_key,
            reference_key=reference_key,
            fingerprint=written.fingerprint,
            calibration_fingerprint=written.calibration_fingerprint,
            samples=written.samples,
            steps=written.steps,
            labelled=written.labelled,
            origin=dataset.origin + written.lengths,
            inputs=() if source is None else source.outside.inputs,
            outputs=() if source is None else output_names(source.outside),
            preprocess=None if stage is None else stage.timed,
        )
        data = store.commit("data", request.data_key, staged, prepared.model_dump(mode="json"))
    if source is not None and reference_key is not None and store.find("reference", reference_key) is None:
        with store.staging("reference") as reference:
            _infer(source, data, reference)  # on what is stored, were it another process' data
            found = Reference(outside=outside_share(source, data, reference))
            store.commit("reference", reference_key, reference, found.model_dump(mode="json"))
    return prepared


def _random(spec: ModelSpec, fits: Fits, source: SourceModel | None, seed: int) -> Dataset:
    """Random inputs that the network can take: of integers, what its own tables allow."""
    model = SourceModel(spec, spec.path, lambda arrays: arrays) if source is None else source
    ranged = with_ranges(fits.inputs, spec.source, model)
    dataset = random_dataset(replace(fits, inputs=ranged), seed)
    return replace(dataset, origin=dataset.origin + told(fits.inputs, ranged))


def _with_ranges(spec: ModelSpec, inputs: Sequence[TensorInfo]) -> tuple[TensorSpec, ...]:
    """A ready file's inputs, with the ranges its `model.toml` gives them."""
    ranges = {tensor.name: tensor.range for tensor in spec.inputs}
    return tuple(
        tensor.model_copy(update={"range": ranges.get(tensor.name)})
        for tensor in named_tensors(map(fed, inputs), "any")
    )


def _fits(spec: ModelSpec, inputs: tuple[Tensor, ...], outputs: Sequence[TensorSpec]) -> Fits:
    """What the model's data must fit. A label names a class where there is one output, or one that the metric names, a
    score a class. Raises DatasetError for a metric of an unknown output."""
    named: list[int] = []
    names = [tensor.name for tensor in outputs]
    for text in spec.metric:
        try:
            if asked(text).outputs and spec.postprocess is None:
                named += places(text, names, len(names))
        except Unmeasurable as error:
            raise DatasetError(
                f'model "{spec.name}": metric "{text}": {error}', hint="name an output, or its place, from 0"
            ) from error
    output = (1, *outputs[named[0] if named else 0].of_sample)
    labels = "inputs" if spec.dataset is None else spec.dataset.labels  # random inputs have no others
    sequences = spec.stream is not None and spec.stream.sequences
    answer = spec.stream.answer if spec.stream is not None and sequences else None
    whole = spec.preprocess is not None or (spec.postprocess is not None and labels == "values") or sequences
    if isinstance(labels, dict) or labels not in BATCHED or whole:
        return Fits(inputs, output, "inputs", None, tuple(_label_sets(spec, names, outputs)), answer=answer)
    known = spec.postprocess is None and (len(outputs) == 1 or len(set(named)) == 1)
    scores = output[1] if known and len(output) == 2 and output[1] > 1 else None
    return Fits(inputs, output, labels, 2 if has_binary_labels(spec.metric) else scores)


def _label_sets(spec: ModelSpec, names: Sequence[str], outputs: Sequence[TensorSpec]) -> Iterator[LabelSet]:
    """Those that are read apart. Raises DatasetError for labels of an output that there is not."""
    for name, kind in spec.dataset.sets.items() if spec.dataset else ():
        together = spec.stream is not None and spec.stream.answer == "all"
        if spec.postprocess is not None or together:
            yield LabelSet(name, kind, None, None)
            continue
        own = tuple(name.split(",")) if name not in names else (name,)
        if name and (missing := [each for each in own if each not in names]):
            raise DatasetError(
                f'model "{spec.name}": dataset.labels has {", ".join(missing)}, the outputs are {", ".join(names)}',
                hint="labels are called as the output they are of",
            )
        shape = outputs[names.index(own[0]) if name else 0].of_sample
        binary = has_binary_labels(text for text in spec.metric if asked(text).output == name)
        yield LabelSet(name, kind, (1, *shape), 2 if binary else shape[0] if len(shape) == 1 and shape[0] > 1 else None)


def _infer(source: SourceModel, data: Path, folder: Path) -> None:
    """Writes the source's outputs on the inputs in `data` as `output_<i>.npy` into `folder`, a piece at a time."""
    step = min(samples_a_piece(tensor.shape, tensor.dtype) for tensor in source.outside.inputs)
    source.restart(read_lengths(data, "input"))
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
        here, machines, lacking = dict[str, Artifact](), dict[str, Artifact](), dict[str, Failure]()
        with self._store.staging("artifact") as staged:
            if recipe_name == AS_IS:
                artifact, seconds = adopt(self._request.model, self._format, key, staged), None
                reduced = None
                _, described = self._run(staged / artifact.file, self._samples(), staged, Opening.of(artifact))
                artifact = artifact.model_copy(update={"outputs": tensor_records(described.outputs)})
            else:
                recipe = self._request.recipes[recipe_name]
                reduced = self._reduced(recipe, key)
                artifact = self._build(recipe.with_reduced(False), key, staged)
                if self._format.machines:
                    here = {platform.machine(): artifact}
                    wanted, builder = self._request.machines, self.start()[1]
                    machines, lacking = compiled_for(wanted, builder, recipe, artifact, staged, self._store)
                seconds = time.monotonic() - begin
            built = BuiltVariant(
                artifact=artifact, reduced=reduced, machines=here, seconds=seconds, peak_rss_bytes=peak_rss_bytes()
            )
            sys.stdout.flush()
            sys.stderr.flush()
            shutil.copyfile(self._folder / f"{recipe_name}.log", staged / LOG)  # a cached build still shows its log
            self._store.commit("artifact", key, staged, built.model_dump(mode="json"))
        # An equal one may have stood there, such as one that lacked a file for another processor.
        kept = self._store.meta("artifact", key, BuiltVariant) or built
        return kept.model_copy(update={"machines": kept.machines | machines, "no_machines": lacking})

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
        calibration = self._calibration(recipe, source) if recipe.calibration else None
        path = staged / f"model{self._format.suffix}"
        built = builder.build(recipe, calibration, path)
        check_constants(recipe, self._format.name, built.constants)
        if built.graph:
            (staged / GRAPH).write_text(written(built.graph), encoding="utf-8")

        samples = to_layout(self._samples(), source.outside.inputs, built.layout)
        back = () if source.memory is None else source.memory.fed
        outputs, described = self._run(path, samples, staged, Opening(shapes=source.shapes, fed=back))
        check = check_outputs(output_names(source.outside), outputs, reference)
        return record(
            path,
            described,
            back,
            key=key,
            format=self._format.name,
            recipe=recipe.name,
            engine=self._format.engine,
            layout=built.layout,
            constants=built.constants,
            shapes=source.shapes,
            delegated=built.delegated,
            operators=built.operators,
            undelegated=built.undelegated,
            notes=(
                *(*source.notes, *built.notes),
                *(*float_note(recipe, check), *far_note(recipe, check), *range_note(recipe)),
            ),
            check=check,
            options=self._request.options | recipe.options.told,
            calibration=None if calibration is None else fingerprint(list(calibration)),
        )

    def _run(self, path: Path, samples: Arrays, staged: Path, opening: Opening) -> tuple[Arrays, Description]:
        """The file's outputs on the samples, kept beside it as `host_<i>.npy`: what a device's are held against."""
        anew = resets(self._request.model.stream, len(samples[0]), read_lengths(self._data(), "input"))
        engine = opened(str(path), self._format, opening, anew)
        found = evaluated(engine, samples, anew)
        for index, output in enumerate(found.arrays):
            write(staged / f"{HOST}_{index}.npy", output)
        return found.arrays, replace(engine.describe(), outputs=found.tensors)

    def _samples(self) -> Arrays:
        return [np.array(array[:CHECK_SAMPLES]) for array in load_arrays(self._data(), "input")]

    def start(self) -> tuple[SourceModel, FormatBuilder, Arrays]:
        """The source, loaded, its builder and its outputs on the samples, made once. Raises EdgerigError."""
        if self._started is None:
            data = self._data()
            traced = load_arrays(data, "calibration") or load_arrays(data, "input")
            loaded = load_source(self._request.model)
            back = () if loaded.memory is None else loaded.memory.fed
            sample = whole_sample(loaded.spec, back, one_sample(traced, loaded.outside.inputs, 0))
            anew = resets(loaded.spec.stream, len(traced[0]), read_lengths(data, "calibration"))
            source = replace(loaded, sample=sample, anew=tuple(anew))
            work = self._folder / "work"
            work.mkdir(exist_ok=True)  # an earlier variant may have failed at what follows
            builder: FormatBuilder = load_object(self._format.builder)(source, self._request.options, work)
            source.restart(read_lengths(data, "input"))
            self._started = (source, builder, source.infer(self._samples()))
        return self._started

    def _calibration(self, recipe: RecipeSpec, source: SourceModel) -> Arrays:
        """What each input is fed of the samples the recipe is calibrated on, the source's states among it."""
        arrays = load_arrays(self._data(), "calibration")
        if not arrays:
            raise DatasetError(
                f'model "{self._request.model.name}": its dataset has no calibration split',
                hint='give it samples of the training split: an array "calibration", or in dataset.images, audio or '
                "table a calibration_folder, calibration_list or calibration_file",
            )
        lengths, count = read_lengths(self._data(), "calibration"), recipe.options.calibration_samples
        if lengths is not None:
            lengths = lengths[:count]
            count = sum(lengths)
        return recorded(source, [np.array(array[:count]) for array in arrays], lengths)

    def _data(self) -> Path:
        folder = self._store.find("data", self._request.data_key)
        if folder is None:
            raise BuildError("the model's data is no longer in the store", hint="run the sweep again")
        return folder


if __name__ == "__main__":
    main()
