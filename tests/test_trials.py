"""`benchmarks.studio`: what is tried makes sense, and the table says what the rows hold."""

import argparse
import re

import pytest
from benchmarks.studio.__main__ import RESULTS, rows
from benchmarks.studio.table import lines
from benchmarks.studio.trial import settings_of
from benchmarks.studio.variants import VARIANTS, settings


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_set_of_settings_that_goes_together(name: str) -> None:
    joined = f"directional+{name}" if name.startswith("at ") else name
    config = settings_of(settings(joined), 4, "quick")
    assert config.clip.holdout == settings(joined).get("clip.holdout", "0.8-1")
    for key, value in settings(joined).items():
        section, setting = key.split(".")
        assert getattr(getattr(config, section), setting) == value


def test_the_table_holds_each_variant_against_the_same_clip_and_seed() -> None:
    measured, studio = rows(RESULTS), "studio, full width"
    options = argparse.Namespace(
        steps=100,
        size="64",
        clips=[],
        variants=[studio, "hinge"],
        folds=[4],
        seeds=[0, 1, 2],
        reference=studio,
    )
    last = list(lines(measured, options))[-1]
    found = {
        (row["variant"], row["clip"], row["seed"]): row
        for row in measured
        if row["steps"] == 100 and row["size"] == "64"
    }
    clips = {clip for variant, clip, _ in found if variant == "hinge"}
    by_seed = [
        sum(
            found["hinge", clip, seed]["dcor_noise"] - found[studio, clip, seed]["dcor_noise"]
            for clip in clips
        )
        / len(clips)
        for seed in options.seeds
    ]
    noise = re.findall(r"(-?\d+\.\d+) ±", last)[6]
    assert len(clips) == 5
    assert last.startswith("less studio")
    assert float(noise) == pytest.approx(sum(by_seed) / 3, abs=6e-4)
