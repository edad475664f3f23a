"""The options of every command, and how they are parsed.

Torch is not imported here, so that help comes at once.
"""

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar, get_type_hints

import tyro
from tyro.conf import Positional, arg

from listen_and_move.config import ClipConfig, Config
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import ADAPT_HELP, GAIN, Controls
from listen_and_move.presets import ABOUT, DEFAULT_PRESET, PRESETS
from listen_and_move.settings import descriptions

PROGRAM = "listen-and-move"
JSON_FLAG = "--json"
VALUES = "values"
"""Name, in a field's metadata, of the values that a shell offers for a text."""
Device = Literal["auto", "cpu", "cuda", "mps"]
Group = Mapping[str, Any]
"""Settings of one group that the user named, by their names."""


def _named(section: str) -> Any:
    """Returns the flags of a group of settings, as a type; unnamed settings are not in the result."""
    kind = get_type_hints(Config)[section]
    hints, helps = get_type_hints(kind), descriptions(kind)
    flags = {
        name: Annotated[hints[name], arg(help=helps[name], help_behavior_hint=_defaults(section, name))]
        for name in hints
    }
    made = TypedDict(kind.__name__, flags, total=False)  # type: ignore[misc]
    return arg(name="" if section == "clip" else section, constructor=made)


def _defaults(section: str, name: str) -> str:
    """Returns a text that says the presets' values of a setting."""
    having: dict[Any, list[str]] = {}
    for preset, config in PRESETS.items():
        having.setdefault(getattr(getattr(config, section), name), []).append(preset)
    if len(having) == 1:
        return f"(default: {next(iter(having))})"
    values = [f"{value} in {', '.join(names)}" for value, names in having.items()]
    return f"(default: {'; '.join(values)})"


@dataclass(frozen=True, kw_only=True)
class DeviceOption:
    """Options of a command that computes."""

    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True, kw_only=True)
class ClusterOption:
    """Options of a command whose parts can be done at the same time."""

    cluster: str | None = None
    """Do the parts at the same time: local (a worker for each processor of this machine), local:N (N of
    them), or the address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers see the same
    folders. None: one after the other."""


@dataclass(frozen=True, kw_only=True)
class JsonOption:
    """Options of a command whose result a program can read."""

    json: bool = False
    """Print the result as one JSON object, and nothing else on standard output: paths as text, what is no
    number as null. Where the command fails, the object has error (what was expected and what came) and hint
    (what to do)."""


@dataclass(frozen=True, kw_only=True)
class SettingsOptions(DeviceOption):
    """Options of a command that trains: every setting, under its own name."""

    preset: str | None = None
    steps: int | None = None
    """Steps in total, not in addition; short for --training.steps."""
    clip: Annotated[Group, _named("clip")] = field(default_factory=dict)
    features: Annotated[Group, _named("features")] = field(default_factory=dict)
    motion: Annotated[Group, _named("motion")] = field(default_factory=dict)
    generator: Annotated[Group, _named("generator")] = field(default_factory=dict)
    critics: Annotated[Group, _named("critics")] = field(default_factory=dict)
    losses: Annotated[Group, _named("losses")] = field(default_factory=dict)
    training: Annotated[Group, _named("training")] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """The settings that were named, as section.setting."""
        sections = {item.name: getattr(self, item.name) for item in fields(Config)}
        found = {
            f"{section}.{name}": value for section in sections for name, value in sections[section].items()
        }
        return found | ({} if self.steps is None else {"training.steps": self.steps})


