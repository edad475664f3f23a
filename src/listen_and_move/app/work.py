"""The worker's side: tasks by name, requested and answered in lines of JSON on stdin and stdout."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np

from listen_and_move.app.limits import LONGEST_SECONDS, MEGABYTE, MOST_SHARED_BYTES
from listen_and_move.app.pictures import jpeg
from listen_and_move.app.restrictions import (
    allow_memory,
    allow_more_memory,
    allow_seconds,
    give_back,
    is_spent,
    restrict_this,
    takes_any_memory,
)
from listen_and_move.app.sentences import told
from listen_and_move.config import ClipConfig
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import Controls
from listen_and_move.interrupts import hang_up
from listen_and_move.media.files import probe, read_length
from listen_and_move.media.picture import read_frames
from listen_and_move.media.replacing import replacing
from listen_and_move.media.sound import read_sound, sound_samples

if TYPE_CHECKING:
    from listen_and_move.inference.picture_pipelines import Picture

Watch = Callable[[dict[str, Any]], None]
POLITENESS = 5
"""Added to the process's niceness, so that the page and live play come first."""
STILL_SIDE = 960
"""Longest side of a still for choosing a crop, in pixels."""
CHART_SIDE, CHART_POINTS, CHART_RATE = 64, 800, 16_000


def look(path: str, kind: str, still: str, watch: Watch) -> dict[str, Any]:
    """Returns what is in an uploaded file; of a video, writes a still picture from its middle.

    Args:
        path: of the file.
        kind: sound or video.
        still: where the still picture goes, a JPEG.
        watch: not called.

    Raises:
        UserError: the file is too long, or holds no sound or picture.
    """
    file, longest = Path(path), LONGEST_SECONDS[kind]
    info = probe(file)
    if kind == "sound":
        samples, rate = sound_samples(file, end=longest + 1)  # the duration that an MP3 states may be a guess
        if samples > longest * rate:
            raise UserError(
                f"{path}: expected at most {longest // 60} minutes of sound; got more: cut it first"
            )
        if not samples:
            raise UserError(f"{path}: expected sound; there is none in it")
        return {"seconds": samples / rate}
    if info.video is None:
        raise UserError(f"{path}: expected a video; the file holds no picture, only sound")
    if (duration := max(info.duration, read_length(file))) > longest:
        raise UserError(
            f"{path}: expected at most {longest // 60} minutes; got {float(duration) / 60:.1f}: cut it first"
        )
    scale = min(1.0, STILL_SIDE / max(info.video.width, info.video.height))
    width, height = (max(2, round(side * scale)) for side in (info.video.width, info.video.height))
    middle, whole = info.video.duration / 2, (0, 0, info.video.width, info.video.height)
    frames = read_frames(file, Fraction(1), width=width, height=height, box=whole, start=middle)
    Path(still).write_bytes(jpeg(next(frames)))
    size = {"width": info.video.width, "height": info.video.height}
    return {"seconds": float(info.duration), "has_sound": bool(info.sounds), **size}


def melody(path: str, watch: Watch) -> dict[str, Any]:
    """Writes a made-up melody to ``path``; returns what `look` returns of a sound."""
    from listen_and_move.demonstration import write_unheard

    write_unheard(Path(path))
    return {"seconds": float(probe(Path(path)).duration)}


