"""ONNX Runtime on its CPU execution provider, inputs and outputs bound to memory of their own before the timer runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import onnxruntime as ort

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo, UnsupportedTensor, contiguous
from edgerig.ondevice.processors import multiplies_exactly
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import check_inputs

PROVIDER = "CPUExecutionProvider"
PRECISE = "session.x64quantprecision"
SPINNING = "session.intra_op.allow_spinning"
LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
}
"""ONNX Runtime's type names that have a numpy dtype."""


INEXACT = (
    "ONNX Runtime does not load this file with exact 8-bit products (its operators share weights): they saturate on "
    "x86-64 without VNNI"
)


class OnnxruntimeEngine:
    """An `.onnx` file. `invoke` is the session's compiled run with everything bound, made when the file is loaded; from
    its first call on with what that one found: some files give outputs of other shapes than they declare.

    The options are those of a session (onnxruntime_session_options_config_keys.h): `graph_optimization_level` is a key
    of `LEVELS`, `intra_op_spinning` whether threads that wait for work spin.
    """

    def __init__(self, graph_optimization_level: str = "all", intra_op_spinning: bool = True) -> None:
        self._level = LEVELS[graph_optimization_level]
        self._spinning = intra_op_spinning
        ort.disable_telemetry_events()  # the wheel would otherwise keep an identifier on the device

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises ONNX Runtime's own exceptions and UnsupportedTensor."""
        self._session, self._exact = _session(path, self.session_options(threads))
        nodes = self._session.get_inputs()
        batch_axes = {node.shape[0] for node in nodes if node.shape}
        batched = any(node.shape and not isinstance(node.shape[0], int) for node in nodes)
        self._inputs = [_tensor(node, {}, batched) for node in nodes]
        if shapes:
            _check_fixed(nodes, shapes)
            self._inputs = [replace(tensor, shape=shape) for tensor, shape in zip(self._inputs, shapes, strict=True)]
            batched = batched and all(tensor.shape[:1] in ((), (1,)) for tensor in self._inputs)
        known = _named_lengths(nodes, self._inputs)
        self._outputs = [_tensor(node, known, batched) for node in self._session.get_outputs()]
        self._binding = self._session.io_binding()
        self._input_values: dict[str, Any] = {}
        self._dynamic_outputs: list[str] = []
        self._undeclared_outputs: list[str] = []
        for node, tensor in zip(self._session.get_outputs(), self._outputs, strict=True):
            if -1 not in tensor.shape and _length_is_known(node.shape, batch_axes):
                self._binding.bind_ortvalue_output(tensor.name, _memory(tensor.shape, tensor.dtype))
            else:
                self._dynamic_outputs.append(tensor.name)
                self._binding.bind_output(tensor.name)
        # The public run_with_iobinding() adds WebGPU checks, 0.2 µs a call, which do not concern this provider.
        # Given no run options, the binding makes new ones in each call (0.45 µs).
        self._run = partial(self._session._sess.run_with_iobinding, self._binding._iobinding, ort.RunOptions())
        self._settled: Callable[[], None] | None = None

    def session_options(self, threads: int) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self._level
        options.add_session_config_entry(SPINNING, "1" if self._spinning else "0")
        return options

    @property
    def invoke(self) -> Callable[[], None]:
        return self._first if self._settled is None else self._settled

    def _first(self) -> None:
        """The first inference. Whether an output is as the file declares it is known only behind it."""
        unsure = bool(self._dynamic_outputs)
        try:
            self._run()
        except RuntimeError:  # what is bound to a fixed output need not fit: the runtime is to allocate it, if it can
            self._allocate(tensor.name for tensor in self._outputs)
            self._run()
            unsure = True
        if unsure:
            nodes, values = self._session.get_outputs(), self._binding._iobinding.get_outputs()
            self._undeclared_outputs = [
                node.name for node, value in zip(nodes, values, strict=True) if not _declared(node.shape, value.shape())
            ]
        undeclared = self._undeclared_outputs
        self._settled = partial(_allocating, self._binding, undeclared, self._run) if undeclared else self._run

    def _allocate(self, names: Iterable[str]) -> None:
        for name in names:
            self._binding.bind_output(name)

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._inputs)
        for array, tensor in zip(inputs, self._inputs, strict=True):
            value = self._input_values.get(tensor.name)
            if value is None or tuple(value.shape()) != array.shape:
                value = self._input_values[tensor.name] = _memory(array.shape, tensor.dtype)
                self._binding.bind_ortvalue_input(tensor.name, value)
            value.update_inplace(contiguous(array, tensor.dtype))
        self._allocate(self._dynamic_outputs)  # what the last inference allocated need not fit these inputs

    def outputs(self) -> list[Array]:
        return [np.array(value.numpy()) for value in self._binding.get_outputs()]

    def describe(self) -> Description:
        notes = [] if self._exact else [INEXACT]
        if self._undeclared_outputs:
            names = ", ".join(self._undeclared_outputs)
            notes.append(f"outputs of other shapes than the file declares ({names}) are allocated in each inference")
        dynamic = [name for name in self._dynamic_outputs if name not in self._undeclared_outputs]
        if dynamic:
            names = ", ".join(dynamic)
            notes.append(f"outputs of dynamic shape ({names}) are allocated in the first inference on new inputs")
        return Description(
            inputs=self._inputs,
            outputs=self._outputs,
            runtime="ONNX Runtime",
            version=ort.__version__,
            threads=self._session.get_session_options().intra_op_num_threads,
            delegation_reason="ONNX Runtime's CPU provider runs every operator itself: nothing is delegated",
            notes=notes,
            state=fed_back(self._inputs, self._outputs),
        )


