"""Unit tests do without the frameworks: they are what is run after each change, and one import of torch or TensorFlow
takes longer than most of their files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder

import pytest

FRAMEWORKS = ("torch", "tensorflow")


class Refusing(MetaPathFinder):
    """Finds no framework, and lets nobody after it find one."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        if fullname.partition(".")[0] in FRAMEWORKS:
            raise ModuleNotFoundError(
                f"a unit test imports {fullname}: it belongs into tests/integration", name=fullname
            )


@pytest.fixture(autouse=True)
def _no_framework(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that tests of other kinds imported in this process before is out of sight for as long as this one runs."""
    for name in FRAMEWORKS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    finder = Refusing()
    sys.meta_path.insert(
        0, finder
    )  # the list itself: importing Dask adds a finder for good, in the standard one's place
    yield
    sys.meta_path.remove(finder)
