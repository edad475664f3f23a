import torch

from listen_and_move.training.disturb import GAIN_DB, TILT_DB, disturbed, echoed, room

RATE = 20.0  # chunks per second

SOUND = torch.rand(20, 8, 64, generator=torch.Generator().manual_seed(0)) + 0.1


def changed(seed: int, strength: float = 1.0) -> torch.Tensor:
    return disturbed(SOUND, float(SOUND.mean()), RATE, strength, torch.Generator().manual_seed(seed))


def test_strength_0_changes_nothing() -> None:
    assert torch.equal(changed(1, strength=0.0), SOUND)


def test_the_same_draw_gives_the_same_sound_and_another_one_another() -> None:
    assert torch.equal(changed(1), changed(1))
    assert not torch.allclose(changed(1), changed(2))


def test_without_noise_and_echo_every_chunk_is_filtered_alike_within_the_bounds() -> None:
    gains = [10 * torch.log10(changed(seed) / SOUND) for seed in range(60)]
    clean = [gain for gain in gains if gain.std((0, 1)).max() < 1e-3]
    assert 8 < len(clean) < 32  # half of them have noise, a quarter echo
    for gain in clean:
        assert gain.abs().max() <= GAIN_DB + TILT_DB / 2 + 1e-3
        assert torch.allclose(gain[0, 0].diff(), gain[0, 0].diff()[0], atol=1e-3)  # a straight line over the bands
    assert max(float(gain.mean()) for gain in clean) > GAIN_DB / 2
    assert min(float(gain.mean()) for gain in clean) < -GAIN_DB / 2


def test_noise_fills_silence() -> None:
    quiet = SOUND.clone()
    quiet[:5] = 0  # before any sound, where no echo is
    draws = [disturbed(quiet, float(quiet.mean()), RATE, 1.0, torch.Generator().manual_seed(seed)) for seed in range(40)]
    noisy = [draw for draw in draws if draw[:5].any()]
    assert 8 < len(noisy) < 32
    assert all(draw[:5].mean() < draw[5:].mean() for draw in noisy)  # it stays below the sound


def test_an_echo_fades_by_60_db_and_is_as_loud_as_the_sound() -> None:
    click = torch.zeros(40, 8, 64)
    click[3] = 2.0
    echo = echoed(click, length=12.0)[:, 0]
    assert not echo[:3].any()
    assert torch.allclose(echo.sum(0), torch.full((64,), 2.0))
    assert torch.allclose(10 * torch.log10(echo[5:15] / echo[4:14]), torch.tensor(-60 / 12), atol=1e-2)


def test_some_sounds_echo_into_silence() -> None:
    cut = SOUND.clone()
    cut[10:] = 0
    draws = [disturbed(cut, 0.0, RATE, 1.0, torch.Generator().manual_seed(seed)) for seed in range(40)]  # no noise
    assert 4 < sum(bool(draw[10].any()) for draw in draws) < 20


def test_a_quiet_room_is_quiet() -> None:
    """Never louder than allowed, of any loudness below, and now and then without a sound."""
    rooms = [room((24, 8), 64, -47.0, torch.Generator().manual_seed(seed)) for seed in range(60)]
    assert all(each.shape == (24, 8, 64) for each in rooms)
    levels = [10 * torch.log10(each.mean()) for each in rooms if each.any()]
    assert 5 < 60 - len(levels) < 30
    assert max(levels) <= -46.5
    assert min(levels) < -60
