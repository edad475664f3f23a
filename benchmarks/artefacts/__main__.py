"""Skip, residual and basic connections in generator and discriminators, as the sound moves away.

    python -m benchmarks.artefacts VIDEO [--out FOLDER] [--seeds 3] [--snr inf 20 10 5 0 -5] [settings]

Five rows of the preset `paper` at 128 pixels are trained and measured by `listen_and_move.ablations`;
settings are those of `listen-and-move train`, and hold for all. Then each model plays its held-out sound with
noise on the features (`playing.noisy` says what S/N is). Measured at each S/N are the share of the area with
colours that the clip never had there (`patches`), sharpness in the moving region against the real frames,
SSIM, distance to the nearest training frame, flicker and motion. Written are artefacts.json, artefacts.md and
a sheet of pictures for each seed: the same instant by row and S/N. The same command goes on where it stopped.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import Positional

from benchmarks.artefacts.figures import findings, findings_table, level_title, sheet, tables
from benchmarks.artefacts.playing import NoisyPlay, PlayedFiles, played_run
from benchmarks.machine import machine
from listen_and_move import interrupts
from listen_and_move.ablations.ablation import PRESET, ablation
from listen_and_move.cli.arguments import ClusterOption, SettingsOptions, parse
from listen_and_move.cli.commands import INTERRUPTED
from listen_and_move.cli.progress import progress_bars, stage_watch, study_watch
from listen_and_move.errors import UserError
from listen_and_move.evaluation.json_records import write_json
from listen_and_move.media.replacing import replacing
from listen_and_move.runs import write_text
from listen_and_move.settings import from_preset

ROWS = (
    "published:generator.connections=residual,critics.connections=skip",
    "g-skip:generator.connections=skip,critics.connections=skip",
    "g-basic:generator.connections=basic,critics.connections=skip",
    "d-residual:generator.connections=residual,critics.connections=residual",
    "d-basic:generator.connections=residual,critics.connections=basic",
)
"""Each part's connections, the other part as published: residual generator, skip discriminators."""
LEVELS = (inf, 20.0, 10.0, 5.0, 0.0, -5.0)
SETTINGS: dict[str, Any] = {"clip.size": "128"}
"""Of all rows, upon the preset `paper`."""
STOPPED = "stopped. The same command goes on from what is saved."


@dataclass(frozen=True, kw_only=True)
class ArtefactsArguments(SettingsOptions, ClusterOption):
    """Skip, residual and basic connections, as the sound moves away from training."""

    video: Positional[Path]
    """A film with sound; part of it is held out."""
    out: Path = Path("artefacts")
    """Where runs, figures and pictures go."""
    seeds: int = 3
    """Runs of each row, with seeds from 0 on."""
    snr: tuple[float, ...] = LEVELS
    """S/N of the features in dB, besides the sound as it is (inf)."""


def study(
    video: Path,
    out: Path,
    settings: Mapping[str, Any],
    *,
    preset_name: str = PRESET,
    rows: Sequence[str] = ROWS,
    seeds: int = 3,
    levels: Sequence[float] = LEVELS,
    device: str = "auto",
    cluster: str | None = None,
) -> list[str] | None:
    """Trains, plays and measures all rows as far as that is not done, and writes what was found.

    Args:
        video: a film with sound.
        out: where everything goes.
        settings: for all rows.
        preset_name: what all rows start from.
        rows: as of `ablations.rows.parse_rows`.
        seeds: 0 to this number less 1.
        levels: S/N of the features in dB, besides the sound as it is.
        device: auto, cpu, cuda or mps.
        cluster: where runs are trained at the same time, see `ablation`.

    Returns:
        Lines of Markdown; None where it was interrupted.

    Raises:
        UserError: as of `ablation`, or a level that is no S/N.
    """
    if not levels or any(isnan(level) or level == -inf for level in levels):
        raise UserError(f"snr: expected dB, such as 20 and 0, or inf; got {', '.join(map(str, levels))}")
    levels = sorted({inf, *levels}, reverse=True)
    names, played = [row.partition(":")[0] for row in rows], out / "played"
    with progress_bars() as (bars, _):
        trained = ablation(
            video,
            out,
            preset_name=preset_name,
            rows=rows,
            seeds=seeds,
            settings=settings,
            device=device,
            cluster=cluster,
            watch=study_watch(bars, "artefacts"),
        )
        if not trained.finished:
            return None
        runs: list[NoisyPlay] = []
        watch = stage_watch(bars)
        for row in names:
            for seed in range(seeds):
                watch("playing", len(runs), len(names) * seeds)
                runs.append(played_run(row, out / f"{row}-seed{seed}", video, levels, played, device))
    found, steps = findings(runs), from_preset(preset_name, dict(settings)).training.steps
    lines = [*findings_table(found), *tables(runs), f"{video.name}, after {steps} steps, {seeds} seeds."]
    write_json(
        out / "artefacts.json",
        {"format": 1, "machine": machine(), "video": video.name, "preset": preset_name}
        | {"settings": settings, "steps": steps, "findings": found, "runs": runs},
    )
    write_text(out / "artefacts.md", "\n".join([*lines, ""]))
    for seed in range(seeds):
        pictures = [np.load(PlayedFiles.of(played, row, seed).pictures) for row in names]
        columns = [level_title(level.snr_db) for level in runs[0].levels]
        with replacing(out / f"sheet-seed{seed}.png") as temporary:
            temporary.write_bytes(sheet(names, columns, pictures))
    return lines


def main() -> None:
    """Runs the study and prints what was found; leaves with the exit codes of the command `ablation`."""
    interrupts.install()
    try:
        options = parse(ArtefactsArguments, "benchmarks.artefacts", sys.argv[1:], program="python -m")
        lines = study(
            options.video,
            options.out,
            SETTINGS | options.settings(),
            preset_name=options.preset or PRESET,
            seeds=options.seeds,
            levels=options.snr,
            device=options.device,
            cluster=options.cluster,
        )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        lines = None
    print(STOPPED if lines is None else "\n".join(lines))
    sys.exit(0 if lines is not None else INTERRUPTED)


if __name__ == "__main__":
    main()
