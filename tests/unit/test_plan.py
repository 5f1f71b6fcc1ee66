import contextlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgerig.errors import ConfigError, NothingSelected
from edgerig.plan import Cell, cell_of, make_plan, sweep_of, unsupported_reason, variants
from edgerig.plan.refused import _no_machine
from edgerig.spec import (
    SweepSpec,
    file_source,
    load_device,
    load_engines,
    load_formats,
    load_models,
    load_sources,
    machines_of,
    no_route,
)


def ids(**sweep: Any) -> list[str]:
    return [cell.id for cell in make_plan(SweepSpec(**sweep)).cells]


def test_the_quickstart_has_a_cell_for_each_combination() -> None:
    found = ids()
    assert len(found) == len(set(found)) == 2 * 3 * 4
    assert found[0] == "digits_cnn-torch-tflite-fp32@local/t1"


QUICK: dict[str, Any] = {"models": ("digits_cnn",), "recipes": ("fp32",)}


def test_an_id_names_what_differs_from_the_default_and_nothing_else() -> None:
    found = ids(
        **QUICK, formats=("tflite", "onnx"), processors=((), (2, 3)), engine={"litert": {"xnnpack": (True, False)}}
    )
    assert found == [
        "digits_cnn-torch-tflite-fp32@local/t1",
        "digits_cnn-torch-tflite-fp32@local/t1/xnnpack=false",
        "digits_cnn-torch-tflite-fp32@local/t1/p2-3",
        "digits_cnn-torch-tflite-fp32@local/t1/p2-3/xnnpack=false",
        "digits_cnn-torch-onnx-fp32@local/t1",
        "digits_cnn-torch-onnx-fp32@local/t1/p2-3",
    ]


def test_processors_by_name_stand_in_an_id_and_all_of_them_do_not() -> None:
    found = ids(**QUICK, formats=("onnx",), threads=(2,), cpus=("all", "big", "little", "0,1"))
    places = ("local/t2", "local/t2/big", "local/t2/little", "local/t2/p0-1")
    assert found == [f"digits_cnn-torch-onnx-fp32@{place}" for place in places]


def test_an_option_set_to_its_default_makes_no_other_cell() -> None:
    options = {"onnxruntime": {"intra_op_spinning": (True,), "graph_optimization_level": ("all", "basic", "basic")}}
    assert ids(**QUICK, formats=("onnx",), engine=options) == [
        "digits_cnn-torch-onnx-fp32@local/t1",
        "digits_cnn-torch-onnx-fp32@local/t1/graph_optimization_level=basic",
    ]


def test_options_stand_in_an_id_in_one_order_whatever_theirs_in_the_file() -> None:
    given = {"intra_op_spinning": (False,), "graph_optimization_level": ("basic",)}
    backwards = dict(reversed(given.items()))
    (one,), (other,) = (ids(**QUICK, formats=("onnx",), engine={"onnxruntime": g}) for g in (given, backwards))
    assert one == other == "digits_cnn-torch-onnx-fp32@local/t1/graph_optimization_level=basic/intra_op_spinning=false"


def test_no_raw_run_lies_in_anothers_folder() -> None:
    options: dict[str, Any] = {"litert": {"xnnpack": (True, False)}}
    cells = make_plan(SweepSpec(**QUICK, threads=(1, 2), processors=((), (0, 1)), engine=options)).cells
    folders = [Path(cell.raw) for cell in cells]
    assert folders[3] == Path("raw/digits_cnn-torch-tflite-fp32@local/t1,p0-1,xnnpack=false")
    assert len({*folders}) == len(cells)
    assert not [(a, b) for a in folders for b in folders if a in b.parents]
    assert [cell_of(cell.raw) for cell in cells] == [cell.id for cell in cells]


def test_an_accelerator_that_an_engine_lacks_is_unsupported_with_the_reason() -> None:
    cells = make_plan(SweepSpec(**QUICK, accelerators=("cpu", "npu"), formats=("tflite",))).cells
    assert [cell.id.partition("@")[2] for cell in cells] == ["local/t1", "local/t1/npu"]
    assert [cell.unsupported for cell in cells] == ["", "LiteRT as edgerig has it runs on cpu, not on npu"]
    assert [cell.by_device for cell in cells] == [False, True]


