"""Commands that only tell what there is are light, and every message names the fix."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.cli.imported import imported

HEAVY = {
    "numpy",
    "scipy",
    "torch",
    "tensorflow",
    "executorch",
    "onnx",
    "onnxruntime",
    "litert_torch",
    "ai_edge_litert",
    "ai_edge_quantizer",
    "distributed",
    "sklearn",
    "paramiko",
    "adbutils",
}


def edgerig(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgerig", *arguments], capture_output=True, text=True, timeout=60, **options
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plan"], ["models"], ["formats"], ["recipes"], ["devices"], ["schema"]]
)
def test_no_framework_is_imported(arguments: list[str]) -> None:
    assert imported(arguments, HEAVY) == "[]"


def test_help_does_not_even_import_pydantic() -> None:
    code = (
        "import sys, edgerig.cli\nsys.argv=['edgerig', '--help']\n"
        "try:\n    edgerig.cli.main()\nexcept SystemExit:\n    pass\n"
        "print('pydantic' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "False"


def test_plan_prints_ids_alone_on_stdout() -> None:
    done = edgerig("plan", "--recipe", "fp32", "--recipe", "int16x8", "--model", "digits_cnn")
    assert done.returncode == 0
    assert all(line.endswith("@local/t1") for line in done.stdout.splitlines())
    assert "unsupported: digits_cnn-torch-executorch-int16x8@local/t1: " in done.stderr


def test_flags_of_a_placement_change_one_key_of_the_file_each(tmp_path: Path) -> None:
    """What the file says of another option of the same engine stays."""
    file = tmp_path / "sweep.toml"
    file.write_text(
        'models = ["digits_cnn"]\nformats = ["onnx"]\nrecipes = ["fp32"]\nprocessors = [7]\n[engine.onnxruntime]\n'
        'graph_optimization_level = "basic"\nintra_op_spinning = false\n'
    )
    spinning = "onnxruntime.intra_op_spinning"
    flags = ["--processors", "0-1,3", "--processors", "all", "--engine-option", f"{spinning}=true"]
    done = edgerig("plan", str(file), *flags, "--engine-option", f"{spinning}=false")
    cell, basic = "digits_cnn-torch-onnx-fp32@local/t1", "graph_optimization_level=basic"
    assert done.stdout.splitlines() == [
        f"{cell}/p0-1-3/{basic}",
        f"{cell}/p0-1-3/{basic}/intra_op_spinning=false",
        f"{cell}/{basic}",
        f"{cell}/{basic}/intra_op_spinning=false",
    ]


def test_schema_is_a_json_schema() -> None:
    assert json.loads(edgerig("schema").stdout)["properties"]["schema_version"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["plan", "--recipe", "int8"], 2, 'unknown recipe "int8"'),
        (["plan", "nothing.toml"], 2, "no such file"),
        (["plan", "--select", "nope*"], 3, "no cell matches"),
        (["plan", "--model", "digits_cmn"], 2, 'did you mean "digits_cnn"?'),
        (["report", "/nonexistent"], 2, "not a run's folder"),
        (["sweep", "--resume", "x", "--model", "y"], 2, "--resume takes no other flag"),
        (["sweep", "--option", "executorch"], 2, "FORMAT.KEY=VALUE"),
        (["plan", "--threads", "0"], 2, "threads"),
        (["plan", "--processors", "3-2"], 2, "--processors '3-2' is no list of processors"),
        (["plan", "--processors", "0,"], 2, "such as 2,3 or 0-3, or all"),
        (["plan", "--processors", "0-1024"], 2, "processors"),
        (["plan", "--engine-option", "litert"], 2, "ENGINE.KEY=VALUE"),
        (["plan", "--engine-option", "litert.xnnpak=false"], 2, 'did you mean "xnnpack"?'),
        (["plan", "--engine-option", "litert.xnnpack=0"], 2, "unknown value 0"),
    ],
)
def test_wrong_input_ends_with_its_exit_code_and_no_traceback(arguments: list[str], code: int, said: str) -> None:
    done = edgerig(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
