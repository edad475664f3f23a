"""Files as phones, cameras, recorders, browsers and editors write them: made, read, and compared with ffmpeg.

    python -m benchmarks.media [NAME ...] [--keep FOLDER] [--out FILE]

Each file is made from one numbered film with a beep every half second. What is on display in every
millisecond is compared with what ffmpeg and its time stamps say, and so are colours and samples; and how far
beeps are from their frames. Needs the programs ffmpeg and ffprobe; what they cannot make is left out and
said.
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.wav import write_wav

WIDTH, HEIGHT, FPS, FRAMES = 128, 96, 30, 90
RATE = 48_000
MILLISECONDS = Fraction(1000)
BEEP = 0.25
"""Share of the loudest sample above which a sample belongs to a beep."""
LATEST = 2400
"""Largest lag that is searched, in samples."""


@dataclass(frozen=True)
class Recipe:
    """How a file is made."""

    file: str
    """Name of the file; its suffix says the container."""
    writer: str
    """Device or program that writes such files."""
    arguments: str = ""
    """Arguments of ffmpeg between the inputs (film, sound) and the file."""
    made: Callable[[Path, Path], None] | None = None
    """Writes the file in another way than `arguments`; called with the folder of the film and the file."""
    judged: str = ""
    """Filters with which ffmpeg shows what a viewer should see."""
    clock: str = "-copyts"
    """ffmpeg's option for time stamps: those of the file; empty where they are set back or jump and ffmpeg
    mends them."""
    sound: int = 0
    """Number of the sound track that is read."""


@dataclass
class Found:
    """What was found when a file was read."""

    writer: str
    refused: str = ""
    """The error message where the file was refused."""
    frames_equal: float | None = None
    """Share of milliseconds in which the frame on display has ffmpeg's number."""
    longest_ms: int | None = None
    """Longest stretch in which the frame on display has another number than ffmpeg's."""
    seconds: tuple[float, float] | None = None
    """Seconds of picture: ours, then ffmpeg's."""
    colour_mean: float | None = None
    """Mean difference of the colours, of 255."""
    colour_worst: float | None = None
    """The 99th percentile of the differences of the colours, of 255."""
    sound_lag_ms: float | None = None
    sound_error: float | None = None
    """Root mean square of the difference over that of the sound, both as one channel at 48 kHz."""
    sync_ms: int | None = None
    """Largest distance of a beep from the frame that it was filmed with."""
    notes: list[str] = field(default_factory=list)


H264 = "-c:v libx264 -preset ultrafast -crf 12 -pix_fmt yuv420p"
AAC = "-c:a aac -b:a 128k"
BT709 = "scale=out_color_matrix=bt709:out_range=tv"
MARKS = "-colorspace bt709 -color_primaries bt709 -color_trc bt709"
MARKED = f"-vf {BT709} {MARKS}"

HDR = (
    "-vf zscale=tin=bt709:min=gbr:pin=bt709:rin=full:t=TRANSFER:m=2020_ncl:p=2020:r=tv:npl=800,"
    "format=yuv420p10le -c:v libx265 -x265-params log-level=none:crf=4 -preset ultrafast "
    f"-color_primaries bt2020 -color_trc TRANSFER -colorspace bt2020nc {AAC}"
)
TO_SDR = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=mobius,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)


def remuxed(first: str, second: str, suffix: str = "mp4") -> Callable[[Path, Path], None]:
    """Returns a writer that first writes one file, and the asked one from it.

    Args:
        first: arguments for the first file.
        second: arguments for the second one.
        suffix: of the first file.
    """

    def make(folder: Path, file: Path) -> None:
        before = file.with_name(f"before-{file.stem}.{suffix}")
        ffmpeg(f"{inputs(folder)} {first} {before}")
        ffmpeg(f"{second.replace('BEFORE', str(before))} {file}")
        before.unlink()

    return make


def joined(offset: float = 0.0, size: str = f"{WIDTH}x{HEIGHT}") -> Callable[[Path, Path], None]:
    """Returns a writer of a stream that joins two halves.

    Args:
        offset: seconds that the clock of the second half begins at.
        size: of the second half.
    """

    def make(folder: Path, file: Path) -> None:
        written = b""
        half = file.with_name("half.ts")
        for begin, clock, shown in ((0.0, 0.0, f"{WIDTH}x{HEIGHT}"), (1.5, offset, size)):
            cut = f"-ss {begin} -t 1.5"
            sources = f"{cut} -i {folder}/film.mkv {cut} -i {folder}/sound.wav"
            ffmpeg(f"{sources} -s {shown} {H264} {AAC} -muxdelay 0 -output_ts_offset {clock} {half}")
            written += half.read_bytes()
        file.write_bytes(written)
        half.unlink()

    return make