def test_a_framework_runs_where_it_is_installed_and_is_brought_nowhere(tmp_path: Path) -> None:
    frameworks = tuple(name for name, row in load_formats().items() if not load_engines()[row.engine].brought)
    assert {"torch_eager", "saved_model"} < set(frameworks)
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "board.toml").write_text('kind = "ssh"\nhost = "board"\nruntime = "system"\n')
    (tmp_path / "devices" / "bare.toml").write_text('kind = "ssh"\nhost = "bare"\n')
    with contextlib.chdir(tmp_path):
        sweep = SweepSpec(**QUICK, formats=frameworks, sources=("torch", "keras"), devices=("local", "board", "bare"))
        cells = make_plan(sweep).cells
    routed = [cell for cell in cells if not no_route(cell.source, cell.format)]
    assert {cell.device for cell in routed if not cell.unsupported} == {"local", "board"}
    (why,) = {cell.unsupported for cell in routed if cell.device == "bare" and cell.format == "torch_eager"}
    assert 'not brought to devices: torch_eager runs on this machine, and over SSH with runtime = "system"' in why
    assert {cell.device for cell in cells if cell.by_device} == {"bare"}


def test_machine_code_is_for_the_processors_it_is_compiled_for_and_one_thread() -> None:
    wanted: dict[str, Any] = {
        "formats": ("xla",),
        "sources": ("torch", "keras"),
        "devices": ("local", "qemu-rpi4"),
        "threads": (1, 2),
    }
    cells = make_plan(SweepSpec(**QUICK, **wanted)).cells
    assert {cell.id for cell in cells if not cell.unsupported} == {
        "digits_cnn-keras-xla-fp32@local/t1",
        "digits_cnn-keras-xla-fp32@qemu-rpi4/t1",
    }
    (from_torch,) = {cell.unsupported for cell in cells if cell.source == "torch"}
    assert "bring a Keras twin" in from_torch
    (threads,) = {cell.unsupported for cell in cells if cell.source == "keras" and cell.threads == 2}
    assert threads == "XLA, ahead of time computes on one thread: a cell of 2 would be the one of 1 again"


def test_files_are_compiled_for_the_other_processors_that_devices_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    local, emulated = load_device("local"), load_device("qemu-rpi4")
    unknown = load_device("ssh://board")
    assert machines_of("xla", [local]) == ()
    assert machines_of("xla", [local, emulated]) == ("aarch64",)
    assert machines_of("xla", [unknown]) == ("aarch64",)
    assert machines_of("tflite", [emulated, unknown]) == ()
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert _no_machine(local, "xla") == "xla is machine code, and is compiled for x86_64 and aarch64, not for riscv64"


def test_what_frameworks_run_is_no_part_of_a_sweep_unless_named() -> None:
    assert {cell.format for cell in make_plan(SweepSpec()).cells} == {"tflite", "executorch", "onnx"}


@pytest.mark.parametrize("name", ["net.torchscript", "net.aoti.pt2", "net.xla.so"])
def test_a_file_that_runs_code_is_taken_when_that_is_asked_for(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ConfigError, match="opening it runs what its author") as refused:
        ids(models=(str(tmp_path / name),))
    assert "--trust" in refused.value.hint
    (found,) = ids(models=(str(tmp_path / name),), trust=True)
    assert found.endswith("-as-is@local/t1")


def test_globs_select_by_id() -> None:
    assert ids(select=("*-onnx-int8-*@local/t2",), threads=(1, 2)) == [
        f"{model}-torch-onnx-int8-{kind}@local/t2"
        for model in ("digits_cnn", "digits_vit")
        for kind in ("dynamic", "static")
    ]


def test_nothing_selected_says_how_to_see_the_ids() -> None:
    with pytest.raises(NothingSelected) as caught:
        ids(select=("nothing*",))
    assert caught.value.exit_code == 3
    assert "edgerig plan" in caught.value.hint


