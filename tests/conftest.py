"""What every test relies on of the process pytest runs in, and of the others that run beside it."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest

# A shell starts what it puts in the background with SIGINT ignored, which a child inherits: Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup has SIGHUP ignored, which a child would inherit too; a handler is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

DOOR, ROOM = Path(__file__), Path(__file__).with_name("browser.py")
"""Two files to lock, nothing is written to them; any two of the checkout would do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the tests marked `long`, and no other")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that want the machine alone come last: before, they would wait for long ones, and keep others waiting.
    What CI has no time for is left out, or run by itself."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)
    wanted = bool(config.getoption("--long"))
    others = [item for item in items if (item.get_closest_marker("long") is not None) is not wanted]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test marked `alone`, with its fixtures, runs while no other test of this checkout does."""
    with _turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: what the test is marked to need is there, or it is not run."""
    needs.require(*(name for mark in item.iter_markers("needs") for name in mark.args))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """What was left out for want of packages, in one line below all reasons, with the command that puts it right."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    if line := needs.told(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _own_scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What sources and frameworks leave in the folder for temporary files goes with the tests that call them in this
    process; a build's process has one of its own."""
    tmp_path_factory.getbasetemp()  # pytest's stay where they are
    with tempfile.TemporaryDirectory(prefix="edgerig-tests-", ignore_cleanup_errors=True) as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        yield
        tempfile.tempdir = before


@contextlib.contextmanager
def _turn(*, alone: bool) -> Iterator[None]:
    """Tests share the room; one that wants it for itself holds the door, so that nobody else enters meanwhile."""
    with DOOR.open("rb") as door, ROOM.open("rb") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # closing alone would leave it to children that were forked
