"""What the site says of TOML keys and of commands is made of the code: nothing is left out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from unit.project.hooks import ROOT, hook

import edgerig
from edgerig import figures
from edgerig.device_kinds import KINDS
from edgerig.spec.budget import Limits, Minimums, SweepBudget

toml_keys = hook("toml_keys")
commands = hook("commands")


def parts() -> dict[str, str]:
    """Heading of a kind of file → its part of the page."""
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", toml_keys.page(), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("file", toml_keys.files(), ids=lambda file: file.title)
def test_every_key_of_a_model_is_named(file: Any) -> None:
    part = parts()[file.title]
    for number, (place, model) in enumerate(toml_keys.tables(file)):
        told = part.split(f"### `{place}`\n", 1)[-1] if number or file.above else part
        table = re.split(r"^### ", told, maxsplit=1, flags=re.MULTILINE)[0]
        named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
        fields = {field.alias or name for name, field in model.model_fields.items()}
        own = fields | {*getattr(model, "row_keys", dict)()}
        assert named == own - set(file.given if number == 0 else ())


def test_keys_that_are_rows_of_figures_are_there() -> None:
    named = {key for key, *_ in toml_keys.keys(Limits)}
    assert named == {*figures.limited(), "metrics"}
    assert {key for key, *_ in toml_keys.keys(SweepBudget)} == named | {"accuracy_drop", "agreement", "rank"}
    assert {key for key, *_ in toml_keys.keys(Minimums)} == set(figures.compared())


def test_there_is_a_part_for_every_kind_of_device() -> None:
    assert {f"A device of kind {kind}" for kind in KINDS} <= set(parts())


def test_a_key_says_what_it_takes_its_default_and_its_docstring() -> None:
    (sweep,) = [file for file in toml_keys.files() if file.title == "A sweep"]
    rows = {place: {key: row for key, *row in toml_keys.keys(model)} for place, model in toml_keys.tables(sweep)}
    takes, default, told = rows["[run]"]["repeats"]
    assert (takes, default) == ("whole number, from 1, at most 100", "`5`")
    assert told.startswith("Processes the timing is spread over.")
    assert rows[""]["formats"][0] == "list of name, 80 characters at most, 1 and more"
    assert rows["[build]"]["jobs"][1] == "–"
    ssh = next(file for file in toml_keys.files() if file.title == "A device of kind ssh")
    kind, host = (row for key, *row in toml_keys.keys(ssh.model) if key in ("kind", "host"))
    assert kind[:2] == ['`"ssh"`', "**needed**"]
    assert host[1] == "**needed**"


def test_tables_stand_where_a_file_has_them() -> None:
    """The shipped files' own tables are among those of the page."""
    (model,) = [file for file in toml_keys.files() if file.title == "A model"]
    places = {place for place, _ in toml_keys.tables(model)}
    assert {"[[inputs]]", "[[outputs]]", "[[files]]", "[[published]]", "[dataset]", "[dataset.images]"} <= places
    for file in (ROOT / "models").glob("*/model.toml"):
        tables = {key: value for key, value in tomllib.loads(file.read_text("utf-8")).items() if key != "twins"}
        listed = {
            f"[[{key}]]" for key, value in tables.items() if isinstance(value, list) and isinstance(value[0], dict)
        }
        assert listed | {f"[{key}]" for key, value in tables.items() if isinstance(value, dict)} <= places


def test_no_row_of_a_table_is_broken_by_what_it_says() -> None:
    """A `|` of a regular expression or a docstring would end a cell."""
    rows = [line for line in toml_keys.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert [row for row in rows if len(re.findall(r"(?<!\\)\|", row)) != 5] == []


def test_every_command_has_a_heading_and_every_exit_code_a_row() -> None:
    page = commands.page()
    headings = re.findall(r"^#+ `edgerig (.+)`$", page, re.MULTILINE)
    assert {"sweep", "gate", "models fetch", "devices doctor", "baseline update", "history show"} <= set(headings)
    assert len(headings) == len(set(headings))
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert codes == {*range(10), 130}


def test_flags_of_a_sweep_are_on_the_page() -> None:
    part = commands.page().split("## `edgerig sweep`")[1].split("\n## ")[0]
    flags = set(re.findall(r"^\* `(--[\w-]+)", part, re.MULTILINE))
    assert {"--model", "--format", "--recipe", "--device", "--resume", "--no-wait"} <= flags


def test_pages_are_made_where_the_site_has_them() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert toml_keys.PAGE in nav
    assert commands.PAGE in nav
    for made in (toml_keys, commands):
        here = (Path(ROOT) / "docs" / made.PAGE).read_text(encoding="utf-8")
        assert f"python docs/hooks/{Path(str(made.__file__)).name} " in here, "who reads the repository is told how"


def test_every_public_name_is_on_the_page_of_names() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: edgerig\.[\w.]+\.(\w+)$", page, re.MULTILINE))
    named |= {name for members in re.findall(r"members: \[(.+)\]", page) for name in members.split(", ")}
    assert "::: edgerig.errors" in page, "where EdgerigError is"
    assert named | {"EdgerigError"} >= {name for name in dir(edgerig) if name in edgerig._FACE}
