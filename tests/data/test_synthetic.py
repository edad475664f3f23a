"""The made-up performance: what is seen follows from what is heard, at the same instant, and rest is rest."""

from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
import pytest

from listen_and_move.clock import exact, frame_time, sample_at
from listen_and_move.data.synthetic.marimba import (
    BARS,
    PITCHES,
    Note,
    melody,
    render_frames,
    render_sound,
    ring,
    ring_time,
)
from listen_and_move.data.synthetic.marimba_picture import Marimba

RATES = [Fraction(20), Fraction(25), Fraction(30000, 1001), Fraction(7)]


def film(notes, seconds, fps=Fraction(20), width=64, height=64):
    return np.stack(list(render_frames(notes, seconds, fps, width, height)))


def sounding(notes, seconds, fps):
    """Per frame: whether any bar rings at its instant."""
    times = [frame_time(index, fps) for index in range(int(seconds * fps))]
    return np.array(
        [any(0 <= time - exact(note.time) < ring_time(note.bar) for note in notes) for time in times]
    )


def test_a_melody_is_determined_by_its_seed():
    assert melody(5, 20.0) == melody(5, 20.0)
    assert len({melody(seed, 20.0) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", range(5))
def test_a_melody_uses_every_bar_and_rests_between_phrases(seed):
    notes = melody(seed, 30.0)
    assert [note.time for note in notes] == sorted(note.time for note in notes)
    assert {note.bar for note in notes} == set(range(BARS))
    assert all(0 < note.velocity <= 1 and 0 <= note.time < 30 for note in notes)
    assert len({note.time for note in notes}) < len(notes), "no chord"
    assert np.std([note.velocity for note in notes]) > 0.1
    assert len({round(b.time - a.time, 2) for a, b in pairwise(notes)}) >= 4, "no rhythm"
    rests = np.diff(np.flatnonzero(np.r_[True, sounding(notes, 30.0, Fraction(100)), True])) / 100
    rests = rests[rests > 0.3]
    assert len(rests) >= 3
    assert all(1.0 <= rest <= 2.1 for rest in rests[1:-1])


def test_a_longer_melody_begins_like_a_shorter_one():
    assert melody(2, 30.0)[: len(melody(2, 10.0))] == melody(2, 10.0)


def test_bars_ring_from_one_to_exactly_nothing():
    for bar in range(BARS):
        times = np.linspace(0, ring_time(bar), 50)
        assert ring(bar, times)[0] == 1
        assert (np.diff(ring(bar, times)) < 0).all()
        assert (ring(bar, np.array([-0.1, -1e-9, ring_time(bar), 9.0])) == 0).all()


@pytest.mark.parametrize("fps", RATES)
def test_the_picture_is_exactly_still_where_no_bar_sounds(fps):
    notes = melody(1, 8.0)
    frames, rings = film(notes, 8.0, fps), sounding(notes, 8.0, fps)
    still = film((), 0.1, fps)[0]
    assert (frames[: len(rings)][~rings] == still).all()
    assert (~rings).sum() > 5
    changes = np.abs(np.diff(frames[: len(rings)].astype(int), axis=0)).max((1, 2, 3))
    assert (changes[rings[1:] & ~rings[:-1]] > 30).all(), "every first stroke is seen at once"


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("time", [0.6, 0.75, 1.0, 1.237])
def test_a_stroke_is_seen_at_its_frame_and_in_its_bar(fps, time):
    for bar in (0, 3, 7):
        frames = film([Note(time, bar, 0.5)], time + 0.5, fps).astype(int)
        changes = np.abs(np.diff(frames, axis=0)).sum(3)
        first = int(np.flatnonzero(changes.sum((1, 2)))[0]) + 1
        assert frame_time(first - 1, fps) < Fraction(str(time)) <= frame_time(first, fps)
        per_column = changes[first - 1].sum(0)
        strips = [per_column[slice(*Marimba(64, 64).columns(other))].sum() for other in range(BARS)]
        assert np.argmax(strips) == bar
        assert strips[bar] > 0.6 * per_column.sum()


def test_a_harder_stroke_moves_more():
    soft, hard = (film([Note(0.1, 4, velocity)], 1.0).astype(int) for velocity in (0.3, 0.9))
    assert np.abs(np.diff(hard, axis=0)).sum() > 1.5 * np.abs(np.diff(soft, axis=0)).sum()


def test_the_picture_depends_on_the_past_only():
    notes = melody(4, 6.0)
    early = [note for note in notes if note.time <= 3.0]
    frames = film(notes, 6.0)
    assert (film(early, 3.05) == frames[:61]).all()
    assert (film(early, 6.0) != frames).any()


@pytest.mark.parametrize(
    ("width", "height"), [(64, 64), (128, 128), (112, 64), (64, 112), (33, 47), (224, 128)]
)
def test_sizes(width, height):
    frame = next(iter(render_frames((), 1.0, Fraction(20), width, height)))
    assert frame.shape == (height, width, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 20
    columns = [Marimba(width, height).columns(bar) for bar in range(BARS)]
    assert columns[0][0] >= 0
    assert columns[-1][1] <= width
    assert all(before[1] <= after[0] for before, after in pairwise(columns))


def test_bars_are_at_least_five_pixels_wide_at_64():
    struck = film([Note(0.0, 3, 1.0)], 0.05)[0].astype(int) - film((), 0.05)[0]
    row = np.abs(struck[20]).sum(1)
    assert (row > 0.5 * row.max()).sum() >= 5


def test_frame_count():
    assert len(film((), 2.0, Fraction(20), 32, 32)) == 40
    assert len(film((), 1.0, Fraction(30000, 1001), 32, 32)) == 30
    assert len(list(islice(render_frames((), 1e6, Fraction(20), 32, 32), 3))) == 3  # lazily


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("time", [0.5, 0.75, 1.23])
def test_sound_begins_at_the_sample_of_its_note(rate, time):
    sound = render_sound([Note(time, 2, 0.8)], 2.5, rate)
    first = sample_at(time, rate)
    assert sound.shape == (sample_at(2.5, rate), 2)
    assert sound.dtype == np.float32
    assert not sound[:first].any()
    assert np.abs(sound[first : first + rate // 500]).max() > 0.02
    assert not sound[first + int(ring_time(2) * rate) + 1 :].any()


@pytest.mark.parametrize("seed", range(4))
def test_levels(seed):
    notes = melody(seed, 20.0)
    sound = render_sound(notes, 20.0)
    peak = 20 * np.log10(np.abs(sound).max())
    assert -9 < peak < -4.5
    rings = np.repeat(sounding(notes, 20.0, Fraction(100)), 480)
    assert np.abs(sound[~rings]).max() < 10 ** (-60 / 20)
    assert np.abs(sound.mean(0)).max() < 1e-3


def test_even_everything_at_once_does_not_clip():
    crash = [Note(0.1, bar, 1.0) for bar in range(BARS)] * 3
    assert np.abs(render_sound(crash, 1.0)).max() < 1


def test_high_bars_stand_to_the_right():
    low, high = ((render_sound([Note(0, bar, 1.0)], 1.0) ** 2).sum(0) for bar in (0, 7))
    assert low[0] > 2 * low[1]
    assert high[1] > 2 * high[0]


@pytest.mark.parametrize("bar", range(BARS))
def test_a_bar_sounds_at_its_pitch(bar):
    sound = render_sound([Note(0, bar, 1.0)], 1.0)[:, 0]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(np.argmax(spectrum) - PITCHES[bar]) <= 2  # bins of 1 Hz


def test_sound_and_motion_fade_together():
    sound = render_sound([Note(0, 3, 1.0)], 1.2)[:, 0]
    loudness = np.sqrt((sound[: 20 * 2400].reshape(20, -1) ** 2).mean(1))
    expected = ring(3, np.arange(20) / 20 + 0.025)
    assert np.allclose(loudness[2:] / loudness[2], expected[2:] / expected[2], atol=0.08)


def test_a_note_after_the_end_is_not_heard():
    assert not render_sound([Note(3.0, 0, 1.0)], 1.0).any()
