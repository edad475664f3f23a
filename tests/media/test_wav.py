"""Uncompressed sound keeps its samples."""

import wave

import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.media.wav import write_wav


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_wav_keeps_samples_and_clips_what_is_too_loud(tmp_path, channels):
    samples = np.random.default_rng(0).uniform(-1.5, 1.5, (1000, channels))
    write_wav(tmp_path / "s.wav", samples[:, 0] if channels == 1 else samples, 22050)
    with wave.open(str(tmp_path / "s.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels, 22050, 2)
        values = np.frombuffer(file.readframes(1000), "<i2").reshape(-1, channels)
    assert np.abs(values / 32767 - samples.clip(-1, 1)).max() < 1e-4


def test_samples_that_are_no_numbers_leave_the_old_file(tmp_path):
    (tmp_path / "s.wav").write_bytes(b"old")
    with pytest.raises(UserError, match="samples: expected finite ones; got NaN or infinity at place 1:"):
        write_wav(tmp_path / "s.wav", np.array([0.0, np.nan, 0.5]), 22050)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("s.wav", b"old")]
