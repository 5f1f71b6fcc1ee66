"""Fetched files: what a model.toml may say of them, and that a model without them is refused before anything runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from made_up import OWN_MODEL, TENSORS

from edgerig.errors import ConfigError
from edgerig.plan import make_plan
from edgerig.spec import ModelSpec, SweepSpec, load_models

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODEL = f"""
{OWN_MODEL}
weights = "net.safetensors"
weights_sha256 = "{SHA256}"
{TENSORS}
[[files]]
name = "net.safetensors"
url = "https://example.org/net.safetensors"
sha256 = "{SHA256}"
size_bytes = {len(CONTENT)}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "models" / "net"
    made.mkdir(parents=True)
    (made / "model.toml").write_text(MODEL)
    return made


def only(folder: Path) -> ModelSpec:
    (model,) = load_models(str(folder)).values()
    return model


def test_a_path_that_names_a_fetched_file_means_the_fetched_copy(folder: Path, tmp_path: Path) -> None:
    model = only(folder)
    assert model.located(Path("net.safetensors")) == tmp_path / "cache" / "models" / "net" / "net.safetensors"
    assert model.located(Path("other.bin")) == folder / "other.bin"


@pytest.mark.parametrize(("content", "state"), [(None, "absent"), (b"weight", "damaged"), (b"weighty", "damaged")])
def test_a_sweep_over_absent_or_damaged_files_is_refused_by_the_plan(
    folder: Path, content: bytes | None, state: str
) -> None:
    place = only(folder).located(Path("net.safetensors"))
    if content is not None:
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        make_plan(SweepSpec(models=(str(folder),)))
    assert f"net.safetensors ({state})" in caught.value.message
    assert caught.value.hint == f"edgerig models fetch {folder}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(CONTENT)
    assert make_plan(SweepSpec(models=(str(folder),))).cells


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ('name = "net.safetensors"\nurl', 'name = "../net.safetensors"\nurl', "files.0.name"),
        ('name = "net.safetensors"\nurl', 'name = "/etc/passwd"\nurl', "files.0.name"),
        ("https://example.org/net.safetensors", "file:///etc/passwd", "files.0.url"),
        (f'sha256 = "{SHA256}"\nsize_bytes', 'sha256 = "abc"\nsize_bytes', "files.0.sha256"),
        (
            'url = "https://example.org/net.safetensors"\n',
            "",
            'needs a "url", a "package" with "version" and "member", or',
        ),
        ("size_bytes = 7", "size_bytes = 0", "files.0.size_bytes"),
    ],
)
def test_a_row_that_cannot_be_fetched_is_refused(folder: Path, said: str, instead: str, message: str) -> None:
    assert said in MODEL
    (folder / "model.toml").write_text(MODEL.replace(said, instead))
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")) as caught:
        only(folder)
    assert "model.toml" in caught.value.message


def test_a_file_named_twice_is_refused(folder: Path) -> None:
    (folder / "model.toml").write_text(MODEL + MODEL[MODEL.index("[[files]]") :])
    with pytest.raises(ConfigError, match=r"names net\.safetensors twice"):
        only(folder)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('what = "target"\n', 'give "metric"'),
        ('what = "target"\nmetric = "top1"\nvalue = 90\n', "go together"),
        ('what = "target"\nvalue = 90\nunit = "percent"\nmetric = "top1"\n', "unit"),
    ],
)
def test_a_published_row_needs_a_whole_figure(folder: Path, row: str, message: str) -> None:
    source = 'source = { title = "a page", url = "https://example.org" }\n'
    (folder / "model.toml").write_text(f"{MODEL}[[published]]\n{row}{source}")
    with pytest.raises(ConfigError, match=message):
        only(folder)
