"""Rows of other packages: taken beside edgerig's own, and where they are faulty one error that names them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import plugins
import pytest

from edgerig import figures
from edgerig.build import keys
from edgerig.device_kinds import KINDS
from edgerig.devices.runner import write_runner
from edgerig.errors import ConfigError
from edgerig.plugins import forget
from edgerig.registry import code_elsewhere
from edgerig.report.exports import load_exports
from edgerig.spec import (
    METRICS,
    DatasetSpec,
    SweepBudget,
    has_binary_labels,
    kind_named,
    load_engines,
    load_formats,
    load_metrics,
    load_models,
    load_recipes,
    load_sources,
    parse,
)
from edgerig.spec.dataset import wrong_metric

Install = Callable[..., Path]
MODULES = ("plain_format", "throughput_figure", "spread_metric", "lines_export", "folder_kind", "faulty")
GROUPS: dict[str, tuple[str, Callable[[], object], str]] = {
    "edgerig.engines": ("plain_format:ENGINE", load_engines, "litert"),
    "edgerig.formats": ("plain_format:FORMAT", load_formats, "onnx"),
    "edgerig.figures": ("throughput_figure:THROUGHPUT", figures.every, "latency"),
    "edgerig.metrics": ("spread_metric:SPREAD", load_metrics, "top1"),
    "edgerig.exports": ("lines_export:LINES", load_exports, "csv"),
    "edgerig.device_kinds": ("folder_kind:KIND", lambda: kind_named("new"), "ssh"),
}
"""Group → a row of it, who reads the rows, a row there is."""
EVERY = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package `edgerig-<name>` of one entry point."""
    site = tmp_path / "site"

    def installed(group: str, point: str, module: str = "", *, name: str = "edgerig-more") -> Path:
        plugins.install(site, name, group, point, module)
        forget()
        return site

    site.mkdir()
    monkeypatch.syspath_prepend(site)
    yield installed
    for module in MODULES:
        sys.modules.pop(module, None)
    forget()


def test_a_figure_a_metric_and_an_export_stand_beside_edgerigs_own(install: Install) -> None:
    before = (len(figures.every()), len(load_metrics()), len(load_exports()))
    install("edgerig.figures", "throughput = throughput_figure:THROUGHPUT", "throughput_figure", name="a")
    install("edgerig.metrics", "spread = spread_metric:SPREAD", "spread_metric", name="b")
    install("edgerig.exports", "lines = lines_export:LINES", "lines_export", name="c")
    assert (len(figures.every()), len(load_metrics()), len(load_exports())) == tuple(count + 1 for count in before)
    assert figures.named("throughput").better == "higher"
    assert parse(SweepBudget, {"throughput_per_second": 3}, "x").of("throughput_per_second") == 3
    recorded = SweepBudget().model_dump()
    assert recorded["throughput_per_second"] is None
    assert load_exports()["lines"].default == "cells.txt"
    assert wrong_metric(("spread",), DatasetSpec(npz=Path("x"))) == ""
    assert "taken against" in wrong_metric(("spread",), DatasetSpec(npz=Path("x"), labels="inputs"))


def test_a_format_and_an_engine_are_the_tables_they_would_be_in_toml(install: Install) -> None:
    install("edgerig.engines", "plain = plain_format:ENGINE", "plain_format", name="a")
    install("edgerig.formats", "plain = plain_format:FORMAT", name="b")
    assert load_formats()["plain"].name == "plain"
    assert load_formats()["plain"].recipes["fp32"].weights == "float32"
    assert load_engines()["plain"].options["negate"].values == (False, True)
    assert "plain" in load_recipes()["fp32"].formats
    assert load_sources()["plain"].suffixes == (".plain",)


@EVERY
def test_a_package_that_cannot_be_imported_is_named(group: str, install: Install) -> None:
    site = install(group, "new = faulty:ROW")
    (site / "faulty.py").write_text("import no_such_runtime")
    assert refused(group) == "cannot be loaded: ModuleNotFoundError: No module named 'no_such_runtime'"


@EVERY
def test_a_package_that_offers_something_else_is_named(group: str, install: Install) -> None:
    site = install(group, "new = faulty:ROW")
    (site / "faulty.py").write_text("ROW = 7")
    assert refused(group).startswith("is a int, not a ")


@EVERY
def test_a_package_takes_no_rows_place(group: str, install: Install) -> None:
    point, _, taken = GROUPS[group]
    install(group, f"{taken} = {point}", point.partition(":")[0])
    assert refused(group, taken).endswith("there is already")


@EVERY
def test_two_packages_of_one_name_are_both_named(group: str, install: Install) -> None:
    point, *_ = GROUPS[group]
    install(group, f"new = {point}", point.partition(":")[0])
    install(group, f"new = {point}", name="other-package")
    assert "package edgerig-more 1.0" in refused(group, package="other-package")