def covered(folder: Path, file: Path) -> None:
    """Writes a file with chapters and a cover, which counts as a picture track too."""
    cover, chapters = file.with_name("cover.jpg"), file.with_name("chapters.txt")
    ffmpeg(f"-f lavfi -i color=red:size=640x640 -frames:v 1 {cover}")
    halves = ("START=0\nEND=1500", "START=1500\nEND=3000")
    chapters.write_text(
        ";FFMETADATA1\n" + "".join(f"[CHAPTER]\nTIMEBASE=1/1000\n{half}\n" for half in halves)
    )
    sources = f"-i {folder}/sound.wav -i {cover} -i {chapters} -i {folder}/film.mkv"
    picture = f"-map 3:v {H264}" if file.suffix in (".mkv", ".mp4") else ""
    attached = f"-map 1:v -c:v:{int(bool(picture))} copy -disposition:v:{int(bool(picture))} attached_pic"
    if file.suffix == ".mkv":
        attached = f"-attach {cover} -metadata:s:t mimetype=image/jpeg"
    ffmpeg(f"{sources} {picture} -map 0:a {AAC} {attached} -map_metadata 2 -map_chapters 2 {file}")


def torn(folder: Path, file: Path) -> None:
    """Writes a fragmented file of which the last third is missing."""
    ffmpeg(f"{inputs(folder)} {H264} {AAC} -g 15 -movflags +frag_keyframe+empty_moov {file}")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])


def damaged(folder: Path, file: Path) -> None:
    """Writes a transport stream with zeros in the middle."""
    ffmpeg(f"{inputs(folder)} {H264} -g 10 {AAC} {file}")
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2 // 188 * 188
    whole[middle : middle + 188 * 4] = bytes(188 * 4)
    file.write_bytes(whole)


def piped(arguments: str) -> Callable[[Path, Path], None]:
    """Returns a writer that uses a pipe, so that the head of the file cannot be rewritten at the end."""

    def make(folder: Path, file: Path) -> None:
        line = ["ffmpeg", "-v", "error", "-y", *f"{inputs(folder)} {arguments} -".split()]
        with file.open("wb") as out:
            subprocess.run(line, check=True, stdout=out)

    return make


