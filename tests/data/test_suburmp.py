"""Sub-URMP folders: what is read, that songs are kept apart, and what is said of folders that are something
else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tests.conftest import TINY
from tests.songs import SMALL, add_exif, folder, picture, sound

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.cli.main import run_command
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.source import find_source
from listen_and_move.data.suburmp import Songs
from listen_and_move.data.windows import beginning, next_windows
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_preset
from listen_and_move.training.batches import Batches
from listen_and_move.training.state import fresh_state
from listen_and_move.training.validation import play

SONGS = {"train/cello01": range(500, 1700, 100), "train/cello02": range(500, 1500, 100)}


def loaded(root: Path, **changes: object) -> tuple[Clip, Config]:
    config = from_preset(
        "paper", {**SMALL, **{name.replace("__", "."): value for name, value in changes.items()}}
    )
    return Songs.find(root).load(config), config


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return folder(tmp_path / "Sub-URMP", SONGS)


def test_pictures_and_sounds_of_every_song_in_order(songs: Path) -> None:
    clip, config = loaded(songs, clip__holdout="0")
    assert clip.train == (range(0, 12), range(13, 23))
    assert not any(clip.held_out)
    assert clip.box == (4, 0, 28, 24)
    shades = clip.frames.float().mean((1, 2, 3))
    expected = [5 * place for place in range(12)] + [0] + [100 + 5 * place for place in range(10)]
    assert (shades - torch.tensor(expected)).abs().max() < 2
    wav = songs / "chunk/train/cello/cello02_700.wav"
    whole = torch.from_numpy(np.concatenate(list(read_sound(wav, SAMPLE_RATE))))
    extractor = FeatureExtractor(config.features, config.clip.rate)
    torch.testing.assert_close(clip.features[15], extractor.whole(whole)[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        clip.features[15], extractor.whole(whole[: round(0.085 * SAMPLE_RATE)])[0], atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("sampler", ["sequential", "random"])
def test_windows_never_cross_a_songs_end(songs: Path, sampler: str) -> None:
    clip, config = loaded(songs, clip__holdout="0", training__sampler=sampler, training__lanes=2)
    positions, random, seen = beginning(config.training), torch.Generator().manual_seed(0), set()
    for _ in range(200):
        windows, positions = next_windows(config.training, clip.train, positions, random)
        for start, primed in zip(*windows, strict=True):
            first = start if primed is None else primed
            assert any(first in span and start + 4 <= span.stop for span in clip.train)
            seen |= set(range(start, start + 4))
    assert {3, 10, 14, 21} <= seen
    assert 12 not in seen


def test_states_are_reset_where_a_song_begins(songs: Path) -> None:
    """Three windows fill the first song to its end; the fourth, of the second song, must not hear of them."""
    clip, config = loaded(songs, clip__holdout="0")
    state, taken = fresh_state(config, torch.device("cpu")), []
    batches = Batches(clip, config, torch.device("cpu"))
    for _ in range(5):
        batch, state.positions = batches.next(state)
        _, state.lanes = state.network(batch.features, batch.noise, batch.state)
        taken.append((state.positions[0] - 4, batch.state is None))
    assert taken == [(0, True), (4, False), (8, False), (13, True), (17, False)]


def test_a_frame_hears_its_own_song_alone(songs: Path) -> None:
    settings = {"features__past": 2, "features__future": 3, "clip__holdout": "0"}
    before, _ = loaded(songs, **settings)
    for ms in SONGS["train/cello02"]:
        sound(songs / "chunk/train/cello" / f"cello02_{ms}.wav", ms)
    after, _ = loaded(songs, **settings)
    assert before.train == (range(0, 12), range(15, 25))
    assert torch.equal(before.features[:12], after.features[:12])
    assert (before.features[15:] != after.features[15:]).any(1).all()


def test_nothing_is_heard_of_another_song_before_what_is_drawn(songs: Path) -> None:
    clip, config = loaded(songs, clip__holdout="0")
    network, part = fresh_state(config, torch.device("cpu")).network, clip.train[1]
    before = play(network, clip, config, part)
    clip.features[: part.start] += 3
    assert np.array_equal(before, play(network, clip, config, part))
    clip.features[part.start] += 3
    assert not np.array_equal(before, play(network, clip, config, part))


def test_a_gap_ends_a_stretch_as_a_song_does(songs: Path) -> None:
    for kind, end in (("img", "jpg"), ("chunk", "wav")):
        (songs / kind / "train/cello" / f"cello01_1200.{end}").unlink()
    clip, _ = loaded(songs, clip__holdout="0")
    assert clip.train == (range(0, 7), range(8, 12), range(13, 23))


def test_pictures_may_have_other_endings(songs: Path) -> None:
    before, digest = loaded(songs)[0], Songs.find(songs).digest()
    for number, end in enumerate((".JPG", ".jpeg")):
        picture = songs / f"img/train/cello/cello01_{500 + 100 * number}.jpg"
        picture.rename(picture.with_suffix(end))
        picture = picture.with_suffix(end)
        add_exif(picture, 1)
    after, _ = loaded(songs)
    assert torch.equal(before.frames, after.frames)
    assert Songs.find(songs).digest() != digest, "names are of what was learnt"


def test_a_picture_that_is_turned_otherwise_is_named(songs: Path) -> None:
    pictures = sorted(songs.glob("img/train/cello/*.jpg"))
    for each in pictures:
        add_exif(each, 6)
    assert loaded(songs)[0].box[3] > 24, "24 wide, 32 high"
    entry = b"\x12\1\3\0\1\0\0\0"
    pictures[3].write_bytes(pictures[3].read_bytes().replace(entry + b"\6", entry + b"\1"))
    with pytest.raises(UserError, match=rf"{pictures[3].name}: .* turned like the first one"):
        loaded(songs)


def test_what_is_held_out(tmp_path: Path) -> None:
    """A share of the frames, judged within one song; or the songs of the folder's other splits."""
    clip, _ = loaded(folder(tmp_path / "one", SONGS), clip__holdout="0.5")
    assert clip.train == (range(0, 11),)
    assert clip.held_out == (range(13, 23),)
    clip, _ = loaded(folder(tmp_path / "two", {**SONGS, "validation/cello03": range(500, 1000, 100)}))
    assert clip.train == (range(0, 12), range(13, 23))
    assert clip.held_out == (range(24, 29),)
    named = Songs.find(tmp_path / "two/img/validation/cello")
    assert [len(stretch) for stretch in named.stretches] == [5]
    assert not named.others
    assert named.digest() != Songs.find(tmp_path / "two").digest()
    assert clip.sound is not None
    joined = clip.sound(range(24, 26))
    assert len(joined.samples) == 2 * SAMPLE_RATE // 10  # type: ignore[union-attr]


