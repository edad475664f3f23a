"""Many sounds over the workers of a cluster: each task is some of them, played as `generate` plays them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.distribution.cluster import mapped, portions
from listen_and_move.inference.generate import Progress, generate
from listen_and_move.inference.output_files import checked_outputs

MOST_SOUNDS = 16
"""Sounds of a task, which loads the model once."""
PATHS = ("video", "path_list")
"""Options of `generate` that name a file or none."""


class _Sounds(NamedTuple):
    """Some sounds to play."""

    model: Path
    sounds: Sequence[Path]
    out: str
    options: dict[str, Any]


def generate_on_cluster(
    cluster: str,
    model: Path | str,
    sounds: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> list[Path]:
    """Play a model with sounds, several at the same time.

    Sounds of a worker that is lost are played by another one, from their beginning.

    Args:
        cluster: see `distribution.cluster.mapped`; its workers see the same files under the same names.
        model: as of `generate`, like all that follow.
        sounds: files with sound.
        out: where the files go.
        watch: called now and then, and after the last frame of each sound.
        **options: other arguments of `generate`.

    Returns:
        The files written, in the order of the sounds.

    Raises:
        UserError: as of `generate`, or there is no such cluster, or it is gone.
    """
    sources = [Path(sound) for sound in sounds]
    outputs = checked_outputs(Path(model), sources, out, **options)
    place = f"{outputs[0].parent.absolute()}/" if len(sources) > 1 else str(outputs[0].absolute())
    named = {
        path.absolute(): pair for path, pair in zip(sources, zip(sources, outputs, strict=True), strict=True)
    }
    # Outputs were looked for above: one that is there later is of a worker that was lost just after it.
    common = {**options, "overwrite": True}
    common |= {name: Path(path).absolute() for name in PATHS if (path := options.get(name)) is not None}
    if options.get("sign") is not None:
        common["sign"] = tuple(Path(path).absolute() for path in options["sign"])
    absolute = [path.absolute() for path in sources]
    tasks = [_Sounds(Path(model).absolute(), some, place, common) for some in portions(absolute, MOST_SOUNDS)]

    def told(number: int, progress: Progress) -> None:
        sound, out = named[progress.sound]
        watch(progress._replace(sound=sound, out=out))

    for number, ended in mapped(_played, tasks, cluster, told):
        for progress in ended:
            told(number, progress)
    return outputs


def _played(task: _Sounds, told: Callable[[Progress], None]) -> list[Progress]:
    """Plays some sounds.

    Args:
        task: the sounds.
        told: given the progress of the one that is played.

    Returns:
        The last progress of each.
    """
    ended: dict[Path, Progress] = {}

    def watch(progress: Progress) -> None:
        ended[progress.out] = progress
        told(progress)

    generate(task.model, task.sounds, task.out, watch=watch, **task.options)
    return [*ended.values()]
