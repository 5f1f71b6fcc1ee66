"""The reference of the command line, made of its own help: the page `reference/commands.md` of the site.

The text is Typer's (https://typer.tiangolo.com/tutorial/typer-command/, `utils docs`). `python docs/hooks/commands.py`
prints it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.cli import get_docs_for_click

from edgerig import errors
from edgerig.cli.app import app

PAGE = "reference/commands.md"
ROW = re.compile(r"^[ │├└─]*(\w+) +(\d) +(.+)$", re.MULTILINE)
"""A row of the tree of errors that `edgerig.errors` begins with."""


def page() -> str:
    """The page, as Markdown."""
    os.environ["TERMINAL_WIDTH"] = "200"  # what Typer cuts help at
    command = typer.main.get_command(app)
    context = command.make_context("edgerig", [], resilient_parsing=True)
    told = get_docs_for_click(obj=command, ctx=context, name="edgerig", title="Commands")
    return "\n".join([told.rstrip(), "\n## Exit codes\n", *_exit_codes(), ""])


def _exit_codes() -> Iterator[str]:
    yield "| code | error | |\n|---|---|---|"
    yield "| 0 | | all went well; of a sweep: every cell is ok or unsupported |"
    yield from (f"| {code} | `{name}` | {told} |" for name, code, told in ROW.findall(errors.__doc__ or ""))
    yield "| 130 | | interrupted; `edgerig sweep --resume RUN` goes on |"


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this with the site's files. What stands in the page's place for readers of the repository goes."""
    from mkdocs.structure.files import File

    if (stands_there := files.get_file_from_path(PAGE)) is not None:
        files.remove(stands_there)
    files.append(File.generated(config, PAGE, content=page()))
    return files


if __name__ == "__main__":
    sys.stdout.write(page())