def test_naming_a_thing_twice_makes_no_second_cell() -> None:
    assert (
        len(ids(models=("digits_cnn", "digits_cnn"), formats=("onnx", "onnx"), recipes=("fp32",), threads=(1, 1))) == 1
    )


def test_an_unsupported_combination_is_planned_with_its_reason() -> None:
    cell = make_plan(SweepSpec(models=("digits_cnn",), formats=("executorch",), recipes=("int16x8",))).cells[0]
    assert cell.unsupported == unsupported_reason("torch", "executorch", "int16x8") != ""
    assert not cell.by_device


def test_a_format_not_built_from_a_source_says_so() -> None:
    assert "nothing turns a TFLite file into a torch model" in unsupported_reason("tflite", "executorch", "fp32")


@pytest.mark.parametrize("format_name", ["tfjs", "saved_model", "keras_eager"])
def test_a_twin_that_has_a_way_is_named_where_the_sweep_leaves_it_out(format_name: str) -> None:
    def reasons(model: str, *sources: str) -> list[str]:
        sweep = SweepSpec(models=(model,), sources=sources, formats=(format_name,), recipes=("fp32",))
        return [cell.unsupported for cell in make_plan(sweep).cells]

    (reason,) = reasons("digits_cnn")
    assert reason.startswith(unsupported_reason("torch", format_name, "fp32"))
    assert reason.endswith("the model's keras twin can be built: --source keras")
    assert "--source" not in " ".join(reasons("digits_cnn", "torch", "keras")), "it is there"
    assert "--source" not in " ".join(reasons("digits_vit")), "there is no twin"


