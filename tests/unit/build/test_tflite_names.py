"""What converters call tensors, made short."""

from __future__ import annotations

from edgerig.build.formats.tflite_names import NAME_LENGTH, short

WRAPPED = "litert_torch._convert.io.Wrapper/edgerig_factory_4220fc.Net_inner/"


def test_classes_and_attributes_are_kept_of_modules_paths() -> None:
    stem = f"{WRAPPED}torch.nn.modules.container.Sequential_stem/torch.nn.modules.conv.Conv2d_0;1"
    head = f"{WRAPPED}torch.nn.modules.linear.Linear_head;"
    assert short(["serving_default_args_0", stem, head]) == [
        "serving_default_args_0", "Sequential_stem/Conv2d_0;1", "Linear_head;"
    ]  # fmt: skip


def test_every_operator_fused_into_a_tensors_is_named_from_where_they_part() -> None:
    fused = f"{WRAPPED}torch.nn.modules.activation.ReLU_2;;{WRAPPED}torch.nn.modules.conv.Conv2d_0;1"
    assert short([fused, f"{WRAPPED}torch.nn.modules.linear.Linear_head;"]) == ["ReLU_2;;Conv2d_0;1", "Linear_head;"]


def test_names_without_a_python_path_are_left_as_they_are() -> None:
    names = ["StatefulPartitionedCall/model/conv1/Relu", "arith.constant1", "v1.0/conv", "x", "tfl.quantize", "a.b_c/d"]
    assert short(names[:5]) == names[:5]


def test_what_is_too_long_loses_its_last_operators_and_a_single_one_its_beginning() -> None:
    operators = [f"block_{number}/conv/Relu" for number in range(30)]
    (found,) = short([";".join(operators)])
    assert found == ";".join(operators[: len(found.split(";"))])
    assert NAME_LENGTH - len(operators[0]) - 3 < len(found) <= NAME_LENGTH
    (found,) = short(["/".join(f"outer{number}" for number in range(60)) + "/Conv2d_last"])
    assert (len(found), found.endswith("outer59/Conv2d_last")) == (NAME_LENGTH, True)
