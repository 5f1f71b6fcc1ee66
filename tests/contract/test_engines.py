"""One body for the engine seam, over every engine (and both of ExecuTorch's ways in), on tiny real models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_members import ROOT, SAMPLES, WHEEL, A, B, Member, X, built, chain, dense, run

from edgerig.devices.native import executorch_runner
from edgerig.ondevice.engines import Array, UnknownSignature, create
from edgerig.spec import OptionValue, load_engines

pytestmark = pytest.mark.contract

ENGINES = {name: row for name, row in load_engines().items() if row.module}
"""Those of Python; of JavaScript's, `tests/e2e/test_web.py` tells."""
MEMBERS = (*ENGINES, *(f"{name}{WHEEL}" for name, row in ENGINES.items() if row.native))
SETTINGS = [(e.name, name, value) for e in ENGINES.values() for name, o in e.options.items() for value in o.values]


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Member]:
    """Member name → member; its models are exported and its library compiled when it is first asked for."""
    folder = tmp_path_factory.mktemp("engines")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "compiled")  # each model is compiled once for all processes

    @cache
    def files(engine: str) -> dict[str, Path]:
        return {name: built(engine, name, folder) for name in SAMPLES}

    @cache
    def member(name: str) -> Member:
        row = load_engines()[name.removesuffix(WHEEL)]
        if name.endswith(WHEEL) or not row.native:
            return Member(row.name, files(row.name))
        native = executorch_runner(folder / "native")
        if native.path is None:
            pytest.skip(native.reason)
        return Member(row.name, files(row.name), {row.native: str(native.path)})

    return member


@pytest.fixture(params=MEMBERS)
def member(request: pytest.FixtureRequest, members: Callable[[str], Member]) -> Member:
    return members(request.param)


def test_outputs_agree_with_numpy(member: Member) -> None:
    (found,) = run(member.load(), X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, dense(X), rtol=1e-5, atol=1e-5)


def test_several_inputs_and_outputs_keep_their_order(member: Member) -> None:
    difference, double = run(member.load("pair"), A, B)
    np.testing.assert_allclose(difference, A - B, rtol=1e-6)
    np.testing.assert_allclose(double, A * 2, rtol=1e-6)


@pytest.mark.parametrize("model", ["dense", "chain"])
def test_inputs_are_kept_until_replaced(member: Member, model: str) -> None:
    reference = {"dense": dense, "chain": chain}[model]
    engine = member.load(model)
    given = X.copy()
    (first,) = run(engine, given)
    given[:] = 99  # the engine has its own copy
    for _ in range(5):
        engine.invoke()
        np.testing.assert_array_equal(engine.outputs()[0], first)
    np.testing.assert_allclose(first, reference(X), rtol=1e-5, atol=1e-5)
    (second,) = run(engine, -X)
    np.testing.assert_allclose(second, reference(-X), rtol=1e-5, atol=1e-5)


def test_outputs_are_copies(member: Member) -> None:
    engine = member.load()
    (first,) = run(engine, X)
    kept = first.copy()
    first_again = engine.outputs()[0]
    first_again[:] = 77
    np.testing.assert_array_equal(engine.outputs()[0], kept)
    run(engine, -X)
    np.testing.assert_array_equal(first, kept)


def test_a_view_is_taken_as_its_values(member: Member) -> None:
    wide = np.repeat(X, 2, axis=1)
    (found,) = run(member.load(), wide[:, ::2])
    np.testing.assert_allclose(found, dense(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X.astype(np.float64)], "float64 given, the file takes float32"),
        ([X[:, :7]], r"shape \(1, 7\) given, the file takes \(1, 8\)"),
        ([X[0]], r"shape \(8,\) given"),
        ([], "0 inputs given, the file takes 1"),
        ([X, X], "2 inputs given, the file takes 1"),
    ],
)
def test_wrong_inputs_are_refused_and_change_nothing(member: Member, inputs: list[Array], message: str) -> None:
    engine = member.load()
    (before,) = run(engine, X)
    with pytest.raises(ValueError, match=message):
        engine.set_inputs(inputs)
    engine.invoke()
    np.testing.assert_array_equal(engine.outputs()[0], before)


