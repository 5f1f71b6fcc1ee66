"""Data beyond the unit tests' reach: features against TensorFlow's, and memory on data larger than it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerig.build.datasets.audio import features
from edgerig.spec import AudioSpec

pytestmark = pytest.mark.integration


def test_the_default_features_are_mlperf_tinys() -> None:
    """The reference computes them with TensorFlow: get_dataset.py of its keyword spotting benchmark."""
    import tensorflow as tf

    wave = np.random.default_rng(0).normal(size=16000) * np.linspace(1, 0, 16000)
    spectrum = tf.abs(tf.signal.stft(wave.astype(np.float32), 480, 320, None, tf.signal.hann_window))
    weights = tf.signal.linear_to_mel_weight_matrix(40, spectrum.shape[-1], 16000, 20.0, 4000.0)
    log_mel = tf.math.log(tf.tensordot(spectrum, weights, 1) + 1e-6)
    expected = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :10].numpy()
    found = features(wave, AudioSpec(folder=Path("x")))
    assert found.shape == expected.shape == (49, 10)
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    assert np.allclose(features(wave, AudioSpec(folder=Path("x"), features="log_mel")), log_mel.numpy(), atol=1e-3)


MEASURED = """
import sys
from pathlib import Path
from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.build.datasets.write import write_dataset
from edgerig.ondevice.memory import peak_rss_bytes
from edgerig.spec import DatasetSpec
kind, folder = sys.argv[1], Path(sys.argv[2])
table = {"npz": {"npz": "d.npz"}, "table": {"table": {"file": "d.parquet", "label": "label"}}}[kind]
shape = {"npz": (1, 256, 256), "table": (1, 64)}[kind]
fits = Fits((Tensor("x", shape),), (1, 10), "class", 10)
spec = DatasetSpec.model_validate(table)
dataset = open_dataset(spec, folder, fits)
before = peak_rss_bytes()
written = write_dataset(dataset, fits, folder, 16)
print(written.samples, peak_rss_bytes() - before)
"""


@pytest.mark.parametrize("kind", ["npz", "table"])
def test_data_larger_than_its_share_of_memory_is_streamed(kind: str, tmp_path: Path) -> None:
    """About 256 MB decoded; a batch is 4 MB."""
    if kind == "npz":
        data = np.broadcast_to(np.float32(1), (1000, 256, 256))
        np.savez_compressed(tmp_path / "d.npz", inputs=data, labels=np.zeros(1000, int))
        count = 1000
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        count = 1_000_000
        column = pa.array(np.zeros(count, np.float32))
        names = [f"f{index}" for index in range(64)]
        table = pa.table(dict.fromkeys(names, column) | {"label": np.zeros(count, int)})
        pq.write_table(table, tmp_path / "d.parquet", row_group_size=20_000)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, kind, str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    samples, growth = map(int, done.stdout.split())
    assert samples == count
    assert (tmp_path / "input_0.npy").stat().st_size > 250e6
    assert growth < 200e6, f"{growth / 1e6:.0f} MB"
