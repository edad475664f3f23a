"""A film of pictures that lie in files of their own: their packets are copied, none is coded again."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from listen_and_move.clock import frame_sample
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import reason
from listen_and_move.media.opening import opened
from listen_and_move.media.resampling import audio_frame
from listen_and_move.media.soundtrack import Waveform


def write_series(file: Path, pictures: Sequence[Path], fps: Fraction, sound: Waveform | None = None) -> None:
    """Writes pictures one after the other into a film (MOV), exactly as they are.

    Args:
        file: the film; what is there is replaced.
        pictures: files of one picture each, of one kind and size; at least one.
        fps: pictures per second.
        sound: of the film, in one channel; None: there is none.

    Raises:
        UserError: a picture cannot be read, or differs from the first one in kind or size.
    """
    with av.open(f"file:{file}", "w", format="mov") as film:
        try:
            with opened(pictures[0]) as first:
                stream: Any = film.add_stream_from_template(first.streams.video[0])
            kind = _kind(stream)
            stream.time_base = 1 / fps
            track: Any = (
                None if sound is None else film.add_stream("pcm_f32le", sound.sample_rate, layout="mono")
            )
            for place, picture in enumerate(pictures):
                film.mux(_packet(picture, kind, stream, place, fps))
                if sound is not None:
                    film.mux(track.encode(_block(sound, place, fps)))
        except FFmpegError as error:
            raise UserError(
                f"{pictures[0]}: expected pictures that a film can hold; {reason(error)}"
            ) from None


def _kind(stream: Any) -> tuple[str, int, int]:
    coder = stream.codec_context
    return coder.name, coder.width, coder.height


def _packet(picture: Path, kind: tuple[str, int, int], stream: Any, place: int, fps: Fraction) -> Any:
    """Returns the packet of a picture as one of a stream of the film."""
    with opened(picture) as container:
        found = next(iter(container.streams.video), None)
        got = None if found is None else _kind(found)
        if got != kind:
            expected, other = (
                "no picture" if each is None else f"{each[0]} of {each[1]}x{each[2]} pixels"
                for each in (kind, got)
            )
            raise UserError(f"{picture}: expected a picture like the first one, {expected}; got {other}")
        packet = next(container.demux(found))
    packet.stream, packet.time_base = stream, 1 / fps
    packet.pts = packet.dts = place
    packet.duration = 1
    return packet


def _block(sound: Waveform, place: int, fps: Fraction) -> Any:
    """Returns the samples that are heard with a picture."""
    first, last = (frame_sample(each, fps, sound.sample_rate) for each in (place, place + 1))
    block = audio_frame(sound.samples[first:last], sound.sample_rate)
    block.pts, block.time_base = first, Fraction(1, sound.sample_rate)
    return block
