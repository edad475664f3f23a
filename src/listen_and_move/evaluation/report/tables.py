"""Tables of the figures of an evaluation for a page, each with what its columns mean."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from listen_and_move.evaluation.baselines import MODEL
from listen_and_move.evaluation.interpretation import PERCEPTUAL, best_baseline
from listen_and_move.evaluation.measures import MEASURES, formatted
from listen_and_move.evaluation.report.page import Html, definitions, heading, paragraph, table
from listen_and_move.evaluation.results import (
    Altered,
    Chance,
    EvaluationResults,
    Rows,
    Sampled,
    Sensitivity,
    UnpairedResult,
)

SIGNS: Mapping[str, str] = {"more": " ↑", "less": " ↓", "1": " → 1", "0": " → 0", "": ""}
"""Which way is better."""
BY_FLOW = ("tof", "warping_error")
"""Measures that look at a sample of pairs only."""


def number(value: float | None, digits: int = 3) -> str:
    """Returns a figure that is no measure of a row as it is printed; a dash where there is none."""
    return "-" if value is None or not isfinite(value) else f"{value:.{digits}f}"


def titled(name: str) -> str:
    """Returns the title of a measure with a sign for which way is better."""
    return MEASURES[name].title + SIGNS[MEASURES[name].better]


def measured(rows: Iterable[Mapping[str, float | None]]) -> list[str]:
    """Returns the measures for which any of the rows has an entry, in their order."""
    names = {name for values in rows for name in values}
    return [name for name in MEASURES if name in names]


def groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Returns measures by group."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(MEASURES[name].group, []).append(name)
    return found


def measure_tables(results: EvaluationResults) -> list[Html]:
    """Returns one table per group of measures, with all rows."""
    rows = results.by_row()
    parts = [
        paragraph(
            "↑ more is better, ↓ less is better, → the value to come close to; without a sign: read it "
            "beside the real "
            "video's own value. Marked: the best baseline, where it beats the model.",
            "soft",
        )
    ]
    for group, names in groups(measured(rows.values())).items():
        parts += [heading(group, 3), _group_table(rows, names), _meanings(names, results.sampled)]
    return parts


def _group_table(rows: Rows, names: Sequence[str]) -> Html:
    order = list(rows)
    best = ((best_baseline(rows, name), column) for column, name in enumerate(names, 1))
    marked = {(order.index(row), column) for row, column in best if row is not None}
    cells = [[row, *(formatted(name, rows[row].get(name)) for name in names)] for row in order]
    return table(["", *map(titled, names)], cells, strong=(MODEL,), marked=marked)


def _meanings(names: Sequence[str], sampled: Sampled) -> Html:
    counts = dict.fromkeys(PERCEPTUAL, sampled.perceptual_frames) | dict.fromkeys(BY_FLOW, sampled.flow_pairs)
    places = {name: f" (at {count} places spread evenly)" for name, count in counts.items()}
    return definitions(
        (MEASURES[name].title, MEASURES[name].meaning + places.get(name, "")) for name in names
    )


def chance_table(null: Mapping[str, Chance | None], rows: Rows) -> list[Html]:
    """Returns dcor of each row that moves beside what it is at wrong times.

    Args:
        null: dcor at wrong times by row.
        rows: figures by row and measure.
    """
    header = [
        "",
        "dcor",
        "above the mean",
        "p",
        "mean at wrong times",
        "95 % stay below",
        "largest",
        "wrong times",
    ]
    cells = []
    for row, chance in null.items():
        figures, shifts = ([None] * 5, 0) if chance is None else (chance[:5], chance.shifts)
        cells.append([row, formatted("dcor", rows[row].get("dcor")), *map(number, figures), str(shifts)])
    note = (
        "Periodic playing makes dcor high by accident: here the real video is shifted in a circle against "
        "each row. "
        "Neighbouring shifts are alike, so p is rough."
    )
    return [heading("dcor at wrong times", 3), table(header, cells, strong=(MODEL,)), paragraph(note, "soft")]


ALTERED = ("motion_correlation", "loudness_correlation", "onset_correlation", "av_align")
"""Measures that are taken with altered sound as well."""


def altered_table(altered: Mapping[str, Altered]) -> Html:
    """Returns a table of what other sounds do to the picture.

    What needs a real video is left out where there is none.

    Args:
        altered: by sound: right, shifted, shuffled, silent.
    """
    judged = any(result.dcor is not None for result in altered.values())
    taken = [
        name for name in ALTERED if any(result.values.get(name) is not None for result in altered.values())
    ]
    titles = [MEASURES[name].title for name in taken]
    header = [
        "sound",
        "response",
        "motion",
        *titles,
        *(["dcor", "effect size", "p", "segments"] if judged else []),
    ]
    cells = []
    for name, result in altered.items():
        size, p, pairs = result.effect or (None, None, 0)
        more = [number(result.dcor), number(size, 2), number(p), str(pairs)]
        figures = [formatted(each, result.values.get(each)) for each in taken]
        cells.append(
            [
                name,
                number(result.response, 2),
                number(result.motion_ratio, 2),
                *figures,
                *(more if judged else []),
            ]
        )
    return table(header, cells, strong=("right",))


def sensitivity_part(sensitivity: Sensitivity, dcor: float | None) -> list[Html]:
    """Returns the section on whether the sound is used: the table and its meaning.

    Args:
        sensitivity: what altered sounds do to the picture.
        dcor: of the whole part with the right sound.
    """
    about = (
        f"The first {sensitivity.frames} frames with the right sound, and with it shifted (at the wrong "
        "time), shuffled "
        "(pieces of half a second in random order) and silent; always held against the right sound and the "
        "real video. "
        f"dcor of the whole part with the right sound: {number(dcor)}."
    )
    meanings = [
        (
            "response",
            "change of the picture over what the real video changes over time: 0 the sound is ignored",
        ),
        ("motion", "motion with this sound over that with the right one"),
        (
            "effect size",
            "how much better segments of a second follow the real video with the right sound: 0.2 small, 0.8 "
            "large",
        ),
        ("p", "how often random signs of the differences give as large an effect"),
    ]
    return [paragraph(about, "soft"), altered_table(sensitivity.altered), definitions(meanings)]


def distribution_part(results: EvaluationResults) -> list[Html]:
    """Returns FID, KID, FVD and KVD with their floor and counts, or why there are none."""
    found = results.distribution
    if not found:
        return [paragraph("Not measured: the networks for it are not there (see what was left out, below).")]
    header = ["measure", "row", "value ↓", "standard error", "floor", "real samples", "generated", "note"]
    cells = [
        [
            each.measure,
            each.row,
            *map(number, (each.value, each.standard_error, each.floor)),
            str(each.real_samples),
            str(each.generated_samples),
            each.note,
        ]
        for each in found
    ]
    protocols = {
        "equal": "as many generated as real samples, and no number where they are too few to mean anything",
        "paper": (
            "all samples however few, as papers print them; biased, so not to be compared between counts"
        ),
    }
    floor = (
        "The floor is what real frames of the training part score at this count: no generator "
        "can be expected to do better."
    )
    about = f"Protocol: {results.protocol} ({protocols[results.protocol]}). {floor}"
    return [paragraph(about, "soft"), table(header, cells, text=(1, len(header) - 1))]


def sounds_table(sounds: Sequence[UnpairedResult]) -> list[Html]:
    """Returns a table of sounds that have no picture of their own."""
    names = measured(sound.values for sound in sounds)
    cells = [
        [
            sound.name,
            number(sound.seconds, 1),
            *(formatted(name, sound.values.get(name)) for name in names),
        ]
        for sound in sounds
    ]
    note = (
        "There is no real video to these sounds: motion and sharpness are over those of the training part. "
        "They are played as "
        "loud as the training sound, by one gain of at most 20 dB, as generate plays them."
    )
    return [table(["", "seconds", *(MEASURES[name].title for name in names)], cells), paragraph(note, "soft")]


def novelty_line(novelty: Sequence[float] | None) -> list[Html]:
    """Returns a line on the novelty of a sound, second by second; nothing where it is not known."""
    if novelty is None:
        return []
    return [
        paragraph(
            f"Novelty of the sound, second by second: {' '.join(number(value, 1) for value in novelty)}.",
            "soft",
        )
    ]


def made_table(results: EvaluationResults) -> Html:
    """Returns a table of how the figures came about: model, part, device, versions, hashes."""
    run, span, environment = results.run, results.span, results.environment
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items() if version)
    facts = [
        (
            "model",
            f"{run.name}, step {run.step}, {run.parameters:,} numbers, {run.model_bytes / 1e6:.1f} MB",
        ),
        ("model's sha256", run.model_sha256),
        ("learnt video", run.video),
        ("its sha256", run.video_sha256),
        (
            "measured",
            f"{span.video}, {span.name}: {span.seconds:.2f} s from {span.start_s:.2f} s on",
        ),
        (
            "frames",
            f"{span.frames} of {span.width} x {span.height} pixels, {span.fps} per second",
        ),
        ("device", f"{environment.device}, {environment.threads} threads"),
        ("platform", f"{environment.platform}, Python {environment.python}"),
        ("versions", versions),
        ("commit", environment.commit or "-"),
        ("took", f"{results.took_s:.0f} s"),
    ]
    return table(["", ""], [[name, str(value)] for name, value in facts], text=(1,))
