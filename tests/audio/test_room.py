"""What a room leaves behind is taken out of the clip's own kind of sound, and of nothing else."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from listen_and_move.audio import matching
from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, measure
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.audio.room import BACK, dried, echo_of, fall_of, home_fall
from listen_and_move.config import FeatureConfig
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.sound_check import listen
from listen_and_move.inference.stage import PlaySettings

FPS = Fraction(20)


def strokes(seconds: float, seed: int) -> np.ndarray:
    """Short bursts of noise, three a second, of changing strength and colour."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    strength = random.uniform(0.1, 1, int(3 * seconds) + 1)[(3 * times).astype(int)]
    return (0.3 * strength * np.exp(-20 * (3 * times % 1)) * random.standard_normal(len(times))).astype(
        np.float32
    )


def in_a_room(sound: np.ndarray) -> np.ndarray:
    """The same with an echo of half a second, as loud as the sound."""
    length = SAMPLE_RATE // 2
    tail = np.random.default_rng(1).standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    size = len(sound) + length
    echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail / np.linalg.norm(tail), size), size)
    return (sound + echo[: len(sound)]).astype(np.float32)


@pytest.fixture(scope="module", params=["shape", "level"])
def reference(request: pytest.FixtureRequest) -> AudioReference:
    config = FeatureConfig(kind=request.param, standardise=True, past=2, future=1)
    plain, learnt = FeatureExtractor(config, FPS), torch.from_numpy(strokes(8, 0))
    extractor = replace(plain, statistics=measure(plain.chunks(learnt, 0, 160)))
    features = extractor.whole(learnt)
    fall = home_fall(extractor, features, torch.arange(len(features)))
    repertoire = Repertoire.of(features, (range(len(features)),), extractor)
    return AudioReference(extractor, -20.0, repertoire, fall)


def features_of(reference: AudioReference, sound: np.ndarray, settings: PlaySettings) -> torch.Tensor:
    return torch.cat([*AudioFrontEnd(reference).features([sound], settings)])


def test_a_sound_falls_no_faster_than_its_room(reference: AudioReference) -> None:
    extractor = reference.extractor

    def fall(sound: np.ndarray) -> float | None:
        return fall_of(extractor.levels(extractor.chunks(torch.from_numpy(sound), 0, 235)))

    dry, room = fall(strokes(12, 3)), fall(in_a_room(strokes(12, 3)))
    assert dry is not None
    assert room is not None
    assert reference.fall is not None
    assert abs(dry - reference.fall) < 2
    assert room > dry + 5
    assert room == pytest.approx(-12, abs=3), "60 dB in half a second"


def test_a_room_is_taken_out_and_the_clip_s_own_stays(reference: AudioReference) -> None:
    sound = strokes(12, 3)
    dry, room = (
        listen(lambda each=each: [each], reference, 0.0, "auto") for each in (sound, in_a_room(sound))
    )
    assert dry.echo == 0 < room.echo
    front_end = AudioFrontEnd(reference)

    def level(samples: np.ndarray, echo: float) -> torch.Tensor:
        chunks = torch.cat([*front_end.chunks([samples], PlaySettings(echo=echo))])
        return reference.extractor.levels(chunks)

    as_it_was, in_room, without = (
        level(sound, 0),
        level(in_a_room(sound), 0),
        level(in_a_room(sound), room.echo),
    )
    assert (in_room - as_it_was).mean() > 6, "dB that the room adds"
    assert (without - as_it_was).mean() < 0.7 * (in_room - as_it_was).mean()
    assert listen(lambda: [in_a_room(sound)], reference, 0.0, 0.0).echo == 0, "as it is"
    assert listen(lambda: [in_a_room(sound)], reference._replace(fall=None), 0.0, "auto").echo == 0


