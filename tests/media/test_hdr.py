"""HDR pictures on a screen of the usual range, as FFmpeg's zscale and tonemap=mobius show them."""

from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.judge import ffmpeg, has_filter, needs_ffmpeg, seen
from tests.media.making import blobs, picture_of

from listen_and_move.inspection.inspection import inspect
from listen_and_move.media.conversion import rgb
from listen_and_move.media.hdr import peak_of, sdr
from listen_and_move.media.picture import read_frames, source_frames

FPS = Fraction(25)
SIZE = 256, 144
TRANSFERS = {"PQ": ("smpte2084", 16), "HLG": ("arib-std-b67", 18)}
TO_SDR = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=mobius,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)
needs_zscale = pytest.mark.skipif(not has_filter("zscale"), reason="no zscale here")
pytestmark = needs_ffmpeg


def make_hdr(path, kind, *, brightest=800, words=()):
    """A film of blurred colours up to a brightness in cd/m2, as a phone or camera codes it."""
    picture = (blobs(*SIZE, seed=3).astype(float) - 60) / 140 * 255
    transfer = TRANSFERS[kind][0]
    bright = (
        f"zscale=tin=bt709:min=gbr:pin=bt709:rin=full:t={transfer}:m=2020_ncl:p=2020:r=tv:npl={brightest}"
    )
    still = path.with_suffix(".raw")
    still.write_bytes(picture.clip(0, 255).astype(np.uint8).tobytes())
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "256x144", "-r", 25, "-i", still,
        "-vf", f"format=gbrp,{bright},format=yuv420p10le,loop=24:1",
        "-c:v", "libx265", "-x265-params", ":".join(["log-level=none:crf=4", *words]), "-preset", "ultrafast",
        "-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", path,
    )  # fmt: skip
    return path


@needs_zscale
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("kind", TRANSFERS)
def test_hdr_is_mapped_to_the_range_of_a_screen(tmp_path, kind, ending):
    path = make_hdr(tmp_path / f"h.{ending}", kind)
    expected = seen(path, *SIZE, TO_SDR).astype(int)
    width, height = SIZE
    ours = np.stack(list(read_frames(path, FPS, width=width, height=height)))
    at_size = np.stack([rgb(frame) for frame in source_frames(path, FPS, box=(0, 0, *SIZE))])
    for pictures in (ours, at_size):
        error = np.abs(pictures - expected)
        assert len(pictures) == 25
        assert error.mean() <= 4
        assert np.percentile(error, 99) <= 10
    unmapped = seen(path, *SIZE, "format=yuv420p")
    assert np.abs(unmapped - expected).mean() > 10
    small = next(read_frames(path, FPS, width=16, height=9))
    blocks = expected[0].reshape(9, 16, 16, 16, 3).mean((1, 3))
    assert np.abs(small - blocks).mean() <= 2
    said = f"HDR ({kind}) mapped to SDR"
    assert said in picture_of(path).remarks
    assert f"picture: {said}" in inspect(path).lines()


@needs_zscale
@pytest.mark.parametrize(
    ("words", "peak"),
    [
        (["max-cll=4000,400"], 4000),
        (["master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(20000000,50)"], 2000),
        (["max-cll=0,0"], 1000),
    ],
)
def test_the_brightest_light_is_what_the_file_says(tmp_path, words, peak):
    path = make_hdr(tmp_path / "p.mp4", "PQ", brightest=2000, words=words)
    with av.open(str(path)) as container:
        assert peak_of(next(container.decode(video=0))) == peak
    width, height = SIZE
    expected = seen(path, *SIZE, TO_SDR)[0].astype(int)
    assert np.abs(next(read_frames(path, FPS, width=width, height=height)) - expected).mean() <= 2


@pytest.mark.parametrize(("kind", "white"), [("PQ", 0.508078), ("HLG", 0.6533)])
def test_grey_stays_grey_dark_stays_as_bright_and_nothing_is_brighter_than_white(kind, white):
    number = TRANSFERS[kind][1]
    ramp = sdr(np.repeat(np.linspace(0, 1, 101)[:, None], 3, 1), number)
    assert np.ptp(ramp, axis=1).max() < 1e-4
    assert (np.diff(ramp[:, 0]) >= 0).all()
    assert ramp[0, 0] == 0
    assert ramp[-1].min() > 0.99
    # 100 cd/m2 (PQ), or what a phone takes as white (HLG), is drawn a little darker than white.
    assert 0.7 < sdr(np.full((1, 3), white), number)[0, 0] < 0.9
