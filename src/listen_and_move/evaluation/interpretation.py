"""Interpretation of the figures of an evaluation in plain words: each sentence is computed from them."""

from collections.abc import Mapping
from math import inf, isfinite, log

from listen_and_move.config import LossConfig
from listen_and_move.evaluation.baselines import MEAN, MODEL, NEAREST, PATH, REAL
from listen_and_move.evaluation.dataset import HELD_OUT, TRAINING
from listen_and_move.evaluation.measures import MEASURES, formatted
from listen_and_move.evaluation.results import Chance, EvaluationResults, MeasuredPart, Rows, Settings
from listen_and_move.evaluation.sensitivity import CHANCE, LEAST_SHIFTS
from listen_and_move.metrics.alignment import SILENT_DB

PERCEPTUAL = ("lpips_alex", "lpips_vgg", "lpips_squeeze", "perceptual_squeeze_caffe")
"""Measures by which the picture is judged, the most trusted first."""
REPLAYS = {NEAREST: "the replay (nearest sound)", PATH: "the replay (smooth path)"}
"""Rows of real frames played again, as they are called in a sentence."""
FEW_FRAMES = 100
"""Fewer make every figure uncertain."""
SILENT = "The sound of this part is silent: how the picture follows a sound cannot be told from it."
WEAK = 0.3
"""A correlation of motion below this says nothing about its lag."""


def interpretation(results: EvaluationResults) -> list[str]:
    """Returns sentences about one evaluation; what is not known is left out, or said to be unknown."""
    rows = results.by_row()
    chance, silent = results.null.get(MODEL), results.sensitivity.altered["silent"]
    found = [
        _what_was_measured(results.span),
        _picture(rows),
        _sharpness(rows[MODEL]),
        _liveliness(rows[MODEL]),
        _timing(rows, chance),
        _lag(rows[MODEL]),
        SILENT if is_silent(results) else _silence(rows[MODEL], silent.motion_ratio),
        _memory(rows[MODEL]),
        _baselines(rows),
        substitution(results.settings),
    ]
    return [sentence for sentence in found if sentence]


def substitution(settings: Settings) -> str:
    """Returns a sentence about a perceptual loss by another network than the paper's; else an empty one."""
    losses, published = settings["losses"], LossConfig.perceptual_network
    if not losses["perceptual"] or losses["perceptual_network"] == published:
        return ""
    return (
        f"Trained with a perceptual loss by {losses['perceptual_network']} in place of the "
        f"paper's {published}."
    )


def is_silent(results: EvaluationResults) -> bool:
    """Returns whether nothing is heard in the part that was measured."""
    return results.series is not None and max(results.series.loudness) < SILENT_DB


def known(value: float | None) -> bool:
    """Returns whether there is a figure that can be compared."""
    return value is not None and isfinite(value)


def goodness(name: str, value: float | None) -> float | None:
    """Returns how good a figure is, as it is printed: more is better.

    None where there is no figure, or no better and worse.

    Args:
        name: of the measure.
        value: its figure.
    """
    better = MEASURES[name].better
    if value is None or not isfinite(value) or not better:
        return None
    printed = round(value, MEASURES[name].digits)
    if better == "1":
        return -abs(log(printed)) if printed > 0 else -inf
    return {"more": printed, "less": -printed, "0": -abs(printed)}[better]


def best_baseline(rows: Rows, name: str) -> str | None:
    """Returns the best baseline in a measure, if it is better than the model.

    None if none is, or nothing can be said.

    Args:
        rows: figures by row and measure.
        name: of the measure.
    """
    own = goodness(name, rows[MODEL].get(name))
    others = {
        row: goodness(name, values.get(name)) for row, values in rows.items() if row not in (REAL, MODEL)
    }
    found = {
        row: value for row, value in others.items() if value is not None and own is not None and value > own
    }
    return max(found, key=lambda row: found[row]) if found else None


def _what_was_measured(span: MeasuredPart) -> str:
    size = f"{span.frames} frames, {span.seconds:.1f} s"
    few = " So few frames make every figure uncertain." if span.frames < FEW_FRAMES else ""
    if span.name == TRAINING:
        return (
            f"Measured on frames that were trained on ({size}): how well they were learnt, not how "
            f"well sound is followed.{few}"
        )
    where = (
        "the part that was held out of training" if span.name == HELD_OUT else f"another video, {span.video}"
    )
    return f"Measured on {where} ({size}).{few}"


def _picture(rows: Rows) -> str:
    """Sentence on whether the model is closer to the real video than a still and than replayed frames."""
    name = next((name for name in PERCEPTUAL if known(rows[MODEL].get(name))), "mse")
    own = goodness(name, rows[MODEL].get(name))
    if own is None:
        return ""
    replay = max(REPLAYS, key=lambda row: _or_worst(goodness(name, rows.get(row, {}).get(name))))
    rivals = {"the mean frame": rows.get(MEAN, {}).get(name), REPLAYS[replay]: rows.get(replay, {}).get(name)}
    judged = {who: goodness(name, value) for who, value in rivals.items()}
    closer = [who for who, value in judged.items() if value is not None and own > value]
    behind = [who for who, value in judged.items() if value is not None and own <= value]
    against = "".join(f", {who} {formatted(name, rivals[who])}" for who in [*closer, *behind])
    outcome = [f"closer than {' and '.join(closer)}"] * bool(closer) + [
        f"not closer than {' and '.join(behind)}"
    ] * bool(behind)
    caution = (
        " This error favours still pictures; perceptual distance, which does not, was left out."
        if name == "mse"
        else ""
    )
    figures = (
        f"{MEASURES[name].title} from the real video: model {formatted(name, rows[MODEL][name])}{against}."
    )
    return f"{figures} The model is {', '.join(outcome)}.{caution}" if outcome else f"{figures}{caution}"


