"""Page about unpaired sounds: figures of all clips and by class, the best and worst clips as pictures."""

import json
from collections.abc import Callable, Sequence

from listen_and_move.evaluation.json_records import as_json
from listen_and_move.evaluation.report.page import (
    Html,
    definitions,
    folded,
    heading,
    listing,
    page,
    paragraph,
    picture,
    scrolling,
    table,
)
from listen_and_move.evaluation.report.tables import SIGNS, number
from listen_and_move.evaluation.results import DistributionResult
from listen_and_move.evaluation.robustness.results import (
    ClassedClip,
    ClassResult,
    RobustnessResults,
    Spread,
)
from listen_and_move.evaluation.robustness.summary import QUANTITIES, SHOWN

MAKER = "robustness"
OF_CLASS = (
    "novelty",
    "response",
    "response_shifted",
    "motion_silenced",
    "motion_ratio",
    "sharpness",
    "distance",
    "newness",
    "onset_correlation",
)
"""Measures in the table of classes."""
RANKING = (
    "Ranked by how natural the picture stays: by its distance to the nearest training frame. Near is no "
    "merit of its own: a "
    "picture that stands still is near as well, so read motion and response beside it."
)


def report(results: RobustnessResults, learnt: bytes, seen: Callable[[str], bytes]) -> str:
    """Returns the whole page.

    Args:
        results: what was found.
        learnt: some frames that the model was trained on, PNG or JPEG.
        seen: gives some frames of a clip by its key.
    """
    title = f"{results.run.name}: foreign sounds"
    return page(
        title,
        [*_head(title, results), *_figures(results), *_pictures(results, learnt, seen), *_rest(results)],
        MAKER,
    )


def _head(title: str, results: RobustnessResults) -> list[Html]:
    run, found, settings = results.run, results.overall, results.settings
    about = (
        f"Learnt from {run.video}, step {run.step}, {run.width} x {run.height} pixels. Played "
        f"with {found.clips} "
        f"clips of {settings.play.seconds} s from {settings.sounds}: {found.seconds:.0f} s, "
        f"{found.frames} frames."
    )
    return [heading(title, 1), paragraph(about, "soft"), paragraph(results.verdict, "verdict")]


def _figures(results: RobustnessResults) -> list[Html]:
    """Tables of all clips together, of the distribution, and by class."""
    found = results.overall
    header = ["", *QUANTITIES.values(), "clips"]
    rows = [
        [
            SHOWN[name].title + SIGNS[SHOWN[name].better],
            *_cells(name, each, tuple(QUANTITIES)),
            str(each.count),
        ]
        for name, each in found.measures.items()
    ]
    note = (
        "There is no real video to these sounds: motion and sharpness are over those of the training part. "
        "Each is played as "
        "loud as the training sound, by one gain of at most 20 dB, as generate plays it. ↑ more is better, → "
        "the value to come "
        "close to."
    )
    silent = found.clips - found.sounding
    rest = (
        f"{silent} clips are silent and not in this table; motion to them: "
        f"{number(found.motion_to_silent_sounds, 3)}."
    )
    return [
        heading("All clips"),
        paragraph(note, "soft"),
        table(header, rows),
        *([paragraph(rest)] if silent else []),
        definitions((each.title, each.meaning) for each in SHOWN.values()),
        heading("Distribution"),
        *_distribution(results.distribution),
        heading("By class of sound"),
        paragraph(f"Means of the clips that are not silent. Classes from: {results.classes_from}.", "soft"),
        _classes(results.classes),
    ]


def _cells(name: str, found: Spread, keys: Sequence[str]) -> list[str]:
    return [number(getattr(found, key), SHOWN[name].digits) for key in keys]