RECIPES = (
    Recipe("phone-h264.mp4", "phones, most programs", f"{MARKED} {H264} -bf 2 {AAC}"),
    Recipe(
        "phone-hevc.mov",
        "iPhones (high efficiency)",
        f"{MARKED} -c:v libx265 -preset ultrafast -crf 14 -pix_fmt yuv420p -tag:v hvc1 "
        f"-x265-params open-gop=1:keyint=20:bframes=3:log-level=none {AAC}",
    ),
    Recipe(
        "phone-10bit.mov",
        "phones, 10 bits",
        f"{MARKED} -c:v libx265 -preset ultrafast -crf 14 -pix_fmt yuv420p10le -tag:v hvc1 "
        f"-x265-params log-level=none {AAC}",
    ),
    Recipe(
        "phone-rotated.mp4",
        "phones held upright",
        made=remuxed(
            f"-vf {BT709},transpose=clock {MARKS} {H264} {AAC}",
            "-i BEFORE -c copy -metadata:s:v rotate=90",
        ),
    ),
    Recipe("phone-hdr-pq.mp4", "phones, HDR", HDR.replace("TRANSFER", "smpte2084"), judged=TO_SDR),
    Recipe("phone-hdr-hlg.mov", "iPhones, HDR", HDR.replace("TRANSFER", "arib-std-b67"), judged=TO_SDR),
    Recipe(
        "slow-120.mp4",
        "slow motion, 120 frames/s",
        f"-vf setpts=PTS/4,{BT709} -r 120 {H264} -af atempo=2,atempo=2 {AAC}",
    ),
    Recipe(
        "slow-240.mov",
        "slow motion, 240 frames/s",
        f"-vf setpts=PTS/8,{BT709} -r 240 {H264} -an",
    ),
    Recipe("camera.mts", "cameras (AVCHD)", f"{MARKED} {H264} -bf 2 -c:a ac3 -f mpegts"),
    Recipe("camera.mpg", "DVD recorders", "-r 25 -c:v mpeg2video -q:v 2 -bf 2 -c:a mp2 -f vob"),
    Recipe("camera-dv.avi", "DV cameras", "-s 720x576 -r 25 -pix_fmt yuv420p -c:v dvvideo -c:a pcm_s16le"),
    Recipe(
        "camera.mjpeg.avi", "webcams, photo cameras", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le"
    ),
    Recipe("editor-prores.mov", "editors", f"{MARKED} -c:v prores_ks -profile:v 3 -c:a pcm_s24le"),
    Recipe(
        "editor-prores4444.mov",
        "editors, with alpha",
        "-c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le -c:a pcm_s16le",
    ),
    Recipe(
        "editor-dnxhr.mxf",
        "editors",
        f"-vf {BT709},scale=256:192,format=yuv422p {MARKS} -c:v dnxhd -profile:v dnxhr_hq -c:a pcm_s16le",
    ),
    Recipe("editor-ffv1.mkv", "archives", "-c:v ffv1 -pix_fmt yuv444p -c:a flac"),
    Recipe("editor-animation.mov", "editors", "-c:v qtrle -pix_fmt rgb24 -c:a pcm_s16le"),
    Recipe("obs.mkv", "OBS", f"{MARKED} {H264} -bf 2 -c:a aac"),
    Recipe("download-chapters.mkv", "download tools (chapters, cover)", made=covered),
    Recipe("download-cover.mp4", "download tools (chapters, cover)", made=covered),
    Recipe("sound-cover.m4a", "music shops (chapters, cover)", made=covered),
    Recipe("obs.flv", "OBS, streams", f"{MARKED} {H264} -bf 2 {AAC}"),
    Recipe(
        "obs-fragmented.mp4",
        "OBS, streams",
        f"{MARKED} {H264} {AAC} -movflags +frag_keyframe+empty_moov+default_base_moof",
    ),
    Recipe("obs-torn.mp4", "a recording that was cut off", made=torn),
    Recipe(
        "browser-vp9.webm",
        "browsers",
        f"{MARKED} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 20 -b:v 0 -c:a libopus",
    ),
    Recipe(
        "browser-recorder.webm",
        "MediaRecorder (no duration)",
        made=piped(f"{MARKED} -c:v libvpx -deadline realtime -cpu-used 8 -b:v 2M -c:a libopus -f webm"),
    ),
    Recipe(
        "browser-alpha.webm",
        "browsers, with alpha",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 20 -b:v 0 -pix_fmt yuva420p -c:a libopus",
    ),
    Recipe("download-av1.mp4", "download tools", f"{MARKED} -c:v libsvtav1 -preset 12 -crf 20 {AAC}"),
    Recipe("download-av1.webm", "download tools", f"{MARKED} -c:v libsvtav1 -preset 12 -crf 20 -c:a libopus"),
    Recipe(
        "screen-vfr.mkv",
        "screen recorders (uneven rate)",
        f"-vf select='not(mod(n\\,7)*mod(n\\,3))',{BT709} -fps_mode vfr {H264} -c:a libopus",
    ),
    Recipe(
        "screen-444.mp4",
        "screen recorders",
        f"-vf scale=out_color_matrix=bt709 -c:v libx264 -crf 10 -pix_fmt yuv444p {AAC}",
    ),
    Recipe(
        "full-range.mp4",
        "phones, cameras",
        "-vf scale=out_color_matrix=bt709:out_range=pc -color_range pc -colorspace bt709 "
        f"-c:v libx264 -crf 10 -pix_fmt yuvj420p {AAC}",
    ),
    Recipe(
        "interlaced.ts",
        "television",
        f"-vf {BT709},interlace=lowpass=0 {MARKS} {H264} -flags +ilme+ildct -x264opts tff=1 {AAC}",
        judged="bwdif=mode=send_frame",
    ),
    Recipe(
        "anamorphic.mp4",
        "camcorders",
        f"-vf {BT709},scale=96:96,setsar=4/3 {MARKS} {H264} {AAC}",
        judged="scale=128:96,setsar=1",
    ),
    Recipe("xvid.avi", "older programs", "-c:v libxvid -q:v 2 -bf 2 -c:a libmp3lame"),
    Recipe(
        "copied-h264.avi",
        "converters",
        made=remuxed(f"{H264} -bf 2 -c:a libmp3lame", "-i BEFORE -c copy -bsf:v h264_mp4toannexb", "mkv"),
    ),
    Recipe("theora.ogv", "older browsers", "-c:v libtheora -q:v 9 -c:a libvorbis"),
    Recipe("windows.wmv", "Windows Movie Maker", "-c:v wmv2 -q:v 2 -c:a wmav2"),
    Recipe("old-phone.3gp", "older phones", "-s 176x144 -c:v mpeg4 -q:v 2 -ar 16000 -ac 1 -c:a aac"),
    Recipe("loop.gif", "pictures that move", "-an"),
    Recipe(
        "cut-copied.mp4",
        "cut without encoding (edit list)",
        made=remuxed(f"{MARKED} {H264} -g 25 -bf 2 {AAC}", "-ss 1.1 -i BEFORE -c copy"),
    ),
    Recipe(
        "cut-copied.mkv",
        "cut without encoding, times kept",
        made=remuxed(f"{MARKED} {H264} -g 15 {AAC}", "-copyts -ss 1 -i BEFORE -c copy", "mkv"),
    ),
    Recipe("joined.ts", "joined streams", made=joined(), clock=""),
    Recipe("jumping.ts", "streams with a gap", made=joined(offset=101.5), clock=""),
    Recipe("damaged.ts", "bad reception", made=damaged),
    Recipe("raw.h264", "cameras, raw streams", f"{MARKED} {H264} -bf 0 -an"),
    Recipe(
        "changing-size.ts",
        "conferences (the size changes)",
        made=joined(offset=1.5, size="192x144"),
        clock="",
    ),
    Recipe(
        "surround.mp4", "films", f"{MARKED} {H264} -af pan=5.1|FL=c0|FR=c1|FC=c0|LFE=c1|BL=c0|BR=c1 {AAC}"
    ),
    Recipe(
        "two-sounds.mkv",
        "films with a second language",
        f"-map 0:v -map 1:a -map 1:a -filter:a:0 volume=0.1 {MARKED} {H264} {AAC} "
        "-disposition:a:0 0 -disposition:a:1 default",
        sound=1,
    ),
    Recipe("long-pcm.mov", "field recorders", f"{MARKED} {H264} -c:a pcm_f64le"),
    Recipe("sound.m4a", "music players", "-map 1:a -c:a alac"),
    Recipe("sound.mp3", "music players", "-map 1:a -c:a libmp3lame -b:a 192k"),
    Recipe("sound.opus", "messengers", "-map 1:a -c:a libopus"),
    Recipe("sound.flac", "archives", "-map 1:a -c:a flac"),
    Recipe("sound.wma", "Windows", "-map 1:a -c:a wmav2"),
    Recipe("recorder.wav", "recorders", "-map 1:a -c:a pcm_s24le"),
)


