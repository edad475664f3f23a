"""From a sound file to a video file."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import Gain, checked_gain
from listen_and_move.audio.matching import Adapt, checked_adapt
from listen_and_move.clock import Seconds, exact, frame_count
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import Remark, UserError
from listen_and_move.inference.ahead import ahead
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.output_files import checked_outputs
from listen_and_move.inference.picture_pipelines import Picture, PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import Playable, playable
from listen_and_move.inference.sound_check import listen, notes
from listen_and_move.inference.sources.camera import CameraMode
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.edit_list import ClipMoment, write_edit_list
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import Codec, VideoWriter
from listen_and_move.metrics.frame import psnr
from listen_and_move.models.optimized import Precision
from listen_and_move.precision import reused_memory
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.signing import ManifestSigner, SigningFiles, opened_signer

NOT_SEEN_DB, CHECKED = 40.0, 32
"""PSNR from which on fewer digits are not seen, and the frames by which that is told."""
PIECES_AHEAD, FRAMES_AHEAD, BYTES_AHEAD = 64, 32, 32_000_000
"""What may wait between decoding, network and encoding: bounds the memory of a long sound."""


class Progress(NamedTuple):
    """Frames done of all, for one sound."""

    sound: Path
    out: Path
    done: int
    frames: int
    notes: tuple[Remark, ...] = ()
    """What to tell the user of this sound, known before the first frame: how its level was matched, and if it
    is very new."""


def generate(
    model: Path | str,
    sounds: Sequence[Path | str] | Path | str,
    out: Path | str | None = None,
    *,
    picture: Picture = "auto",
    size: str = "source",
    camera: CameraMode = "still",
    codec: Codec = "auto",
    quality: int | None = None,
    path_list: Path | str | None = None,
    preview: Seconds | None = None,
    mode: Literal["model", "replay"] = "model",
    gain: Gain | Literal["match"] = "match",
    adapt: Adapt = "auto",
    beats: bool = False,
    controls: Controls = AS_TRAINED,
    paste: bool = False,
    video: Path | str | None = None,
    track: int | None = None,
    picture_track: int | None = None,
    start: Seconds | None = None,
    end: Seconds | None = None,
    seed: int = 0,
    overwrite: bool = False,
    sign: SigningFiles | None = None,
    device: str = "auto",
    precision: Precision = "float32",
    watch: Callable[[Progress], None] = lambda progress: None,
) -> list[Path]:
    """Play a model, or the recording that it learnt from, with sounds; it is loaded once.

    Args:
        model: a run folder, a model.safetensors, or a video, which is played by its sound alone.
        sounds: one or more files with sound, videos too.
        out: a file (.mp4, .mov, .mkv, .webm), a name without ending for a folder of PNG frames, or an
            existing folder (or one whose name ends in /) for a file per sound; SOUND-MODEL.mp4 here by
            default.
        picture: drawn: what the network draws; path: frames of the clip, in the order that the sound and the
            network's picture ask for; composed: what the network draws, with the detail of frames of the
            clip; auto: path or composed, as was better in training, where a model keeps frames and was
            trained upon them.
        size: model, source (that of the crop in the source), or WIDTHxHEIGHT.
        camera: of a path whose frames are aligned: still, or as-filmed: it moves as it did.
        codec: h264; or prores, in .mov files; auto: what the ending of the output means.
        quality: the smaller the better and larger: 0 to 51 of H.264, 0 to 63 of VP9; None: as good as cannot
            be told from the picture.
        path_list: .csv or .edl: where to write which moment of the clip each frame shows; for one sound.
        preview: seconds; only so much of each sound is played.
        mode: replay: a path by sound alone.
        gain: with which the sound is heard, not written: match: the one that brings a whole sound to the
            level of the training sound, at most 20 dB; running: slowly, as where the future is not known; or
            a number of dB.
        adapt: how far a foreign sound is brought into the clip's sound world (`audio.matching`): 0 to 1, or
            auto: the farther, the newer it is.
        beats: play the clip's beats on those of the sound, slower or faster than it was filmed; of a path.
        controls: how the picture is played; of a replay only delay and freeze.
        paste: put the picture back into a still of the whole picture that the clip was cut from.
        video: replay and paste only: where the run's video, or one of its takes, is now, if not where it was.
        track: which of a file's sounds, by its number from 0; None: its default one.
        picture_track: of a video that is played: which of its pictures, likewise.
        start: where to begin in the sound, in seconds.
        end: where to stop in the sound, in seconds.
        seed: of the noise, where the model has any; of a path: another one of nearly the same cost.
        overwrite: replace outputs that exist.
        sign: files with a certificate and its private key, with which each output is signed: MP4, QuickTime
            and folders of pictures.
        device: auto, cpu, cuda or mps.
        precision: bfloat16 draws faster where the processor has it; a sound whose beginning is then less than
            40 dB PSNR from float32 is drawn in float32.
        watch: called before the first frame and after every block of frames.

    Returns:
        The files written, in the order of the sounds.

    Raises:
        UserError: a sound, the model or the run's video cannot be read, an output cannot be written or
            signed, or a control does not apply.
    """
    _ = gain if gain == "match" else checked_gain(gain), checked_adapt(adapt)
    by_sound, model = mode == "replay", Path(model)
    sources = [Path(sound) for sound in ([sounds] if isinstance(sounds, (str, Path)) else sounds)]
    place = None if video is None else Path(video)
    if video is not None and not (by_sound or paste):
        raise UserError(
            f"video: expected only where a recording is replayed or pasted into; got {video}",
            "leave it away, or --mode replay or --paste",
        )
    if precision != "float32" and by_sound:
        raise UserError(
            f"precision: expected only where a model draws; got {precision} for a replay: leave it away"
        )
    if preview is not None:
        if exact(preview) <= 0:
            raise UserError(f"preview: expected more than 0 seconds; got {float(preview):g}")
        until = exact(start or 0) + exact(preview)
        end = until if end is None else min(exact(end), until)
    outputs = checked_outputs(
        model,
        sources,
        out,
        codec=codec,
        path_list=path_list,
        paste=paste,
        video=video,
        sign=sign,
        overwrite=overwrite,
    )
    listed = None if path_list is None else Path(path_list)
    signer = None if sign is None else opened_signer(sign, outputs)
    choice = PictureChoice(picture, size, by_sound, seed, track=picture_track, camera=camera, beats=beats)
    played = playable(model, choice, paste=paste, video=place, device=device, precision=precision)
    played.pipeline.check(controls)
    if listed is not None and not played.clip:
        raise UserError(
            f"{listed}: expected a path, whose frames are moments of the clip; got pictures that are drawn",
            "leave it away, or --picture path",
        )
    coding = _Coding(codec, quality, listed, overwrite, signer)
    renderer = _FileRenderer(played, PlaySettings(controls, seed=seed), gain, adapt, beats, coding, watch)
    with reused_memory():
        for source, target in zip(sources, outputs, strict=True):
            renderer.render(SoundTrack(source, track, start, end), target)
    return outputs


class _Coding(NamedTuple):
    """How files are written."""

    codec: Codec
    quality: int | None
    path_list: Path | None
    overwrite: bool
    signer: ManifestSigner | None


@dataclass(frozen=True)
class _FileRenderer:
    """Writes a file for each of several sounds; what is the same for all of them."""

    played: Playable
    settings: PlaySettings
    gain: Gain | Literal["match"]
    adapt: Adapt
    beats: bool
    coding: _Coding
    watch: Callable[[Progress], None]

    def render(self, sound: SoundTrack, out: Path) -> None:
        """Writes the file of a sound."""
        path, fps, (width, height) = Path(sound.path), self.played.pipeline.fps, self.played.pipeline.size
        samples, rate = sound_samples(path, track=sound.track, start=sound.start, end=sound.end)
        if not samples:
            raise UserError(
                f"{path}: expected sound; there is none in this part",
                "choose another with --start and --end",
            )
        blocks = partial(read_sound, path, SAMPLE_RATE, track=sound.track, start=sound.start, end=sound.end)
        reference = self.played.pipeline.front_end.reference
        checked = listen(blocks, reference, self.gain, self.adapt, self.beats)
        settings = checked.settings(self.settings)
        pipeline, noted = self._chosen(path.name, blocks, settings)
        total, told = (
            frame_count(samples, rate, fps),
            (
                *self.played.notes,
                *notes(path.name, checked, reference, self.gain, self.adapt, self.beats),
                *noted,
            ),
        )
        self.watch(Progress(path, out, 0, total, told))
        # Decoding, features, network and encoding each have a thread, so that none waits while another works.
        playing = pipeline.play(ahead(blocks(), PIECES_AHEAD), settings)
        moments: list[tuple[ClipMoment, ...]] = []
        waiting = max(2, min(FRAMES_AHEAD, BYTES_AHEAD // (3 * width * height)))
        signer = self.coding.signer
        label = Label(self.played.provenance, signer, file_hash(path) if signer else "")
        # Closed whatever happens: threads that still draw while Python ends would abort the process.
        with (
            closing(ahead(playing, waiting)) as frames,
            VideoWriter(
                out,
                width=width,
                height=height,
                fps=fps,
                sound=sound,
                label=label,
                overwrite=self.coding.overwrite,
                codec=self.coding.codec,
                quality=self.coding.quality,
            ) as writer,
        ):
            # Resampling may round a sound up by a sample, into a frame that nobody would hear.
            for done, frame in enumerate(islice(frames, total), start=1):
                assert frame.picture is not None, "nothing is late in a file"
                writer.write(frame.picture)
                if self.coding.path_list is not None:
                    moments.append(frame.moments)
                if done % 16 == 0 or done == total:
                    self.watch(Progress(path, out, done, total, told))
        if self.coding.path_list is not None:
            clip, listed = self.played.clip, self.coding.path_list
            write_edit_list(listed, moments, fps, clip, self.coding.overwrite)

    def _chosen(
        self, name: str, blocks: Callable[[], Iterable[np.ndarray]], settings: PlaySettings
    ) -> tuple[Pipeline, list[Remark]]:
        """The pipeline for a sound: in float32 after all where fewer digits can be seen."""
        pipeline, exact = self.played.pipeline, self.played.exact
        if exact is None:
            return pipeline, []
        both = [islice(each.frames(blocks(), settings), CHECKED) for each in (pipeline, exact)]
        found = psnr(*(np.stack(list(frames)) for frames in both))
        if found >= NOT_SEEN_DB:
            return pipeline, []
        differs = f"{name}: bfloat16 differs visibly ({found:.0f} dB PSNR over its beginning)"
        return exact, [Remark(f"{differs}: drawn in float32")]
