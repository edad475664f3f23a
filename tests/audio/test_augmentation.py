import torch

from listen_and_move.audio.augmentation import GAIN_DB, TILT_DB, augmented_power, room_tone

SOUND = torch.rand(20, 8, 64, generator=torch.Generator().manual_seed(0)) + 0.1


def changed(seed: int, strength: float = 1.0) -> torch.Tensor:
    return augmented_power(SOUND, float(SOUND.mean()), strength, torch.Generator().manual_seed(seed))


def test_strength_0_changes_nothing() -> None:
    assert torch.equal(changed(1, strength=0.0), SOUND)


def test_the_same_draw_gives_the_same_sound_and_another_one_another() -> None:
    assert torch.equal(changed(1), changed(1))
    assert not torch.allclose(changed(1), changed(2))


def test_without_noise_every_chunk_is_filtered_alike_within_the_bounds() -> None:
    gains = [10 * torch.log10(changed(seed) / SOUND) for seed in range(40)]
    clean = [gain for gain in gains if gain.std((0, 1)).max() < 1e-3]
    assert 8 < len(clean) < 32  # half of them have noise
    for gain in clean:
        assert gain.abs().max() <= GAIN_DB + TILT_DB / 2 + 1e-3
        assert torch.allclose(
            gain[0, 0].diff(), gain[0, 0].diff()[0], atol=1e-3
        )  # a straight line over the bands
    assert max(float(gain.mean()) for gain in clean) > GAIN_DB / 2
    assert min(float(gain.mean()) for gain in clean) < -GAIN_DB / 2


def test_noise_fills_silence() -> None:
    quiet = SOUND.clone()
    quiet[5:10] = 0
    draws = [
        augmented_power(quiet, float(quiet.mean()), 1.0, torch.Generator().manual_seed(seed))
        for seed in range(40)
    ]
    noisy = [draw for draw in draws if draw[5:10].any()]
    assert 8 < len(noisy) < 32
    assert all(draw[5:10].mean() < draw[:5].mean() for draw in noisy)  # it stays below the sound


def test_a_quiet_room_is_quiet() -> None:
    """Never louder than allowed, of any loudness below, and now and then without a sound."""
    rooms = [room_tone((24, 8), 64, torch.Generator().manual_seed(seed)) for seed in range(60)]
    assert all(each.shape == (24, 8, 64) for each in rooms)
    levels = [10 * torch.log10(each.mean()) for each in rooms if each.any()]
    assert 5 < 60 - len(levels) < 30
    assert max(levels) <= -46.5
    assert min(levels) < -60
