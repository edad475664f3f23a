"""The table of trials: each figure over fifths, then mean and spread over seeds."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

Row = dict[str, Any]

FIGURES = {
    "excess": lambda rows: _pooled(rows)[0],
    "p": lambda rows: _pooled(rows)[1],
    "sharp": lambda rows: _ratio(rows, "detail"),
    "motion": lambda rows: _ratio(rows, "motion"),
    "flicker": lambda rows: _ratio(rows, "flicker"),
    "perc": lambda rows: _mean(rows, "perceptual_squeeze_caffe"),
    "noise": lambda rows: _mean(rows, "dcor_noise"),
    "bright": lambda rows: _mean(rows, "dcor_bright"),
    "dull": lambda rows: _mean(rows, "dcor_dull"),
    "room": lambda rows: _mean(rows, "dcor_room"),
    "-10 dB": lambda rows: _mean(rows, "dcor_quiet"),
    "unmatched": lambda rows: _mean(rows, "dcor_quiet_unmatched"),
    "silence": lambda rows: _mean(rows, "motion_in_silence"),
    "hiss": lambda rows: _mean(rows, "motion_in_room_noise"),
    "s/step": lambda rows: float(np.mean([_pace(row) for row in rows])),
}
"""Title to figure of the fifths of one seed.

Excess is dcor less its mean at wrong times, p is the share of wrong times at which dcor is at least as large.
"""


def lines(rows: list[Row], options: argparse.Namespace) -> Iterator[str]:
    """Yields the lines of the tables.

    There is a table per clip with a line per variant, then a line per variant over all clips, then the
    difference of each variant from the reference.
    """
    chosen = [
        row
        for row in rows
        if row["steps"] in (0, options.steps)
        and row["size"] == options.size
        and row["clip"] in (options.clips or [row["clip"]])
        and row["variant"] in (options.variants or [row["variant"]])
        and row["fold"] in options.folds
        and row["seed"] in options.seeds
    ]
    yield f"{'':44}" + "".join(f"{title:>14}" for title in FIGURES)
    overall: dict[str, list[list[float]]] = {}
    single: dict[tuple[str, str, int], np.ndarray] = {}
    for (clip, variant), group in _grouped(chosen, "clip", "variant"):
        for (seed,), of_seed in _grouped(group, "seed"):
            single[clip, variant, seed] = np.array([figure(of_seed) for figure in FIGURES.values()])
        values = np.array([figures for key, figures in single.items() if key[:2] == (clip, variant)])
        overall.setdefault(variant, []).append(values.mean(0).tolist())
        yield f"{clip[:20]:21}{variant[:20]:21}{len(group):2}" + "".join(_cell(column) for column in values.T)
    for variant, values in overall.items():
        yield f"{'all':21}{variant[:20]:21}{len(values):2}" + "".join(
            _cell([number]) for number in np.array(values).mean(0)
        )
    for variant in overall:
        if variant != options.reference and (values := _differences(single, variant, options.reference)):
            title = f"less {options.reference[:15]}"
            yield f"{title:21}{variant[:20]:21}{len(values):2}" + "".join(map(_cell, np.array(values).T))


def _differences(
    single: dict[tuple[str, str, int], np.ndarray], variant: str, reference: str
) -> list[np.ndarray]:
    """Returns per seed a variant's figures less those of the reference.

    They are averaged over the clips that have both.
    """
    pairs: dict[int, list[np.ndarray]] = {}
    for (clip, name, seed), figures in single.items():
        if name == variant and (clip, reference, seed) in single:
            pairs.setdefault(seed, []).append(figures - single[clip, reference, seed])
    return [np.mean(of_seed, 0) for of_seed in pairs.values()]


def _grouped(rows: Iterable[Row], *keys: str) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    def key(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in keys)

    for value, group in groupby(sorted(rows, key=key), key):
        yield value, list(group)


def _pooled(rows: list[Row]) -> tuple[float, float]:
    """Returns the excess dcor of all fifths together, and its p.

    Excess is dcor less its mean at wrong times; p is the share of wrong times at which dcor is at least as
    large.
    """
    shifts = min(len(row["shifted"]) for row in rows)
    product, ours, theirs = np.sum([row["products"] for row in rows], 0)
    norm = np.sqrt(ours * theirs) or 1.0
    null = np.sum([row["shifted"][:shifts] for row in rows], 0) / norm
    return float(product / norm - null.mean()), float((1 + (null >= product / norm).sum()) / (1 + shifts))


def _ratio(rows: list[Row], name: str) -> float:
    ours, theirs = np.sum([row[name] for row in rows], 0)
    return float(ours / theirs)


def _pace(row: Row) -> float:
    return row["train_s"] / row.get("steps_done", row["steps"]) if "train_s" in row else np.nan


def _mean(rows: list[Row], name: str) -> float:
    return float(np.mean([row.get(name, np.nan) for row in rows]))


def _cell(values: Any) -> str:
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{mean:7.3f}" + (f" ±{spread:5.3f}" if len(values) > 1 else " " * 7)