@dataclass(frozen=True, kw_only=True)
class PlayOptions(DeviceOption):
    """Options of a command that plays a model."""

    model: Positional[Path]
    """A run folder, a model.safetensors, or a video, which is played by its sound alone without any
    training."""
    picture: Literal["auto", "drawn", "path", "composed"] = "auto"
    """path: frames of the clip as they were filmed, in the order that the sound and the network's picture ask
    for; composed: what the network draws, region by region with the detail of frames of the clip, for parts
    that move independently; drawn: what the network draws; auto: path or composed, as was better in training,
    where a model keeps frames and was trained upon them, so not with the presets paper and baseline and
    imported models."""
    size: str = "source"
    """Of the picture: source (as large as the learnt part was filmed), model (as the network draws), or
    WIDTHxHEIGHT, such as 1280x720."""
    camera: Literal["still", "as-filmed"] = "still"
    """Of a path through the frames of a camera in somebody's hands, which were aligned in training: still, in
    steady light, or as-filmed: camera and light change as they did, and go on smoothly where the path
    jumps."""
    seed: int = 0
    """Seed of the noise, where the model has any; with a path another path of nearly the same cost."""
    gain: str = field(default="match", metadata={"help": GAIN.help})
    adapt: str = field(default="auto", metadata={"help": ADAPT_HELP})
    controls: Annotated[Controls, arg(name="")] = field(default_factory=Controls)
    paste: bool = False
    """Put the picture back into the video's whole picture, which stands still around it."""
    video: Path | None = None
    """Where the run's video, or one of its takes, is now, if it was moved; only where its pictures are
    needed: for paste or a replay."""
    track: int | None = None
    """Which of a file's sounds, by its number from 0; None: the one that the file marks as its default."""
    picture_track: int | None = None
    """Of a video that is played: which of its pictures, likewise; of several defaults the largest."""
    overwrite: bool = False
    """Replace files that exist."""
    sign: Annotated[tuple[Path, Path] | None, arg(metavar="CERT KEY")] = None
    """Sign what is written, with a C2PA manifest: a PEM file with a certificate (and those between it and its
    authority) and one with its private key. For .mp4, .mov and folders of pictures."""


@dataclass(frozen=True, kw_only=True)
class DemoArguments(DeviceOption):
    """Make a small performance, learn it, and play a score that the model never heard."""

    folder: Positional[Path | None] = None
    """Where the clip, the sound, the run and the videos go; None: listen-and-move-demo here, with the name of
    a performance other than the marimba after it."""
    performance: Literal["marimba", "string", "mouth"] = "marimba"
    """What is made up: a marimba's melody, a bowed string's tune, or a mouth that speaks syllables."""
    seed: int = 0
    """Seed of the unheard score."""
    steps: int | None = None
    """Training steps in total; None: 600."""


@dataclass(frozen=True, kw_only=True)
class InspectArguments(JsonOption):
    """Say what is in a video, and whether it will make a good model."""

    video: Positional[Path]
    """Any file with picture and sound."""
    clip: Annotated[ClipConfig, arg(name="")] = field(default_factory=ClipConfig)
    picture: Path | None = None
    """Where to write the overview picture; None: VIDEO-inspection.png here."""


@dataclass(frozen=True, kw_only=True)
class TrainArguments(SettingsOptions, JsonOption):
    """Learn a video with its sound into a run folder. The same command again goes on where it stopped."""

    videos: Positional[tuple[Path, ...]]
    """Any file with picture and sound, or several: takes of one scene. Or a folder of Sub-URMP with one
    instrument (--fps 10)."""
    run: Annotated[Path | None, arg(aliases=["--run-dir"])] = None
    """The run folder; None: runs/NAME-OF-VIDEO, of several the first. torchrun takes --run for an option of
    its own: there, say --run-dir."""
    preset: str | None = field(
        default=None,
        metadata={
            "help": "Settings to start from: "
            + "; ".join(f"{name}: {about}" for name, about in ABOUT.items())
            + f". None: the run's own where it goes on, else {DEFAULT_PRESET}. "
            f"{PROGRAM} presets prints them.",
            VALUES: tuple(PRESETS),
        },
    )
    scene: int | None = None
    """Number of the scene to learn, as inspect names them. None: the longest one, or the part from --start to
    --end; --start 0 is the whole video."""
    seed: int | None = None
    """Seed of everything random; short for --training.seed."""

    def settings(self) -> dict[str, Any]:
        """The settings that were named, as section.setting."""
        return super().settings() | ({} if self.seed is None else {"training.seed": self.seed})


@dataclass(frozen=True)
class PresetsArguments:
    """Print the presets: in what each differs from another one, or every setting of one."""

    name: Positional[str | None] = field(default=None, metadata={VALUES: tuple(PRESETS)})
    """The preset to print as JSON."""
    size: str | None = None
    """For this size of picture, where it makes a difference; None: the preset's own."""