def test_train_and_play_it(songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    changes = {**TINY, **SMALL}
    words = [f"--{name.replace('_', '-').removeprefix('clip.')}={value}" for name, value in changes.items()]
    short_song(songs)
    train = ["train", str(songs), "--run", str(run), "--preset", "quick", "--device", "cpu", *words]
    assert run_command(train) == 0
    assert run_command([*train, "--training.steps", "6"]) == 0  # it goes on
    said = capsys.readouterr()
    assert "held out, dcor" in said.out
    assert "3 of 20 frames to train on lie in parts shorter than a window (4) and are not learnt" in said.err
    sample = probe(RunFolder(run).sample_file(4))
    assert sample.sounds
    assert sample.video is not None
    assert sample.video.frame_rate == 10
    play = [
        "generate",
        str(run),
        str(songs / "chunk/train/cello/cello01_500.wav"),
        "--out",
        str(tmp_path / "played.mp4"),
    ]
    assert run_command(play) == 0
    capsys.readouterr()
    assert run_command([*play, "--mode=replay", "--overwrite"]) == 0
    assert probe(tmp_path / "played.mp4").video is not None
    capsys.readouterr()
    assert run_command(["evaluate", str(run)]) == 2
    assert "at least 8 frames within one song; got 5 in train/cello02_500" in error(capsys)
    for line in (["evaluate", str(run), "--size=source"], ["blind", str(run)]):
        assert run_command(line) == 2
        assert "at least 8 frames within one song; got 5 in train/cello02_500" in error(capsys)
    assert run_command(["inspect", str(songs)]) == 2
    assert "expected a video file; got a folder" in error(capsys)


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that says what is wrong; how far the command came may stand above it."""
    *progress, line = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert not any("error" in each for each in progress)
    return line


def short_song(root: Path) -> None:
    folder(root, {"train/cello00": range(500, 800, 100)})


def silence(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:44] + bytes(32_000))


def other_instrument(root: Path) -> None:
    folder(root, {"train/flute01": range(500, 700, 100)})


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def another_kind(path: Path) -> None:
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("png", rate=10)
        (stream.width, stream.height), stream.pix_fmt = (32, 24), "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((24, 32, 3), np.uint8), format="rgb24")
        file.mux([*stream.encode(frame), *stream.encode(None)])


def twice(root: Path, kind: str, end: str) -> None:
    folder = root / kind / "train/cello"
    shutil.copy(folder / f"cello01_900.{end}", folder / f"cello01_0900.{end}")


def wrong_name(root: Path) -> None:
    (root / "img/train/cello/cello01_550.jpg").write_bytes(b"x")


@pytest.mark.parametrize(
    ("harm", "saying"),
    [
        (lambda root: (root / "img").rename(root / "pictures"), "this folder is not Sub-URMP"),
        (lambda root: [each.unlink() for each in root.glob("img/*/*/*")], "got none: not Sub-URMP"),
        (other_instrument, "expected one instrument; got cello, flute"),
        (wrong_name, "expected a name of Sub-URMP, such as cello01_500.jpg"),
        (
            lambda root: [each.unlink() for each in root.glob("chunk/*/*/cello02*")],
            "song cello02 without sound",
        ),
        (
            lambda root: (root / "img/train/cello/cello01_900.jpg").write_bytes(b"no picture"),
            "cello01_900.jpg: expected a JPEG picture; it cannot be read as one",
        ),
        (
            lambda root: (root / "img/train/cello/cello01_500.jpg").write_bytes(b""),
            "cello01_500.jpg: expected a JPEG picture",
        ),
        (
            lambda root: shutil.copy(
                root / "chunk/train/cello/cello01_500.wav", root / "img/train/cello/cello01_500.jpg"
            ),
            "cello01_500.jpg: expected a JPEG picture",
        ),
        (
            lambda root: picture(root / "img/train/cello/cello01_900.jpg", 9, (64, 48)),
            "expected a picture like the first one, mjpeg of 32x24 pixels; got mjpeg of 64x48 pixels",
        ),
        (
            lambda root: [another_kind(each) for each in root.glob("img/train/cello/*.jpg")],
            "expected a JPEG picture; got png: convert all pictures to JPEG",
        ),
        (
            lambda root: picture(root / "img/train/cello/cello01_900.JPEG", 9),
            "cello01_900.jpg: expected one picture of each moment; got cello01_900.JPEG as well",
        ),
        (
            lambda root: [twice(root, kind, end) for kind, end in (("img", "jpg"), ("chunk", "wav"))],
            "expected one picture of each moment; got cello01_0900.jpg as well",
        ),
        (
            lambda root: cut_off(root / "img/train/cello/cello01_900.jpg"),
            "cello01_900.jpg: expected a whole JPEG picture; it is cut off",
        ),
        (
            lambda root: (root / "chunk/train/cello/cello01_900.wav").write_bytes(b""),
            "cello01_900.wav: expected a video or sound",
        ),
        (
            lambda root: sound(root / "chunk/train/cello/cello01_900.wav", 1, 0.05),
            "at least a chunk (85 ms); got 50 ms",
        ),
        (lambda root: [silence(each) for each in root.glob("chunk/*/*/*")], "what is to be learnt is silent"),
    ],
)
def test_folders_that_cannot_be_learnt(
    harm: Callable[[Path], object],
    saying: str,
    songs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(songs)
    line = [
        "train",
        str(songs),
        "--run",
        str(tmp_path / "run"),
        "--preset",
        "paper",
        "--losses.perceptual",
        "0",
    ]
    assert run_command([*line, "--size", "16", "--fps", "10", "--training.window", "4"]) == 2
    assert saying in error(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"clip__fps": "20"}, "expected 10 frames per second"),
        ({"clip__start": 1.0}, "expected whole songs"),
        ({"training__window": 16}, "expected at least 16 frames in a row"),
        ({"clip__crop": "0,0,64,64"}, "expected a crop"),
    ],
)
def test_settings_that_do_not_go_with_songs(changes: dict[str, object], saying: str, songs: Path) -> None:
    with pytest.raises(UserError, match=saying):
        loaded(songs, **changes)


def test_a_file_is_a_video(performance: Path) -> None:
    assert find_source(performance).box(Config().clip) == (0, 0, 64, 64)
