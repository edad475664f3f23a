"""A page without a server: a folder that any web host or a USB stick can serve.

On the page a film is played by the sound that a visitor brings. The page hears, chooses and draws by itself:
a path live and by sound alone, with dissolves. It holds the frames that a model keeps, and the keys by which
they are chosen; no network, and no sound.
"""

import json
import tempfile
from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import BinaryIO, NamedTuple, cast

from listen_and_move.errors import UserError, printable, shown
from listen_and_move.inference.animator import loaded_model
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import inputs_of, is_video, playable
from listen_and_move.inference.sources.camera import PathCamera
from listen_and_move.inference.sources.path import PathSource
from listen_and_move.media.browser_frames import (
    PICTURE_TYPE,
    VIDEO_CODEC,
    BrowserEncoder,
    BrowserFrames,
    film_size,
    picture_size,
)
from listen_and_move.media.frame_archive import GROUP
from listen_and_move.media.replacing import check_no_input, check_place, replacing_folder, telling
from listen_and_move.models.kept_frames import KeptFrames
from listen_and_move.progress import Progress, untold
from listen_and_move.provenance.provenance import Provenance, creator_tool
from listen_and_move.runs import model_path
from listen_and_move.sharing.page_keys import page_keys, written

LIVE_BY_SOUND = PictureChoice(by_sound=True, live=True)
"""The picture that a page plays: a path by the sound alone, whose future is not known."""
SCRIPTS = ("signal.js", "hearing.js", "choosing.js", "memory.js", "page.js")
"""Parts of the one script of a page, in order."""
MOST_FRAMES = 54_000
"""Most frames of a page: half an hour at 30 frames per second.

With so many a cue takes 33 to 56 ms on a busy core, and 1.0 GB are loaded."""
LONGEST_CREDIT = 500
"""Most characters of the credit."""
CONSENT = "everybody who is seen in it must agree to that"
_PIECE = 1 << 20


class Publication(NamedTuple):
    """The contents that a page publishes."""

    folder: Path
    seconds: float
    """Seconds of film."""
    size: tuple[int, int]
    """Width and height of the frames, in pixels."""
    kept_size: tuple[int, int]
    """Size of the frames that the model keeps; larger ones are scaled down."""
    bytes: int
    """Bytes of the whole folder."""
    loaded: int
    """Bytes that a browser loads if its decoder does not fail: packets or pictures, and the rest."""

    def described(self) -> str:
        """Returns the contents in words."""
        width, height = self.size
        film = f"{self.seconds:.1f} s of film, {width}x{height} pixels"
        if self.size != self.kept_size:
            film += " (made smaller from {}x{}, so that browsers have room for it)".format(*self.kept_size)
        return f"publishes {film}, {self.bytes / 1e6:.1f} MB in {self.folder}; {CONSENT}"


def export_page(
    model: Path,
    folder: Path,
    credit: str,
    *,
    tell: Callable[[Publication], None] = lambda publication: None,
    progress: Progress = untold,
) -> Publication:
    """Writes a page without a server; whole or not at all.

    Args:
        model: a run folder, a model file or a video.
        folder: where the page goes; new, or empty.
        credit: of the film, which the page shows.
        tell: called with what the page publishes before the folder is written.
        progress: called with frames done and expected.

    Returns:
        What the page publishes.

    Raises:
        UserError: the model keeps no frames or too many, the folder cannot be written or holds something, or
            there is no credit.
    """
    line = checked_credit(credit)
    check_no_input(folder, inputs_of(model, None, needs_video=False), "--web")
    _check_folder(folder)
    _check_kept(model)
    pipeline, provenance = playable(model, LIVE_BY_SOUND)[:2]
    source = next(stage for stage in pipeline.stages if isinstance(stage, PathSource))
    _check_length(model, source.kept)
    temporary_files = Path(tempfile.gettempdir())
    with (
        telling(temporary_files, temporary_files),  # where closing may be the first to find no room
        tempfile.TemporaryFile() as video,
        tempfile.TemporaryFile() as pictures,
    ):
        frame_files = cast(BinaryIO, video), cast(BinaryIO, pictures)
        frames = _encoded(source.kept, frame_files, progress)
        contents = _contents(pipeline, source.kept, frames, _html(line, provenance))
        rest, kept = sum(map(len, contents.values())), source.kept
        publication = Publication(
            folder,
            float(len(kept.sizes) / kept.about.fps),
            film_size(kept.picture_size),
            kept.picture_size,
            rest + sum(frames.video) + sum(frames.pictures),
            rest + max(sum(frames.video), sum(frames.pictures)),
        )
        tell(publication)
        with telling(folder), replacing_folder(folder, overwrite=False) as temporary:
            for name, content in contents.items():
                (temporary / name).write_bytes(content)
            for name, file in zip(("frames.vp9", "pictures.bin"), frame_files, strict=True):
                _copied(file, temporary / name)
    return publication