@dataclass(frozen=True, kw_only=True)
class GenerateArguments(PlayOptions, ClusterOption, JsonOption):
    """Play a trained picture with any sound."""

    sounds: Positional[tuple[Path, ...]]
    """Files with sound, videos too."""
    out: str | None = None
    """A file (.mp4, .mov, .mkv, .webm), a name without ending for a folder of PNG frames, or a folder
    (existing, or ending in /) for one file per sound. None: SOUND-MODEL.mp4 here."""
    start: float | None = None
    """Where to begin in the sound, in seconds."""
    end: float | None = None
    """Where to stop in the sound, in seconds."""
    codec: Literal["auto", "h264", "prores"] = "auto"
    """prores: for editors, in .mov files; auto: H.264, and VP9 in .webm."""
    quality: int | None = None
    """The smaller the better, and the larger the file: 0 to 51 of H.264, 0 to 63 of VP9. None: 17 and 24."""
    path_list: Path | None = None
    """FILE.csv or FILE.edl: write which moment of the clip each frame shows, with the transitions, so that
    the larger original can be conformed to it."""
    preview: float | None = None
    """Play only so many seconds of each sound."""
    mode: Literal["model", "replay"] = "model"
    """replay: a path by the sound alone, without a network."""
    beats: bool = False
    """Play the clip's beats on those of the sound, slower or faster than it was filmed; of a path through a
    clip with a steady beat."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: faster where the processor has it; a sound whose beginning then stays below 40 dB PSNR is
    drawn in float32."""


@dataclass(frozen=True, kw_only=True)
class FramesArguments(JsonOption):
    """Add the frames of its video to a model that keeps none, so that it plays them; trains nothing."""

    model: Positional[Path]
    """A run folder or a model.safetensors, which is replaced."""
    video: Positional[Path | None] = None
    """The video, or the folder of songs, that was learnt. None: the run's own."""
    keep: Literal["source", "small"] = "source"
    """source: as large as they are filmed; small: no side longer than 480 pixels."""


@dataclass(frozen=True, kw_only=True)
class ExportArguments(JsonOption):
    """Write a page that plays a model in any browser, without a server.

    The page is a folder for a web host or a USB stick.
    """

    model: Positional[Path]
    """A run folder, a model.safetensors that keeps frames of its clip, or a video."""
    web: Path
    """The folder of the page; new, or empty."""
    credit: str
    """Whose film it is, as the page says it."""


@dataclass(frozen=True, kw_only=True)
class LiveArguments(PlayOptions):
    """Play a trained picture with a microphone or any sound as it comes.

    Pictures go into a file, a pipe, a window or a camera.
    """

    input: str = "microphone"
    """A file with sound, - for standard input (any media, or raw samples with --rate), or microphone."""
    output: str = "window"
    """A file (.mp4, .mov, .mkv, .webm) or folder of pictures, - for standard output, window, or camera (a
    virtual one). A window and a camera show pictures in their time, as --realtime does."""
    realtime: bool = False
    """Live: play a file at its own speed, and take a pipe for one that delivers at its own. The sound never
    waits: a picture that comes too late is the one before it. A microphone is always live; what is not live
    is drawn as fast as it goes, every picture of it."""
    stream: Literal["matroska", "y4m"] = "matroska"
    """What is written to standard output: matroska, with the sound; or y4m, pictures alone."""
    rate: int | None = None
    """Standard input is raw samples, so many per second."""
    channels: int = 1
    """Of raw samples."""
    format: Literal["s16le", "f32le"] = "s16le"
    """Of raw samples: 16-bit integers or 32-bit floats, little endian."""
    gain: str = field(default="running", metadata={"help": GAIN.help})
    look_ahead: int | None = None
    """Frames of sound, at the model's rate, that are waited for beyond a picture's own instant: fewer, and
    pictures come sooner and follow less well; a path can wait for a few more than the model was trained to
    hear. None: as many as that; --features.future of training."""
    models: tuple[Path, ...] = ()
    """More models (or videos), to which the picture can be faded while it plays: by their names, from OSC,
    MIDI or a cue. All are loaded before it plays."""
    osc: int | None = None
    """Listen to Open Sound Control on this UDP port; 0: any that is free."""
    osc_host: str = "127.0.0.1"
    """Where OSC is listened to: this machine alone, or 0.0.0.0 for everybody who can reach it."""
    osc_replies: str | None = None
    """HOST:PORT that is told level, novelty, frame and latency with each picture; others can ask for it."""
    midi: str | None = None
    """Listen to a MIDI input: its name, a part of it, or first."""
    midi_map: Path = Path("midi.json")
    """The file that says which controller does what."""
    midi_learn: bool = False
    """Before it plays, ask what controllers that are moved are to do, and keep it in the map."""
    cues: Path | None = None
    """A file of cues (named sets of dials); it is made when the first one is stored."""
    fade: float = 2.0
    """Seconds of a change of model, or of a cue that does not say its own."""


