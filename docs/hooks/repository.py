"""Links of a page that lead out of `docs/`: on GitHub they are read as they stand, on the site there is no such place.

`BROUGHT` are pages of the site too. Other links keep their text and lose the link, unless `repo_url` says where the
repository is seen.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BROUGHT = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "CODE_OF_CONDUCT.md": "project/conduct.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""A file of the repository → its page on the site."""
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\[]+)\]\((?P<target>[^)\s]+)\)")
"""An inline link, but an image's."""


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this with the site's files."""
    from mkdocs.structure.files import File

    for source, page in BROUGHT.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """MkDocs calls this with a page's text."""
    return relinked(markdown, page.file.src_uri, config.repo_url or "")


def relinked(markdown: str, page: str, repository: str = "") -> str:
    """The text of the site's `page` with every link as the site needs it."""
    of_page = {site: source for source, site in BROUGHT.items()}
    source = of_page.get(page, f"docs/{page}")

    def moved(link: re.Match[str]) -> str:
        path, hash_mark, anchor = link["target"].partition("#")
        if not path or ":" in path or path.startswith("/"):
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target in BROUGHT or target.startswith("docs/"):
            there = BROUGHT.get(target, target.removeprefix("docs/"))
            return f"[{link['text']}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{hash_mark}{anchor})"
        return f"[{link['text']}]({repository.rstrip('/')}/blob/HEAD/{target})" if repository else link["text"]

    return LINK.sub(moved, markdown)
