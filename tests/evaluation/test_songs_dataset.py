"""A run that learnt songs is measured, played with many sounds, shown again and ablated like any other."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import TINY
from tests.evaluation.making import ignored
from tests.songs import SMALL, folder, sound

from listen_and_move.cli.main import run_command
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.source import find_source
from listen_and_move.data.suburmp import Songs
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import HELD_OUT, TRAINING
from listen_and_move.evaluation.learnt_frames import LearntFrames
from listen_and_move.evaluation.songs_dataset import open_songs
from listen_and_move.keeping import keep_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_preset

TRAINED = {"train/cello01": range(500, 1700, 100), "train/cello02": range(500, 1500, 100)}
SONGS = {**TRAINED, "validation/cello03": range(500, 1400, 100), "test/cello04": range(700, 1900, 100)}


def begun(songs: Path, run: Path, **settings: object) -> RunFolder:
    """A run that learns songs, before its first step."""
    config = from_preset("paper", {**TINY, **SMALL, "clip.crop": "4,0,28,24", **settings})
    found = RunFolder(run)
    found.create(config, [songs], find_source(songs).digest(), "cpu")
    return found


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return folder(tmp_path / "Sub-URMP", SONGS)


def test_the_longest_held_out_song_is_measured_alone(songs: Path, tmp_path: Path) -> None:
    run = begun(songs, tmp_path / "run")
    with Shelf() as shelf:
        found = open_songs(run, None, False, shelf, ignored)
        assert (found.name, found.span, found.subfolder) == (HELD_OUT, range(12), "")
        assert found.train == (range(12), range(13, 23))
        clip = Songs.find(songs).load(run.config())
        song = clip.stretches[3]
        assert np.array_equal(found.real.read(0, 12), clip.frames[song.start : song.stop].numpy())
        assert (found.measured.features == clip.features[song.start : song.stop]).all()
        assert len(found.measured.features) == 12  # there is nothing else to be heard before it
        heard = np.concatenate([*read_sound(found.measured.path, 64_000)])
        assert np.array_equal(heard, clip.sound(song).samples)  # type: ignore[misc, union-attr]
        assert found.measured.origin == ("test/cello04_700", songs, run.films.video_hash)
        assert "validation/cello03_500" in found.left_out[0]


def test_other_songs_and_the_training_part_on_request(songs: Path, tmp_path: Path) -> None:
    run = begun(songs, tmp_path / "run")
    with Shelf() as shelf:
        asked = open_songs(run, songs / "img/validation/cello/cello03_900.jpg", False, shelf, ignored)
        assert (asked.span, asked.subfolder) == (range(9), "held-out part of validation-cello03_500")
        assert np.array_equal(asked.unseen.read(0, 9), asked.real.read(0, 9))
        learnt = open_songs(run, None, True, shelf, ignored)
        assert (learnt.name, learnt.span) == (TRAINING, range(12))
        assert "train/cello02_500" in learnt.left_out[0]
        assert len(learnt.unseen) == 12
        with pytest.raises(
            UserError, match=r"expected the folder of songs that .* learnt, or a picture in it"
        ):
            open_songs(run, songs / "chunk/train/cello/cello01_500.wav", False, shelf, ignored)
        with pytest.raises(UserError, match="got 0 in train/cello01_500"):
            open_songs(run, songs / "img/train/cello/cello01_500.jpg", False, shelf, ignored)


def test_without_songs_held_out_a_part_of_one_song_is(tmp_path: Path) -> None:
    run = begun(folder(tmp_path / "songs", TRAINED), tmp_path / "run", **{"clip.holdout": "0.1-0.55"})
    with Shelf() as shelf:
        found = open_songs(run, None, False, shelf, ignored)
        assert found.train == (range(3), range(14, 23))
        assert found.span == range(3, 12)
        assert found.measured.origin.name == "train/cello01_500"
        assert found.left_out == ()
        clip = Songs.find(tmp_path / "songs").load(run.config())
        learnt = LearntFrames.of([tmp_path / "songs"], run.config(), clip.statistics, shelf, ignored)
        assert (len(learnt.filmed), len(learnt.unseen)) == (22, 10)  # one of them in the other song
        assert np.array_equal(learnt.unseen.read(9, 10)[0], clip.frames[13].numpy())


def test_songs_that_were_moved_or_altered(songs: Path, tmp_path: Path) -> None:
    run, moved = begun(songs, tmp_path / "run"), tmp_path / "moved"
    songs.rename(moved)
    with Shelf() as shelf:
        with pytest.raises(UserError, match=r"expected the video this run learnt .*No such file"):
            open_songs(run, None, False, shelf, ignored)
        assert open_songs(run, moved, False, shelf, ignored).span == range(12)
        asked = open_songs(run, moved / "img/validation/cello/cello03_900.jpg", False, shelf, ignored)
        assert asked.span == range(9)
        sound(moved / "chunk/train/cello/cello01_600.wav", 7)
        with pytest.raises(UserError, match="its pictures or sounds are others"):
            open_songs(run, moved, False, shelf, ignored)
        (moved / "chunk/train/cello/cello01_600.wav").unlink()
        with pytest.raises(UserError, match=r"cello01_600.wav: expected the sound of cello01_600.jpg"):
            open_songs(run, moved, False, shelf, ignored)


def test_a_picture_of_another_folder_is_not_measured(songs: Path, tmp_path: Path) -> None:
    run, other = begun(songs, tmp_path / "run"), folder(tmp_path / "other", SONGS)
    with Shelf() as shelf:
        for picture, saying in ((other, "got another file"), (songs, "it does not exist")):
            name = "cello03_900.jpg" if picture == other else "cello09_900.jpg"
            with pytest.raises(UserError, match=saying):
                open_songs(run, picture / "img/validation/cello" / name, False, shelf, ignored)


def test_a_folder_is_found_from_within(songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(songs, tmp_path / "run")
    monkeypatch.chdir(songs / "img/validation/cello")
    with Shelf() as shelf:
        assert open_songs(run, Path("cello03_900.jpg"), False, shelf, ignored).span == range(9)
    monkeypatch.chdir(songs / "img/train")
    assert find_source(Path("cello")).digest() == run.films.video_hash


def test_kept_frames_go_on_within_a_song_alone(songs: Path) -> None:
    config = from_preset("paper", {**TINY, **SMALL})
    clip = Songs.find(songs).load(config)
    kept = keep_frames(songs, "digest", clip, config.clip, config.features, fleeting=True)
    assert kept.positions.tolist() == [*range(12), *range(13, 23)]
    assert kept.path.numbers.tolist() == kept.positions.tolist()
    assert [kept.stretch(place) for place in (11, 13)] == [(0, 11), (13, 22)]
    assert [take.name for take in kept.about.takes] == ["cello01_500", "cello02_500"]
    assert kept.about.moment(15) == (Fraction(1, 5), "cello02_500")
    assert kept.about.sources == ("digest",)
    shades = [float(kept.reader.frame(place).mean()) for place in (0, 11, 12, 21)]
    assert shades == pytest.approx([0, 55, 100, 145], abs=4)


def test_the_command_line(songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An ablation trains and measures its rows; one of them is then played with foreign sounds."""
    values = {**TINY, **SMALL}
    words = [f"--{name.replace('_', '-').removeprefix('clip.')}={value}" for name, value in values.items()]
    out = tmp_path / "rows"
    line = ["ablation", str(songs), "--out", str(out), "--preset", "quick", "--device", "cpu", "--seeds", "1"]
    assert run_command([*line, *words, "--rows", "plain:training.priming=8"]) == 0
    assert "12 held-out frames of test/cello04_700, 16 x 16 pixels" in capsys.readouterr().out
    measured = json.loads((out / "plain-seed0/evaluation/results.json").read_text())
    assert measured["part"]["video"] == "test/cello04_700"
    assert measured["environment"]["video_sha256"] == find_source(songs).digest()
    assert measured["run"]["video"] == "Sub-URMP"
    assert {row["name"] for row in measured["rows"]} >= {"model", "replay, smooth path"}
    sounds = tmp_path / "sounds"
    for number in range(2):
        sound(sounds / f"bell_{number}.wav", number, 1.5)
    shutil.rmtree(out / "plain-seed0/resume")
    assert run_command(["robustness", str(out / "plain-seed0"), str(sounds), "--device", "cpu"]) == 0
    assert "2 clips" in capsys.readouterr().out
    for each in ("validation/cello/cello03_900.jpg", None):
        where = [] if each is None else ["--video", str(songs / "img" / each)]
        run = [str(out / "plain-seed0"), "--device", "cpu", *where]
        assert run_command(["evaluate", *run, "--size", "source"]) == 0
        results = json.loads((out / "plain-seed0/evaluation/source-size/results.json").read_text())
        part = results["part"]
        assert (part["width"], part["height"], part["fps"]) == (24, 24, "10")
        assert part["video"] == ("cello03_500, cello04_700" if each is None else "cello03_500")
        assert part["frames"] == (21 if each is None else 9)
        assert results["environment"]["video_sha256"] == find_source(songs).digest()
        assert results["run"]["video"] == "Sub-URMP"
        rows = {row["name"]: row["values"] for row in results["rows"]}
        assert rows["real video"]["dcor"] > 0.95
        assert rows["replay, by sound"]["motion_ratio"] > 0
        assert ("each stretch is played by itself" in results["notes"][0]) == (each is None)
        assert run_command(["blind", *run]) == 0
        capsys.readouterr()
