"""Tensors' names, told apart and short: the quantizer finds tensors by name alone, and profiles show them to people.

A converter names a tensor after every operator fused into its own, `a;b;c`: kilobytes, which the quantizer searches.
litert-torch names an operator by the modules around it, each with its class' Python path: `pkg.mod.Outer_self/
torch.nn.modules.conv.Conv2d_stem`, of which classes and attributes tell something, and what all have in common nothing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

NAME_LENGTH = 200
PATH = re.compile(r"(?<![\w.])(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_]\w*_)")
"""The packages and modules before a class that an attribute's name follows."""


def tell_apart(graph: Any) -> None:
    """Every tensor gets a name of its own, no longer than NAME_LENGTH but for a number behind it."""
    tensors = [tensor for subgraph in graph.subgraphs for tensor in subgraph.tensors]
    names = short([(tensor.name or b"tensor").decode(errors="replace") for tensor in tensors])
    seen: Counter[str] = Counter()
    taken = set(names)
    for tensor, name in zip(tensors, names, strict=True):
        seen[name] += 1
        unique = name
        while seen[name] > 1 and unique in taken:
            unique, seen[name] = f"{name}#{seen[name]}", seen[name] + 1
        taken.add(unique)
        tensor.name = unique.encode()


def short(names: list[str]) -> list[str]:
    """Without Python paths, and without the modules around all that had one; of what is still too long the first
    operators, of a single one its end. Names are not told apart."""
    bare = [PATH.sub("", name) for name in names]
    outer = _common(
        [part for name, plain in zip(names, bare, strict=True) if name != plain for part in plain.split(";")]
    )
    return [_cut(plain if name == plain else _inside(plain, outer)) for name, plain in zip(names, bare, strict=True)]


def _common(paths: list[str]) -> str:
    """The folders, in the way of paths, that all of them lie in; "" where there are none."""
    paths = [path for path in paths if "/" in path]
    return os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""


def _inside(name: str, outer: str) -> str:
    prefix = f"{outer}/"
    return ";".join(part.removeprefix(prefix) for part in name.split(";")) if outer else name


def _cut(name: str) -> str:
    if len(name) <= NAME_LENGTH:
        return name
    first, *rest = name.split(";")
    kept = first[-NAME_LENGTH:]
    for part in rest:
        if len(kept) + 1 + len(part) > NAME_LENGTH:
            break
        kept = f"{kept};{part}"
    return kept
