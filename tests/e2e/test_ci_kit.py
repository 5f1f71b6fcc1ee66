"""The CI files to copy: valid, and their own lines run as they stand there; and the gate's trials without a clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from e2e.commands import gate_trials

ROOT = Path(__file__).parents[2]
KIT = ROOT / "docs" / "ci"
pytestmark = pytest.mark.e2e


def github_steps() -> dict[str, str]:
    jobs = yaml.safe_load((KIT / "github-actions.yml").read_text())["jobs"]
    return {step["name"]: step["run"] for name in ("sweep", "gate") for step in jobs[name]["steps"] if "run" in step}


def gitlab_lines() -> list[str]:
    jobs = yaml.safe_load((KIT / "gitlab-ci.yml").read_text())
    return [line for name in ("edge-sweep", "edge") for line in jobs[name]["script"]]


def test_both_files_run_the_same_two_commands() -> None:
    steps = github_steps()
    assert [steps["Sweep"], steps["Gate"]] == gitlab_lines()


def test_what_they_keep_and_upload_is_what_is_written() -> None:
    jobs = yaml.safe_load((KIT / "github-actions.yml").read_text())["jobs"]
    steps, gating = jobs["sweep"]["steps"], jobs["gate"]["steps"]
    cache = next(step["with"] for step in steps if step.get("uses", "").startswith("actions/cache@"))
    assert f"EDGERIG_CACHE=$PWD/{cache['path']}" in github_steps()["Install"]
    handed = next(step["with"] for step in steps if step.get("uses", "").startswith("actions/upload-artifact@"))
    taken = next(step["with"] for step in gating if step.get("uses", "").startswith("actions/download-artifact@"))
    assert handed == taken == {"name": "edge-run", "path": "reports"}
    upload = next(step for step in gating if step.get("uses", "").startswith("actions/upload-artifact@"))
    assert (upload["if"], upload["with"]["path"]) == ("always()", "reports")
    gitlab = yaml.safe_load((KIT / "gitlab-ci.yml").read_text())
    assert gitlab["edge"]["artifacts"]["when"] == "always"
    assert gitlab["edge-sweep"]["artifacts"]["paths"] == ["reports/"]


def test_what_only_gates_installs_no_converter() -> None:
    jobs = yaml.safe_load((KIT / "github-actions.yml").read_text())["jobs"]
    gitlab = yaml.safe_load((KIT / "gitlab-ci.yml").read_text())
    sweeping = [step["run"] for step in jobs["sweep"]["steps"] if step.get("name") == "Install"]
    gating = [step["run"] for step in jobs["gate"]["steps"] if "Install" in step.get("name", "")]
    assert gating == gitlab["edge"]["before_script"] == ["pip install edgerig"]
    assert "pip install 'edgerig[build]'" in sweeping[0]
    assert "/opt/edgerig/bin/pip install 'edgerig[build]'" in gitlab["edge-sweep"]["before_script"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository's root as the kit asks for it, after its first sweep and baseline."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("sweep.toml", "budget.toml"):
        shutil.copyfile(KIT / name, folder / name)
    assert shell(folder, github_steps()["Sweep"]).returncode == 0
    run = next((folder / "reports").glob("*/run.json")).parent
    done = shell(folder, f"edgerig baseline update {run}")
    assert done.returncode == 0, done.stderr
    return folder


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`line` as a CI runner starts it, with the `edgerig` of this environment on PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-e", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_kits_gate_passes_a_run_against_its_own_baseline(checkout: Path) -> None:
    summary = checkout / "summary.md"
    done = shell(checkout, github_steps()["Gate"], GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "edgerig gate: passed" in summary.read_text()
    run = next((checkout / "reports").glob("*/run.json")).parent
    counts = json.loads((run / "verdict.json").read_text())["counts"]
    assert counts["pass"] >= 4 * 4  # size, accuracy, parity and instructions of each cell
    assert counts["left out"] >= 4  # no emulated latency is gated


def test_the_kits_gate_fails_what_is_over_budget(checkout: Path) -> None:
    budget = (checkout / "budget.toml").read_text()
    try:
        (checkout / "budget.toml").write_text(budget.replace("20_000_000", "1_000"))
        done = shell(checkout, gitlab_lines()[1])
    finally:
        (checkout / "budget.toml").write_text(budget)
    assert done.returncode == 7
    assert "limit.instructions" in done.stdout


def test_the_gate_fails_on_a_wrong_calibration_and_on_one_operator_more() -> None:
    gate_trials("calibration", "operator", kinds=("calibration", "operator"))