def checked_credit(credit: str) -> str:
    """Returns a credit as one line.

    Raises:
        UserError: it is empty or too long.
    """
    line = printable(" ".join(credit.split()))
    if not 0 < len(line) <= LONGEST_CREDIT:
        raise UserError(
            f"credit: expected a line of 1 to {LONGEST_CREDIT} characters that says whose film it is; got "
            f"{shown(line)}",
            "--credit 'Film: ..., music: ...'",
        )
    return line


def _check_folder(folder: Path) -> None:
    """Refuses a place that holds something or cannot be written to, before anything is computed."""
    is_empty = folder.is_dir() and not any(folder.iterdir())
    if not is_empty and (folder.exists() or folder.is_symlink()):
        raise UserError(
            f"{folder}: expected a new or an empty folder; there is something", "choose another --web"
        )
    check_place(folder, overwrite=True)


def _check_kept(model: Path) -> None:
    """Refuses a model that keeps no frames: its owner chose not to share them."""
    if not is_video(model) and loaded_model(model_path(model)).kept is None:
        raise UserError(
            f"{model}: expected a model that keeps frames of its clip, which a page plays; it keeps none",
            f"listen-and-move frames {model} adds them",
        )


def _check_length(model: Path, kept: KeptFrames) -> None:
    """Refuses a film that is too long for a page, which compares every frame with the sound at each frame."""
    frames = len(kept.sizes)
    if frames > MOST_FRAMES:
        raise UserError(
            f"{model}: expected at most {MOST_FRAMES} frames, which a browser can choose among in time; it "
            f"keeps {frames} ({float(frames / kept.about.fps / 60):.1f} minutes): use a part of the clip"
        )


def _encoded(kept: KeptFrames, outputs: tuple[BinaryIO, BinaryIO], progress: Progress) -> BrowserFrames:
    """Writes every frame as a camera that stands still would see it, in steady light."""
    camera, count = PathCamera(kept, "still"), len(kept.sizes)
    encoder = BrowserEncoder(*outputs, kept.picture_size, kept.about.fps)
    for place in range(count):
        encoder.write(camera.picture(place))
        progress(place + 1, count)
    sizes = encoder.finish()
    for output in outputs:
        output.flush()  # raises where the disk is full
    return sizes


def _contents(pipeline: Pipeline, kept: KeptFrames, frames: BrowserFrames, html: str) -> dict[str, bytes]:
    """Returns the small files of a page by their names."""
    keys = page_keys(pipeline)
    entries, arrays = written(keys.arrays)
    (width, height), (small_width, small_height) = (
        size(kept.picture_size) for size in (film_size, picture_size)
    )
    about = {
        **keys.settings,
        "arrays": entries,
        "video": {
            "codec": VIDEO_CODEC,
            "group": GROUP,
            "width": width,
            "height": height,
            "sizes": frames.video,
        },
        "pictures": {
            "type": PICTURE_TYPE,
            "width": small_width,
            "height": small_height,
            "sizes": frames.pictures,
        },
    }
    return {
        "index.html": html.encode(),
        "page.css": _static("page.css").encode(),
        "page.js": "\n".join(map(_static, SCRIPTS)).encode(),
        "about.json": json.dumps(about, separators=(",", ":"), allow_nan=False).encode(),
        "keys.bin": arrays,
    }


def _static(name: str) -> str:
    return (files("listen_and_move.sharing") / "static" / name).read_text(encoding="utf-8")


def _html(credit: str, provenance: Provenance) -> str:
    """Returns the page, with the credit for people and the provenance for machines."""
    said = {
        "credit": credit,
        "source_type": provenance.source_uri,
        "description": provenance.description,
        "program": creator_tool(),
    }
    return Template(_static("index.html")).substitute({name: escape(text) for name, text in said.items()})


def _copied(file: BinaryIO, target: Path) -> None:
    file.seek(0)
    with target.open("wb") as out:
        while piece := file.read(_PIECE):
            out.write(piece)
