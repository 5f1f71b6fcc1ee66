"""Names of libraries: which file of weights a library itself would download, asked of it in a process of its own.

The file is brought here and not by the library, so that its sha256 is known before anything reads it. Where the library
tells a checksum of its own (Keras an MD5, torchvision the beginning of the sha256 in the file's name), it must fit.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path, PurePosixPath

from pydantic import Field

from edgerig import process
from edgerig.build.fetching.download import download
from edgerig.build.fetching.hub import Repository
from edgerig.build.fetching.pin import Brought, Key, Pinned
from edgerig.errors import FetchError
from edgerig.quiet import child_environment
from edgerig.spec import Named, Strict, sha256_of
from edgerig.spec.named import SCHEMES

ASKING_TIMEOUT_S = 300.0
SAID_LIMIT = 400
_TIMM_WEIGHTS = "model.safetensors"
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
"""As torch.hub reads it (torch/hub.py, HASH_REGEX)."""


class Told(Strict):
    """What a library says of a name's weights: an address, or a repository of the Hugging Face hub; its MD5, if any.
    `shape` is the input's at batch 1 where the library knows it, `range` where its values lie."""

    version: str
    url: str = ""
    repository: str = ""
    md5: str = ""
    licence: str = ""
    shape: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    error: str = Field(default="", description="why there is nothing to tell")
    hint: str = ""


def pin(model: Named, work: Path) -> Pinned:
    """Raises FetchError where the library is not installed, does not know the name, or has no weights for it."""
    told = ask(model, work)
    brought, revision = _brought(model, told, work)
    scheme = SCHEMES[model.scheme]
    origin: dict[str, Key] = {"application": model.name} if scheme.name == "keras" else {"library": model.text}
    inputs: tuple[dict[str, Key], ...] = ()
    if told.shape:
        layout = "NHWC" if scheme.name == "keras" else "NCHW"
        limits: dict[str, Key] = {} if told.range is None else {"range": [int(end) for end in told.range]}
        inputs = ({"name": "image", "shape": list(told.shape), "layout": layout, **limits},)
    return Pinned(
        keys={
            "description": f"{model.name} with the trained weights of {scheme.package} {told.version}",
            "source": scheme.source,
            **origin,
            "revision": revision,
            "no_accuracy_reason": "no dataset was given for it",
        },
        files=(brought,),
        licence=told.licence,
        weights=brought.name,
        inputs=inputs,
    )


def ask(model: Named, work: Path) -> Told:
    """Raises FetchError."""
    answer = work / "told.json"
    command = [sys.executable, "-m", "edgerig.build.fetching.library_worker", model.scheme, model.name, str(answer)]
    done = process.run(command, timeout_s=ASKING_TIMEOUT_S, env=child_environment())
    if done.timed_out or not answer.is_file():
        said = done.stderr.decode("utf-8", "replace").strip()[-SAID_LIMIT:]
        raise FetchError(f"{model.text}: {SCHEMES[model.scheme].package} could not be asked: {said or 'no answer'}")
    told = Told.model_validate_json(answer.read_bytes())
    if told.error:
        raise FetchError(f"{model.text}: {told.error}", hint=told.hint)
    return told


def _brought(model: Named, told: Told, work: Path) -> tuple[Brought, str]:
    """The file of weights and what it is a revision of."""
    if told.repository:
        repository = Repository(told.repository, "", work)
        return repository.bring(_TIMM_WEIGHTS), f"{told.repository} {repository.commit}"
    name = PurePosixPath(told.url).name
    path = work / "download"
    download(
        told.url, path, f"the architecture with random weights needs no network: edgerig sweep --model {model.text}"
    )
    found = sha256_of(path)
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest() if told.md5 else ""
    prefix = named[1] if (named := _HASH_IN_NAME.search(name)) else ""
    if md5 != told.md5 or not found.startswith(prefix):
        wanted = f"MD5 {told.md5}, not {md5}" if told.md5 else f"sha256 {prefix}…, not {found}"
        raise FetchError(f"{told.url}: the library says {wanted}", hint="the download was damaged: try again")
    return Brought(path, name, told.url), f"{SCHEMES[model.scheme].package} {told.version}"
