"""Words on the findings of an inspection: what is in the file, and what was measured, line by line."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, inf

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import ClipConfig, FeatureConfig
from listen_and_move.data.light import UNSEEN
from listen_and_move.data.source_frames import BYTES_PER_PIXEL, kept_size, shown_rate
from listen_and_move.inspection.figures import SHORTEST_GAP, Figures, milliseconds, train_looks
from listen_and_move.media.files import MediaInfo, PictureInfo, SoundInfo, VideoInfo
from listen_and_move.metrics.coupling import Coupling
from listen_and_move.models.kept_frames import described
from listen_and_move.presets import DEFAULT_PRESET, preset
from listen_and_move.scenes import RATE

MOST_AHEAD = 8
"""Chunks after a frame's own that are advised at most."""
_ROWS, _COLUMNS = ("top", "upper", "lower", "bottom"), ("left", "centre left", "centre right", "right")


def report(media: MediaInfo, figures: Figures, clip: ClipConfig) -> Iterator[str]:
    """Yields what is in the file and what was measured, line by line.

    Args:
        media: the file.
        figures: what was measured of it.
        clip: what would be trained on.
    """
    video = media.video
    assert video is not None
    turned = f", turned by {video.rotation} degrees" if video.rotation else ""
    rate = f"{float(video.frame_rate):.2f} fps{' (variable)' if video.variable_rate else ''}"
    edit = ", with an edit list" if video.edit_list else ""
    yield (
        f"picture: {video.width}x{video.height}{turned}, {rate}, {float(video.duration):.2f} s, "
        f"{video.codec}{edit}"
    )
    if video.remarks:
        yield f"picture: {', '.join(video.remarks)}"
    if len(media.pictures) > 1:
        for picture in media.pictures:
            size = f"{picture.coded_width}x{picture.coded_height}"
            about = _about_track(picture.name, _is_taken(picture, clip.picture_track))
            yield f"picture {picture.track}: {picture.codec}, {size}{about}"
    for sound in media.sounds:
        channels = f"{sound.channels} channel{'s' * (sound.channels != 1)}"
        about = _about_track(sound.name, len(media.sounds) > 1 and _is_taken(sound, clip.track))
        yield (
            f"sound {sound.track}: {sound.codec}, {sound.sample_rate} Hz, {channels}, "
            f"{float(sound.duration):.2f} s{about}"
        )
    if figures.peak_db is None:
        yield "sound: none"
    else:
        yield f"loudness: peak {round(figures.peak_db)} dBFS, {100 * figures.silence:.0f} % silence"
        yield from _gap_line(figures)
    changes = ", ".join(f"{kind} at {moment:.2f} s" for kind, moment, _, _ in figures.changes)
    yield f"scene: {changes or 'no cut found'}"
    yield from _scene_lines(figures, video, clip)
    yield (
        f"motion: {100 * figures.motion:.2f} % per frame, in {100 * figures.moving_share:.0f} % "
        "of the picture"
    )
    yield _camera_line(figures)
    yield _light_line(figures)
    if figures.coupling is not None:
        yield _coupling_line(figures.coupling)
    if not figures.silent:
        yield _context_line(figures, clip)
    crop = ",".join(str(side) for side in figures.box)
    yield f"crop: {crop} holds {100 * figures.motion_in_box:.0f} % of the motion"
    yield from _keep_lines(figures, video, clip)


def _scene_lines(figures: Figures, video: VideoInfo, clip: ClipConfig) -> Iterator[str]:
    """Lines on the scenes, where there are several, and on which a training takes."""
    for number, scene in enumerate(figures.scenes if len(figures.scenes) > 1 else (), start=1):
        taken = (
            ", the longest: train takes it"
            if scene == figures.span and train_looks(figures, video, clip)
            else ""
        )
        yield f"scene {number}: {scene[0]:.2f} to {scene[1]:.2f} s{taken}"


def _is_taken(track: PictureInfo | SoundInfo, chosen: int | None) -> bool:
    return track.default if chosen is None else track.track == chosen


def _about_track(name: str, taken: bool) -> str:
    return (f", {name}" if name else "") + (", the one taken" if taken else "")


