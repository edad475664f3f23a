"""Matching: foreign sounds get the mean and spread of the clip's; silence and the clip's own sound stay."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, measure
from listen_and_move.audio.matching import LEAST_SECONDS, ChunkMoments, Matcher, checked_adapt, parse_adapt
from listen_and_move.audio.novelty import Repertoire, novelty
from listen_and_move.config import FeatureConfig
from listen_and_move.errors import UserError
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.sound_check import listen
from listen_and_move.inference.stage import PlaySettings

FPS = Fraction(20)


def sound(seconds: float, hertz: float, loudness: float, seed: int, noise: float = 0.02) -> np.ndarray:
    """A tone over noise, in strokes of changing strength, with a second of silence at its end."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    strokes = np.repeat(random.uniform(0.1, 1, len(times) // 8000 + 1), 8000)[: len(times)]
    tone = np.sin(2 * np.pi * hertz * times) + noise * random.standard_normal(len(times))
    return np.append(loudness * strokes * tone, np.zeros(SAMPLE_RATE)).astype(np.float32)


def reference(kind: str = "shape") -> AudioReference:
    config = FeatureConfig(kind=kind, standardise=True, past=2, future=1)  # pyright: ignore[reportArgumentType]
    plain = FeatureExtractor(config, FPS)
    learnt = torch.from_numpy(sound(8, 400, 0.3, 0))
    extractor = FeatureExtractor(config, FPS, measure(plain.chunks(learnt, 0, 180)))
    features = extractor.whole(learnt)
    return AudioReference(extractor, -20.0, Repertoire.of(features, (range(len(features)),), extractor))


def matcher_of(reference: AudioReference) -> Matcher:
    matcher = Matcher.of(reference.extractor, reference.repertoire)
    assert matcher is not None
    return matcher


def of(matcher: Matcher, chunks: torch.Tensor) -> ChunkMoments:
    """What is heard of raw chunks."""
    news = novelty(matcher.extractor.standardised(chunks), matcher.repertoire)
    return matcher.heard(chunks, news)


@pytest.mark.parametrize("kind", ["shape", "level"])
def test_a_foreign_sound_gets_the_mean_and_spread_of_the_clip(kind: str) -> None:
    heard = reference(kind)
    assert heard.repertoire is not None
    matcher, size = matcher_of(heard), heard.extractor.config.chunk_size
    foreign = torch.from_numpy(sound(6, 2500, 0.3, 1))
    chunks = heard.extractor.chunks(foreign, -2, 121)
    matching = matcher.matching(of(matcher, heard.extractor.own(chunks)), 1.0)
    home, before, after = (
        each[:, :size]
        for each in (
            heard.repertoire.chunks[1:-20],
            heard.extractor.assemble(chunks)[:110],
            heard.extractor.assemble(chunks, matching)[:110],
        )
    )
    assert (after.mean(0) - home.mean(0)).abs().mean() < 0.3 * (before.mean(0) - home.mean(0)).abs().mean()
    new, known = (novelty(each, heard.repertoire).mean() for each in (before, after))
    assert known < 0.6 * new


def test_silence_stays_silence() -> None:
    heard = reference()
    matcher = matcher_of(heard)
    chunks = heard.extractor.chunks(torch.from_numpy(sound(6, 2500, 0.3, 1)), -2, 141)
    features = heard.extractor.assemble(chunks)
    moved = heard.extractor.assemble(chunks, matcher.matching(of(matcher, chunks), 1.0))
    assert torch.equal(moved[-10:-3], features[-10:-3]), "nothing is heard, before and after neither"
    assert not torch.equal(moved[:20], features[:20])


def test_the_own_kind_of_sound_stays_as_it_is_and_a_foreign_one_does_not() -> None:
    heard = reference()
    own = listen(lambda: [sound(4, 400, 0.3, 5)], heard, "match", "auto")
    foreign = listen(lambda: [sound(4, 3000, 0.3, 5, noise=1.0)], heard, "match", "auto")
    assert own.matching is None
    assert foreign.matching is not None
    assert 0 < foreign.matching.strength <= 1
    assert listen(lambda: [sound(4, 3000, 0.3, 5)], heard, "match", 0.0).matching is None
    half = listen(lambda: [sound(4, 400, 0.3, 5)], heard, "match", 0.5).matching
    assert half is not None
    assert half.strength == 0.5, "a number is obeyed whatever is heard"


def test_another_microphone_makes_no_sound_foreign_and_another_sound_is() -> None:
    heard = reference()
    matcher = matcher_of(heard)
    assert heard.repertoire is not None
    assert heard.extractor.statistics is not None
    chunks = heard.extractor.chunks(torch.from_numpy(sound(6, 400, 0.3, 5)), 0, 100)
    foreign = heard.extractor.chunks(torch.from_numpy(sound(6, 1000, 0.3, 5)), 0, 100)

    def far(chunks: torch.Tensor) -> float:
        moments = of(matcher, chunks)
        return matcher.foreign(moments.novelty / moments.frames)

    assert far(chunks) == 0
    assert far(heard.extractor.tilted(chunks, 12.0)) == far(heard.extractor.tilted(chunks, -12.0)) == 0
    assert far(foreign) == 1


