"""Several takes of one scene: one clip, in which nothing goes on from one file into another."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.conftest import TINY

from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.source import find_source
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.data.take import take_names
from listen_and_move.data.takes import APART, Takes
from listen_and_move.errors import UserError
from listen_and_move.evaluation import source_size
from listen_and_move.evaluation.baselines import MEAN, REAL
from listen_and_move.evaluation.blind import CLIP_SECONDS, MOST_CLIPS, parts_of
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.learnt_frames import LearntFrames
from listen_and_move.evaluation.shown_rows import DRAWN, ShownRow, played_rows
from listen_and_move.evaluation.source_size import evaluate_source_size
from listen_and_move.evaluation.takes_dataset import open_takes
from listen_and_move.inference.generate import generate
from listen_and_move.keeping import keep_frames
from listen_and_move.media.conversion import rgb
from listen_and_move.media.files import probe
from listen_and_move.media.picture import source_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.models.generator import Network
from listen_and_move.models.kept_frames import KeptAbout, KeptFrames
from listen_and_move.models.rendering import WARM_UP
from listen_and_move.presets import preset
from listen_and_move.runs import RunFolder
from listen_and_move.settings import with_values
from listen_and_move.training import validation
from listen_and_move.training.loop import train

SECONDS = 2.55
CONFIG = with_values(preset("quick"), {**TINY, "clip.crop": "8,0,56,48"})
RUN: dict[str, object] = {**TINY, "clip.size": "32", "training.steps": 1, "training.keep": "source"}


def film(path: Path, gain: float = 1.0, width: int = 64, height: int = 48, fps: int = 25) -> Path:
    """One performance, filmed larger or smaller, recorded louder or softer."""
    notes = melody(1, SECONDS)
    sound = Waveform(gain * render_sound(notes, SECONDS), 48_000)
    with VideoWriter(path, width=width, height=height, fps=Fraction(fps), sound=sound, quality=4) as writer:
        for frame in render_frames(notes, SECONDS, Fraction(fps), width, height):
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A take, and the same twice as large, softer by 9 dB and at another rate."""
    folder = tmp_path_factory.mktemp("takes")
    return film(folder / "one.mp4"), film(folder / "two.mp4", 10 ** (-9 / 20), 128, 96, 30)


@pytest.fixture(scope="module")
def clip(takes: tuple[Path, Path]) -> Clip:
    return Takes.find(takes).load(CONFIG)


@pytest.fixture(scope="module")
def kept(takes: tuple[Path, Path], clip: Clip) -> KeptFrames:
    return keep_frames(takes[0], "ab", clip, CONFIG.clip, CONFIG.features)


def test_each_take_is_held_out_of_and_silence_lies_between(clip: Clip, takes: tuple[Path, Path]) -> None:
    alone = load_clip(takes[0], CONFIG)
    first, second = (take.frames for take in clip.takes)
    assert first == range(len(alone.frames))
    assert second.start >= first.stop + APART >= WARM_UP
    assert clip.train == (*alone.train, range(second.start, second.start + len(alone.train[0])))
    assert [len(part) for part in clip.held_out] == 2 * [len(alone.held_out[0])]
    assert clip.held_out[0] == alone.held_out[0]
    assert clip.held_out[1].stop == second.stop
    assert torch.equal(clip.frames[: first.stop], alone.frames)
    assert not clip.frames[first.stop : second.start].any()


def test_takes_are_scaled_cropped_and_made_as_loud_as_the_first(clip: Clip) -> None:
    first, second = (clip.frames[take.frames.start : take.frames.stop].int() for take in clip.takes)
    apart = {
        shift: float((first[5:40] - second[5 + shift : 40 + shift]).abs().sum()) for shift in range(-4, 5)
    }
    assert min(apart, key=lambda shift: apart[shift]) == 0, "the same pictures at the same times"
    assert clip.power is not None
    loud = [float(clip.power[take.frames.start : take.frames.stop].mean()) for take in clip.takes]
    assert 0.9 < loud[1] / loud[0] < 1.1, "9 dB are a factor of 8"
    assert clip.takes[1].box == (16, 0, 112, 96)


