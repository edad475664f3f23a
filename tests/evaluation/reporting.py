"""Results of made-up evaluations, and reading of pages, for tests of what is written about them."""

import re
from base64 import b64decode
from collections.abc import Mapping
from copy import deepcopy
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import numpy as np

from listen_and_move.evaluation.baselines import HELD, MEAN, MODEL, NEAREST, PATH, REAL, SHIFTED
from listen_and_move.evaluation.json_records import from_json
from listen_and_move.evaluation.results import FORMAT, EvaluationResults, Products

FPS = Fraction(20)
VALUES: Mapping[str, Mapping[str, float | None]] = {
    REAL: {
        "ssim": 1.0,
        "psnr": None,
        "mse": 0.0,
        "sharpness_moving": 1.0,
        "motion_ratio": 1.0,
        "dcor": 1.0,
        "newness": 1.0,
    },
    MODEL: {
        "ssim": 0.9,
        "psnr": 26.0,
        "mse": 0.0025,
        "sharpness_moving": 0.66,
        "motion_ratio": 0.95,
        "dcor": 0.284,
    }
    | {
        "dcor_excess": 0.18,
        "dcor_p": 0.01,
        "motion_at_best_lag": 0.52,
        "motion_lag_ms": 50.0,
        "motion_in_silence": 0.1,
    }
    | {"newness": 0.9, "lpips_alex": 0.019},
    MEAN: {
        "ssim": 0.913,
        "psnr": 27.0,
        "mse": 0.002,
        "sharpness_moving": 0.25,
        "motion_ratio": 0.0,
        "dcor": 0.0,
    }
    | {"motion_lag_ms": None, "newness": 0.5, "lpips_alex": 0.038},
    HELD: {
        "ssim": 0.9,
        "psnr": 24.0,
        "mse": 0.004,
        "sharpness_moving": 1.0,
        "motion_ratio": 0.0,
        "dcor": 0.0,
        "newness": 0.0,
    },
    SHIFTED: {
        "ssim": 0.8,
        "dcor": -0.02,
        "dcor_excess": -0.01,
        "dcor_p": 0.8,
        "newness": 0.0,
        "motion_ratio": 1.01,
    },
    NEAREST: {"ssim": 0.88, "dcor": 0.25, "lpips_alex": 0.026, "sharpness_moving": 0.92, "newness": 0.0},
    PATH: {"ssim": 0.89, "dcor": 0.27, "lpips_alex": 0.027, "sharpness_moving": 0.97, "newness": 0.0},
}


def sums(seed: int = 0, at_right_time: float = 0.3, shifts: int = 60) -> Products:
    random = np.random.default_rng(seed)
    return Products(at_right_time, 1.0, 1.0, tuple((0.05 * random.standard_normal(shifts)).tolist()))


def made_up(run: str = "drums", /, **facts: Any) -> dict[str, Any]:
    """Results of an evaluation as in its file; ``facts`` replaces those about what was measured."""
    altered = {
        "response": 0.9,
        "motion_ratio": 0.8,
        "dcor": 0.02,
        "effect": {"size": 1.2, "p": 0.004, "pairs": 10},
    }
    altered |= {"values": {"motion_correlation": 0.31, "onset_correlation": 0.27, "av_align": None}}
    count, random = 60, np.random.default_rng(1)
    lengths = {"motion_real": count - 1, "motion": count - 1}
    series = (
        "motion_real",
        "motion",
        "loudness",
        "onsets",
        "error",
        "error_mean_frame",
        "similarity",
        "similarity_mean_frame",
    )
    about = {
        "name": "held-out part",
        "video": "drums.mp4",
        "start_s": 8.0,
        "seconds": 3.0,
        "first_frame": 160,
        "frames": count,
    }
    return {
        "format": FORMAT,
        "run": {
            "name": run,
            "step": 700,
            "video": "drums.mp4",
            "video_sha256": "ab" * 32,
            "model_sha256": "cd" * 32,
        }
        | {"model_bytes": 5_400_000, "parameters": 1_337_507},
        "part": {**about, "fps": "20", "width": 64, "height": 64, **facts},
        "rows": [{"name": row, "values": dict(values)} for row, values in VALUES.items()],
        "sampled": {"perceptual_frames": 60, "flow_pairs": 59},
        "null": {
            MODEL: {"above": 0.18, "p": 0.01, "mean": 0.104, "quantile": 0.2, "largest": 0.24, "shifts": 51},
            PATH: None,
        },
        "pool": {row: sums(seed)._asdict() for seed, row in enumerate((MODEL, SHIFTED, NEAREST, PATH))},
        "sensitivity": {
            "verdict": "The sound is used, and <the picture> follows it.",
            "frames": count,
            "altered": {
                "shifted": altered,
                "shuffled": {**altered, "effect": None},
                "silent": {**altered, "motion_ratio": 0.05, "dcor": None},
            },
        },
        "distribution": [],
        "protocol": "equal",
        "sounds": [],
        "left_out": [
            "FVD and KVD: without the weights i3d-kinetics400 (listen-and-move weights fetch i3d-kinetics400)"
        ],
        "series": {each: random.random(lengths.get(each, count)).tolist() for each in series},
        "environment": {
            "video": "/home/somebody/drums.mp4",
            "video_sha256": "ab" * 32,
            "device": "cpu",
            "threads": 2,
        }
        | {
            "python": "3.11",
            "platform": "Linux",
            "versions": {"torch": "2.13", "listen-and-move": None},
            "commit": None,
        },
        "settings": {
            "clip": {"size": "64", "crop": "<none>"},
            "losses": {"perceptual": 0.0, "perceptual_network": "vgg16"},
        },
        "took_s": 12.3,
    }


def read(results: dict[str, Any]) -> EvaluationResults:
    """The results that a file with these values holds."""
    return from_json(EvaluationResults, results)


def changed(results: dict[str, Any], row: str, **values: float | None) -> dict[str, Any]:
    """The results with other figures in a row."""
    copy = deepcopy(results)
    next(each for each in copy["rows"] if each["name"] == row)["values"].update(values)
    return copy


class Page(HTMLParser):
    """What is in a page: its text, its tables by rows, marked cells, and what it embeds."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.marked: list[tuple[int, int, int]] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [] if tag in self.VOID else [tag]
        self.sources += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "srcset", "data", "action", "poster")
        ]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "mark":
            self.marked.append((len(self.tables) - 1, len(self.tables[-1]) - 1, len(self.tables[-1][-1]) - 1))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes what it did not open"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def embedded(self, kind: str) -> list[bytes]:
        """The embedded files of a kind, such as video/mp4."""
        start = f"data:{kind};base64,"
        return [b64decode(source.removeprefix(start)) for source in self.sources if source.startswith(start)]

    def table(self, *titles: str) -> dict[str, dict[str, str]]:
        """The first table with all these columns, by row and column."""
        found = next(table for table in self.tables if set(titles) <= set(table[0]))
        return {row[0]: dict(zip(found[0][1:], row[1:], strict=True)) for row in found[1:]}
