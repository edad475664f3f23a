"""Compositing: a played crop appears in a still of the whole picture that the clip was cut from.

A model draws few pixels, so its picture laid over a sharp still would show where it ends. Therefore only the
change is laid over: the difference of the model's picture from the still as the model would see it. Where
there is no change, the still's own detail remains; where the change is large, that detail gives way, since it
belongs to something that is no longer there.

Letters: H height, W width of the whole picture; h, w of the crop, in pixels of the video as displayed.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig
from listen_and_move.data.backdrop import backdrop_of
from listen_and_move.data.camera import camera_motion
from listen_and_move.data.clip import resolved_box
from listen_and_move.data.light import relit
from listen_and_move.errors import UserError
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.media.conversion import Box
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames

STILLS = 25
"""Frames whose median is the still: something that passes through the picture is in fewer than half of them.
"""
FEATHER = 24
"""Width of the soft edge: the crop's shorter side over this number."""
DIFFERENT = 20
"""Change, of 255, at which the still's detail has faded to 37 %."""


class Compositor:
    """Puts pictures into a still, with a soft edge inside the crop.

    Where the crop reaches the border of the picture, its edge is not soft. An odd width or height loses its
    last pixel, since videos have even ones.

    Args:
        size: width and height of the pictures that are put in, in pixels.
        still: the whole picture around them.
        box: the crop in pixels of the still: left, top, right, bottom.
    """

    def __init__(self, size: tuple[int, int], still: UInt8[np.ndarray, "H W 3"], box: Box) -> None:
        left, top, right, bottom = box
        self.still, self.place = still, np.s_[top:bottom, left:right]
        self.mask = soft_mask(box, (still.shape[1], still.shape[0]))
        crop = still[self.place].astype(np.float32)
        self.seen = scaled(crop, size)
        self.detail = crop - scaled(self.seen, (right - left, bottom - top))

    @classmethod
    def of(cls, size: tuple[int, int], video: Path, clip: ClipConfig) -> "Compositor":
        """Returns a compositor for the learnt video.

        Raises:
            UserError: the video cannot be read, or the crop lies outside its picture.
        """
        box = checked_box(video, clip)
        if size == tuple((box[end] - box[begin]) // 2 * 2 for begin, end in ((0, 2), (1, 3))):
            box = (box[0], box[1], box[0] + size[0], box[1] + size[1])  # pixel by pixel, not scaled
        return cls(size, still_of(video, clip), box)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture, in pixels; even."""
        return self.still.shape[1] // 2 * 2, self.still.shape[0] // 2 * 2

    def push(
        self, inputs: list[Frame], state: None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], None]:
        """Returns the frames with whole pictures; the stage has no state."""
        return [
            frame if frame.picture is None else frame._replace(picture=self.whole(frame.picture))
            for frame in inputs
        ], state

    def finish(self, state: None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: no frame is held back."""
        return []

    def whole(self, frame: UInt8[np.ndarray, "rows columns 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """Returns the still with the change that a picture makes in the place of the crop."""
        change = scaled(frame - self.seen, (self.detail.shape[1], self.detail.shape[0]))
        lost = 1 - np.exp(-np.square(np.abs(change).max(-1, keepdims=True) / DIFFERENT))
        picture = self.still.copy()
        mixed = picture[self.place] + self.mask * (change - lost * self.detail)
        picture[self.place] = np.rint(mixed).clip(0, 255).astype(np.uint8)
        return picture[: self.size[1], : self.size[0]]


def still_of(video: Path, clip: ClipConfig) -> UInt8[np.ndarray, "H W 3"]:
    """Returns the whole picture of the longest learnt part, at the video's own size.

    It is the median of 25 frames, aligned and relit where the learnt frames are.

    Raises:
        UserError: the video cannot be read, or is too short to be the learnt one.
    """
    info = probe(video, clip.picture_track).video
    assert info is not None  # `checked_box` refuses a file without a picture
    start, end = exact(clip.start), info.start + info.duration if clip.end is None else exact(clip.end)
    whole = max(end - start, Fraction(1, 100))  # `read_frames` refuses a start after the end
    first, last = clip.held_out
    place, share = max((Fraction(0), first), (last, 1 - last), key=lambda span: span[1])
    begin, length = start + place * whole, share * whole
    rate, width, height = STILLS / length, info.width, info.height
    shown = read_frames(
        video, rate, width=width, height=height, start=begin, end=begin + length, track=clip.picture_track
    )
    frames = np.stack(list(shown))
    if clip.camera == "still":
        motion = camera_motion(video, clip)
        times = [begin - start + number / rate for number in range(len(frames))]
        lights = [motion.light_at(time, Fraction(1)) for time in times]
        frames = np.stack([relit(frame, -light) for frame, light in zip(frames, lights, strict=True)])
        if motion.poses is not None:
            return backdrop_of(frames, np.stack([motion.at(time, Fraction(1)) for time in times])).picture
    frames.partition(len(frames) // 2, axis=0)
    return frames[len(frames) // 2]


def checked_box(video: Path, clip: ClipConfig) -> Box:
    """Returns the crop in pixels of the video: left, top, right, bottom.

    Raises:
        UserError: it is not inside the picture, so this is not the video.
    """
    box, info = clip.box or resolved_box(video, clip), probe(video, clip.picture_track).video
    assert info is not None
    if box[2] > info.width or box[3] > info.height:
        raise UserError(
            f"{video}: expected the video whose part {','.join(map(str, box))} was learnt; got a picture of "
            f"{info.width}x{info.height} pixels",
            "give the right one with --video",
        )
    return box


def soft_mask(box: Box, size: tuple[int, int]) -> Float[np.ndarray, "h w 1"]:
    """Returns how much of the crop is shown at each of its pixels.

    It is 1 inside, and falls to 0 at sides that lie inside a picture of ``size``.
    """
    left, top, right, bottom = box
    feather = max(2, round(min(right - left, bottom - top) / FEATHER))
    columns = _ramp(right - left, feather, (left > 0, right < size[0]))
    rows = _ramp(bottom - top, feather, (top > 0, bottom < size[1]))
    return (rows[:, None] * columns)[..., None].astype(np.float32)


def _ramp(length: int, feather: int, soft: tuple[bool, bool]) -> Float[np.ndarray, " length"]:
    distance = (np.arange(length) + 0.5) / feather
    ramp = np.ones(length)
    for ends, side in zip(soft, (distance, distance[::-1]), strict=True):
        inside = side.clip(0, 1) if ends else np.ones(length)
        ramp *= inside * inside * (3 - 2 * inside)
    return ramp


def scaled(picture: Float[np.ndarray, "rows columns 3"], size: tuple[int, int]) -> Float[np.ndarray, "h w 3"]:
    """Returns a picture at another width and height: bicubic, averaged where it shrinks."""
    values = torch.from_numpy(picture).movedim(-1, 0)[None]
    return (
        torch.nn.functional.interpolate(values, size[::-1], mode="bicubic", antialias=True)[0]
        .movedim(0, -1)
        .numpy()
    )
