"""Names of the Hugging Face hub, by its own client: it honours HF_ENDPOINT, proxies and the user's login.

A branch or a tag is resolved to the commit it is now, which is what is recorded. Where the hub tells a file's sha256,
which it does of all large ones, what came must have it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgerig import extras
from edgerig.build.fetching.pin import Brought, Pinned
from edgerig.errors import FetchError
from edgerig.spec import Named, sha256_of

CONFIGURATION = ("config.json", "preprocessor_config.json")
_WEIGHTS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
"""What torch's weights are called: in one file, or in several that an index names; the first that is there."""


def pin(model: Named, work: Path) -> Pinned:
    """A transformers model's configuration and weights. Raises FetchError, NotInstalled."""
    repository = Repository(model.name, model.revision, work)
    configuration = [name for name in CONFIGURATION if name in repository.names]
    if "config.json" not in configuration:
        raise FetchError(
            f"{repository.place} has no config.json: it is not a transformers model",
            hint=f"it has: {', '.join(sorted(repository.names)[:12])}",
        )
    files = [repository.bring(name) for name in (*configuration, *repository.weights())]
    return Pinned(
        keys={
            "description": f"{model.name} of the Hugging Face hub, by transformers",
            "source": "torch",
            "library": f"hf:{model.name}" + (f"#{model.part}" if model.part else ""),
            "revision": repository.commit,
            "no_accuracy_reason": "no dataset was given for it",
        },
        files=tuple(files),
        licence=repository.licence,
    )


class Repository:
    """A repository of the hub at one commit. Making one asks the hub. Raises FetchError, NotInstalled."""

    def __init__(self, name: str, revision: str, work: Path) -> None:
        extras.require(("transformers",), f"to fetch hf:{name}")
        import huggingface_hub
        from huggingface_hub import constants

        self._hub: Any = huggingface_hub
        self._name, self._work = name, work
        self.place = f"{constants.ENDPOINT}/{name}"
        asked = self._asked(
            lambda: huggingface_hub.HfApi().model_info(name, revision=revision or None, files_metadata=True)
        )
        self.commit = str(asked.sha)
        self._files = {each.rfilename: each for each in asked.siblings or ()}
        self.names = set(self._files)
        card = asked.card_data
        self.licence = str((card.get("license") if card is not None else None) or "")

    def weights(self) -> list[str]:
        """The files with the weights, and the index that names them where they are several. Raises FetchError."""
        for whole, index in _WEIGHTS:
            if whole in self.names:
                return [whole]
            if index in self.names:
                stem, suffix = whole.rsplit(".", 1)
                parts = sorted(n for n in self.names if n.startswith(f"{stem}-") and n.endswith(f".{suffix}"))
                return [index, *parts]
        raise FetchError(
            f"{self.place} has no weights that torch reads ({', '.join(whole for whole, _ in _WEIGHTS)})",
            hint=f"it has: {', '.join(sorted(self.names)[:12])}",
        )

    def bring(self, name: str) -> Brought:
        """The file at the commit. Raises FetchError, also where it is not the one the hub tells of."""
        path = Path(
            self._asked(
                lambda: self._hub.hf_hub_download(self._name, name, revision=self.commit, local_dir=self._work / "hub")
            )
        )
        told = getattr(self._files[name], "lfs", None)
        found = sha256_of(path)
        if told is not None and told.sha256 != found:
            raise FetchError(
                f"{self.place}: {name} has sha256 {found}, the hub says {told.sha256}", hint="try again: it was damaged"
            )
        return Brought(path, name, self._hub.hf_hub_url(self._name, name, revision=self.commit))

    def _asked(self, question: Any) -> Any:
        try:
            return question()
        except Exception as error:  # the client's own kinds, its HTTP library's, the operating system's
            why = " ".join(str(error).split())[:400]
            raise FetchError(
                f"{self.place}: cannot be fetched: {type(error).__name__}: {why}",
                hint="is there a network, is the name right, is a login needed (hf auth login)? HF_ENDPOINT names a "
                f"mirror; the architecture with random weights needs no network: edgerig sweep --model hf:{self._name}",
            ) from error
