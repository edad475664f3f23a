"""What is not waited for is guessed from what is heard."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, measure
from listen_and_move.audio.foresight import foresight
from listen_and_move.config import FeatureConfig

FPS = Fraction(20)
CONFIG = FeatureConfig(kind="shape", past=2, future=4, standardise=True)


def rhythm(seconds: float, seed: int) -> torch.Tensor:
    """Three strokes a second: what comes follows from what was."""
    random, count = torch.Generator().manual_seed(seed), int(seconds * SAMPLE_RATE)
    place = torch.arange(count) / SAMPLE_RATE * 3 % 1
    return 0.2 * torch.randn(count, generator=random) * torch.exp(-12 * place)


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    plain = FeatureExtractor(CONFIG, FPS)
    return replace(plain, statistics=measure(plain.chunks(rhythm(10, 0), 0, 200)))


@pytest.mark.parametrize("heard", range(4))
def test_the_guess_of_an_unheard_sound_is_nearer_than_the_mean_and_what_was_last(
    extractor: FeatureExtractor, heard: int
) -> None:
    fitted = foresight(extractor.whole(rhythm(10, 0)), CONFIG, heard)
    lasting = foresight(None, CONFIG, heard)
    full = extractor.whole(rhythm(6, 1))[8:-8]

    def error(features: torch.Tensor) -> float:
        return float((features - full).square().mean())

    guessed, stays = (
        replace(extractor, foresight=each).whole(rhythm(6, 1))[8:-8] for each in (fitted, lasting)
    )
    unheard = (4 - heard) * CONFIG.summary_size
    mean = torch.cat([full[:, :-unheard], full[:, -unheard:].mean(0).expand(len(full), -1)], dim=1)
    assert torch.equal(guessed[:, :-unheard], full[:, :-unheard]), "what is heard is heard as ever"
    assert error(guessed) < 0.75 * min(error(mean), error(stays))
    assert torch.allclose(stays[:, -CONFIG.summary_size :], stays[:, -unheard:][:, : CONFIG.summary_size])


@pytest.mark.parametrize("heard", range(5))
def test_block_by_block_and_as_soon_as_it_may_be(extractor: FeatureExtractor, heard: int) -> None:
    sooner = replace(extractor, foresight=foresight(extractor.whole(rhythm(10, 0)), CONFIG, heard))
    sound, state, found = rhythm(3, 1), None, []
    for block in sound.split(1000):
        features, state = sooner.push(block, state)
        found.append(features)
        count = sum(map(len, found))
        waited = Fraction(state.sample_count, SAMPLE_RATE) - sooner.look_ahead
        assert count == max(0, int(waited * FPS) + 1 if waited >= 0 else 0)
    found.append(sooner.finish(state))
    assert torch.allclose(torch.cat(found), sooner.whole(sound), atol=1e-4)
    assert extractor.look_ahead - sooner.look_ahead == (4 - heard) / FPS


def test_where_nothing_is_known_what_was_heard_last_stays(extractor: FeatureExtractor) -> None:
    own_stays = replace(extractor, foresight=foresight(None, CONFIG, 0)).whole(rhythm(2, 1))
    full, size = extractor.whole(rhythm(2, 1)), CONFIG.summary_size
    place = CONFIG.chunk_size + 2 * size
    bands, extras = full[:, :64].unflatten(1, (16, 4)).mean(2), full[:, 64:66]
    last = torch.cat([bands, extras], dim=1).repeat(1, 4)
    assert torch.allclose(own_stays[:, place:], last, atol=1e-5)
    one_stays = replace(extractor, foresight=foresight(None, CONFIG, 1)).whole(rhythm(2, 1))
    assert torch.equal(one_stays[:, place : place + size], full[:, place : place + size])
    assert torch.allclose(one_stays[:, place + size :], full[:, place : place + size].repeat(1, 3), atol=1e-5)


def test_a_sound_that_never_changes_has_a_guess(extractor: FeatureExtractor) -> None:
    constant = torch.ones(50, CONFIG.size)
    found = foresight(constant, CONFIG, 0)
    guessed = replace(extractor, foresight=found).completed(constant[:, : -4 * CONFIG.summary_size])
    assert torch.allclose(guessed, constant, atol=1e-5)


def test_where_all_is_heard_nothing_is_guessed() -> None:
    assert foresight(torch.zeros(9, CONFIG.size), CONFIG, 4) is None
    assert foresight(None, FeatureConfig(), 0) is None