@dataclass(frozen=True)
class AppArguments:
    """Open a page in the browser: animate, play live, train, and look at runs."""

    runs: Path = Path("runs")
    """The folder with the runs; nothing else is read or shown."""
    host: str = "127.0.0.1"
    """Where to listen: this machine alone, or 0.0.0.0 for everybody who can reach it."""
    port: int = 8642
    """On which port; 0: any that is free."""
    password: str | None = None
    """What visitors have to know. Other users of this machine can read it here; they cannot in a file of
    yours, at the prompt, or in the environment as LISTEN_AND_MOVE_PASSWORD."""
    password_file: Path | None = None
    """A file with one line: what visitors have to know."""
    ask_password: bool = False
    """Ask now what visitors have to know, without showing it."""


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(DeviceOption, JsonOption):
    """Measure a run on its held-out part, beside baselines that any model must beat; writes a report."""

    run: Positional[Path]
    """The run folder."""
    sound: tuple[Path, ...] = ()
    """Files with sound to play as well: what can be said without a real picture."""
    video: Path | None = None
    """Where the run's video is now, or another video to measure on, such as a second take of the same scene.
    Of a run that learnt several takes: the one to measure on, or at size source where one of them is now. Of
    songs: their folder, or a picture of the song to measure on."""
    training: bool = False
    """Measure on the training part: how well it is learnt, not how well the picture follows."""
    protocol: Literal["equal", "paper"] = "equal"
    """FID and FVD with equal counts of real and generated samples and none where they are too few, or as the
    paper has them."""
    seed: int = 0
    """Seed of the noise, where the model has any."""
    size: Literal["model", "source"] = "model"
    """model: every measure, at the size that was learnt. source: sharpness, perceptual distance, jumps,
    ghosts and flicker of what is really shown (a path, what is drawn, a replay), written and read back,
    against the film at its own size."""


@dataclass(frozen=True, kw_only=True)
class BlindArguments(DeviceOption, JsonOption):
    """Make a page on which people choose between two pictures without knowing what they are.

    With --votes, count what they chose.
    """

    run: Positional[Path]
    """The run folder."""
    out: Path | None = None
    """Where the page goes. None: evaluation/blind/blind.html in the run folder."""
    votes: tuple[Path, ...] = ()
    """Files of votes that the page has saved: count them instead."""
    video: Path | None = None
    """Where the run's video, one of its takes or its songs are now, if they were moved; of songs also a
    picture of the one that is shown."""
    seed: int = 0
    """Seed of the order, and of the noise, where the model has any."""
    overwrite: bool = False
    """Replace a file that is there."""


@dataclass(frozen=True, kw_only=True)
class AblationArguments(SettingsOptions, ClusterOption):
    """Learn a video with and without each part of the method, over several seeds, and write the table.

    The same command again goes on.
    """

    video: Positional[Path]
    """Any file with picture and sound, or a Sub-URMP folder."""
    out: Path | None = None
    """Where the runs and the table go; None: ablation/NAME-OF-VIDEO."""
    rows: tuple[str, ...] = ()
    """Which: baseline, rnn, sac, acin, convgru, dirconvgru (the paper's, all of them by default), or
    NAME:section.setting=value (more after a comma), such as skip:generator.connections=skip. Others are
    compared with the first one."""
    seeds: int = 3
    """Runs of each row, with seeds from 0 on."""
    published: Literal["cello", "quintet", "drums", "talking-head"] | None = None
    """The paper's clip whose figures are put beside."""
    preset: str | None = field(default=None, metadata={VALUES: tuple(PRESETS)})
    """What all rows start from. None: paper."""


