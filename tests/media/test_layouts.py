"""Channels of a sound come out of a video as they are labelled."""

import subprocess

import av
import numpy as np
import pytest
from tests.media.judge import ffmpeg, heard, needs_ffmpeg
from tests.media.making import write

from listen_and_move.media.layouts import layout_of, written_layout
from listen_and_move.media.soundtrack import SoundTrack

RATE = 48000
KEPT = {
    "mp4": ["2.1", "3.0", "4.0", "quad", "5.0", "5.1", "7.1"],
    "webm": ["3.0", "quad", "5.0", "5.1", "6.1", "7.1"],
    "mov": ["2.1", "quad", "5.0(side)", "5.1(side)", "6.1(back)", "7.1(wide)"],
}
MOVED = [
    ("webm", "2.1", "5.1", {}),
    ("webm", "4.0", "6.1", {}),
    ("mp4", "3.1", "5.1", {}),
    ("mp4", "5.1(side)", "5.1", {"SL": "BL", "SR": "BR"}),
    ("webm", "7.0", "7.1", {}),
]


def tones(layout: str) -> dict[str, int]:
    """A frequency for each channel of a layout; low enough for the low one."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    return {name: 60 if name == "LFE" else 200 + 100 * at for at, name in enumerate(names)}


def found(path) -> tuple[str, dict[str, int]]:
    """The layout of a video's sound by ffprobe, and the frequency of each channel that is not silent."""
    wanted = ["-select_streams", "a:0", "-show_entries", "stream=channel_layout", "-of", "csv=p=0"]
    layout = subprocess.run(
        ["ffprobe", "-v", "error", *wanted, path], check=True, capture_output=True, text=True
    ).stdout.strip()
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    samples = heard(path, len(names))[RATE // 4 : RATE * 3 // 4]
    spectrum = np.abs(np.fft.rfft(samples, axis=0))
    loudest = zip(names, spectrum.argmax(0) * 2, spectrum.max(0), strict=True)
    return layout, {name: int(tone) for name, tone, level in loudest if level > 100}


def made(folder, layout: str, ending: str):
    """A video with a tone in each channel of its sound."""
    source = folder / "s.wav"
    waves = "|".join(f"0.3*sin({tone}*2*PI*t)" for tone in tones(layout).values())
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc={waves}:s={RATE}:d=1:c={layout}", source)
    codec = "prores" if ending == "mov" else "auto"
    return write(folder / f"v.{ending}", 25, sound=SoundTrack(source), codec=codec)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "layout"), [(ending, layout) for ending in KEPT for layout in KEPT[ending]]
)
def test_a_layout_that_a_codec_knows_is_kept(tmp_path, ending, layout):
    assert found(made(tmp_path, layout, ending)) == (layout, tones(layout))


@needs_ffmpeg
@pytest.mark.parametrize(("ending", "layout", "written", "places"), MOVED)
def test_another_one_goes_into_one_that_holds_its_channels(tmp_path, ending, layout, written, places):
    expected = {places.get(name, name): tone for name, tone in tones(layout).items()}
    assert found(made(tmp_path, layout, ending)) == (written, expected)


def test_what_no_layout_holds_goes_into_the_fullest():
    assert written_layout("aac", "6.1") == written_layout("libopus", "octagonal") == "7.1"


def test_channels_without_places_are_the_usual_ones():
    named = {"2 channels": "stereo", "downmix": "stereo", "ambisonic 1": "4.0", "6 channels": "5.1"}
    assert {name: layout_of(av.AudioLayout(name)) for name in named} == named
    assert layout_of(av.AudioLayout("7.1.4")) == ""
    assert layout_of(av.AudioLayout("FL+FR+BC")) == "3.0(back)"