def test_what_is_kept_names_its_file_and_its_time(
    clip: Clip, kept: KeptFrames, takes: tuple[Path, Path]
) -> None:
    about = kept.about
    second = about.takes[1].first
    assert about.fps == 25
    assert [take.name for take in about.takes] == ["one.mp4", "two.mp4"]
    films = {
        take.path.name: [rgb(frame) for frame in source_frames(take.path, about.fps, box=take.box)]
        for take in clip.takes
    }
    apart = {name: np.zeros(3) for name in films}
    for place, position in enumerate(kept.positions.tolist()):
        seconds, name = about.moment(position)
        assert name == about.takes[position >= second].name
        shown, number = kept.reader.frame(place).astype(int), int(seconds * about.fps)
        for shift in (-1, 0, 1):
            filmed = films[name][max(0, number + shift)]
            across = filmed.shape[1] // shown.shape[1]
            apart[name][1 + shift] += np.abs(shown - filmed[::across, ::across]).mean()
    assert [int(np.argmin(each)) for each in apart.values()] == [1, 1]
    # The model's frames and those that are shown lie on one time line, in each file.
    for take in clip.takes:
        assert 0 <= take.seconds(take.frames.start, CONFIG.clip.rate) < 1 / CONFIG.clip.rate


def test_no_stretch_and_no_path_goes_on_into_another_file(clip: Clip, kept: KeptFrames) -> None:
    ends = {kept.stretch(position) for position in kept.positions.tolist()}
    assert len(ends) == 2
    for (first, last), take in zip(sorted(ends), clip.takes, strict=True):
        begin = int(take.begin * kept.about.fps)
        assert begin <= first
        assert last < begin + ceil(SECONDS * kept.about.fps)
    numbers = kept.path.numbers.tolist()
    assert sum(after != before + 1 for before, after in pairwise(numbers)) == 1


def test_one_take_is_written_as_ever(takes: tuple[Path, Path], kept: KeptFrames) -> None:
    alone = keep_frames(takes[0], "ab", load_clip(takes[0], CONFIG), CONFIG.clip, CONFIG.features).about
    assert "takes" not in alone.to_json()
    assert alone.moment(5) == (Fraction(1, 5), "")
    assert KeptAbout.from_json(alone.to_json()) == alone
    assert KeptAbout.from_json(kept.about.to_json()) == kept.about


