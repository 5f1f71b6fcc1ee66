"""ExecuTorch programs with open axes: run in other lengths than the largest, and refused what they were not exported
for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerig.devices.native import executorch_runner
from edgerig.ondevice.engines import Engine, create
from edgerig.ondevice.evaluate import evaluated
from edgerig.spec import load_engines

LONGEST = 16
WEIGHT = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def program(path: Path, *, delegated: bool, planned: bool) -> None:
    """x (1, T, 4), T up to LONGEST, to relu(x W) (1, T, 3) and the mean of x over T (1, 4)."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower
    from executorch.exir.passes import MemoryPlanningPass

    class Net(torch.nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 3, bias=False)
            self.layer.load_state_dict({"weight": torch.from_numpy(WEIGHT.T.copy())})

        def forward(self, x: Any) -> Any:
            return torch.relu(self.layer(x)), x.mean(dim=1)

    length = torch.export.Dim("T", min=1, max=LONGEST)
    exported = torch.export.export(Net().eval(), (torch.zeros(1, 8, 4),), dynamic_shapes=({1: length},))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()] if delegated else [])
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=planned))
    path.write_bytes(lowered.to_executorch(config).buffer)


@pytest.fixture(scope="module", params=["runner", "wheel"])
def options(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if request.param == "wheel":
        return {}
    return {"library": str(executorch_runner(tmp_path_factory.mktemp("native")).path)}


def loaded(path: Path, options: dict[str, Any], *shapes: tuple[int, ...]) -> Engine:
    engine = create(load_engines()["executorch"].module, options)
    engine.load(str(path), 1, shapes)
    return engine


@pytest.mark.parametrize(("delegated", "planned"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_program_runs_in_every_length_it_was_exported_for(
    options: dict[str, Any], tmp_path: Path, delegated: bool, planned: bool
) -> None:
    path = tmp_path / "net.pte"
    program(path, delegated=delegated, planned=planned)
    for length in (LONGEST, 5, 1):
        engine = loaded(path, options, (1, length, 4))
        assert [tensor.shape for tensor in engine.describe().inputs] == [(1, length, 4)]
        x = np.random.default_rng(length).standard_normal((3, length, 4)).astype(np.float32)
        found = evaluated(engine, [x])
        np.testing.assert_allclose(found.arrays[0], np.maximum(x @ WEIGHT, 0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.arrays[1], x.mean(axis=1), rtol=1e-4, atol=1e-5)
        assert [tensor.shape for tensor in found.tensors] == [(1, length, 3), (1, 4)]


def not_exported_for(shape: tuple[int, ...]) -> str:
    return re.escape(f"input0 was exported for [1, {LONGEST}, 4], at most, not for {list(shape)}: ")


LARGER, FEWER_AXES, NARROWER = (1, LONGEST + 1, 4), (1, 5), (1, 5, 3)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (LARGER, not_exported_for(LARGER)),
        (FEWER_AXES, re.escape(f"takes inputs of [(1, {LONGEST}, 4)], [{FEWER_AXES}] have other axes")),
        # An axis within its largest length, that is no open one: only the kernels of the product know.
        (
            NARROWER,
            f"{not_exported_for(NARROWER)}|{re.escape(f'does not run with inputs of [{NARROWER}]: ')}"
            r"|ExecuTorch error 0x(1|10|12): ",
        ),
    ],
)
def test_what_it_was_not_exported_for_is_refused(
    options: dict[str, Any], tmp_path: Path, shape: tuple[int, ...], reason: str
) -> None:
    path = tmp_path / "net.pte"
    program(path, delegated=True, planned=True)
    evaluated(loaded(path, options, (1, LONGEST, 4)), [np.zeros((1, LONGEST, 4), np.float32)])
    with pytest.raises((ValueError, RuntimeError), match=reason):
        evaluated(loaded(path, options, shape), [np.zeros((1, *shape[1:]), np.float32)])
