"""Advice of an inspection: what to do about what was measured."""

from collections.abc import Iterator

from listen_and_move.config import ClipConfig
from listen_and_move.errors import Remark
from listen_and_move.inspection.figures import Figures, milliseconds, train_looks
from listen_and_move.media.files import MediaInfo

STILL, LIVELY = 0.001, 0.003
"""Mean change per pixel and frame, 0..1: below the first nothing moves, below the second little."""
SHORT = 8.0
"""Seconds of training material below which a model mostly learns by heart."""


def advice(media: MediaInfo, figures: Figures, clip: ClipConfig) -> Iterator[Remark]:
    """Yields what to do, the gravest first; one remark if all is well.

    Args:
        media: the file.
        figures: what was measured of it.
        clip: what would be trained on.
    """
    lines = [
        *_about_sound(figures),
        *_about_scene(figures, media, clip),
        *_about_motion(figures),
        *_about_coupling(figures),
        *_about_crop(figures),
    ]
    video = media.video
    if video is not None and min(video.width / clip.width, video.height / clip.height) < 1:
        lines.append(
            Remark(
                f"the video is smaller than the model's picture ({clip.width}x{clip.height})",
                "a smaller --size loses nothing",
            )
        )
    yield from lines or [Remark("a good clip: one scene, a static camera, and motion that follows the sound")]


def _about_sound(figures: Figures) -> Iterator[Remark]:
    if figures.peak_db is None:
        yield Remark("no sound: nothing can be learnt from this file")
    elif figures.silent:
        yield Remark("silent: nothing can be learnt from this sound")
    elif figures.silence > 0.7:
        yield Remark(f"{100 * figures.silence:.0f} % silence: little to learn from; choose a denser part")


def _about_scene(figures: Figures, media: MediaInfo, clip: ClipConfig) -> Iterator[Remark]:
    for kind, moment, _, _ in figures.changes:
        if kind == "overlay":
            yield Remark(
                f"something small appears or disappears at {moment:.2f} s (a caption?): crop it out or leave "
                "that part away"
            )
    if figures.cuts:
        first, end = figures.span
        options = [f"--start {first:.2f}"] * (first > figures.start) + [f"--end {end:.2f}"] * (
            end < figures.end
        )
        moments = " and ".join(f"{moment:.2f} s" for moment in figures.cuts)
        if media.video is not None and train_looks(figures, media.video, clip):
            learnt = f"the longest scene is learnt, {first:.2f} to {end:.2f} s"
            yield Remark(f"cut at {moments}; {learnt}", "--scene takes another one")
        else:
            yield Remark(f"cut at {moments}", f"use {' '.join(options)}")
    if figures.train_seconds < SHORT:
        yield Remark(f"only {figures.train_seconds:.1f} s remain for training: expect it to memorise")
    if figures.aligned:
        yield Remark(
            "the camera moves, which no sound explains: frames are aligned by what stands still",
            "--camera as-filmed learns them as they are",
        )
    if figures.relit:
        yield Remark(
            "the light changes slowly, which no sound explains, and is made steady",
            "--camera as-filmed learns it as it is",
        )
    if figures.looked_at and figures.camera_moves and not figures.aligned:
        yield Remark(
            "the camera moves, which no sound explains, and nothing stands still to align frames by: expect "
            "blur; a part or a clip with a static camera is better"
        )


def _about_motion(figures: Figures) -> Iterator[Remark]:
    if figures.motion < STILL and figures.moving_share < 0.01:
        yield Remark("still, or nearly: there is no motion to learn")
    elif figures.motion < STILL or (figures.motion < LIVELY and figures.moving_share > 0.1):
        yield Remark("nearly still: little motion to learn")


def _about_coupling(figures: Figures) -> Iterator[Remark]:
    coupling = figures.coupling
    if coupling is None or figures.silent:
        return
    if not coupling.clear:
        yield Remark(
            "loudness and onsets say little about the motion (pitch may say more): expect loose synchrony"
        )
    elif coupling.lag < -1:
        yield Remark(f"motion precedes sound by {milliseconds(coupling)} ms: look-ahead helps (see context)")
    elif coupling.lag > 1:
        yield Remark(
            f"motion follows sound by {milliseconds(coupling)} ms: hearing the past helps (see context)"
        )


def _about_crop(figures: Figures) -> Iterator[Remark]:
    if figures.suggested_box is not None and not figures.camera_moves:
        crop = ",".join(str(side) for side in figures.suggested_box)
        yield Remark("nine tenths of the motion lie in a smaller part", f"--crop {crop} shows it larger")
    elif figures.motion_in_box < 0.5:
        held = f"the crop holds only {100 * figures.motion_in_box:.0f} % of the motion"
        yield Remark(held, "choose another with --crop")