def test_describe(member: Member) -> None:
    found = member.load("pair", threads=1).describe()
    assert [(t.shape, t.dtype, t.scale, t.zero_point) for t in found.inputs] == [((1, 4), "float32", 0.0, 0)] * 2
    assert [(t.shape, t.dtype) for t in found.outputs] == [((1, 4), "float32")] * 2
    assert len({t.name for t in found.inputs + found.outputs}) == 4
    assert found.runtime
    assert found.version[0].isdigit()
    assert (found.delegated is None) == (found.total is None) == bool(found.delegation_reason)
    tells = load_engines()[member.name].tells
    assert ("delegation" in tells) == (found.delegated is not None)
    assert ("threads" in tells) == ("cannot tell its thread count" not in " ".join(found.notes))
    json.dumps(found.to_json())


def test_threads_in_force(member: Member) -> None:
    """In processes of their own, so that the operating system's thread count is the runtime's doing."""
    program = """
import json, os, sys
from edgerig.ondevice.engines import create
name, options, path, threads = json.loads(sys.argv[1])
engine = create(name, options)
engine.load(path, threads)
print(json.dumps([engine.describe().threads, len(os.listdir("/proc/self/task"))]))
"""
    wanted = [member.engine, member.options, str(member.files["dense"])]
    (one, alone), (two, together) = (json.loads(_python(program, [*wanted, threads])) for threads in (1, 2))
    if not load_engines()[member.name].threaded:
        assert (one, two, together) == (1, 1, alone)
        return
    assert (one, two) == (1, 2)
    # PyTorch starts one thread more than it was asked for, with torch.compile two: what these do was not looked into.
    most = 3 if load_engines()[member.name].distributions == ("torch",) else 1
    assert 1 <= together - alone <= most