def main() -> None:
    """Makes, reads and compares the files, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="parts of names of files; all where none is given")
    parser.add_argument("--keep", type=Path, help="a folder in which the files stay")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.keep is None else options.keep
        folder.mkdir(parents=True, exist_ok=True)
        make_film(folder)
        found: dict[str, Found] = {}
        for recipe in RECIPES:
            if options.names and not any(name in recipe.file for name in options.names):
                continue
            found[recipe.file] = looked_at(recipe, folder)
            print(f"{recipe.file:24}{line(found[recipe.file])}", flush=True)
    if options.out is not None:
        result = {"machine": machine(), "files": {name: asdict(each) for name, each in found.items()}}
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def line(found: Found) -> str:
    """Returns a file's figures in one line."""
    if found.refused:
        return f"refused: {found.refused}"
    parts = [
        f"{name} {value:.{digits}f}"
        for name, value, digits in (
            ("equal", found.frames_equal, 4),
            ("longest ms", found.longest_ms, 0),
            ("colour", found.colour_mean, 2),
            ("worst", found.colour_worst, 0),
            ("lag ms", found.sound_lag_ms, 2),
            ("error", found.sound_error, 3),
            ("sync ms", found.sync_ms, 0),
        )
        if value is not None
    ]
    return "  ".join([*parts, *found.notes])