def _session(path: str, options: Any) -> tuple[Any, bool]:
    """The file, loaded, and whether with exact products: those of unsigned by signed 8-bit numbers saturate by default
    on x86-64 without VNNI.

    It is asked for there alone (onnxruntime_session_options_config_keys.h, kOrtSessionOptionsAvx2PrecisionMode): it
    makes weights unsigned wherever a processor has other kernels for those, and with VNNI these are slower by half and
    no more exact. Arm's kernels are not changed by it. A file whose operators share 8-bit weights cannot be loaded so.
    """
    if multiplies_exactly():
        return _loaded(path, options), True
    options.add_session_config_entry(PRECISE, "1")
    try:
        return _loaded(path, options), True
    except Exception:  # a file that does not load at all raises once more
        options.add_session_config_entry(PRECISE, "0")
        return _loaded(path, options), False


def _loaded(path: str, options: Any) -> Any:
    # Its fallback would print to stdout and load the file again, on the same provider.
    return ort.InferenceSession(path, options, providers=[PROVIDER], enable_fallback=0)


def _check_fixed(nodes: list[Any], shapes: Shapes) -> None:
    """Raises ValueError when a length that the file fixes is to be another."""
    for node, shape in zip(nodes, shapes, strict=True):
        if any(isinstance(axis, int) and axis != length for axis, length in zip(node.shape, shape, strict=True)):
            raise ValueError(f'input "{node.name}" is {node.shape} in the file, {list(shape)} is given')


def _named_lengths(nodes: list[Any], tensors: list[TensorInfo]) -> dict[str, int]:
    """The length of each axis that the inputs name, where they agree on it. "?" is no name, but what some exporters
    call every axis."""
    found: dict[str, set[int]] = {}
    for node, tensor in zip(nodes, tensors, strict=True):
        for axis, length in zip(node.shape, tensor.shape, strict=True):
            if isinstance(axis, str) and any(c.isalnum() for c in axis):
                found.setdefault(axis, set()).add(length)
    return {name: lengths.pop() for name, lengths in found.items() if len(lengths) == 1}


def _tensor(node: Any, known: dict[str, int], batched: bool) -> TensorInfo:
    """A tensor as the session describes it; its axes are lengths, or names or None where dynamic. `known` are the
    lengths of names; a dynamic first axis is the batch where the file has one (`batched`).

    An integer tensor has no scale: in ONNX a scale belongs to the (de)quantizing operator, not to the tensor.
    """
    if node.type not in DTYPES:
        raise UnsupportedTensor(f'tensor "{node.name}": {node.type} is not supported')
    shape = [length if isinstance(length, int) else known.get(length, -1) for length in node.shape]
    if batched and shape and shape[0] == -1:
        shape[0] = 1
    return TensorInfo(name=node.name, shape=tuple(shape), dtype=DTYPES[node.type])


def _length_is_known(axes: list[int | str | None], batch_axes: set[int | str | None]) -> bool:
    """Whether an output's memory can be made beforehand: every axis fixed but, at most, the inputs' batch axis."""
    return all(isinstance(a, int) or (i == 0 and a is not None and a in batch_axes) for i, a in enumerate(axes))


def _declared(axes: Sequence[int | str | None], shape: Sequence[int]) -> bool:
    """Is `shape` one that an output of these declared axes has?"""
    return len(axes) == len(shape) and all(
        not isinstance(axis, int) or axis == length for axis, length in zip(axes, shape, strict=True)
    )


def _allocating(binding: Any, names: Sequence[str], run: Callable[[], None]) -> None:
    """An inference that allocates these outputs: the runtime would refuse those of the last one, which are not as the
    file declares them."""
    for name in names:
        binding.bind_output(name)
    run()


def _memory(shape: tuple[int, ...], dtype: str) -> Any:
    """A tensor in memory of ONNX Runtime's own, aligned as it likes it."""
    return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), np.dtype(dtype).type)