def test_what_is_no_take_is_refused_in_a_line(takes: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = takes
    with pytest.raises(UserError, match="shape of the first take, 64x48 pixels, at any size; got 64x64"):
        find_source(one, film(tmp_path / "square.mp4", height=64)).load(CONFIG, lambda done, total: None)
    with pytest.raises(UserError, match="the same film twice"):
        find_source(one, two, one)
    with pytest.raises(UserError, match="got a folder"):
        find_source(one, tmp_path)
    part = replace(CONFIG, clip=replace(CONFIG.clip, start=1.0))
    with pytest.raises(UserError, match="expected whole takes"):
        find_source(one, two).load(part, lambda done, total: None)


@pytest.fixture(scope="module")
def learnt(takes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return RunFolder(train(takes, folder, preset_name="quick", settings=RUN, device="cpu").run)


def test_a_run_of_takes(learnt: RunFolder, takes: tuple[Path, Path], tmp_path: Path) -> None:
    run = learnt

    def learn(*videos: Path) -> Path:
        return train(videos, run.path, preset_name="quick", settings=RUN, device="cpu").run

    assert run.films.videos() == [path.absolute() for path in takes]
    assert learn(*takes) == run.path
    for others in (takes[:1], takes[::-1]):
        with pytest.raises(UserError, match=r"expected the takes .* in this order: .*one.mp4, .*two.mp4"):
            learn(*others)
    moved = tmp_path / 'größer als " eins.mp4'
    moved.write_bytes(takes[1].read_bytes())
    assert run.films.videos(moved) == [takes[0].absolute(), moved]
    held_out = len(load_clip(takes[0], CONFIG).held_out[0])
    sample = probe(run.sample_file(1))
    assert sample.sounds
    assert sample.video is not None
    assert sample.video.duration == Fraction(2 * held_out, 20)
    with Shelf() as shelf:
        found = [open_takes(run, take, False, shelf, lambda *told: None) for take in (None, takes[1])]
        for dataset, path in zip(found, takes, strict=True):
            begin = float(dataset.measured.seconds(dataset.span.start))
            assert dataset.measured.path.name == path.name
            assert len(dataset.train) == 2
            assert begin == pytest.approx(0.8 * SECONDS, abs=0.1)
        assert "of the other takes (two.mp4)" in found[0].left_out[0]
        assert found[1].subfolder
        with pytest.raises(UserError, match="expected one of the takes"):
            open_takes(run, tmp_path, False, shelf, lambda *told: None)
        frames = LearntFrames.of(run.films.videos(), run.config(), None, shelf, lambda *told: None)
        assert (len(frames.unseen), len(frames.filmed)) == (
            2 * held_out,
            sum(len(take.frames) for take in Takes.find(takes).load(run.config()).takes),
        )
        assert all(frames.filmed.read(place, place + 1).any() for place in range(len(frames.filmed)))


def test_a_film_of_takes_never_leaves_a_file(
    learnt: RunFolder, takes: tuple[Path, Path], tmp_path: Path
) -> None:
    film = Film.of_run(learnt, tmp_path)
    assert [part.path for part in film.held_out] == [path.absolute() for path in takes]
    assert film.held_out[1].gain == pytest.approx(9, abs=1)
    for part in film.held_out:
        before = film.before(part)
        assert (before.path, before.end) == (part.path, part.begin)
        assert before.begin >= 0
        assert part.end < ceil(SECONDS * 25) / 25 + 1 / 20
    one, two = (np.stack([*part.frames()]).astype(int) for part in film.held_out)
    assert one.shape == two.shape
    assert one.shape[1:] == (48, 48, 3), "as large as the first take"
    apart = [np.abs(one[:10] - two[shift : 10 + shift]).mean() for shift in range(3)]
    assert int(np.argmin(apart)) == 0
    heard = [np.sqrt(np.square(np.concatenate([*part.heard()])).mean()) for part in film.held_out]
    assert heard[0] / heard[1] == pytest.approx(10 ** (9 / 20), rel=0.1)
    assert sum(ceil((part.end - part.begin) / CLIP_SECONDS) for part in parts_of(film)) == 2
    several = parts_of(replace(film, held_out=5 * film.held_out[:1]))
    assert len(several) == MOST_CLIPS


def drawn_row(*run: Any, **how: Any) -> ShownRow:
    """One row is enough: each takes seconds."""
    return next(row for row in played_rows(*run, **how) if row.name == DRAWN)


def test_all_takes_are_measured_at_the_size_of_the_source(
    learnt: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(source_size, "played_rows", lambda *run, **how: [drawn_row(*run, **how)])
    results = evaluate_source_size(learnt.path, device="cpu").results
    held_out = Film.of_run(learnt, tmp_path).held_out
    assert results.span.video == "one.mp4, two.mp4"
    assert "two.mp4 2.10 to" in results.notes[0]
    assert results.span.seconds == pytest.approx(
        sum(float(part.end - part.begin) for part in held_out), abs=0.1
    )
    rows = results.by_row()
    for name in ("sharpness_moving", "motion_ratio", "dcor"):  # little moves there, and coding is seen
        assert rows[REAL][name] == pytest.approx(1, abs=0.25)
    assert rows[DRAWN]["motion_ratio"] != rows[MEAN]["motion_ratio"] == pytest.approx(0, abs=0.05)


def test_a_replay_and_a_still_are_of_the_takes(
    learnt: RunFolder, takes: tuple[Path, Path], tmp_path: Path
) -> None:
    moved, out = tmp_path / "moved.mp4", tmp_path / "out.mp4"
    moved.write_bytes(takes[1].read_bytes())
    listed = tmp_path / "list.csv"
    generate(learnt.path, takes[1], out, mode="replay", video=moved, path_list=listed)
    assert {row.split(",")[-2] for row in listed.read_text().splitlines()[1:]} <= {"one.mp4", "moved.mp4"}
    generate(learnt.path, takes[1], out, paste=True, overwrite=True)
    video = probe(out).video
    assert video is not None
    assert (video.width, video.height) == (64, 48), "the picture of the first take"


def test_a_validation_weighs_takes_by_their_lengths(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = clip.held_out
    shorter = replace(clip, held_out=(first, second[: len(second) // 2]))
    monkeypatch.setattr(validation, "play", lambda network, clip, config, frames: frames)
    monkeypatch.setattr(validation, "figures", lambda generated, real: {"start": float(generated.start)})
    found = validation.validate(cast(Network, None), shorter, CONFIG)
    lengths = [len(part) for part in shorter.held_out]
    assert found["start"] == pytest.approx(np.average([first.start, second.start], weights=lengths))


def test_takes_of_one_name_are_told_apart() -> None:
    paths = [Path("/a/one/take.mp4"), Path("/a/two/take.mp4"), Path("/b/two/take.mp4")]
    assert take_names(paths[:2]) == ["one/take.mp4", "two/take.mp4"]
    assert take_names(paths) == ["a/one/take.mp4", "a/two/take.mp4", "b/two/take.mp4"]
    assert take_names(paths[:1]) == ["take.mp4"]
