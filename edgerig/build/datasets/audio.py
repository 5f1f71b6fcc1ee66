"""WAV files in a folder, decoded by SciPy, and the features of keyword spotting."""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.io.wavfile
import scipy.signal

from edgerig.build.datasets.dataset import Dataset, Fits
from edgerig.build.datasets.folder import open_folder
from edgerig.errors import DatasetError
from edgerig.spec import AudioSpec, DatasetSpec

SUFFIXES = (".wav",)
Wave = npt.NDArray[np.float64]


def open_audio(spec: DatasetSpec, folder: Path, fits: Fits) -> Dataset:
    """The folder's clips as features of the model's one input. Raises DatasetError."""
    if spec.audio is None:
        raise ValueError("the dataset is none of audio")
    audio = spec.audio
    given = features(np.zeros(_length(audio)), audio).shape
    shape = fits.inputs[0].sample
    if len(fits.inputs) != 1 or math.prod(given) != math.prod(shape) or given != tuple(n for n in shape if n != 1):
        raise DatasetError(
            f"dataset.audio gives {' × '.join(map(str, given))} ({audio.features}), "
            f"the model's input is {[list(tensor.shape) for tensor in fits.inputs]}",
            hint="frames come from seconds, window_ms and stride_ms, numbers a frame from coefficients or mels",
        )

    def read(path: Path) -> npt.NDArray[np.float32]:
        return features(_clip(path, audio), audio).reshape(shape).astype(np.float32)

    return open_folder(spec, audio, folder, fits, SUFFIXES, read)


def features(wave: Wave, spec: AudioSpec) -> Wave:
    """(frames, coefficients) of a clip: mel-frequency cepstra, or their log-mel energies, or the wave itself.

    As MLPerf Tiny's reference computes them with TensorFlow: magnitudes of a periodic Hann window's spectrum (length
    the next power of two), HTK's mel scale, log(mel + offset), an orthogonal DCT-II whose first coefficient is √2
    larger than the orthonormal one (https://www.tensorflow.org/api_docs/python/tf/signal/mfccs_from_log_mel_spectrograms).
    """
    if spec.features == "waveform":
        return wave
    window, stride = (round(spec.sample_rate * ms / 1000) for ms in (spec.window_ms, spec.stride_ms))
    frames = np.lib.stride_tricks.sliding_window_view(wave, window)[:: max(1, stride)]
    length = 2 ** math.ceil(math.log2(window))
    spectrum = np.abs(scipy.fft.rfft(frames * scipy.signal.get_window("hann", window), n=length))
    mels: Wave = np.log(spectrum @ _mel_weights(spec, length // 2 + 1) + spec.log_offset)
    if spec.features == "log_mel":
        return mels
    cepstra: Wave = scipy.fft.dct(mels, type=2, axis=-1) / math.sqrt(2 * spec.mels)
    return cepstra[:, : spec.coefficients]


@cache
def _mel_weights(spec: AudioSpec, bins: int) -> Wave:
    """(bins, mels) triangles, linear in mels, on the frequencies of a spectrum; the zero frequency belongs to none.

    mel(f) = 1127 ln(1 + f / 700) (HTK Book 3.4, section 5.4), as
    https://www.tensorflow.org/api_docs/python/tf/signal/linear_to_mel_weight_matrix.
    """

    def mel(hz: Wave) -> Wave:
        return 1127.0 * np.log1p(hz / 700.0)

    low, high = mel(np.array([spec.low_hz, spec.high_hz])).tolist()
    edges = np.linspace(low, high, spec.mels + 2)
    at = mel(np.linspace(0, spec.sample_rate / 2, bins))[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    weights: Wave = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights


def _length(spec: AudioSpec) -> int:
    return round(spec.sample_rate * spec.seconds)


def _clip(path: Path, spec: AudioSpec) -> Wave:
    """The file's first channel, scaled as `spec.level` says and brought to the clip's length."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.io.wavfile.WavFileWarning)  # chunks it does not know, such as LIST
            rate, samples = scipy.io.wavfile.read(path)
    except Exception as error:  # ValueError, struct.error, UnboundLocalError, … on damaged files
        raise DatasetError(
            f"{path}: not a readable WAV file: {type(error).__name__}: {error}", hint="store it as PCM WAV"
        ) from error
    if rate != spec.sample_rate:
        raise DatasetError(
            f"{path}: its sample rate is {rate} Hz, dataset.audio.sample_rate is {spec.sample_rate} Hz",
            hint="resample the files, or give their rate if the model was trained on it",
        )
    samples = samples[:, 0] if samples.ndim == 2 else samples
    if not len(samples):
        raise DatasetError(f"{path}: it holds no sound", hint="remove the file")
    wave = samples.astype(np.float64)
    if samples.dtype == np.uint8:
        wave -= 128  # 8-bit WAV is unsigned
    if not np.isfinite(wave).all():
        raise DatasetError(f"{path}: it has NaN or infinite samples", hint="correct or remove the file")
    length = _length(spec)
    wave = wave[:length] / _full(wave, samples.dtype, spec)
    return np.pad(wave, (0, length - len(wave)))


def _full(wave: Wave, dtype: np.dtype[np.generic], spec: AudioSpec) -> float:
    """What the clip is divided by; 1 for a silent one."""
    if spec.level == "full_scale":
        return 1.0 if dtype.kind == "f" else 2.0 ** (8 * dtype.itemsize - 1)
    largest = float(wave.max() if spec.level == "largest" else np.abs(wave).max())
    return largest if largest > 0 else 1.0