def _sharpness(model: Mapping[str, float | None]) -> str:
    share, where = model.get("sharpness_moving"), "where the real video moves"
    if share is None or not isfinite(share):
        return ""
    detail = f"it has {share:.0%} of the real detail {where}"
    return "The picture is " + _graded(
        share,
        (0.5, f"blurred: {detail}."),
        (0.8, f"softer than the real video: {detail}."),
        (1.25, f"about as sharp as the real video: {detail}."),
        (inf, f"grainier than the real video: {detail}."),
    )


def _liveliness(model: Mapping[str, float | None]) -> str:
    share = model.get("motion_ratio")
    if share is None or not isfinite(share):
        return ""
    amount = f"its mean motion is {share:.0%} of the real video's"
    return _graded(
        share,
        (0.1, f"It hardly moves: {amount}."),
        (0.7, f"It is less lively: {amount}."),
        (1.4, f"It is about as lively: {amount}."),
        (inf, f"It moves too much, which looks like jitter: {amount}."),
    )


def _timing(rows: Rows, chance: Chance | None) -> str:
    """Sentence on whether the right pixels move at the right time.

    More than by accident, and more than in a replay.
    """
    dcor = rows[MODEL].get("dcor")
    if dcor is None or not isfinite(dcor):
        return ""
    replays = [
        value for row in REPLAYS if (value := rows.get(row, {}).get("dcor")) is not None and isfinite(value)
    ]
    rival = f" The better replay reaches {max(replays):.3f}." if replays else ""
    if chance is None or not isfinite(chance.p) or chance.shifts < LEAST_SHIFTS:
        return (
            f"The part is too short to tell whether its timing (dcor {dcor:.3f}) is more than "
            f"accident.{rival}"
        )
    figures = (
        f"dcor {dcor:.3f}; at wrong times {chance.mean:.3f} on average, and as much in {chance.p:.1%} of them"
    )
    if chance.p <= CHANCE and chance.above > 0:
        return f"In step: the right pixels change at the right time ({figures}).{rival}"
    return f"Not shown to be in step: what changes fits wrong times about as well ({figures}).{rival}"


def _lag(model: Mapping[str, float | None]) -> str:
    lag, value = model.get("motion_lag_ms"), model.get("motion_at_best_lag")
    if lag is None or value is None or not (isfinite(lag) and isfinite(value)):
        return ""
    if value < WEAK:
        return (
            f"How much it moves goes only weakly with how much the real video moves ({value:.2f} at "
            "best), so no lag can be told."
        )
    when = "at the same time" if lag == 0 else f"{abs(lag):.0f} ms {'late' if lag > 0 else 'early'}"
    return f"How much it moves goes best with how much the real video moves {when} (correlation {value:.2f})."


def _silence(model: Mapping[str, float | None], kept: float | None) -> str:
    rest = model.get("motion_in_silence")
    if rest is None or not isfinite(rest):
        phrase = "This part does not hold both sound and silence, so rest in its silences cannot be measured."
    else:
        phrase = f"In the silences of this part it moves {rest:.0%} as much as in its sound."
    if kept is None or not isfinite(kept):
        return phrase
    end = _graded(
        kept,
        (0.2, "it comes to rest"),
        (0.8, "it calms down"),
        (1.25, "it moves on regardless"),
        (inf, "it moves more"),
    )
    return f"{phrase} Played with silence throughout {end}: {kept:.0%} of its motion with the sound."


def _memory(model: Mapping[str, float | None]) -> str:
    newness = model.get("newness")
    if newness is None or not isfinite(newness):
        return ""
    figure = f"its distance to the nearest training frame is {newness:.0%} of that of real unseen frames"
    return _graded(
        newness,
        (0.3, f"It mostly repeats training frames: {figure}."),
        (0.8, f"It stays near training frames: {figure}."),
        (1.25, f"It is no replay, though blur counts as new as well: {figure}."),
        (inf, f"It is no replay, though damage counts as new as well: {figure}."),
    )


def _baselines(rows: Rows) -> str:
    """Sentence on how often something simple does better; the table says where."""
    judged = [name for name in MEASURES if goodness(name, rows[MODEL].get(name)) is not None]
    beaten = [name for name in judged if best_baseline(rows, name)]
    if not judged:
        return ""
    if not beaten:
        return (
            f"No baseline beats the model in any of the {len(judged)} measures that have a better and "
            "a worse."
        )
    count = f"{len(beaten)} of the {len(judged)} measures that have a better and a worse"
    return f"A baseline beats the model in {count}: those marked in the tables."


def _graded(value: float, *grades: tuple[float, str]) -> str:
    """Words of the first grade whose limit is above the value."""
    return next(words for limit, words in grades if value < limit)


def _or_worst(value: float | None) -> float:
    return -inf if value is None else value
