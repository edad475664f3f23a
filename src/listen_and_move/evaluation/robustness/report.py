"""Page about unpaired sounds: figures of all clips and by class, the best and worst clips as pictures."""

import json
from collections.abc import Callable, Sequence

from listen_and_move.evaluation.json_records import as_json
from listen_and_move.evaluation.report.page import Html, page, picture, rendered, table
from listen_and_move.evaluation.report.tables import SIGNS, number
from listen_and_move.evaluation.results import DistributionResult
from listen_and_move.evaluation.robustness.results import (
    ClassedClip,
    ClassResult,
    Overall,
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


def report(results: RobustnessResults, learnt: bytes, seen: Callable[[str], bytes]) -> str:
    """Returns the whole page.

    Args:
        results: what was found.
        learnt: some frames that the model was trained on, PNG or JPEG.
        seen: gives some frames of a clip by its key.
    """
    title, found, plain = f"{results.run.name}: foreign sounds", results.overall, as_json(results)
    made = {name: plain[name] for name in ("run", "settings", "environment", "took_s", "model_settings")}
    body = rendered(
        "robustness.html",
        title=title,
        run=results.run,
        found=found,
        settings=results.settings,
        verdict=results.verdict,
        measures=_measures(found),
        silent=found.clips - found.sounding,
        motion_to_silence=number(found.motion_to_silent_sounds, 3),
        meanings=[(each.title, each.meaning) for each in SHOWN.values()],
        distribution=_distribution(results.distribution),
        classes_from=results.classes_from,
        classes=_classes(results.classes),
        sheets=_sheets(results, learnt, seen),
        refused=_refused(results.clips),
        every=_every(results.clips),
        left_out=[*results.left_out, *(f"{each.name}: {each.reason}" for each in results.skipped)],
        made=json.dumps(made, indent=1),
    )
    return page(title, [body], MAKER)


def _measures(found: Overall) -> Html:
    """Returns the table of all clips together."""
    rows = [
        [
            SHOWN[name].title + SIGNS[SHOWN[name].better],
            *_cells(name, each, tuple(QUANTITIES)),
            str(each.count),
        ]
        for name, each in found.measures.items()
    ]
    return table(["", *QUANTITIES.values(), "clips"], rows)


def _cells(name: str, found: Spread, keys: Sequence[str]) -> list[str]:
    return [number(getattr(found, key), SHOWN[name].digits) for key in keys]


def _distribution(found: Sequence[DistributionResult]) -> Html | None:
    """Returns the table of FID and the like; None where no network measures them."""
    if not found:
        return None
    header = ["", "value ↓", "standard error", "floor", "real frames", "generated", "note"]
    rows = [
        [
            each.measure,
            *map(number, (each.value, each.standard_error, each.floor)),
            *map(str, (each.real_samples, each.generated_samples, each.note)),
        ]
        for each in found
    ]
    return table(header, rows, text=(len(header) - 1,))


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


def _sheets(
    results: RobustnessResults, learnt: bytes, seen: Callable[[str], bytes]
) -> list[tuple[str, list[Html]]]:
    """Returns titles, each with pictures: learnt frames, and those of the best and the worst clips."""
    clips = {each.clip.name: each for each in results.clips}
    ranked = (("Nearest to what was learnt", results.best), ("Farthest from what was learnt", results.worst))
    return [
        ("Frames that were learnt, to compare with", [picture(learnt, "frames that were learnt")]),
        *(
            (
                title,
                [
                    picture(seen(clips[name].clip.key), f"frames to {name}", _caption(clips[name]))
                    for name in names
                ],
            )
            for title, names in ranked
        ),
    ]


def _caption(classed: ClassedClip) -> str:
    clip = classed.clip
    names = ("distance", "motion_ratio", "sharpness", "response")
    figures = ", ".join(
        f"{SHOWN[name].title} {number(clip.values[name], SHOWN[name].digits)}" for name in names
    )
    novelty = " ".join(number(value, 1) for value in clip.novelty or [])
    new = f", novelty second by second {novelty}" if novelty else ""
    return f"{clip.name} ({classed.label}), {clip.seconds:.1f} s from {clip.start_s:.1f} s on: {figures}{new}"


def _refused(clips: Sequence[ClassedClip]) -> list[tuple[str, DistributionResult]]:
    """Returns for each measure of distribution a clip without a figure, as an example, and the reason."""
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
