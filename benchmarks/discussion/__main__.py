"""Train and measure what the paper's author tried without gain, and write the table.

    python -m benchmarks.discussion VIDEO --steps N --seeds 3 --out FOLDER [settings]

Settings are those of `listen-and-move train`, and hold for all rows; `--rows published joint` takes some of
them. The same command goes on where it stopped, and with more steps from those that are done.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from benchmarks.discussion.rows import ROWS, SETTINGS
from listen_and_move import interrupts
from listen_and_move.ablations.ablation import PRESET, Study, Watch, ablation
from listen_and_move.cli.arguments import ClusterOption, SettingsOptions, parse
from listen_and_move.cli.commands import INTERRUPTED
from listen_and_move.cli.output import print_lines
from listen_and_move.cli.progress import progress_bars, study_watch
from listen_and_move.errors import UserError
from listen_and_move.settings import from_preset


@dataclass(frozen=True, kw_only=True)
class DiscussionArguments(SettingsOptions, ClusterOption):
    """Learn a video by the published method, and with each change that its author tried without gain."""

    video: Positional[Path]
    """Any file with picture and sound."""
    out: Path
    """Where the runs and the table go."""
    rows: tuple[str, ...] = tuple(ROWS)
    """Which; others are compared with the first one."""
    seeds: int = 3
    """Runs of each row, with seeds from 0 on."""


def main() -> None:
    """Trains, measures and prints; leaves with the exit codes of the command `ablation`."""
    interrupts.install()
    try:
        options = parse(DiscussionArguments, "benchmarks.discussion", sys.argv[1:], program="python -m")
        with progress_bars() as (bars, console):
            found = study(options, study_watch(bars, "discussion"))
        print_lines(console, found.lines())
        sys.exit(0 if found.finished else INTERRUPTED)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def study(options: DiscussionArguments, watch: Watch) -> Study:
    """Returns the study that was asked for.

    Raises:
        UserError: as of `ablation`; there is no such row, steps are to be recorded, or features are others
            than the decibels that some rows bring to [-1, 1].
    """
    if unknown := [name for name in options.rows if name not in ROWS]:
        raise UserError(f"rows: expected some of {', '.join(ROWS)}; got {unknown[0]!r}")
    settings = SETTINGS | options.settings()
    if settings.get("training.speed") == "fast":
        raise UserError(
            "training.speed: expected exact, since a recorded step repeats what a row draws; got fast"
        )
    preset_name = options.preset or PRESET
    features = from_preset(preset_name, settings).features
    if features.kind != "lms" or features.standardise:
        standardised = ", standardised" if features.standardise else ""
        raise UserError(f"features: expected lms as they are; got {features.kind}{standardised}")
    return ablation(
        options.video,
        options.out,
        preset_name=preset_name,
        rows={name: ROWS[name] for name in options.rows},
        seeds=options.seeds,
        settings=settings,
        device=options.device,
        cluster=options.cluster,
        watch=watch,
    )


if __name__ == "__main__":
    main()