def ffmpeg(line: str) -> None:
    """Runs ffmpeg with arguments in one line."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *line.split()], check=True, capture_output=True)


def inputs(folder: Path) -> str:
    """Returns the arguments that name the film and its sound."""
    return f"-i {folder}/film.mkv -i {folder}/sound.wav"


def make_film(folder: Path) -> None:
    """Writes the numbered film and its sound, both without loss."""
    frames = np.stack([picture(number) for number in range(FRAMES)])
    sized = f"-f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {FPS} -i -"
    line = ["ffmpeg", "-v", "error", "-y", *sized.split(), "-c:v", "ffv1", "-pix_fmt", "bgr0"]
    subprocess.run([*line, str(folder / "film.mkv")], check=True, input=frames.tobytes())
    time = np.arange(FRAMES * RATE // FPS) / RATE
    beep = np.sin(2 * np.pi * 880 * time) * (time % 0.5 < 0.05) * 0.5
    hum = 0.05 * np.sin(2 * np.pi * (200 + 40 * time) * time)
    write_wav(
        folder / "sound.wav", np.stack([beep + hum, beep * 0.6 - 0.4 * hum], 1).astype(np.float32), RATE
    )


def picture(number: int) -> np.ndarray:
    """Returns a picture that shows a number as eight upright stripes above, and colours below."""
    stripes = [235 if number >> bit & 1 else 20 for bit in range(8)]
    above = np.repeat(np.repeat(np.array(stripes, np.uint8)[None, :, None], WIDTH // 8, 1), 3, 2)
    colours = np.array(
        [(180, 60, 60), (60, 160, 70), (60, 70, 180), (190, 180, 70), (150, 70, 160), (70, 160, 170),
         (128, 128, 128), (200, 140, 100)], np.uint8)  # fmt: skip
    below = np.repeat(colours[None], WIDTH // 8, 1)
    return np.concatenate([np.repeat(above, HEIGHT // 2, 0), np.repeat(below, HEIGHT // 2, 0)])


def number_in(frame: np.ndarray) -> int:
    """Returns the number that a picture shows."""
    stripes = frame[4 : HEIGHT // 2 - 4].mean((0, 2)).reshape(8, -1)[:, 4:-4].mean(1)
    return sum(1 << bit for bit in range(8) if stripes[bit] > 128)


def looked_at(recipe: Recipe, folder: Path) -> Found:
    """Makes a file, reads it, and compares.

    Args:
        recipe: how it is made.
        folder: of the film, and of the file.
    """
    file, found = folder / recipe.file, Found(recipe.writer)
    try:
        if recipe.made is None:
            ffmpeg(f"{inputs(folder)} {recipe.arguments} {file}")
        else:
            recipe.made(folder, file)
    except subprocess.CalledProcessError:
        found.notes.append("ffmpeg cannot make it here")
        return found
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            compare(file, recipe, found)
        found.notes += sorted({str(each.message).replace(f"{folder}/", "") for each in said})
    except UserError as error:
        found.refused = str(error).replace(f"{folder}/", "")
    return found


def compare(file: Path, recipe: Recipe, found: Found) -> None:
    """Notes the figures of a file and their differences from ffmpeg's.

    Args:
        file: that is read.
        recipe: how it was made.
        found: where the figures go.
    """
    info = probe(file)
    frames, sound = np.zeros(0), np.zeros(0)
    if info.video is not None:
        found.notes += info.video.remarks
        frames = compare_pictures(file, recipe, found)
    if info.sounds:
        sound = compare_sounds(file, recipe, found)
    found.sync_ms = sync(frames, sound)


def sync(numbers: np.ndarray, sound: np.ndarray) -> int | None:
    """Returns how far beeps are from their frames, at most, in milliseconds; None where there are no two.

    Args:
        numbers: of the frames on display, one for each millisecond.
        sound: one channel.
    """
    loud, quiet = np.abs(sound) > BEEP * np.abs(sound).max(initial=1e-9), RATE // 25
    begins = [at for at in np.flatnonzero(loud) if at >= quiet and not loud[at - quiet : at].any()]
    filmed = [int(np.argmax(numbers == number)) for number in range(15, FRAMES, 15) if number in numbers]
    apart = [min(abs(1000 * at / RATE - frame) for frame in filmed) for at in begins] if filmed else []
    near = [each for each in apart if each < 250]
    return round(max(near)) if near else None


def compare_pictures(file: Path, recipe: Recipe, found: Found) -> np.ndarray:
    """Notes how the picture differs from ffmpeg's and returns the frames on display.

    The returned array holds the number of the frame on display in each millisecond.

    Args:
        file: that is read.
        recipe: how it was made.
        found: where the figures go.
    """
    ours = list(read_frames(file, MILLISECONDS, width=WIDTH, height=HEIGHT))
    shown, times = judged_frames(file, recipe)
    times = times - begin(file, recipe)
    span = min(len(ours), round(1000 * times[-1]) + 1)
    known, read = (np.array([number_in(frame) for frame in each]) for each in (shown, ours[:span]))
    # Time stamps of a container are rounded, so that a frame may come a millisecond sooner or later.
    places = [
        (np.searchsorted(times, (np.arange(span) + off) / 1000, side="right") - 1).clip(0, len(shown) - 1)
        for off in (-1, 0.5, 2)
    ]
    differs = np.all([read != known[place] for place in places], 0)
    place = places[1]
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], differs, [0]]))))[::2]
    found.frames_equal = float(1 - differs.mean())
    found.longest_ms = int(runs.max()) if len(runs) else 0
    found.seconds = len(ours) / 1000, float(times[-1])
    apart = np.abs(np.stack([ours[at].astype(int) - shown[place[at]] for at in range(0, span, 100)]))
    found.colour_mean, found.colour_worst = float(apart.mean()), float(np.percentile(apart, 99))
    return read


def begin(file: Path, recipe: Recipe) -> float:
    """Returns the second of ffmpeg's clock at which a file begins; what lies before 0 is not played.

    Args:
        file: that is read.
        recipe: how it was made.
    """
    entries = "format=start_time" if recipe.clock else "stream=start_time"
    line = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", str(file)]
    found = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    starts = [float(each.strip(",")) for each in found if each.strip(",") not in ("", "N/A")]
    if recipe.clock:
        return max(0.0, starts[0]) if starts else 0.0
    return min(starts) - starts[0]  # of a mended clock the picture's first frame is 0


def judged_frames(file: Path, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Returns ffmpeg's frames, and the second of the file at which each comes.

    Args:
        file: that is read.
        recipe: how it was made.
    """
    scale = f"scale={WIDTH}:{HEIGHT}:flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"
    chain = ",".join(each for each in (recipe.judged, scale, "showinfo") if each)
    line = (
        f"{recipe.clock} -i {file} -map 0:v:0 -fps_mode passthrough -vf {chain} -pix_fmt rgb24 -f rawvideo -"
    )
    done = subprocess.run(
        ["ffmpeg", "-v", "info", "-hide_banner", *line.split()], capture_output=True, check=True
    )
    log = done.stderr.decode(errors="replace")
    times = [float(each.split("pts_time:")[1].split()[0]) for each in log.splitlines() if "pts_time:" in each]
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    count = min(len(times), len(frames))
    return frames[:count], np.array(times[:count])