@pytest.mark.parametrize(("bounds", "foreign"), [((0.1, 0.2), True), ((100.0, 200.0), False)])
def test_foreign_sounds_fall_as_they_like(
    reference: AudioReference, monkeypatch: pytest.MonkeyPatch, bounds: tuple[float, float], foreign: bool
) -> None:
    for name, bound in zip(("OWN", "FOREIGN"), bounds, strict=True):
        monkeypatch.setattr(matching, name, bound)
    found = listen(lambda: [in_a_room(strokes(12, 3))], reference, 0.0, "auto")
    assert (found.matching is not None) == foreign
    assert (found.echo == 0) == foreign


def test_however_it_is_cut(reference: AudioReference) -> None:
    sound, settings = in_a_room(strokes(4, 3)), PlaySettings(echo=0.3)
    whole = features_of(reference, sound, settings)
    front_end = AudioFrontEnd(reference)
    cut = torch.cat([*front_end.features(np.array_split(sound, 61), settings)])
    assert torch.allclose(whole, cut, atol=1e-4)
    chunks = torch.cat(
        [front_end.reference.extractor.own(each) for each in front_end.chunks([sound], settings)]
    )
    assert torch.allclose(reference.extractor.standardised(chunks), whole[:, : chunks.shape[1]], atol=1e-4)


def test_what_is_left_over_is_taken_and_never_all() -> None:
    levels = torch.tensor([[0.0], [0.0], [40.0], [40.0], [28.0], [28.0], [60.0]])
    found = dried(levels, 0.1)
    assert found[:2].squeeze().tolist() == pytest.approx([40, 40], abs=0.01), "nothing was before"
    assert float(found[2]) == pytest.approx(28 - 13, abs=0.2), "the least that stays is a twentieth"
    assert float(found[4]) == pytest.approx(60, abs=0.01), "a stroke stands out"
    assert torch.equal(dried(levels, 0.0), torch.log10(1 + (10 ** (levels[BACK:] / 10) - 1)) * 10)


def test_of_too_little_nothing_is_told() -> None:
    assert fall_of(torch.zeros(2, 64)) is None
    assert fall_of(torch.zeros(100, 64)) is None
    assert fall_of(torch.full((100, 64), 50.0), torch.zeros(98, dtype=torch.bool)) is None
    assert echo_of(None, -20.0) == echo_of(-10.0, None) == echo_of(-18.5, -20.0) == 0 < echo_of(-12.0, -20.0)
    plain = FeatureExtractor(FeatureConfig(), FPS)
    assert home_fall(plain, torch.zeros(9, 64), torch.arange(9)) is None


def test_a_short_cut_of_the_clip_s_own_sound_is_in_no_room(reference: AudioReference) -> None:
    sound = strokes(8, 0)
    for begin in np.arange(0, 7, 0.5):
        piece = sound[int(begin * SAMPLE_RATE) :][:SAMPLE_RATE]
        assert listen(lambda piece=piece: [piece], reference, 0.0, "auto").echo == 0


def test_live_a_room_is_told_as_it_is_heard(reference: AudioReference) -> None:
    front_end, settings = AudioFrontEnd(reference), PlaySettings(adapt="auto")
    sound = strokes(12, 3)

    def heard(samples: np.ndarray, used: AudioReference, pieces: int = 1) -> torch.Tensor:
        blocks = np.array_split(samples, pieces)
        return torch.cat([*AudioFrontEnd(used).features(blocks, settings)])

    unknown = reference._replace(fall=None)
    assert torch.equal(heard(sound, reference), heard(sound, unknown)), "in its own room nothing is done"
    room = in_a_room(sound)
    as_it_is, dry = heard(room, unknown), heard(room, reference)
    assert torch.equal(as_it_is[:10], dry[:10]), "nothing is known yet"
    assert (as_it_is[-60:] - dry[-60:]).abs().max() > 0.1
    assert torch.allclose(dry, heard(room, reference, pieces=83), atol=1e-3), "however it is cut"
    _, state = front_end.push(room, None, settings)
    assert state.room is not None
    assert state.room.echo > 0
    assert state.room.chunks > 200
    _, state = front_end.push(room, None, PlaySettings(adapt=0.5))
    assert state.room is None, "as far as it is asked for, and no further"
