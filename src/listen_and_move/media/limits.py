"""How much is read of a media file, whoever wrote it: the one place for all of it.

A file says itself how large its pictures are, how many tracks it has and which decoders are asked; so it is
FFmpeg that is bounded, before anything large is allocated.
"""

from functools import cache

import av

from listen_and_move.errors import UserError

LARGEST_PICTURE = (8192, 4352)
"""Width and height of the largest picture, or of another one of as many pixels: 8K of films and televisions,
with the rows that codecs add. A decoded one takes 54 to 285 MB by its coding, and decoders hold several."""
MOST_PIXELS = LARGEST_PICTURE[0] * LARGEST_PICTURE[1]
LARGE_PIXELS, LARGE_THREADS = 4096 * 2176, 4
"""Pictures beyond 4K are decoded by so many threads at most: each holds a picture of its own."""
MOST_CHANNELS = 64
"""Of a sound: as many as ambisonics of the seventh order have."""
MOST_SAMPLES = 1 << 24
"""Of one packet of sound, of all channels: 64 MB as 32-bit floats. Coded sound has up to 65536 in a channel,
uncompressed sound a second or two."""
MOST_TRACKS = 256
"""Streams of a file, subtitles and attachments too; discs and television have up to about 100."""

CONTAINERS = (
    "mov,matroska,webm,avi,asf,ogg,mxf,gxf,rm,nut,dv,wtv,ivf,obu,h263,h264,hevc,vvc,m4v,mpegvideo,mjpeg,vc1,"
    "cavsvideo,dirac,yuv4mpegpipe,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,wav,w64,aiff,caf,"
    "au,flac,mp3,aac,loas,ac3,eac3,dts,dtshd,truehd,mlp,amr,ape,wv,tta,tak,mpc,mpc8,shn,dsf,iff,oma,qcp,voc,"
    "sox,ircam,nistsphere,gsm,dss,mmf,amrnb,amrwb,iamf,av1,mlv,cine,r3d,mpjpeg,ifv"
)
"""Names of FFmpeg's demuxers that are used. None of them opens another file: playlists (HLS, DASH, concat,
SDP) and series of pictures are left out, and so are hundreds that no film or sound of today needs."""
LATE = "mpegts,mpeg,flv,live_flv,pva,nuv,ty,dhav,hxvs"
"""Containers whose tracks may become known after their begin, when FFmpeg has no options for them yet."""


def container_options(containers: str, decoders: str = "") -> dict[str, str]:
    """Returns the options with which a file is opened.

    Args:
        containers: names of the demuxers that may read it.
        decoders: names of those that may be asked what a track holds; empty: all.
    """
    options = {
        "format_whitelist": containers,
        "protocol_whitelist": "file",
        **decoder_options(),
    }
    return {**options, "codec_whitelist": decoders} if decoders else options


def decoder_options() -> dict[str, str]:
    """Returns the options of every decoder."""
    return {"max_pixels": str(MOST_PIXELS), "max_samples": str(MOST_SAMPLES)}


@cache
def sound_decoders() -> str:
    """Returns the names of all decoders of sound, with which no picture is decoded."""
    return ",".join(sorted(name for name in av.codecs_available if _decodes_sound(name)))


def _decodes_sound(name: str) -> bool:
    try:
        return av.Codec(name, "r").type == "audio"
    except ValueError:  # it encodes alone
        return False


def check_pixels(name: object, width: int, height: int) -> None:
    """Refuses a picture that is too large.

    Args:
        name: of the file, for the message.
        width: in pixels.
        height: in pixels.

    Raises:
        UserError: it has more than `MOST_PIXELS`.
    """
    if width * height > MOST_PIXELS:
        raise UserError(
            f"{name}: expected a picture of at most {LARGEST_PICTURE[0]}x{LARGEST_PICTURE[1]} pixels; got "
            f"{width}x{height}: make it smaller first"
        )


def check_channels(name: object, channels: int) -> None:
    """Refuses a sound of more than `MOST_CHANNELS`.

    Args:
        name: of the file, for the message.
        channels: of the sound.

    Raises:
        UserError: there are more.
    """
    if channels > MOST_CHANNELS:
        raise UserError(
            f"{name}: expected a sound of 1 to {MOST_CHANNELS} channels; got {channels}: convert it first"
        )


def check_tracks(name: object, tracks: int) -> None:
    """Refuses a file of more than `MOST_TRACKS`.

    Args:
        name: of the file, for the message.
        tracks: of the file.

    Raises:
        UserError: there are more.
    """
    if tracks > MOST_TRACKS:
        raise UserError(
            f"{name}: expected a file of at most {MOST_TRACKS} tracks; got {tracks}: take out those that are "
            "needed first"
        )