def compare_sounds(file: Path, recipe: Recipe, found: Found) -> np.ndarray:
    """Notes how the sound, as one channel, differs from ffmpeg's, and returns the sound.

    Args:
        file: that is read.
        recipe: how it was made.
        found: where the figures go.
    """
    ours = np.concatenate([np.zeros(0, np.float32), *read_sound(file, RATE, start=0)])
    channels = probe(file).sounds[recipe.sound].channels
    mean = "+".join(f"{1 / channels}*c{channel}" for channel in range(channels))
    zero = begin(file, recipe) if recipe.clock else 0
    filters = (
        f"asetpts=PTS-{zero}/TB,aresample={RATE}:async=1:min_hard_comp=0.01:first_pts=0,pan=mono|c0={mean}"
    )
    line = f"{recipe.clock} -i {file} -map 0:a:{recipe.sound} -af {filters} -f f32le -"
    done = subprocess.run(["ffmpeg", "-v", "error", *line.split()], capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout, np.float32)
    count = min(len(ours), len(theirs))
    a, b = ours[:count], theirs[:count]
    spectrum = np.fft.rfft(a, 2 * count) * np.conj(np.fft.rfft(b, 2 * count))
    fits = np.fft.irfft(spectrum)
    lags = np.concatenate([np.arange(LATEST + 1), np.arange(-LATEST, 0)])
    lag = int(lags[fits[lags].argmax()])
    a, b = (a[lag:], b[: count - lag]) if lag >= 0 else (a[: count + lag], b[-lag:])
    found.sound_lag_ms = 1000 * lag / RATE
    found.sound_error = float(np.sqrt(np.square(a - b).mean() / max(np.square(b).mean(), 1e-12)))
    return ours


if __name__ == "__main__":
    main()
