"""The files that sounds are played into: their names, and whether they may be written."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from listen_and_move.errors import UserError
from listen_and_move.inference.playable import inputs_of, is_video
from listen_and_move.media.edit_list import check_name
from listen_and_move.media.replacing import check_no_input, short_name
from listen_and_move.media.video import Codec
from listen_and_move.provenance.signing import SigningFiles
from listen_and_move.runs import model_path

LONGEST_OUTPUT = 180
"""Bytes of a name that is made from those of sound and model: room for what a user adds to it."""


def checked_outputs(
    model: Path,
    sounds: Sequence[Path],
    out: Path | str | None,
    *,
    codec: Codec = "auto",
    path_list: Path | str | None = None,
    paste: bool = False,
    video: Path | str | None = None,
    sign: SigningFiles | None = None,
    overwrite: bool = False,
    **others: Any,
) -> list[Path]:
    """Returns the files that `generate` writes, before any is begun.

    Args:
        model: as of `generate`, like all that follow.
        sounds: in whose order the files are.
        out: where they go.
        codec: of the files.
        path_list: another file that is written.
        paste: whether the video is read.
        video: where it is now.
        sign: files that are read.
        overwrite: whether files may be there.
        **others: arguments of `generate` that change nothing here.

    Raises:
        UserError: a file is there, or is read as well, or two would be one; or a list of several sounds.
    """
    file = model if is_video(model) else model_path(model)
    outputs = _outputs(
        sounds, file, None if out is None else str(out), ".mov" if codec == "prores" else ".mp4"
    )
    place = None if video is None else Path(video)
    inputs = inputs_of(model, place, needs_video=paste or video is not None)
    listed = None if path_list is None else Path(path_list)
    if listed is not None:
        check_name(listed)
        if len(sounds) > 1:
            raise UserError(f"{listed}: expected one sound, whose moments are listed; got {len(sounds)}")
    inputs = [*sounds, *inputs, *map(Path, sign or ())]
    _check_outputs(inputs, outputs if listed is None else [*outputs, listed], overwrite)
    return outputs


def _outputs(sounds: Sequence[Path], model: Path, out: str | None, ending: str) -> list[Path]:
    name = model.parent.name if model.name == "model.safetensors" and model.parent.name else model.stem
    names = [
        short_name(_one_line(sound.stem), f"-{_one_line(name)}{ending}", LONGEST_OUTPUT) for sound in sounds
    ]
    if out is None:
        return [Path(name) for name in names]
    if len(sounds) > 1 and Path(out).suffix:
        raise UserError(f"{out}: expected a folder for {len(sounds)} sounds; got the name of one file")
    if len(sounds) > 1 or out.endswith(("/", "\\")) or Path(out).is_dir():
        return [Path(out) / name for name in names]
    return [Path(out)]


def _one_line(name: str) -> str:
    return "".join(each if each.isprintable() else " " for each in name)


def _check_outputs(inputs: Sequence[Path], outputs: Sequence[Path], overwrite: bool) -> None:
    """Before the first frame: an output that exists, is asked for twice, or is an input."""
    places = [os.path.realpath(out) for out in outputs]
    for index, out in enumerate(outputs):
        if places[index] in places[:index]:
            raise UserError(
                f"{out}: expected a different name for each sound; two sounds would be written there: give "
                "them one by one"
            )
        check_no_input(out, inputs)
        if out.exists() and not overwrite:
            raise UserError(f"{out}: expected a new file; it exists", "choose another --out, or --overwrite")
