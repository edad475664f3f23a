"""Keys of a page without a server: the settings and arrays by which it hears and chooses.

They are taken from the pipeline that plays a path live and by sound alone.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from listen_and_move.audio import feature_kinds, features, loudness, matching, room
from listen_and_move.audio.features import FFT, HOP, SAMPLE_RATE, WINDOW, FeatureExtractor
from listen_and_move.audio.loudness import BLOCK, band_bins
from listen_and_move.audio.matching import Matcher
from listen_and_move.inference.live.session import Live
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.sources import path
from listen_and_move.inference.sources.path import UNKNOWN_LEVEL, PathSource, nothing_heard
from listen_and_move.models import path_search

RESAMPLER = {"SIZE": 32, "CUTOFF": 0.97, "BETA": 9}
"""Defaults of FFmpeg's resampler: taps, edge of the band, and shape of the window."""
CONSTANTS: Mapping[str, tuple[ModuleType, str]] = {
    "analysis": (features, "SAMPLE_RATE WINDOW FFT HOP CLAMP QUIET_DB HEARD_DB"),
    "kinds": (feature_kinds, "SMALLEST_POWER RANGE_DB"),
    "loudness": (
        loudness,
        "SAMPLE_RATE BLOCK STEP ABSOLUTE_GATE RELATIVE_GATE LARGEST_GAIN "
        "MEMORY_SECONDS SLOWNESS_SECONDS BIN BINS",
    ),
    "matching": (
        matching,
        "OWN FOREIGN LEAST_SECONDS FADE_SECONDS REMEMBERED_SECONDS COMPARED_SECONDS MOST_SPREAD SOFT",
    ),
    "room": (
        room,
        "BACK FASTEST MARGIN_DB TAKEN LEAST LEAST_ECHO "
        "REMEMBERED_CHUNKS TOLD_EVERY LOUD_DB LOUD_SHARE FEWEST",
    ),
}
"""Constants of this package's modules that the page uses, so that each stands in one place."""


class PageKeys(NamedTuple):
    """Settings and arrays by which a page hears and chooses."""

    settings: dict[str, Any]
    """Settings as JSON."""
    arrays: dict[str, np.ndarray]
    """Arrays of float32 or int32, of one or two dimensions."""


def page_keys(pipeline: Pipeline) -> PageKeys:
    """Returns the keys of a page.

    Args:
        pipeline: that shows a path by sound alone, live.
    """
    source = next(stage for stage in pipeline.stages if isinstance(stage, PathSource))
    reference, front_end = pipeline.front_end.reference, pipeline.front_end
    extractor, search, matcher = reference.extractor, source.search, front_end.matcher
    level = UNKNOWN_LEVEL if reference.level is None else reference.level
    constants = {
        name: {each: getattr(module, each) for each in names.split()}
        for name, (module, names) in CONSTANTS.items()
    }
    settings = {
        **constants,
        "path": _path_constants(),
        "resampler": RESAMPLER,
        "fps": _ratio(extractor.fps),
        "rate": _ratio(source.rate),
        "latency": float(sum(Live(pipeline, SAMPLE_RATE).delays)),
        "features": _features(extractor),
        "level": reference.level,
        "threshold": nothing_heard(level),
        "reach": floor(extractor.look_ahead * SAMPLE_RATE) - 1,
        "fall": reference.fall,
        "level_band": band_bins(BLOCK),
        "loudest_band": band_bins(2 * HOP),
        "matcher": _matcher(matcher),
        "search": {
            **search.search._asdict(),
            "sound_unit": float(search.sound_unit),
            "picture_unit": float(search.picture_unit),
            "large_change": search.large_change,
        },
    }
    arrays = {
        **_heard_by(extractor),
        **_matched_by(matcher),
        "silence": source.silence.numpy(),
        "numbers": search.places.astype(np.int32),
        "positions": source.kept.positions.astype(np.int32),
        "sounds": search.sounds.centred,
        "sound_mean": search.sounds.mean,
        "scale": search.scale,
        "pictures": search.shown.centred,
        "motion": search.motion,
    }
    return PageKeys(settings, {name: _plain(array) for name, array in arrays.items()})


def written(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Returns the place of each array among the bytes of all, and these bytes, little endian."""
    entries, parts, offset = {}, [], 0
    for name, array in arrays.items():
        rows, columns = array.shape if array.ndim == 2 else (1, len(array))
        kind = "i4" if array.dtype == np.int32 else "f4"
        entries[name] = {"kind": kind, "offset": offset, "rows": rows, "columns": columns}
        parts.append(array.astype(f"<{kind}").tobytes())
        offset += len(parts[-1])
    return entries, b"".join(parts)


def _plain(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, array.dtype if array.dtype == np.int32 else np.float32)


def _path_constants() -> dict[str, Any]:
    names = "ADVANCE STROKE TRUST WEAKEST STRONGEST SPEED"
    searched = {each: getattr(path_search, each) for each in names.split()}
    seconds = {
        each: _ratio(getattr(path, each)) if each != "PATIENCE" else float(path.PATIENCE)
        for each in ("SHORTEST", "LONGEST", "PATIENCE")
    }
    return {**searched, **seconds, "STEEPEST": path.STEEPEST}


def _features(extractor: FeatureExtractor) -> dict[str, Any]:
    config = extractor.config
    return {
        "kind": config.kind,
        "bands": config.bands,
        "columns": extractor.columns,
        "past": config.past,
        "ahead": extractor.ahead,
        "chunk_size": config.chunk_size,
        "summary_size": config.summary_size,
        "extras": config.extras,
        "flux": config.flux,
        "floor_db": config.floor_db,
    }


def _heard_by(extractor: FeatureExtractor) -> dict[str, np.ndarray]:
    """Returns the arrays from which features are made."""
    filters = features.mel_filters(extractor.config.bands).numpy()
    used = int(np.flatnonzero(filters.any(0))[-1]) + 1
    assert used <= FFT // 2
    found: dict[str, np.ndarray] = {
        "window": torch.hann_window(WINDOW).numpy(),
        "filters": filters[:, :used],
    }
    if extractor.config.kind == "mfcc":
        size = extractor.config.chunk_size
        found["cosines"] = feature_kinds.cosines(extractor.config.bands, size).numpy()
    if extractor.config.standardise and extractor.statistics is not None:
        statistics = extractor.statistics
        found |= {"mean": statistics.mean.numpy(), "divisor": (statistics.spread + 1).numpy()}
    if extractor.foresight is not None:
        guess = extractor.foresight
        found |= {"guess": guess.weights.numpy(), "guess_bias": guess.bias.numpy()}
    return found


def _matcher(matcher: Matcher | None) -> dict[str, float] | None:
    if matcher is None:
        return None
    return {"distance": float(matcher.repertoire.distance), "tilted_novelty": matcher.tilted_novelty}


def _matched_by(matcher: Matcher | None) -> dict[str, np.ndarray]:
    """Returns the arrays that match a foreign sound to the clip's."""
    if matcher is None:
        return {}
    home = matcher.home
    return {
        "repertoire": matcher.repertoire.chunks.numpy(),
        "home_mean": home.mean.numpy(),
        "home_spread": home.spread.numpy(),
    }


def _ratio(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator
