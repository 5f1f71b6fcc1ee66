"""WAV folders: what the features are, and what is refused. Against TensorFlow: tests/integration/test_features.py."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.io.wavfile
from unit.build.datasets.opened import Laid, fits, lay

from edgerig.build.datasets.audio import features
from edgerig.build.datasets.dataset import Fits
from edgerig.errors import ConfigError, DatasetError
from edgerig.spec import AudioSpec

KWS = fits((1, 49, 10, 1), classes=2)
SPEC = AudioSpec(folder=Path("x"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of a tone each, one second at 16 kHz."""
    at = np.arange(16000) / 16000
    for name, hz in {"high": 2000, "low": 200}.items():
        (tmp_path / "clips" / name).mkdir(parents=True)
        tone = (8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
        scipy.io.wavfile.write(tmp_path / "clips" / name / "0.wav", 16000, tone)
    return tmp_path


def audio(folder: Path, wanted: Fits = KWS, **keys: str | int) -> Laid:
    return lay({"audio": {"folder": "clips", **keys}}, folder, wanted)


def test_the_defaults_give_49_frames_of_10(folder: Path) -> None:
    data = audio(folder)
    assert (data.inputs[0].shape, data.labels.tolist()) == ((2, 49, 10, 1), [0, 1])


def test_a_tone_lies_in_its_mel_band(folder: Path) -> None:
    data = audio(folder, fits((1, 49, 40), classes=2), features="log_mel")
    mels = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(4000 / 700), 42)[1:-1]
    for clip, hz in zip(data.inputs[0], (2000, 200), strict=True):
        assert abs(int(clip.mean(axis=0).argmax()) - int(np.abs(mels - 1127 * np.log1p(hz / 700)).argmin())) <= 1


@pytest.mark.parametrize("level", ["largest", "peak", "full_scale"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_levels_of_every_sample_format(folder: Path, level: str, dtype: type[np.generic]) -> None:
    wave = np.linspace(-0.5, 0.25, 16000)
    scale = {np.uint8: 128, np.int16: 2**15, np.int32: 2**31, np.float32: 1}[dtype]
    stored = wave * scale + (128 if dtype is np.uint8 else 0)
    for name in ("high", "low"):
        scipy.io.wavfile.write(folder / "clips" / name / "0.wav", 16000, stored.round(6).astype(dtype))
    data = audio(folder, fits((1, 16000), classes=2), features="waveform", level=level)
    low = {"largest": -2.0, "peak": -1.0, "full_scale": -0.5}[level]
    assert data.inputs[0][0].min() == pytest.approx(low, rel=0.07)


def test_short_clips_are_padded_and_long_ones_cut(folder: Path) -> None:
    scipy.io.wavfile.write(folder / "clips" / "high" / "0.wav", 16000, np.full(100, 5, np.int16))
    scipy.io.wavfile.write(folder / "clips" / "low" / "0.wav", 16000, np.full((20000, 2), 5, np.int16))
    data = audio(folder, fits((1, 16000), classes=2), features="waveform")
    assert data.inputs[0].sum(axis=1).tolist() == [100, 16000]


def test_silence_has_features() -> None:
    assert np.isfinite(features(np.zeros(16000), SPEC)).all()


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        (b"RIFFno", "not a readable WAV", "PCM"),
        ((8000, np.zeros(8000, np.int16)), "8000 Hz, dataset.audio.sample_rate is 16000 Hz", "resample"),
        ((16000, np.zeros(0, np.int16)), "no sound", "remove"),
        ((16000, np.array([0.0, np.nan], np.float32)), "NaN", "remove"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    folder: Path, content: bytes | tuple[int, npt.NDArray[Any]], said: str, hint: str
) -> None:
    path = folder / "clips" / "low" / "0.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        scipy.io.wavfile.write(path, *content)
    with pytest.raises(DatasetError) as caught:
        audio(folder)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_features_that_do_not_fit_the_model_are_refused_before_a_file_is_read(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"gives 49 × 13 \(mfcc\), the model's input is \[\[1, 49, 10, 1\]\]"):
        audio(folder, coefficients=13)
    with pytest.raises(ConfigError, match="half of"):
        audio(folder, high_hz=9000)
