"""Calling the user's own code: `"file.py:function"` beside a model, for its network and for its data."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from edgerig.errors import BuildError

Function = Callable[..., Any]


def call_factory(folder: Path, factory: str, *arguments: Any, fetched: Path | None = None) -> Any:
    """What the function of `factory` (`"relative/file.py:function"`, seen from `folder`) returns.

    It is called with `arguments`; where there are none and it must be given something, with `fetched`, the folder of
    the model's fetched files. The file is executed anew at each call (`function_of`). Raises BuildError.
    """
    with function_of(folder, factory, fetched) as function:
        return function(*arguments)


@contextmanager
def function_of(folder: Path, factory: str, fetched: Path | None = None) -> Iterator[Function]:
    """The function of `factory`, its file executed in a module of its own.

    In the block modules beside the file can be imported by their plain names; afterwards those names are forgotten, so
    that two models may each have, say, a `blocks.py`. Entering and calling raise BuildError when the file or function
    is missing or its code fails.
    """
    relative, _, function = factory.rpartition(":")
    file = (folder / relative).resolve()
    if not file.is_file():
        raise BuildError(
            f'factory "{factory}": no such file: {file}',
            hint='"file.py:function" names a file relative to the model\'s folder',
        )
    with _importable(file.parent):
        module = _execute(file, factory)
        found = getattr(module, function, None)
        if not callable(found):
            state = "has no function" if found is None else f"has a {type(found).__name__}, not a function,"
            raise BuildError(f'factory "{factory}": {file} {state} "{function}"', hint=_functions_of(module))

        def called(*arguments: Any) -> Any:
            try:
                return found(*(arguments or _given(found, fetched)))
            except (Exception, SystemExit) as error:  # whatever the user's code may do must cost this model only
                raise _wrapped(error, file, factory, f"{function}() failed", arguments) from error

        yield called


def _given(function: Callable[..., Any], fetched: Path | None) -> tuple[Path, ...]:
    """`fetched`, for a function that must be given something and a model that has such files."""
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind in _ORDERED]
    return (fetched,) if needed and fetched is not None else ()


_ORDERED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _execute(file: Path, factory: str) -> ModuleType:
    """`file` as a module named after its path; it stays in `sys.modules`, where tracers look up a function's module."""
    name = f"edgerig_factory_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BuildError(f'factory "{factory}": {file} is not a Python file', hint='its name must end in ".py"')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # as above
        del sys.modules[name]
        raise _wrapped(error, file, factory, "importing it failed") from error
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in `folder` can be imported inside the block; on leaving, those imported from there are forgotten."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:  # the user's code may have taken it out
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] not in before and _lies_beside(name, sys.modules[name], folder):
                del sys.modules[name]


def _lies_beside(name: str, module: ModuleType, folder: Path) -> bool:
    """Was `module` found in `folder` itself, or in a package directly in it? (An installation deeper down was not.)"""
    top = name.partition(".")[0]
    # What the module itself was given: `torch.classes` makes up whatever attribute it is asked for.
    known = vars(module)
    places = [Path(place) for place in (known.get("__file__"), *known.get("__path__", ())) if place]
    return any(place == folder / f"{top}.py" or place.is_relative_to(folder / top) for place in places)


def _called(arguments: tuple[Any, ...]) -> str:
    return (
        f"it is called with {len(arguments)} arguments"
        if arguments
        else ("it is called without arguments, or with the folder of fetched files")
    )


def _wrapped(error: BaseException, file: Path, factory: str, what: str, arguments: tuple[Any, ...] = ()) -> BuildError:
    line = _line_in(error, file)
    where = f"{file}, line {line}" if line is not None else str(file)
    hint = "correct the line named above"
    if line is None:
        hint = f"{_called(arguments)}; the log has the traceback"
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f'install what provides "{error.name}", or put {error.name}.py beside the factory'
    return BuildError(f'factory "{factory}": {what}: {type(error).__name__}: {error} ({where})', hint=hint)


def _line_in(error: BaseException, file: Path) -> int | None:
    """The innermost line of `file` that `error` passed through, or where the file's own syntax error is."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None


def _functions_of(module: ModuleType) -> str:
    callables = [(name, value) for name, value in vars(module).items() if callable(value)]
    own = [name for name, value in callables if getattr(value, "__module__", "") == module.__name__]
    return f"functions there: {', '.join(sorted(own)) or 'none'}"