def refused(group: str, name: str = "new", package: str = "edgerig-more") -> str:
    """What is said of the entry point `name`, behind who it is."""
    _, read, _ = GROUPS[group]
    with pytest.raises(ConfigError) as caught:
        read()
    who, _, told = caught.value.message.partition(") ")
    assert who.startswith(f'package {package} 1.0: entry point "{name}" in {group} (')
    assert caught.value.hint == f"update that package, or remove it: pip uninstall {package}"
    return told


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{}", 'key "runtime": Field required'),
        ("{'runtime': 'X', 'module': 'x:Y', 'wheels': []}", 'unknown key "wheels"'),
        ("{'runtime': 'X', 'module': 'x', 'name': 'litert'}", 'key "module"'),
    ],
)
def test_a_table_that_is_wrong_is_told_with_key_and_package(install: Install, row: str, said: str) -> None:
    site = install("edgerig.engines", "new = faulty:ROW")
    (site / "faulty.py").write_text(f"ROW = {row}")
    with pytest.raises(ConfigError) as caught:
        load_engines()
    assert said in caught.value.message
    assert caught.value.message.startswith("package edgerig-more 1.0: ")
    assert caught.value.hint.endswith("pip uninstall edgerig-more")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("key='thr'", 'has the key "thr"'),
        ("group='speed'", 'has the group "speed"'),
        ("field='x'", 'has the field "x" that is none of its fields'),
        ("fields=(*THROUGHPUT.fields, real('size_bytes', lambda c: 1))", "field size_bytes"),
        ("limit=replace(THROUGHPUT.limit, key='size_bytes')", "limit size_bytes"),
        ("trend=replace(THROUGHPUT.trend, name='energy')", "trend energy"),
    ],
)
def test_a_figure_that_does_not_fit_the_others_is_refused(install: Install, change: str, said: str) -> None:
    site = install("edgerig.figures", "throughput = faulty:ROW", "throughput_figure")
    (site / "faulty.py").write_text(
        "from dataclasses import replace\nfrom edgerig.figures.field import real\n"
        f"from throughput_figure import THROUGHPUT\nROW = replace(THROUGHPUT, {change})"
    )
    assert said in refused("edgerig.figures", "throughput")


def test_a_name_that_none_can_have_is_refused(install: Install) -> None:
    install("edgerig.metrics", "../top = spread_metric:SPREAD", "spread_metric")
    assert refused("edgerig.metrics", "../top").startswith("has a name that none can have")


def test_help_and_names_of_what_is_edgerigs_own_import_no_package(install: Install, tmp_path: Path) -> None:
    for number, group in enumerate(GROUPS):
        site = install(group, "new = faulty:ROW", name=f"edgerig-{number}")
    (site / "faulty.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\nROW = 7")
    for arguments in (["--help"], ["sweep", "--help"], ["--version"]):
        code = f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv = ['edgerig', *{arguments!r}]\n"
        code += "import edgerig.cli; edgerig.cli.main()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert kind_named("local") is not None
    assert {*KINDS, *METRICS}
    assert not (tmp_path / "imported").exists()


def test_the_runners_archive_has_the_package_of_an_engine_from_elsewhere(install: Install, tmp_path: Path) -> None:
    install("edgerig.engines", "plain = plain_format:ENGINE", "plain_format")
    write_runner(tmp_path / "ours.pyz", load_engines()["onnxruntime"].module)
    write_runner(tmp_path / "more.pyz", load_engines()["plain"].module)
    assert names(tmp_path / "more.pyz") - names(tmp_path / "ours.pyz") == {"plain_format.py"}
    with pytest.raises(ConfigError, match="no Python package 'no_such_package' is found"):
        write_runner(tmp_path / "none.pyz", "no_such_package:Engine")


def names(archive: Path) -> set[str]:
    import zipfile

    return set(zipfile.ZipFile(archive).namelist())


def test_all_python_of_a_package_goes_along(install: Install) -> None:
    package = install("edgerig.engines", "new = faulty:ROW") / "faulty" / "deep"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "weights.bin").touch()
    assert code_elsewhere("faulty.deep:Engine") == {
        "faulty/__init__.py": package.parent / "__init__.py",
        "faulty/deep/__init__.py": package / "__init__.py",
    }
    assert code_elsewhere("edgerig.ondevice.engines.litert:LitertEngine") == {}


def test_what_a_package_builds_is_built_anew_when_its_code_changes(install: Install) -> None:
    install("edgerig.engines", "plain = plain_format:ENGINE", "plain_format", name="a")
    site = install("edgerig.formats", "plain = plain_format:FORMAT", name="b")
    model = load_models("digits_cnn")["torch"]

    def key(name: str) -> str:
        return keys.artifact_key(model, load_formats()[name], load_recipes()["fp32"], {}, "data", "")

    before = key("plain"), key("onnx")
    with (site / "plain_format.py").open("a") as file:
        file.write("\n# changed\n")
    assert key("plain") != before[0]
    assert key("onnx") == before[1]


def test_the_labels_of_a_packages_binary_metric_are_0_and_1(install: Install) -> None:
    site = install("edgerig.metrics", "recall = faulty:ROW")
    (site / "faulty.py").write_text(
        "from edgerig.spec import Metric\nROW = Metric('faulty:recall', ('class',), binary=True)"
    )
    assert has_binary_labels(["top1", "recall"]) and has_binary_labels(["auc"])
    assert not has_binary_labels(["top1", "metric.py:own"])


def test_a_recorded_budget_is_one_though_the_package_of_a_limit_that_is_none_is_gone() -> None:
    recorded = {**SweepBudget().model_dump(), "throughput_per_second": None}
    assert SweepBudget.model_validate(recorded) == SweepBudget()
    with pytest.raises(ConfigError, match="throughput_per_second"):
        parse(SweepBudget, {**recorded, "throughput_per_second": 3}, "x")
