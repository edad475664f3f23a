"""Pasting: nothing changes where nothing is played, and replay of a video's own sound gives the video."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import TINY
from tests.media.making import make_video

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.config import ClipConfig
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.compositing import FEATHER, Compositor, scaled, soft_mask, still_of
from listen_and_move.inference.generate import generate
from listen_and_move.inference.picture_pipelines import composited
from listen_and_move.media.conversion import Box
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train

BOX = (31, 10, 131, 80)


def detailed(width: int, height: int, low: int = 0, high: int = 255) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (height, width, 3), dtype=np.uint8)


def pasted(still: np.ndarray, box: Box = BOX) -> Compositor:
    return Compositor((32, 32), still, box)


def whole_video(path: Path, end: float | None = None) -> np.ndarray:
    info = probe(path).video
    assert info is not None
    return np.stack(
        list(read_frames(path, Fraction(20), width=info.width, height=info.height, end=end))
    ).astype(int)


def test_nothing_changes_where_the_frame_is_the_still(trained: Path) -> None:
    still = detailed(160, 90)
    paste = pasted(still)
    seen = np.rint(paste.seen).clip(0, 255).astype(np.uint8)
    assert np.abs(paste.whole(seen).astype(int) - still).max() <= 1
    assert np.array_equal(paste.still, still), "the still stays as it is"


def test_outside_the_crop_is_the_still_and_inside_the_frame(trained: Path) -> None:
    still = detailed(160, 90, 0, 60)
    left, top, right, bottom = BOX
    picture = pasted(still).whole(np.full((32, 32, 3), 220, np.uint8))
    inside = np.zeros((90, 160), bool)
    inside[top:bottom, left:right] = True
    assert picture.shape == still.shape
    assert picture.dtype == np.uint8
    assert np.array_equal(picture[~inside], still[~inside])
    middle = picture[top + 4 : bottom - 4, left + 4 : right - 4].astype(int)
    assert np.abs(middle - 220).max() <= 1, "nothing of the still shines through what is far from it"


def test_a_small_change_keeps_the_detail(trained: Path) -> None:
    still = detailed(160, 90, 100, 140)
    paste = pasted(still)
    picture = paste.whole(np.rint(paste.seen + 3).astype(np.uint8)).astype(int)
    middle = np.s_[20:70, 45:120]
    assert np.abs(picture[middle] - still[middle] - 3).max() <= 3
    assert np.corrcoef(picture[middle].ravel(), still[middle].ravel())[0, 1] > 0.99


def test_the_edge_is_soft_where_the_picture_goes_on() -> None:
    mask, feather = soft_mask((10, 0, 106, 72), (160, 72))[..., 0], 72 // FEATHER
    assert mask.shape == (72, 96)
    assert mask[36, 48] == 1
    assert (mask[0] == mask[36]).all()
    assert (mask[-1] == mask[36]).all(), "not where it ends"
    row = mask[36]
    assert np.array_equal(row, row[::-1])
    assert (row[feather:-feather] == 1).all()
    assert row[0] < 0.1
    assert (np.diff(row[: feather + 1]) > 0).all()
    assert (soft_mask((0, 0, 40, 30), (40, 30)) == 1).all(), "the whole picture has no edge"


@pytest.mark.parametrize(
    ("size", "expected"), [((161, 91), (160, 90)), ((160, 91), (160, 90)), ((53, 40), (52, 40))]
)
def test_an_odd_size_loses_its_last_pixel(
    trained: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    still = detailed(*size)
    paste = pasted(still, (5, 5, *size))
    picture = paste.whole(np.rint(paste.seen).clip(0, 255).astype(np.uint8))
    assert paste.size == expected
    assert picture.shape[1::-1] == expected
    assert np.abs(picture.astype(int) - still[: expected[1], : expected[0]]).max() <= 1


def test_a_crop_of_another_shape_is_filled(trained: Path) -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:16] = 255
    picture = pasted(np.zeros((100, 60, 3), np.uint8), (0, 0, 60, 100)).whole(frame)
    assert (picture[:40] > 240).all()
    assert (picture[60:] < 15).all()


def test_scaled_keeps_colours_and_places() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 40, dtype=np.float32)[None, :, None], (20, 40, 3))
    large = scaled(np.ascontiguousarray(ramp), (120, 60))
    assert large.shape == (60, 120, 3)
    assert np.abs(large[30, 12:-12, 0] - (np.arange(12, 108) - 1) * 255 / 117).max() < 0.5
    assert np.abs(scaled(large, (40, 20))[5, 4:-4] - ramp[5, 4:-4]).max() < 0.5


def test_the_still_is_without_what_passes_and_without_the_held_out_part(tmp_path: Path) -> None:
    background = np.repeat(np.linspace(40, 200, 96).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    pictures = [background.copy() for _ in range(100)]
    for number, picture in enumerate(pictures[:80]):
        picture[10:30, number : number + 16] = 255
    for picture in pictures[80:]:
        picture[:] = 0
    path = make_video(
        tmp_path / "clip.mkv", range(0, 100 * 50, 50), size=(96, 64), rate=20, pictures=pictures
    )
    still = still_of(path, ClipConfig(holdout="0.2"))
    assert still.shape == (64, 96, 3)
    assert np.abs(still.astype(int) - background).max() < 12
    late = still_of(path, ClipConfig(holdout="0-0.8"))
    assert late.max() < 20, "the longest part that is learnt, wherever it is"


def performed(folder: Path, rotation: int | None) -> Path:
    """3 s, odd width and height, a bright square that jumps with sounds of its own in a part of a standing
    picture."""
    random, pictures, places = np.random.default_rng(3), [], []
    background = np.kron(random.integers(40, 160, (14, 11, 1)), np.ones((8, 8, 3)))[:109, :85].astype(
        np.uint8
    )  # grey: colours are coarse
    for number in range(60):
        picture = background.copy()
        top, left = (20 + 12 * (number * 7 % 3), 16 + 10 * (number * 5 % 4))
        picture[top : top + 14, left : left + 14] = 255
        pictures.append(picture)
        places.append((top, left))
    time = np.arange(3 * 48_000) / 48_000
    hertz = 200 * 2 ** (5 * np.array([random.permutation(60)]).ravel() / 60)
    sound = 0.4 * np.sin(2 * np.pi * np.repeat(hertz, 2400) * time)
    settings: dict[str, Any] = {} if rotation is None else {"rotation": rotation}
    return make_video(
        folder / "performed.mp4",
        range(0, 60 * 50, 50),
        size=(85, 109),
        rate=20,
        pix_fmt="yuv444p",
        pictures=pictures,
        sound=(0, sound, 48_000),
        **settings,
    )


@pytest.mark.parametrize("rotation", [None, 90])
def test_replay_of_its_own_sound_is_the_video_again(tmp_path: Path, rotation: int | None) -> None:
    path = performed(tmp_path, rotation)
    info = probe(path).video
    assert info is not None
    assert (info.width, info.height) == ((85, 109) if rotation is None else (109, 85))
    box = (10, 12, 73, 75) if rotation is None else (20, 5, 83, 68)
    settings = {**TINY, "clip.crop": ",".join(map(str, box)), "training.steps": 1, "clip.holdout": "0"}
    settings |= {"features.past": 0, "features.future": 0}
    run = train(path, tmp_path / "run", preset_name="quick", settings=settings, device="cpu").run
    (out,) = generate(run, path, tmp_path / "out.mp4", mode="replay", paste=True)
    found, truth = whole_video(out)[:60], whole_video(path)[:60]  # the coded sound ends a little later
    width, height = info.width // 2 * 2, info.height // 2 * 2
    assert found.shape == (60, height, width, 3)
    error = np.abs(found - truth[:, :height, :width]).mean((1, 2, 3))
    still = np.abs(np.median(truth, 0)[:height, :width] - truth[:, :height, :width]).mean((1, 2, 3))
    assert error.max() < 2.5
    assert np.median(error) < 0.5 * np.median(still)


def test_pasted_into_the_video_a_model_learnt(trained: Path, performance: Path, tmp_path: Path) -> None:
    import av

    (out,) = generate(trained, performance, tmp_path / "out.mp4", paste=True, end=0.5, device="cpu")
    assert whole_video(out).shape == (10, 64, 64, 3)
    with av.open(str(out)) as container:
        comment = container.metadata["comment"]
    assert comment.startswith("Generated picture")
    assert "around it a still of video sha256" in comment
    animator, config = Animator.load(trained, "cpu"), RunFolder(trained).config()
    blocks = list(read_sound(performance, SAMPLE_RATE, end=0.5))
    whole = Compositor.of(animator.size, performance, config.clip).whole
    expected = [whole(frame) for frame in animator.frames(blocks)]
    found = composited(animator.pipeline, performance, config).frames(blocks)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_model_alone_needs_its_video(trained: Path, performance: Path, tmp_path: Path) -> None:
    model, out = RunFolder(trained).model_file, tmp_path / "out.mp4"
    with pytest.raises(UserError, match=r"expected the run folder, .* --video"):
        generate(model, performance, out, paste=True, device="cpu")
    generate(model, performance, out, paste=True, video=performance, end=0.25, device="cpu")
    assert whole_video(out).shape == (5, 64, 64, 3)


def test_a_video_that_the_crop_does_not_fit_is_refused(
    tmp_path: Path, trained: Path, performance: Path
) -> None:
    size = Animator.load(trained, "cpu").size
    with pytest.raises(
        UserError, match="expected the video whose part 0,0,65,64 was learnt; got a picture of 64x64"
    ):
        Compositor.of(size, performance, ClipConfig(crop="0,0,65,64"))
