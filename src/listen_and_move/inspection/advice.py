"""Words on the findings of an inspection: what was measured, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf

from listen_and_move.arrays import Array
from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import ClipConfig, FeatureConfig
from listen_and_move.data.source_frames import BYTES_PER_PIXEL, kept_size, shown_rate
from listen_and_move.errors import Remark
from listen_and_move.media.files import MediaInfo, PictureInfo, SoundInfo, VideoInfo
from listen_and_move.metrics.coupling import Coupling
from listen_and_move.models.kept_frames import described
from listen_and_move.presets import DEFAULT_PRESET, preset
from listen_and_move.scenes import RATE

Box = tuple[int, int, int, int]

SAMPLE_RATE = 16_000
"""Samples per second of the analysis."""
STILL, LIVELY = 0.001, 0.003
"""Mean change per pixel and frame, 0..1: below the first nothing moves, below the second little."""
CAMERA, CAMERA_AT_TIMES = 0.6, 2.5
"""Shift of the picture in % of its width per second from which the camera moves: in the middle, and at the
fastest tenth."""
MOST_AHEAD = 8
"""Chunks after a frame's own that are advised at most."""
SHORTEST_GAP = 0.1
"""Seconds; a sound that is missing for less is not worth a word."""
SHORT = 8.0
"""Seconds of training material below which a model mostly learns by heart."""
_ROWS, _COLUMNS = ("top", "upper", "lower", "bottom"), ("left", "centre left", "centre right", "right")


@dataclass(frozen=True)
class Figures:
    """Measures of a video; times in seconds of the video."""

    start: float
    """Where the part that was looked at begins."""
    end: float
    changes: tuple[tuple[str, float, float, float], ...]
    """Cuts, transitions and overlays: kind, instant, first instant touched, first instant after it."""
    scenes: tuple[tuple[float, float], ...]
    """First and last instant of each scene, in the order of time."""
    span: tuple[float, float]
    """The longest scene; the figures of motion belong to it."""
    train_seconds: float
    """What of that part remains for training beside the held-out share."""
    motion: float
    """Mean change of a pixel from frame to frame at 20 fps, 0..1."""
    moving_share: float
    """Share of the picture that moves, 0..1."""
    camera: float
    """Shift of the picture as a whole in % of its width per second: the median."""
    camera_at_times: float
    """The same at the fastest tenth of the time."""
    wander: float
    """How far the camera wanders, in % of the width: root mean square over the beginning of that part."""
    camera_left: float
    """Share of the picture's change over time that is left where it is aligned by what stands still; 1: it is
    not, as the camera stands or there is nothing to hold on to."""
    peak_db: float | None
    """Largest sample in dBFS; None: there is no sound."""
    silence: float
    """Share of silent frames, 0..1."""
    coupling: Coupling | None
    """How motion and sound go together; None: nothing to compare."""
    box: Box
    """The crop that would be used, in pixels of the video."""
    motion_in_box: float
    """Share of the motion that lies inside the crop."""
    suggested_box: Box | None
    """A better crop."""
    loudness: Array
    """dB per frame at 20 fps."""
    gaps: tuple[tuple[float, float], ...]
    """Where the picture has no sound: first and last instant."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Instants of cuts and transitions."""
        return tuple(moment for kind, moment, _, _ in self.changes if kind != "overlay")

    @property
    def aligned(self) -> bool:
        """Whether a new model learns frames that are aligned by what stands still."""
        return self.camera_left < 1

    @property
    def camera_moves(self) -> bool:
        """Whether the camera moves."""
        return self.aligned or camera_moves(self.camera, self.camera_at_times)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear."""
        return self.peak_db is None or self.peak_db < -60


def camera_moves(usual: float, at_times: float) -> bool:
    """Returns whether a camera moves, from the speed of the picture as a whole in % of its width per second.

    Args:
        usual: median of the speed.
        at_times: speed at the fastest tenth of the time.
    """
    return usual >= CAMERA or at_times >= CAMERA_AT_TIMES


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
            if scene == figures.span and _train_looks(figures, video, clip)
            else ""
        )
        yield f"scene {number}: {scene[0]:.2f} to {scene[1]:.2f} s{taken}"


def _train_looks(figures: Figures, video: VideoInfo, clip: ClipConfig) -> bool:
    """Whether a training looks for the same scenes: in all of the video, where no part is named."""
    looked_at_all = figures.end > video.duration - SHORTEST_GAP
    return clip.start == 0 and clip.end is None and looked_at_all


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
    return f"{line}; nothing to hold on to, so that it is not aligned" if figures.camera_moves else line


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
    return f"{_milliseconds(coupling)} ms {'before' if coupling.lag < 0 else 'after'} the sound"


def _milliseconds(coupling: Coupling) -> int:
    return round(abs(coupling.lag) * 1000 / RATE)


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
        if media.video is not None and _train_looks(figures, media.video, clip):
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
    elif figures.camera_moves:
        yield Remark(
            "the camera moves, which no sound explains, and nothing stands still to align frames by: expect "
            "blur; a part or a clip with a static camera is better"
        )


def _about_motion(figures: Figures) -> Iterator[Remark]:
    if figures.motion < STILL and figures.moving_share < 0.01:
        yield Remark("still, or nearly: there is no motion to learn")
    elif figures.motion < STILL or (figures.motion < LIVELY and figures.moving_share > 0.1):
        yield Remark("nearly still: little motion to learn")


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


def _about_coupling(figures: Figures) -> Iterator[Remark]:
    coupling = figures.coupling
    if coupling is None or figures.silent:
        return
    if not coupling.clear:
        yield Remark(
            "loudness and onsets say little about the motion (pitch may say more): expect loose synchrony"
        )
    elif coupling.lag < -1:
        yield Remark(f"motion precedes sound by {_milliseconds(coupling)} ms: look-ahead helps (see context)")
    elif coupling.lag > 1:
        yield Remark(
            f"motion follows sound by {_milliseconds(coupling)} ms: hearing the past helps (see context)"
        )


def _about_crop(figures: Figures) -> Iterator[Remark]:
    if figures.suggested_box is not None and not figures.camera_moves:
        crop = ",".join(str(side) for side in figures.suggested_box)
        yield Remark("nine tenths of the motion lie in a smaller part", f"--crop {crop} shows it larger")
    elif figures.motion_in_box < 0.5:
        held = f"the crop holds only {100 * figures.motion_in_box:.0f} % of the motion"
        yield Remark(held, "choose another with --crop")
