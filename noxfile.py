"""What a change has to pass, one session each: `nox -l` lists them, `nox` runs lint and unit.

Sessions run in the environment in force (`.ci/setup --tests` makes it, nox is part of it): the frameworks take 5 GB,
which five environments of their own would take five times. `.ci/run` does the whole in one that it makes itself.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "unit"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, layers."""
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def unit(session: nox.Session) -> None:
    """The unit tests, which need no framework; further words go to pytest."""
    session.run("python", "-m", "pytest", "tests/unit", *session.posargs, env=ONE_THREAD)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, three files at a time; further words go to pytest: `nox -s tests -- -m "not e2e"`."""
    session.run("python", "-m", "pytest", "-n", "3", *session.posargs, env=ONE_THREAD)


@nox.session
def long(session: nox.Session) -> None:
    """The tests that CI has no time for."""
    session.run("python", "-m", "pytest", "--long", "-n", "3", *session.posargs, env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """The site, strictly, into site/; `nox -s docs -- serve` shows it while it is written."""
    words = session.posargs or ["build", "--strict"]
    session.run("python", "-m", "mkdocs", *words, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """edgerig's figures beside the runtimes' own tools, on an idle machine: `nox -s bench -- latency.py [FLAGS]`."""
    if not session.posargs:
        session.error("which? benchmarks/README.md tells what each shows: nox -s bench -- latency.py")
    name, *flags = session.posargs
    session.run("python", f"benchmarks/{name}", *flags, env=ONE_THREAD)