@pytest.mark.parametrize("kind", ["shape", "level"])
def test_a_tilt_changes_the_colour_and_not_how_loud_it_is(kind: str) -> None:
    extractor = reference(kind).extractor
    noise = torch.from_numpy(sound(4, 400, 0.3, 5, noise=1.0))
    chunks = extractor.chunks(noise, 0, 60)
    brighter = extractor.tilted(chunks, 12.0)
    levels = [each[:, :64] + (each[:, 64:65] if kind == "shape" else 0) for each in (chunks, brighter)]
    change = (levels[1] - levels[0]).mean(0)
    assert change[-8:].mean() - change[:8].mean() == pytest.approx(12 * 56 / 64, abs=1.0)
    before, after = ((10 ** (each / 10) - 1).sum() for each in levels)
    assert after == pytest.approx(float(before), rel=1e-3)
    assert kind != "shape" or torch.equal(brighter[:, 65], chunks[:, 65])


def test_strokes_are_told_in_spreads_of_the_sound_itself() -> None:
    heard, whole = reference(), sound(6, 3000, 0.3, 5, noise=1.0)
    checked = listen(lambda: [whole], heard, 0.0, 1.0)
    frames = [
        each
        for block in AudioFrontEnd(heard).all([whole], PlaySettings(matching=checked.matching))
        for each in block
    ]
    strokes = torch.tensor([frame.stroke for frame in frames[:115]])
    assert abs(strokes.mean()) < 0.3
    assert 0.7 < strokes.std() < 1.3
    assert {frame.foreign for frame in frames} == {1.0}
    plain = [each for block in AudioFrontEnd(heard).all([whole]) for each in block]
    assert {(frame.foreign, frame.stroke) for frame in plain} == {(0.0, 0.0)}


def test_live_a_sound_becomes_foreign_as_it_is_heard() -> None:
    heard, whole = reference(), sound(8, 3000, 0.3, 7, noise=1.0)
    frames = [each for block in AudioFrontEnd(heard).all([whole], PlaySettings(adapt=1.0)) for each in block]
    foreign = [frame.foreign for frame in frames]
    assert foreign[0] == 0
    assert foreign == sorted(foreign)
    assert foreign[-1] == 1
    assert any(frame.stroke for frame in frames)


def test_features_that_tell_no_strokes_lead_nothing() -> None:
    heard, whole = reference("level"), sound(4, 3000, 0.3, 5)
    matching = listen(lambda: [whole], heard, 0.0, 1.0).matching
    frames = [
        each for block in AudioFrontEnd(heard).all([whole], PlaySettings(matching=matching)) for each in block
    ]
    assert matching is not None
    assert {(frame.foreign, frame.stroke) for frame in frames} == {(0.0, 0.0)}


def test_a_clip_of_which_tilting_leaves_little_to_be_heard_knows_what_is_foreign() -> None:
    """A loud tone at the top, and next to nothing at the bottom."""
    config = FeatureConfig(kind="shape", standardise=True)
    seconds = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.004 * np.sin(2 * np.pi * 7000 * seconds) * (seconds < 2)
    hum = 3e-4 * np.sin(2 * np.pi * 300 * seconds) * (seconds >= 2)
    learnt = torch.from_numpy((tone + hum).astype(np.float32))
    plain = FeatureExtractor(config, FPS)
    extractor = FeatureExtractor(config, FPS, measure(plain.chunks(learnt, 0, 160)))
    features = extractor.whole(learnt)
    matcher = Matcher.of(extractor, Repertoire.of(features, (range(len(features)),), extractor))
    assert matcher is not None
    assert matcher.foreign(100.0) == 1


def test_what_is_as_long_as_a_blink_tells_nothing() -> None:
    heard = reference()
    matcher = matcher_of(heard)
    few = heard.extractor.chunks(torch.from_numpy(sound(4, 3000, 0.3, 5)), 0, int(LEAST_SECONDS * FPS) - 1)
    assert matcher.matching(of(matcher, few), 1.0) is None
    assert matcher.matching(None, 1.0) is None


@pytest.mark.parametrize("cut", [700, 12_345, 10**6])
def test_live_it_fades_in_and_does_not_depend_on_blocks(cut: int) -> None:
    heard, whole = reference(), sound(8, 3000, 0.3, 7)
    front_end, settings = AudioFrontEnd(heard), PlaySettings(adapt=1.0)
    found = torch.cat(list(front_end.features([whole], settings)))
    pieces = [whole[place : place + cut] for place in range(0, len(whole), cut)]
    assert torch.allclose(torch.cat(list(front_end.features(pieces, settings))), found, atol=1e-5)
    plain = torch.cat(list(front_end.features([whole])))
    moved = (found - plain).abs().mean(1)
    assert not moved[: int(LEAST_SECONDS * FPS) - 1].any()
    assert moved[20:40].mean() < 0.7 * moved[110:150].mean(), "the more is heard, the farther"


