"""The one way of the commands to a terminal or a job's log: what they print quotes files, devices and programs.

`say` tells a person something, `tell_program` gives a script its data, `print_table` draws; each makes text harmless
first (`edgerig.printable`). What a text quotes never starts a line of its own: its further lines are indented.
"""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgerig.printable import as_json, one_line, printable, without_commands


def say(text: object, *, err: bool = False) -> None:
    """One statement; `err` sends it to standard error."""
    typer.echo(printable(str(text)).replace("\n", "\n  "), err=err)


def tell_program(document: str, *, json: bool = True) -> None:
    """Data for scripts: JSON, else plain lines, as they are but for what a terminal or a CI service would obey."""
    typer.echo(as_json(document) if json else printable(document.removesuffix("\n")))


def quoted(text: str) -> str:
    """`text` in a line or a table's cell of rich's: shown as it is, no markup."""
    return escape(one_line(text))


class Shown(Table):
    """A table whose cells, markup or not, are one harmless line each."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(one_line(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str) -> Shown:
    made = Shown(show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(one_line(column), overflow="fold")
    return made


def print_table(made: Table) -> None:
    """As wide as the terminal; in a pipe as wide as it wants, so that nothing is folded for a script."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=400)
    with console.capture() as drawn:
        console.print(made)
    typer.echo(without_commands(drawn.get()), nl=False)  # a folded cell starts lines that its text did not


def print_markup(text: str) -> None:
    """One statement in rich's markup, whose quotes went through `quoted`."""
    console = Console(soft_wrap=True, highlight=False)
    with console.capture() as drawn:
        console.print(text)
    typer.echo(without_commands(drawn.get()), nl=False)
