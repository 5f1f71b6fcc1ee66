"""What the shell may complete a flag's value with. Nothing but names is looked up, and only when TAB is pressed."""

from __future__ import annotations

from collections.abc import Iterable


def models(incomplete: str) -> list[str]:
    from edgerig import spec

    return _beginning(incomplete, spec.known_models())


def devices(incomplete: str) -> list[str]:
    from edgerig import spec

    return _beginning(incomplete, spec.known_devices())


def formats(incomplete: str) -> list[str]:
    from edgerig import spec

    return _beginning(incomplete, spec.load_formats())


def recipes(incomplete: str) -> list[str]:
    from edgerig import spec

    return _beginning(incomplete, spec.load_recipes())


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