def _distribution(found: Sequence[DistributionResult]) -> list[Html]:
    if not found:
        return [paragraph("Not measured: the network for it is not there (see what was left out, below).")]
    about = (
        "Frames of all clips against the first half of the real video; the floor is that of its second half "
        "at the same count: "
        "no generator can be expected to do better."
    )
    header = ["", "value ↓", "standard error", "floor", "real frames", "generated", "note"]
    rows = [
        [
            each.measure,
            *map(number, (each.value, each.standard_error, each.floor)),
            *map(str, (each.real_samples, each.generated_samples, each.note)),
        ]
        for each in found
    ]
    return [paragraph(about, "soft"), table(header, rows, text=(len(header) - 1,))]


def _classes(found: Sequence[ClassResult]) -> Html:
    header = ["", "clips", "sound used", *(SHOWN[name].title for name in OF_CLASS)]
    rows = [
        [
            each.name,
            str(each.overall.clips),
            f"{each.overall.used} of {each.overall.sounding}",
            *(cell for name in OF_CLASS for cell in _cells(name, each.overall.measures[name], ("mean",))),
        ]
        for each in found
    ]
    return table(header, rows)


def _pictures(results: RobustnessResults, learnt: bytes, seen: Callable[[str], bytes]) -> list[Html]:
    clips = {each.clip.name: each for each in results.clips}
    parts = [heading("Best and worst clips"), paragraph(RANKING, "soft")]
    sheets = [("Frames that were learnt, to compare with", [picture(learnt, "frames that were learnt")])]
    for title, names in (
        ("Nearest to what was learnt", results.best),
        ("Farthest from what was learnt", results.worst),
    ):
        shown = [
            picture(seen(clips[name].clip.key), f"frames to {name}", _caption(clips[name])) for name in names
        ]
        sheets += [(title, shown)] if shown else []
    for title, shown in sheets:
        parts += [heading(title, 3), scrolling(Html("\n".join(shown)), "sheet")]
    return parts


def _caption(classed: ClassedClip) -> str:
    clip = classed.clip
    names = ("distance", "motion_ratio", "sharpness", "response")
    figures = ", ".join(
        f"{SHOWN[name].title} {number(clip.values[name], SHOWN[name].digits)}" for name in names
    )
    novelty = " ".join(number(value, 1) for value in clip.novelty or [])
    new = f", novelty second by second {novelty}" if novelty else ""
    return f"{clip.name} ({classed.label}), {clip.seconds:.1f} s from {clip.start_s:.1f} s on: {figures}{new}"


def _rest(results: RobustnessResults) -> list[Html]:
    plain = as_json(results)
    made = {name: plain[name] for name in ("run", "settings", "environment", "took_s", "model_settings")}
    skipped = [f"{each.name}: {each.reason}" for each in results.skipped]
    return [
        heading("Every clip"),
        *(
            paragraph(f"{each.measure} of {name}: {each.note}", "soft")
            for name, each in _refused(results.clips)
        ),
        _every(results.clips),
        heading("What was left out"),
        listing([*results.left_out, *skipped]) if results.left_out or skipped else paragraph("Nothing."),
        heading("How it was made"),
        folded("All settings", json.dumps(made, indent=1)),
    ]


def _refused(clips: Sequence[ClassedClip]) -> list[tuple[str, DistributionResult]]:
    """A clip without a figure for each measure of distribution, and why: one clip stands for all."""
    notes = {
        each.measure: (classed.clip.name, each)
        for classed in clips
        for each in classed.clip.distribution
        if each.note
    }
    return list(notes.values())


def _every(clips: Sequence[ClassedClip]) -> Html:
    measures = [(title, at) for at, title in enumerate(each.measure for each in clips[0].clip.distribution)]
    header = [
        "",
        "class",
        "seconds",
        "sound used",
        *(each.title for each in SHOWN.values()),
        *(title for title, _ in measures),
    ]
    rows = [
        [
            clip.name,
            label,
            f"{clip.seconds:.1f}",
            "silent" if clip.silent else "yes" if clip.used else "no",
            *(number(clip.values.get(name), measure.digits) for name, measure in SHOWN.items()),
            *(number(clip.distribution[at].value) for _, at in measures),
        ]
        for label, clip in ((each.label, each.clip) for each in clips)
    ]
    return table(header, rows)
