"""Files of machine code for other processors than this host's, which the same network is compiled for once more.

None of them runs here: what it computes is known when it has run on its device, where its outputs are held against
those of the file for this host (`measure/kernels.py`), which the check has held against the source's.
"""

from __future__ import annotations

import platform
import shutil
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from edgerig.build import keys
from edgerig.build.builder import FormatBuilder, MachineCodeBuilder
from edgerig.build.check import check_constants
from edgerig.build.request import BuiltVariant, Failure
from edgerig.build.store import Store, file_digest
from edgerig.errors import EdgerigError
from edgerig.npy import HOST, stems
from edgerig.results import Artifact
from edgerig.spec import RecipeSpec

_UNCHECKED = "checked was the file compiled of the same network for {machine}: this one runs on its device alone"


def compiled_for(
    machines: Sequence[str], builder: FormatBuilder, recipe: RecipeSpec, here: Artifact, checked: Path, store: Store
) -> tuple[dict[str, Artifact], dict[str, Failure]]:
    """By processor the file compiled for it, in an entry of its own in the `store`, or why there is none.

    `here` is the artifact for this host, which the `builder` has just built and whose outputs are in the folder
    `checked`.
    """
    found: dict[str, Artifact] = {}
    lacking: dict[str, Failure] = {}
    for machine in machines:
        try:
            found[machine] = _compiled(machine, cast(MachineCodeBuilder, builder), recipe, here, checked, store)
        except EdgerigError as error:  # costs the cells of such devices alone
            traceback.print_exc()
            lacking[machine] = Failure.of(error)
    return found, lacking


def _compiled(
    machine: str, builder: MachineCodeBuilder, recipe: RecipeSpec, here: Artifact, checked: Path, store: Store
) -> Artifact:
    key = keys.for_machine(here.key, machine)
    with store.staging("artifact") as staged:
        built = builder.build_for(machine, recipe, staged / here.file)
        check_constants(recipe, here.format, built.constants)
        for outputs in stems(checked, HOST):
            shutil.copyfile(outputs, staged / outputs.name)
        told = {
            "key": key,
            "sha256": file_digest(built.file),
            "size_bytes": built.file.stat().st_size,
            "constants": built.constants,
            "notes": (*built.notes, _UNCHECKED.format(machine=platform.machine())),
        }
        artifact = here.model_copy(update=told)
        variant = BuiltVariant(artifact=artifact, seconds=None, peak_rss_bytes=None)
        store.commit("artifact", key, staged, variant.model_dump(mode="json"))
    return (store.meta("artifact", key, BuiltVariant) or variant).artifact