def test_a_damaged_file_raises(member: Member, tmp_path: Path) -> None:
    """In a process of its own: a crash would otherwise end the tests."""
    good = member.files["dense"].read_bytes()
    damaged = {"empty": b"", "junk": b"not a model " * 100, "truncated": good[:-16], "half": good[: len(good) // 2]}
    paths = [tmp_path / f"{kind}{member.files['dense'].suffix}" for kind in (*damaged, "missing")]
    for path, contents in zip(paths, damaged.values(), strict=False):
        path.write_bytes(contents)
    program = """
import json, sys
from edgerig.ondevice.engines import create
name, options, paths = json.loads(sys.argv[1])
raised = {}
for path in paths:
    print("loading", path, file=sys.stderr, flush=True)
    try:
        create(name, options).load(path, 1)
    except Exception as error:
        raised[path] = [type(error).__name__, str(error)]
print(json.dumps(raised))
"""
    raised = json.loads(_python(program, [member.engine, member.options, [str(path) for path in paths]]))
    assert list(raised) == [str(path) for path in paths]
    for kind, message in raised.values():
        assert kind not in ("AttributeError", "TypeError")
        assert message


@pytest.mark.parametrize(("name", "option", "value"), SETTINGS)
def test_every_value_of_an_option_computes_the_same(
    members: Callable[[str], Member], name: str, option: str, value: OptionValue
) -> None:
    given: dict[str, Any] = {option: value}
    (found,) = run(members(name).load(**given), X)
    np.testing.assert_allclose(found, dense(X), rtol=1e-5, atol=1e-5)


def test_litert_without_xnnpack_delegates_nothing(members: Callable[[str], Member]) -> None:
    found = members("litert").load("pair", xnnpack=False).describe()
    assert (found.delegated, found.total is not None and found.total >= 2) == (0, True)


def test_onnxruntime_is_told_its_options(members: Callable[[str], Member]) -> None:
    """What the session says of itself: what it makes of them shows in no output."""
    given: dict[str, Any] = {"graph_optimization_level": "basic", "intra_op_spinning": False}
    for options, level, spins in (({}, "ORT_ENABLE_ALL", "1"), (given, "ORT_ENABLE_BASIC", "0")):
        engine: Any = members("onnxruntime").load(**options)
        told = engine._session.get_session_options()
        assert told.graph_optimization_level.name == level
        assert told.get_session_config_entry("session.intra_op.allow_spinning") == spins


@pytest.mark.parametrize("name", ["executorch", f"executorch{WHEEL}"])
def test_a_programs_method_is_run_by_its_name(name: str, members: Callable[[str], Member], tmp_path: Path) -> None:
    import torch
    from executorch.exir import to_edge

    class Times(torch.nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: Any) -> Any:
            return x * self.factor

    sample = (torch.ones(1, 8),)
    methods = {f"times_{n}": torch.export.export(Times(float(n)), sample) for n in (2, 3)}
    (tmp_path / "two.pte").write_bytes(to_edge(methods).to_executorch().buffer)
    member = Member("executorch", {"two": tmp_path / "two.pte"}, members(name).options)
    engine = member.load("two", signature="times_3")
    np.testing.assert_allclose(run(engine, X)[0], 3 * X, rtol=1e-6)
    found = engine.describe()
    assert (found.signature, sorted(found.signatures)) == ("times_3", ["times_2", "times_3"])
    with pytest.raises(UnknownSignature, match='no method "forward"; it has: times_2, times_3'):
        member.load("two")


def test_litert_counts_delegated_operators(members: Callable[[str], Member]) -> None:
    found = members("litert").load("pair").describe()
    assert found.total is not None and found.total >= 2
    assert found.delegated == found.total
    assert found.undelegated == []


def test_litert_names_operators_left_on_the_reference_kernels() -> None:
    data = Path(os.environ.get("EDGERIG_TEST_DATA", ROOT.parent / "shared" / "data"))
    file = data / "mlperf_tiny" / "keyword_spotting" / "kws_ref_model.tflite"
    if not file.is_file():
        pytest.skip(f"{file} is not there; EDGERIG_TEST_DATA names the data folder")
    engine = create(load_engines()["litert"].module, {})
    engine.load(str(file), 1)
    found = engine.describe()
    assert (found.delegated, found.total) == (11, 13)
    assert found.undelegated == ["AVERAGE_POOL_2D", "SOFTMAX"]
    assert found.inputs[0].dtype == "int8"
    assert found.inputs[0].shape == (1, 49, 10, 1)
    assert found.inputs[0].scale == pytest.approx(0.5847029)
    assert found.inputs[0].zero_point == 83


def test_executorch_runner_works_without_torch(members: Callable[[str], Member]) -> None:
    member = members("executorch")
    program = """
import json, sys
import numpy as np
from edgerig.ondevice.engines import create
module, options, path, x = json.loads(sys.argv[1])
engine = create(module, options)
engine.load(path, 1)
engine.set_inputs([np.array(x, np.float32)])
engine.invoke()
loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "executorch"})
print(json.dumps([engine.outputs()[0].tolist(), loaded]))
"""
    found, loaded = json.loads(
        _python(program, [member.engine, member.options, str(member.files["dense"]), X.tolist()])
    )
    np.testing.assert_allclose(found, dense(X), rtol=1e-5, atol=1e-5)
    assert loaded == []


def test_executorch_runner_says_what_it_knows(members: Callable[[str], Member]) -> None:
    member = members("executorch")
    assert "backends used: XnnpackBackend" in member.load("dense").describe().notes
    assert any("no backend is used" in note for note in member.load("chain").describe().notes)


def test_executorch_error_carries_the_code(members: Callable[[str], Member], tmp_path: Path) -> None:
    file = tmp_path / "junk.pte"
    file.write_bytes(b"x" * 4096)
    engine = create(load_engines()["executorch"].module, members("executorch").options)
    with pytest.raises(RuntimeError, match=r"ExecuTorch error 0x[0-9a-f]+.*Error::InvalidProgram"):
        engine.load(str(file), 1)


def test_executorch_without_a_library_says_so(members: Callable[[str], Member]) -> None:
    assert any("torch" in note for note in members("executorch-wheel").load().describe().notes)


def _python(program: str, argument: object) -> str:
    """The stdout's last line of a Python process that must end well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(argument)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]
