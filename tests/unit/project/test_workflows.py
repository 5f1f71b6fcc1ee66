"""`.github/` and the noxfile: GitHub's runners are not here, so what can be read of them is held to what is there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted(path for path in (ROOT / ".github").rglob("*.yml"))
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]
FORMS = [path for path in FILES if path.parent.name == "ISSUE_TEMPLATE" and path.name != "config.yml"]
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})$")
"""By a major version (pypa's is a branch of that name), or by a commit."""


def parsed(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def steps(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    return (step for job in workflow["jobs"].values() for step in job["steps"])


def ids(file: Path) -> str:
    return file.name


def test_there_are_some() -> None:
    assert {file.name for file in WORKFLOWS} == {"ci.yml", "release.yml"}
    assert {file.stem for file in FORMS} == {"bug", "device", "model", "idea"}


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "docs" / "ci" / "github-actions.yml"], ids=ids)
def test_every_action_is_pinned(file: Path) -> None:
    used = [step["uses"] for step in steps(parsed(file)) if "uses" in step]
    assert used
    assert [action for action in used if not PINNED.match(action)] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=ids)
def test_a_job_may_only_do_what_it_says(file: Path) -> None:
    """Without `permissions` a job's token may do what the repository's settings allow."""
    workflow = parsed(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["runs-on"] and job["steps"] for job in workflow["jobs"].values())
    assert all(set(step) & {"uses", "run"} for step in steps(workflow))
    needed = {name for job in workflow["jobs"].values() for name in [job.get("needs")] if name}
    assert needed <= set(workflow["jobs"])


def test_ci_runs_what_is_there() -> None:
    runs = [step["run"] for step in steps(parsed(ROOT / ".github" / "workflows" / "ci.yml")) if "run" in step]
    assert ".ci/run" in runs
    assert (ROOT / ".ci" / "run").is_file()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {extra for run in runs for extra in re.findall(r"-e '\.\[(\w+)\]'", run)}
    assert named == {"dev", "docs"}
    assert named <= set(extras)
    asked = {session for run in runs for session in re.findall(r"nox -s (\w+)", run)}
    assert asked == {"unit"}
    assert asked <= sessions()


def test_a_release_is_published_by_its_own_token_alone() -> None:
    jobs = parsed(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    may_publish = {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})}
    assert may_publish == {"publish"}
    assert all("run" not in step for step in jobs["publish"]["steps"]), "nothing of ours runs where that token is"
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FORMS, ids=ids)
def test_a_form_asks(file: Path) -> None:
    """GitHub's syntax: https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema"""
    form = parsed(file)
    assert form["name"] and form["description"]
    asked = [item for item in form["body"] if item["type"] != "markdown"]
    assert len({item["id"] for item in asked}) == len(asked) > 1
    assert all(item["attributes"]["label"] for item in asked)
    assert {item["type"] for item in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert any(item.get("validations", {}).get("required") for item in asked)


def sessions() -> set[str]:
    """The functions of the noxfile that are sessions."""
    body = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    return {
        function.name
        for function in body
        if isinstance(function, ast.FunctionDef) and "nox.session" in map(ast.unparse, function.decorator_list)
    }


def test_nox_has_the_sessions_and_each_says_what_it_does() -> None:
    assert sessions() == {"lint", "unit", "tests", "long", "docs", "bench"}
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert all(ast.get_docstring(each) for each in tree.body if isinstance(each, ast.FunctionDef))


def test_nox_and_ci_lint_by_the_same_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lint = next(
        each
        for each in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
        if isinstance(each, ast.FunctionDef) and each.name == "lint"
    )
    calls = [call for call in ast.walk(lint) if isinstance(call, ast.Call)]
    lines = [" ".join(ast.literal_eval(word) for word in call.args) for call in calls]
    assert len(lines) == 4
    assert [line for line in lines if f"\nstep {line}\n" not in script] == []