@dataclass(frozen=True, kw_only=True)
class CompareArguments(JsonOption):
    """Put evaluated runs side by side."""

    runs: Positional[tuple[Path, ...]]
    """Run folders that listen-and-move evaluate has measured."""
    out: Path = Path("comparison.html")
    """Where the page goes."""
    overwrite: bool = False
    """Replace a file that is there."""


@dataclass(frozen=True, kw_only=True)
class RobustnessArguments(DeviceOption, ClusterOption):
    """Play a model with many foreign sounds, and say how its picture bears it.

    The same command again goes on.
    """

    run: Positional[Path]
    """The run folder."""
    sounds: Positional[Path]
    """A folder with sounds, at any depth."""
    clips: int = 500
    """How many sounds at most; which, by --seed."""
    seconds: str = "1-5"
    """Length of the part that is taken of each, as one number or a range."""
    classes: Path | None = None
    """A table (CSV) of file names and classes; None: the one in the folder, else names of folders or
    files."""
    video: Path | None = None
    """Where the run's video, one of its takes or its songs are now, if they were moved."""
    seed: int = 0
    """Seed of what is taken, and of the noise."""


@dataclass(frozen=True)
class WeightsArguments:
    """List, fetch or add weights of published networks, which some measures need.

    Nothing is fetched unasked.
    """

    action: Positional[Literal["list", "fetch", "add"]] = "list"
    """list: what there is; fetch NAME...: download and check; add NAME FILE: check and keep a file that you
    have."""
    names: Positional[tuple[str, ...]] = ()
    """Names as listed; for add one name and its file."""


@dataclass(frozen=True)
class ImportArguments:
    """Make a model file from a checkpoint of the authors' published code.

    Its weights are read; code in it never runs.
    """

    checkpoint: Positional[Path]
    """Their file (.model) with the weights of motion encoder and generator; sizes and sound routes are found
    in it."""
    out: Path = Path("model.safetensors")
    """Where the model file goes."""
    fps: str | None = None
    """Frames per second it was trained at, which weights do not tell. None: 20, as in the paper."""
    kind: Literal["lms", "mel", "mfcc"] | None = None
    """Kind of its sound features. None: mfcc where a frame hears 20 numbers, else lms, as in the paper."""
    chunk_ms: float | None = None
    """Sound heard for one frame, in milliseconds. None: 85, and 100 from 512 pixels on, as in the paper."""
    motion_noise: int | None = None
    """Random numbers per frame, where the weights leave it open (motion from sound alone). None: 2, as in the
    paper."""
    dilation: int | None = None
    """Dilation of the motion encoder's layers. None: 2, as in the paper."""
    overwrite: bool = False
    """Replace a file that is there."""


@dataclass(frozen=True)
class CompletionArguments:
    """Print a script with which a shell completes commands, options and their values by the Tab key."""

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """The shell. Its script is written into a file once; bash and zsh source that file when they start."""


Arguments = TypeVar("Arguments")


def parse(kind: type[Arguments], name: str, arguments: list[str], program: str = PROGRAM) -> Arguments:
    """Parses the words of a command of a program with tyro, whose framed errors become one line."""
    errors = io.StringIO()
    try:
        with redirect_stderr(errors):
            return tyro.cli(kind, prog=f"{program} {name}", args=arguments)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{name}: {_one_line(errors.getvalue())}", f"see {program} {name} --help") from None


def _one_line(text: str) -> str:
    """Returns the message of tyro's frame: the rows from its title down to the first rule."""
    rows: list[str] = []
    for line in text.splitlines():
        row = line.strip("╭╮╰╯│─━ ")
        if rows and (not row or row.startswith(("Argument helptext", "For full helptext"))):
            break
        rows += [row] if row else []
    title, *message = rows or ["cannot be understood"]
    return " ".join(" ".join(message or [title]).split()).rstrip(".:")