def _keep_lines(figures: Figures, video: VideoInfo, clip: ClipConfig) -> Iterator[str]:
    """Lines on what a model would hold of the clip."""
    # The part that was looked at may end before the clip does.
    end = min(float(video.duration), inf if clip.end is None else clip.end)
    seconds = (end - figures.start) * float(1 - (clip.held_out[1] - clip.held_out[0]))
    fps = float(shown_rate(video.frame_rate))
    for keep in ("source", "small"):
        size = kept_size(figures.box, small=keep == "small")
        length = seconds * fps * size[0] * size[1] * BYTES_PER_PIXEL
        yield f"a model with --training.keep {keep} holds about {described(seconds, size, fps, length)}"


def _camera_line(figures: Figures) -> str:
    """Line on what the camera does, and what is done about it."""
    moving = f"camera: {'moving' if figures.camera_moves else 'static'}"
    line = f"{moving} ({figures.camera:.1f} % of the width per second)"
    if figures.aligned:
        taken = f"{100 * (1 - figures.camera_left):.0f} % of the picture's change"
        return f"{line}; wanders {figures.wander:.1f} % of the width, and aligning takes out {taken}"
    if not figures.looked_at:
        return f"{line}; whether it can be aligned was not looked at"
    return f"{line}; nothing to hold on to, so that it is not aligned" if figures.camera_moves else line


def _light_line(figures: Figures) -> str:
    """Line on how the light changes, and what is done about it."""
    if figures.light is None:
        return "light: not looked at"
    line = f"light: changes slowly by {figures.light:.2f} stops"
    if figures.relit:
        taken = f"{100 * (1 - figures.light_left):.0f} % of the picture's change"
        return f"{line}; taking that out takes out {taken}"
    if figures.light < UNSEEN:
        return f"light: steady ({figures.light:.2f} stops)"
    return f"{line}, but not that of the whole picture, so that it is left as it is"


def _gap_line(figures: Figures) -> Iterator[str]:
    """Line on where the sound ends before the picture, begins after it, or is missing between."""
    found = []
    for first, last in figures.gaps:
        seconds = f"{last - first:.1f} s"
        if last - first < SHORTEST_GAP or figures.silent:
            continue
        if first <= figures.start:
            found.append(f"begins {seconds} after the picture")
        elif last >= figures.end:
            found.append(f"ends {seconds} before the picture")
        else:
            found.append(f"is missing for {seconds} from {first:.2f} s on")
    if found:
        yield f"sound: {', '.join(found)}: silence is learnt there"


def _coupling_line(coupling: Coupling) -> str:
    return (
        f"sound and motion: correlation {coupling.correlation:.2f} ({coupling.sound}, {_place(coupling)}), "
        f"motion {_order(coupling)}; chance {coupling.chance:.2f}"
    )


def _place(coupling: Coupling) -> str:
    """Name of the region in which sound and motion go together most."""
    if coupling.region is None:
        return "whole picture"
    row, column = coupling.region
    return f"{_ROWS[row]} {_COLUMNS[column]}"


def _order(coupling: Coupling) -> str:
    """Words on which comes first, motion or sound."""
    if coupling.lag == 0:
        return "and sound together"
    return f"{milliseconds(coupling)} ms {'before' if coupling.lag < 0 else 'after'} the sound"


def _context_line(figures: Figures, clip: ClipConfig) -> str:
    past, future = context(figures.coupling, clip.rate)
    delay, least = (
        round(1000 * FeatureExtractor(FeatureConfig(future=chunks), clip.rate).look_ahead)
        for chunks in (future, 0)
    )
    return (
        f"context: --features.past {past} --features.future {future} hears {delay} ms ahead, the delay when "
        "live "
        f"(least: --features.future 0, {least} ms)"
    )


def context(coupling: Coupling | None, rate: Fraction) -> tuple[int, int]:
    """Returns the chunks before and after a frame's own that are worth hearing.

    Where motion comes first, as far ahead as it does and one chunk more, so that the beginning of the sound
    is heard; where it comes later, likewise back. Where the sound says little, what the preset has.

    Args:
        coupling: of sound and motion; None: nothing to compare.
        rate: the clip's frames per second.
    """
    usual = preset(DEFAULT_PRESET).features
    if coupling is None or not coupling.clear:
        return usual.past, usual.future
    ahead, back = (max(0, ceil(sign * coupling.lag * rate / RATE)) for sign in (-1, 1))
    return (back + 1, 1) if back else (usual.past, min(ahead + 1, MOST_AHEAD))