def test_a_matching_that_is_known_holds_for_any_blocks() -> None:
    heard, whole = reference(), sound(4, 3000, 0.3, 7)
    front_end = AudioFrontEnd(heard)
    settings = PlaySettings(matching=listen(lambda: [whole], heard, 0.0, 1.0).matching)
    found = torch.cat(list(front_end.features([whole], settings)))
    pieces = [whole[place : place + 5000] for place in range(0, len(whole), 5000)]
    assert torch.allclose(torch.cat(list(front_end.features(pieces, settings))), found, atol=1e-5)
    assert heard.repertoire is not None
    plain = torch.cat(list(front_end.features([whole])))
    assert novelty(found, heard.repertoire).mean() < novelty(plain, heard.repertoire).mean()


def test_what_is_long_ago_counts_less_and_less() -> None:
    heard = reference()
    matcher = matcher_of(heard)
    rows = heard.extractor.chunks(torch.from_numpy(sound(3, 3000, 0.3, 7)), 0, 40)
    moments: ChunkMoments | None = None
    for row in rows.repeat(50, 1).split(1):
        moments = matcher.heard_live(row, moments)
    assert moments is not None
    assert moments.frames == pytest.approx(30 * 20, rel=1e-6)


def test_features_that_are_not_standardised_are_heard_as_they_are() -> None:
    extractor = FeatureExtractor(FeatureConfig(), FPS)
    assert Matcher.of(extractor, None) is None
    features = extractor.whole(torch.from_numpy(sound(3, 400, 0.3, 0)))
    repertoire = Repertoire.of(features, (range(len(features)),), extractor)
    assert Matcher.of(extractor, repertoire) is None


@pytest.mark.parametrize("text", ["1.5", "-0.1", "nan", "much", ""])
def test_what_is_neither_auto_nor_a_share_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="adapt: expected auto or a number from 0"):
        parse_adapt(text)
    assert parse_adapt("auto") == "auto"
    assert parse_adapt("0.25") == 0.25
    assert checked_adapt(1) == 1


def tilted(samples: np.ndarray, decibels: float) -> np.ndarray:
    """The same through a microphone that is brighter towards the top."""
    spectrum = np.fft.rfft(samples)
    share = np.log2(np.linspace(1, SAMPLE_RATE / 2, len(spectrum)).clip(125, 7500) / 125) / np.log2(60) - 0.5
    return np.fft.irfft(spectrum * 10 ** (decibels * share / 20), len(samples)).astype(np.float32)


@pytest.mark.parametrize("kind", ["shape", "level"])
def test_where_sounds_are_compared_another_microphone_and_noise_are_undone(kind: str) -> None:
    heard, own = reference(kind), sound(6, 400, 0.3, 3)
    noise = 0.02 * np.random.default_rng(9).standard_normal(len(own)).astype(np.float32)
    front_end = AudioFrontEnd(heard, compares=True)

    def frames(samples: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        settings = listen(lambda: [samples], heard, 0.0, "auto").settings()._replace(matching=None)
        found = [frame for block in front_end.all([samples], settings) for frame in block][:-25]
        compared = [frame.compared for frame in found]
        assert all(each is not None for each in compared)
        return torch.stack([frame.features for frame in found]), torch.stack(compared)  # pyright: ignore

    plain = heard.extractor.whole(torch.from_numpy(own))[:-25]
    for changed in (tilted(own, 12.0), tilted(own, -12.0), own + noise):
        as_it_is, compared = frames(changed)
        assert torch.equal(as_it_is, heard.extractor.whole(torch.from_numpy(changed))[:-25])
        assert (compared - plain).square().mean() < 0.6 * (as_it_is - plain).square().mean()
    assert (frames(own)[1] - plain).square().mean() < 0.05 * plain.square().mean(), "its own hardly moves"


def test_live_compares_by_what_was_heard_and_files_by_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, samples = reference(), tilted(sound(6, 400, 0.3, 3), 12.0)
    front_end = AudioFrontEnd(heard, compares=True)
    comparing = listen(lambda: [samples], heard, 0.0, "auto").comparing
    whole = [frame for block in front_end.all([samples], PlaySettings(adapt="auto")) for frame in block]
    cut = [
        frame
        for block in front_end.all(np.array_split(samples, 97), PlaySettings(adapt="auto"))
        for frame in block
    ]
    assert whole[5].compared is None, "nothing is known yet"
    for one, other in zip(whole, cut, strict=True):
        assert (one.compared is None) == (other.compared is None)
        if one.compared is not None and other.compared is not None:
            assert torch.allclose(one.compared, other.compared, atol=1e-3)
    last = whole[100].compared
    fixed = [
        frame for block in front_end.all([samples], PlaySettings(comparing=comparing)) for frame in block
    ]
    assert last is not None
    assert fixed[100].compared is not None
    far, near = ((last - each).square().mean() for each in (whole[100].features, fixed[100].compared))
    assert near < far
    for settings in (PlaySettings(), PlaySettings(adapt=0.5)):
        assert all(frame.compared is None for block in front_end.all([samples], settings) for frame in block)
    plain = AudioFrontEnd(heard).all([samples], PlaySettings(comparing=comparing))
    assert all(frame.compared is None for block in plain for frame in block), "nobody compares"