def onnx_file(path: Path, *operators: str) -> str:
    """A file whose graph has these operators and nothing else (onnx.proto: graph 7, node 1, op_type 4)."""

    def message(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    nodes = b"".join(message(1, message(4, operator.encode())) for operator in operators)
    path.write_bytes(message(7, nodes))
    return str(path)


def test_a_file_with_an_operator_its_route_does_not_take_is_refused_before_anything_begins(tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"formats": ("tflite", "executorch", "onnx"), "recipes": ("fp32", "int8-dynamic")}
    recurrent = onnx_file(tmp_path / "recurrent.onnx", "Conv", "LSTM", "GRU", "Conv")
    reasons = {cell.format: cell.unsupported for cell in make_plan(SweepSpec(models=(recurrent,), **chosen)).cells}
    assert reasons == {
        "tflite": "nothing here rebuilds the ONNX operators GRU, LSTM for tflite",
        "executorch": "nothing here rebuilds the ONNX operators GRU, LSTM for executorch",
        "onnx": "",
    }
    plain = onnx_file(tmp_path / "plain.onnx", "Conv", "Relu")
    assert not any(cell.unsupported for cell in make_plan(SweepSpec(models=(plain,), **chosen)).cells)
    (tmp_path / "broken.onnx").write_bytes(b"LSTM is no file of Protocol Buffers")
    broken = make_plan(SweepSpec(models=(str(tmp_path / "broken.onnx"),), **chosen)).cells
    assert not any(cell.unsupported for cell in broken)  # who loads it says what is wrong


def test_a_dataset_nobody_uses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="used by no model"):
        ids(models=("digits_cnn",), dataset=tmp_path / "d.npz")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Paths made on demand, in the working folder."""
    monkeypatch.chdir(tmp_path)

    def made(*names: str) -> set[str]:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(name.encode())
        return {cell.model_id for cell in make_plan(SweepSpec(models=names)).cells}

    return made


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("a/net.onnx", "b/net.onnx"), {"net-onnx", "b-net-onnx"}),
        (("a/net.onnx", "b/net.tflite"), {"net-onnx", "b-net-tflite"}),  # no twins: nothing says they are
        (("net.onnx", "net.tflite"), {"net-onnx", "net_tflite-tflite"}),
        (("a/net.onnx", "./a/net.onnx"), {"net-onnx"}),
        (("my net.onnx", "né (2).onnx"), {"my_net-onnx", "ne_2-onnx"}),
        (("模型.onnx",), {"model-onnx"}),
        (("x" * 100 + ".onnx",), {"x" * 80 + "-onnx"}),
    ],
)
def test_files_get_names_of_their_own_out_of_their_paths(
    files: Callable[..., set[str]], given: tuple[str, ...], named: set[str]
) -> None:
    assert files(*given) == named


@pytest.mark.parametrize("suffix", sorted({end for row in load_sources().values() for end in row.suffixes}))
def test_a_suffix_is_known_in_letters_of_any_size(suffix: str, tmp_path: Path) -> None:
    small, large = Path(f"net{suffix}"), Path(f"net{suffix.upper()}")
    assert file_source(small) == file_source(large) is not None
    with pytest.raises(ConfigError, match=r"no such file|trust"):
        load_models(str(tmp_path / large))


def test_a_large_suffix_is_no_way_around_trust(tmp_path: Path) -> None:
    (tmp_path / "NET.TORCHSCRIPT").write_bytes(b"PK")
    with pytest.raises(ConfigError, match="opening it runs what its author wrote") as caught:
        load_models(str(tmp_path / "NET.TORCHSCRIPT"))
    assert "--trust" in caught.value.hint


def test_three_files_of_one_name_cannot_be_told_apart(files: Callable[..., set[str]]) -> None:
    with pytest.raises(ConfigError, match='two models are called "b-net-onnx"'):
        files("a/net.onnx", "b/net.onnx", "d/b/net.onnx")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("net.jit", "runs code"),
        ("net.PT", "runs code"),
        ("net.safetensors", "weights without their network"),
        ("graph.pb", "saved_model.pb"),
        ("net.onxx", "a model's file ends in"),
    ],
)
def test_another_kind_of_file_is_told_what_to_bring(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ids(models=(name,))
    assert said in caught.value.hint


def test_a_variant_is_built_once_for_all_its_cells() -> None:
    plan = make_plan(SweepSpec(models=("digits_cnn",), formats=("onnx",), recipes=("fp32", "fp16"), threads=(1, 2)))
    grouped = variants(plan.cells)
    assert [variant.recipe for variant in grouped] == ["fp32", "fp16"]
    assert all(len(cells) == 2 for cells in grouped.values())


def test_unsupported_cells_are_not_built() -> None:
    cell = Cell(
        model="m",
        source="torch",
        format="onnx",
        recipe="fp32",
        device="local",
        threads=1,
        emulated=False,
        unsupported="no",
    )
    assert variants((cell,)) == {}


def test_shapes_are_an_axis_whose_default_no_id_names() -> None:
    sweep = {**QUICK, "formats": ("onnx",), "shapes": ({}, {"image": (1, 1, 8, 8)}, {"image": (1, 1, 16, 16)})}
    plan = make_plan(SweepSpec.model_validate(sweep))
    assert [cell.id for cell in plan.cells] == [
        "digits_cnn-torch-onnx-fp32@local/t1",
        "digits_cnn+image=1x1x16x16-torch-onnx-fp32@local/t1",
    ]
    assert plan.models["digits_cnn+image=1x1x16x16-torch"].shapes == {"image": (1, 1, 16, 16)}
    assert plan.cells[1].model_id in plan.models
    assert cell_of(plan.cells[1].raw) == plan.cells[1].id


@pytest.mark.parametrize(
    ("shapes", "said"),
    [({"img": (1, 1, 8, 8)}, 'has no input "img"'), ({"image": (1, 64)}, 'input "image" has 4 axes')],
)
def test_a_shape_of_what_the_model_does_not_have_is_refused(shapes: dict[str, tuple[int, ...]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_plan(SweepSpec.model_validate({**QUICK, "shapes": (shapes,)}))


def test_a_cells_id_is_a_sweep_of_that_cell_alone() -> None:
    cell = "digits_cnn-torch-tflite-int8-static@local/t2"
    found = make_plan(sweep_of(cell))
    assert [each.id for each in found.cells] == [cell]
    assert found.sweep.run.profile == "always"


@pytest.mark.parametrize(
    "text", ["digits_cnn", "@local/t1", "digits_cnn-torch-tflite-int9@local/t1", "a-b-onnx-fp32@d"]
)
def test_what_is_no_cells_id_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no cell that can be run by its id alone"):
        sweep_of(text)
