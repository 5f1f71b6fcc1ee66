"""The processors a runner is held to, as a sweep names them: `"big"`, `"little"`, `"all"`, or numbers as taskset(1)
takes them, `"0,1"` and `"4-7"`."""

from __future__ import annotations

from typing import Annotated, Literal, cast, get_args

from pydantic import BeforeValidator, Field

from edgerig.processor_list import numbers

Cluster = Literal["", "big", "little"]
"""The clusters there are names for, as `ondevice.clusters.chosen` tells them apart on the device; "" none."""
ALL = "all"
MOST = 1024
"""As many as glibc's cpu_set_t holds (sched_setaffinity(2))."""
Hold = tuple[Cluster, tuple[int, ...]]
"""A cluster, or processors by number; neither: all."""


def held(text: str) -> Hold:
    """What one of the texts of `Cpus` means."""
    if text == ALL:
        return "", ()
    if text in get_args(Cluster):
        return cast(Cluster, text), ()
    return "", tuple(int(number) for number in text.split(","))


def _each(value: object) -> object:
    """One or several, each as one text: numbers in order and none twice."""
    if isinstance(value, list | tuple) and value and all(type(each) is int for each in value):
        value = (value,)
    return tuple(_text(each) for each in (value if isinstance(value, list | tuple) else (value,)))


def _text(value: object) -> str:
    if isinstance(value, list | tuple) and all(type(each) is int for each in value):
        value = ",".join(map(str, value)) or ALL
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is neither big, little, all nor processors such as 0,1")
    if value in (ALL, *filter(None, get_args(Cluster))):
        return value
    try:
        found = sorted(set(numbers(value)))
    except ValueError as error:
        raise ValueError(f"{error}; nor big, little or all") from error
    if found[-1] >= MOST:
        raise ValueError(f"processors are numbered from 0 to {MOST - 1}, not {found[-1]}")
    return ",".join(map(str, found))


Cpus = Annotated[tuple[str, ...], BeforeValidator(_each), Field(max_length=64)]
