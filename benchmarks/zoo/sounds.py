"""Made sounds for the zoo: what speech, notes and birdsong are to a network, without a recording of anybody.

A voice is a source and a filter (Fant, Acoustic Theory of Speech Production, 1960): harmonics of a pitch that moves,
louder near the formants of a vowel (Peterson and Barney, 1952), in syllables between pauses, over faint noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[np.generic]]

EVALUATED, CALIBRATING = 16, 32
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""The first three formants in Hz of /ɑ i u ɛ ɔ/ (men's means)."""
FRAME, CONTEXT, SPEECH_RATE = 512, 64, 16000
"""Silero VAD's frame at 16 kHz, the samples of the frame before that it is given with it, and their rate."""


def speech(count: int, rate: int, rng: np.random.Generator) -> Real:
    """`count` samples of syllables and pauses at `rate` Hz, within -1…1."""
    found = rng.standard_normal(count) * 10 ** rng.uniform(-4, -2.3)
    start = int(rng.integers(0, rate // 8))
    while start < count:
        length = int(rate * rng.uniform(0.08, 0.3))
        heard = min(length, count - start)
        found[start : start + heard] += _syllable(length, rate, rng)[:heard]
        start += length + int(rate * rng.choice([0.01, 0.03, 0.4], p=[0.5, 0.3, 0.2]))
    return np.clip(found, -1, 1)


def _syllable(count: int, rate: int, rng: np.random.Generator) -> Real:
    time = np.arange(count) / rate
    envelope = np.hanning(count) ** 0.5 * rng.uniform(0.05, 0.6)
    if rng.random() < 0.25:  # a fricative: noise, its low part taken off
        noise = np.diff(rng.standard_normal(count + 1))
        return np.asarray(envelope * 0.2 * noise)
    pitch = rng.uniform(90, 240) * (1 + rng.uniform(-0.2, 0.2) * time / time[-1])
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = np.array(VOWELS[int(rng.integers(len(VOWELS)))]) * rng.uniform(0.95, 1.2)
    voice = np.zeros(count)
    for harmonic in range(1, int(min(5000, rate / 2) / pitch.max())):
        tone = harmonic * pitch.mean()
        gain = np.sum([1, 0.5, 0.25] / (1 + ((tone - formants) / 90) ** 2)) + 0.02
        voice += gain / harmonic**0.5 * np.sin(harmonic * phase)
    return np.asarray(envelope * voice / np.abs(voice).max())


def notes(count: int, rate: int, rng: np.random.Generator) -> Real:
    """Struck strings: one to four notes at a time, of six harmonics that fade."""
    found = rng.standard_normal(count) * 1e-3
    for start in np.arange(rng.uniform(0, 0.2), count / rate, rng.uniform(0.25, 0.8)):
        time = np.arange(count - int(start * rate)) / rate
        for key in rng.integers(36, 85, int(rng.integers(1, 5))):
            tone = 440 * 2 ** ((int(key) - 69) / 12)
            for harmonic in range(1, 7):
                faded = np.exp(-time * (1.5 + 0.8 * harmonic)) * rng.uniform(0.3, 1) / harmonic
                found[-len(time) :] += 0.15 * faded * np.sin(2 * np.pi * harmonic * tone * time) * (tone < rate / 14)
    return np.clip(found, -1, 1)


def birdsong(count: int, rate: int, rng: np.random.Generator) -> Real:
    """Whistles between 1.5 and 8 kHz that glide and tremble, over wind."""
    wind = np.cumsum(rng.standard_normal(count))
    found = 0.02 * (wind - wind.mean()) / np.abs(wind).max() + rng.standard_normal(count) * 2e-3
    start = 0.0
    while (start := start + rng.uniform(0.05, 0.5)) < count / rate:
        time = np.arange(min(int(rng.uniform(0.04, 0.3) * rate), count - int(start * rate))) / rate
        glide = rng.uniform(1500, 6500) * (1 + rng.uniform(-1, 1) * time)
        tone = glide + rng.uniform(0, 400) * np.sin(2 * np.pi * rng.uniform(10, 60) * time)
        whistle = np.hanning(len(time)) * np.sin(2 * np.pi * np.cumsum(tone) / rate)
        at = int(start * rate)
        found[at : at + len(time)] += rng.uniform(0.05, 0.5) * whistle
    return np.asarray(np.clip(found, -1, 1))


def log_mel(sound: Real, rate: int, bands: int) -> Real:
    """(frames, bands) of `sound` within -1…1: 25 ms every 10 ms, triangles from 60 to 3,800 Hz, as
    decibels/10 + 2, which is what openWakeWord's front end hands on."""
    size, hop = rate // 40, rate // 100
    windows = np.lib.stride_tricks.sliding_window_view(sound * 32768, size)[::hop] * np.hanning(size)
    power = np.abs(np.fft.rfft(windows, 512)) ** 2 / 512
    edges = 700 * (np.exp(np.linspace(np.log1p(60 / 700), np.log1p(3800 / 700), bands + 2)) - 1)
    bins = np.fft.rfftfreq(512, 1 / rate)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0, None)
    decibels = 10 * np.log10(np.maximum(power @ triangles.T, 1e-10))
    return np.asarray(np.maximum(decibels, decibels.max() - 80) / 10 + 2)


def _both(one: Callable[[np.random.Generator], Real], name: str = "") -> Arrays:
    """Samples of `one` for evaluation and, others, for calibration; of the input `name` where there are several."""
    return {
        f"{split}{'_' * bool(name)}{name}": np.stack(
            [one(np.random.default_rng([seed, n])) for n in range(count)]
        ).astype(np.float32)
        for split, count, seed in (("inputs", EVALUATED, 1), ("calibration", CALIBRATING, 2))
    }


def frames(count: int, rng: np.random.Generator) -> Real:
    """(count, 576): frames of one stretch of speech, each after the end of the one before."""
    sound = speech(count * FRAME + CONTEXT, SPEECH_RATE, rng)
    return np.lib.stride_tricks.sliding_window_view(sound, FRAME + CONTEXT)[::FRAME]


def silero_16k() -> Arrays:
    """Two seconds of speech in frames, in order: the network remembers."""
    made = {"inputs": 1, "calibration": 2}
    return {split: frames(64, np.random.default_rng(seed)).astype(np.float32) for split, seed in made.items()}


def silero() -> Arrays:
    """The same with its rate beside each frame."""
    found: Arrays = {}
    for split, sound in silero_16k().items():
        found[f"{split}_input"] = sound
        found[f"{split}_sr"] = np.full(len(sound), SPEECH_RATE, np.int64)
    return found


def silero_sequence() -> Arrays:
    """Sequences of 8 frames."""
    return _both(lambda rng: frames(8, rng))


def basic_pitch() -> Arrays:
    return _both(lambda rng: notes(43844, 22050, rng)[:, None])


def birdnet() -> Arrays:
    return _both(lambda rng: birdsong(144000, 48000, rng))


def birdnet_occurrence() -> Arrays:
    """Latitude, longitude, and week of 48."""
    return _both(lambda rng: np.array([rng.uniform(-60, 75), rng.uniform(-180, 180), rng.integers(1, 49)]))


def wakeword_melspectrogram() -> Arrays:
    """Speech as 16-bit numbers."""
    return _both(lambda rng: np.rint(speech(1760, SPEECH_RATE, rng) * 32767))


def wakeword_embedding() -> Arrays:
    """76 log-mel frames of 32 bands of speech."""
    return _both(lambda rng: log_mel(speech(75 * 160 + 400, SPEECH_RATE, rng), SPEECH_RATE, 32)[:76, :, None])
