"""What is missing says which extra brings it: by pyproject.toml as it is."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from edgerig import extras
from edgerig.build.datasets import DECODERS
from edgerig.errors import NotInstalled
from edgerig.history import store
from edgerig.spec import load_formats, load_sources, on_device

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture(autouse=True)
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an installed edgerig has it (what is installed here may be older), without torch and DuckDB."""
    lines = list(PROJECT["dependencies"])
    for extra, requirements in PROJECT["optional-dependencies"].items():
        lines += [f'{requirement}; extra == "{extra}"' for requirement in requirements]
    monkeypatch.setattr(extras, "_own", lambda: tuple(lines))
    monkeypatch.setattr(extras, "installed", lambda name: name not in ("torch", "duckdb", "sklearn", "scikit-learn"))
    extras.extras.cache_clear()
    yield
    extras.extras.cache_clear()


def test_the_metadata_is_read_as_packaging_reads_it() -> None:
    for line in extras._own():
        expected = Requirement(line)
        (found,) = extras._requirements([line])
        named = {part for part in (found["extras"] or "").split(",") if part}
        assert (found["name"], named) == (expected.name, expected.extras)
        assert found["extra"] == (str(expected.marker).split('"')[1] if expected.marker else None)


@pytest.mark.parametrize(
    ("distributions", "brought"),
    [
        (["torch"], ("build",)),
        (["onnxruntime"], ("run",)),
        (["onnxruntime", "torch"], ("build",)),
        (["duckdb"], ("history",)),
        (["duckdb", "onnxruntime"], ("build",)),
        (["duckdb", "tensorboard"], ("history", "tensorboard")),
        (["sqlalchemy"], ("mlflow",)),
        (["numpy"], ()),
        (["something-else"], ()),
    ],
)
def test_the_smallest_extra_that_brings_all(distributions: list[str], brought: tuple[str, ...]) -> None:
    assert sorted(extras.bringing(distributions)) == sorted(brought)


def test_whatever_a_row_or_a_module_asks_for_is_brought() -> None:
    asked = {*on_device(), *DECODERS.values(), *store.READS, *store.WRITES, "tensorboard", "mlflow-skinny"}
    for row in load_formats().values():
        asked |= set(row.tools)
    for source in load_sources().values():
        asked |= set(source.distributions)
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    within = {"litert-converter"}  # litert-torch brings it
    assert not [name for name in asked - base - within if not extras.bringing([name])]


def test_what_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(NotInstalled, match=r"to build a needs torch, which is not installed") as told:
        extras.require(("numpy", "torch", "something-else"), "to build a")
    assert told.value.hint == "pip install 'edgerig[build]'"
    extras.require(("numpy", "something-else"), "what no extra brings is not judged")


@pytest.mark.parametrize("module", ["sklearn.datasets", "duckdb", "torch.nn"])
def test_an_import_that_failed_is_told_likewise(module: str) -> None:
    told = extras.of(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert told is not None
    assert told.hint == f"pip install 'edgerig[{'history' if module == 'duckdb' else 'build'}]'"


def test_so_is_a_distribution_that_was_not_found() -> None:
    told = extras.of(PackageNotFoundError("scikit-learn"))
    assert told is not None
    assert "scikit-learn, which is not installed" in told.message


@pytest.mark.parametrize("name", [None, "numpy", "users_own_module"])
def test_any_other_import_error_is_not_explained_away(name: str | None) -> None:
    assert extras.of(ImportError("cannot import name", name=name)) is None


def test_a_pinned_version_is_told_and_a_range_is_not() -> None:
    assert extras.pinned("ai_edge_litert") == "2.3.0"
    assert extras.pinned("duckdb") is None