def inspect(path: str, clip: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """Returns facts and advice on a video, the crop, a suggested one, and the scene that is learnt."""
    from listen_and_move.inspection.inspection import inspect as inspected

    found = inspected(Path(path), ClipConfig(**clip))
    facts, advice = found.lines()[: -len(found.advice) or None], [remark.message for remark in found.advice]
    suggested = found.figures.suggested_box
    scene = found.figures.span
    return {
        "facts": facts,
        "advice": advice,
        "box": found.figures.box,
        "suggested": suggested,
        "scene": scene,
    }


def prepare(path: str, out: str, watch: Watch) -> dict[str, Any]:
    """Writes a model file that plays a video with nothing learnt; returns what the page shows of it."""
    from listen_and_move.app.library import unlearnt
    from listen_and_move.inference.playable import unlearnt_model
    from listen_and_move.models.checkpoint import save_model

    found = unlearnt_model(Path(path))
    save_model(Path(out), found)
    return {"plays": unlearnt(found)}


def animate(
    model: str,
    sound: str,
    out: str,
    seed: int,
    gain: str,
    controls: dict[str, Any],
    paste: bool,
    picture: "Picture",
    by_sound: bool,
    watch: Watch,
) -> dict[str, Any]:
    """Writes the video of a sound that a model plays; returns its notes and its `chart`."""
    from listen_and_move.audio.loudness import parse_gain
    from listen_and_move.inference.generate import Progress, generate

    if takes_any_memory():
        allow_memory(None)
    else:
        _allow_model(model)
    told: list[str] = []

    def progress(news: Progress) -> None:
        told[:] = [note.message.removeprefix(f"{news.sound.name}: ") for note in news.notes]
        watch({"done": news.done, "total": news.frames, "notes": told})

    dials = Controls(**controls)
    generate(
        model,
        sound,
        out,
        seed=seed,
        gain=parse_gain(gain),
        controls=dials,
        paste=paste,
        picture=picture,
        mode="replay" if by_sound else "model",
        overwrite=True,
        watch=progress,
    )
    return {"notes": told, "chart": chart(Path(out))}


def share(model: str, credit: str, out: str, watch: Watch) -> dict[str, Any]:
    """Writes a model as a page without a server, in an archive; returns how much the page publishes."""
    from listen_and_move.sharing.page import Publication, export_page

    _allow_model(model)
    making = Path(out).with_suffix("")
    making.mkdir()

    def check(publication: Publication) -> None:
        if publication.bytes > MOST_SHARED_BYTES:
            raise UserError(
                f"expected a page of at most {MOST_SHARED_BYTES // MEGABYTE} MB; got "
                f"{publication.bytes // MEGABYTE}: export it by the command line"
            )

    def progress(done: int, total: int) -> None:
        watch({"done": done, "total": total})

    try:
        found = export_page(Path(model), making / "page", credit, tell=check, progress=progress)
        with replacing(out) as temporary, ZipFile(temporary, "w") as archive:
            for file in sorted(found.folder.iterdir()):
                archive.write(file, f"{Path(model).parent.name}-page/{file.name}")
    finally:
        shutil.rmtree(making)
    return {"seconds": found.seconds, "size": found.size, "bytes": Path(out).stat().st_size}


def chart(video: Path) -> dict[str, Any]:
    """Returns motion and loudness of a video over time, in at most 800 points.

    Motion is in shares of its largest, loudness in dB.
    """
    from listen_and_move.metrics.sync import loudness, motion_energy

    info = probe(video).video
    assert info is not None
    scale = min(1.0, CHART_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale)) for side in (info.width, info.height))
    whole, previous, motion = (0, 0, info.width, info.height), None, [0.0]
    for frame in read_frames(video, info.frame_rate, width=width, height=height, box=whole):
        if previous is not None:
            motion.append(float(motion_energy(np.stack([previous, frame]))[0]))
        previous = frame
    samples = np.concatenate(list(read_sound(video, CHART_RATE)))
    loud = loudness(samples, CHART_RATE, info.frame_rate, len(motion))
    top = max(motion) or 1.0
    return {
        "seconds": len(motion) / float(info.frame_rate),
        "motion": [round(value / top, 4) for value in _thinned(np.array(motion))],
        "loudness": [round(value, 1) for value in _thinned(loud)],
    }


def _thinned(values: np.ndarray) -> list[float]:
    """Returns the largest value of each of `CHART_POINTS` stretches, so that no stroke is lost."""
    return [float(stretch.max()) for stretch in np.array_split(values, min(len(values), CHART_POINTS))]


def picture(model: str, out: str, watch: Watch) -> dict[str, Any]:
    """Writes the picture of a model at rest, as large as it is shown."""
    from listen_and_move.audio.features import SAMPLE_RATE
    from listen_and_move.inference.playable import playable

    _allow_model(model)
    pipeline = playable(Path(model), device="cpu").pipeline
    frames = pipeline.frames([np.zeros(SAMPLE_RATE // 4, np.float32)])
    with replacing(out) as temporary:  # another request may write the same file
        temporary.write_bytes(jpeg(list(frames)[-1]))
    return {}


def _allow_model(model: str) -> None:
    """Lets this process map a model file, whose frames may have gigabytes, beyond its memory limit."""
    with suppress(OSError):  # loading the model reports a missing file
        allow_more_memory(Path(model).stat().st_size)


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "look": look,
    "melody": melody,
    "inspect": inspect,
    "prepare": prepare,
    "animate": animate,
    "picture": picture,
    "share": share,
}


def answered(request: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """Returns the result of a task, or the error in one sentence."""
    try:
        return {"result": TASKS[request["task"]](**request["arguments"], watch=watch)}
    except Exception as error:
        return {"error": told(error)}


def main() -> None:
    """Answers requests from stdin until it ends.

    The command line sets the limits of memory and open files.
    """
    memory, files = map(int, sys.argv[1:])
    for number in (signal.SIGINT, *hang_up()):  # the server handles these signals, and ends this process
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(POLITENESS)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    restrict_this(files)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        request = json.loads(line)
        allow_memory(memory)
        allow_seconds(request["seconds"])
        answer = answered(request, say)
        give_back()
        # After a large file the process says that its memory is spent, and the next task gets a new process.
        say({**answer, "spent": is_spent(memory)})


if __name__ == "__main__":
    main()
