"""Settings: checks, presets, JSON."""

import json
from fractions import Fraction

import pytest

from listen_and_move.cli.arguments import TrainArguments, parse
from listen_and_move.config import ClipConfig, Config, FeatureConfig, ModelConfig
from listen_and_move.errors import SettingError
from listen_and_move.presets import PRESETS, preset
from listen_and_move.settings import differences, from_json, from_preset, to_json, with_values


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_a_round_trip(name: str) -> None:
    assert from_json(Config, to_json(preset(name))) == preset(name)
    assert from_json(ModelConfig, to_json(preset(name).model)) == preset(name).model


@pytest.mark.parametrize(
    ("size", "width", "height", "doublings"),
    [
        ("128", 128, 128, 5),
        ("224x128", 224, 128, 5),
        ("64", 64, 64, 4),
        ("112x64", 112, 64, 4),
        ("160X128", 160, 128, 5),
    ],
)
def test_sizes(size: str, width: int, height: int, doublings: int) -> None:
    clip = ClipConfig(size=size)
    assert (clip.width, clip.height, clip.doublings) == (width, height, doublings)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": "100"},
        {"size": "128x64x3"},
        {"size": "256x64"},
        {"size": "big"},
        {"crop": "1,2,3"},
        {"crop": "10,0,5,5"},
        {"crop": "-1,0,5,5"},
        {"fps": "0"},
        {"holdout": "1.5"},
        {"holdout": "0.6-0.4"},
        {"holdout": "most"},
        {"holdout": "1"},
        {"start": -1.0},
        {"start": 5.0, "end": 4.0},
    ],
)
def test_senseless_clip_settings_are_refused_by_name(settings: dict[str, object]) -> None:
    name = list(settings)[-1]
    with pytest.raises(SettingError, match=f"^{name}: "):
        ClipConfig(**settings)  # type: ignore[arg-type]


def test_held_out_part() -> None:
    assert ClipConfig(holdout="0.2").held_out == (Fraction(4, 5), 1)
    assert ClipConfig(holdout="0.4-0.6").held_out == (Fraction(2, 5), Fraction(3, 5))
    assert ClipConfig(holdout="0").held_out == (1, 1)


def test_every_sound_route_off_is_refused() -> None:
    changes = {"motion.sound": False, "generator.sound_content": False, "generator.sound_norm": False}
    with pytest.raises(SettingError, match="expected at least one to be on"):
        with_values(Config(), changes)


def test_changes_by_name() -> None:
    changed = with_values(preset("quick"), {"losses.l1": 3, "clip.size": "128", "clip.end": None})
    assert changed.losses.l1 == 3
    assert changed.clip.width == 128
    assert preset("quick").losses.l1 != 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses.l2": 1}, "losses.l2 is not known"),
        ({"nothing": 1}, "nothing is not known"),
        ({"losses.l1": "much"}, "losses.l1: expected a number"),
        ({"losses.l1": -1.0}, "losses.l1: expected 0 or more"),
        ({"losses.total_variation": -1}, "losses.total-variation: expected 0 or more"),
        (
            {"losses.feature_matching": 1.0, "losses.adversarial_weight": 0.0},
            "losses.feature-matching: expected losses.adversarial-weight above 0",
        ),
        ({"losses.adversarial": "gan"}, "losses.adversarial: expected wgan-gp or wgan or hinge"),
        ({"training.window": 7}, "training.window: expected an even number"),
        ({"training.steps": 1.5}, "training.steps: expected int"),
        ({"motion.sound": 1}, "motion.sound: expected bool"),
    ],
)
def test_wrong_changes_are_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_values(preset("quick"), changes)


def test_json_of_another_version_is_refused() -> None:
    values = json.loads(to_json(Config()))
    values["clip"]["colour"] = "blue"
    with pytest.raises(SettingError, match=r"clip\.colour is not known; it may come from a newer version"):
        from_json(Config, json.dumps(values))
    del values["clip"]["colour"], values["losses"]
    with pytest.raises(SettingError, match="losses is missing"):
        from_json(Config, json.dumps(values))
    with pytest.raises(SettingError, match="expected JSON"):
        from_json(Config, "{")


def test_a_setting_that_an_older_version_did_not_have_takes_its_default() -> None:
    values = json.loads(to_json(preset("quick")))
    del values["generator"]["recall"], values["training"]["disturbance"]
    older = from_json(Config, json.dumps(values))
    assert (older.generator.recall, older.training.disturbance) == (0, 0.0)
    assert older.losses == preset("quick").losses


def test_feature_sizes() -> None:
    assert FeatureConfig().size == 64
    assert FeatureConfig(kind="mfcc", past=1).size == 40
    assert FeatureConfig(past=2, future=4).size == 64 + 6 * 16
    with pytest.raises(SettingError, match="divisor"):
        FeatureConfig(bands=64, context_bands=10)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(SettingError, match="expected one of baseline, paper, quick, studio; got 'best'"):
        preset("best")


@pytest.mark.parametrize("layers", ["0", "4", "2,9", "last", "1,,2"])
def test_prediction_layers_that_are_not_there(layers: str) -> None:
    with pytest.raises(SettingError, match="prediction-layers: expected"):
        with_values(preset("paper"), {"clip.size": "32", "generator.prediction_layers": layers})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"generator.prediction": "none", "generator.prediction_layers": "3"},
            "prediction-layers: expected none with",
        ),
        (
            {"clip.size": "16", "generator.prediction_layers": "3"},
            "prediction-layers: expected 1 to 2, the blocks for size 16",
        ),
        ({"generator.prediction_kernel": 4}, "prediction-kernel: expected 3 or 5; got 4"),
        ({"generator.dimensions": 1}, "generator.dimensions: expected 2 or 3; got 1"),
        ({"generator.recall": 8}, "generator.recall: expected generator.picture residual; got whole"),
        ({"generator.norm": "pixel"}, "generator.norm: expected generator.sound-norm to be off"),
        (
            {"generator.sound_norm": False, "generator.norm_bottleneck": 8},
            "norm-bottleneck: expected 0 without",
        ),
        (
            {"motion.sound": False, "motion.noise": 0},
            "motion.noise: expected at least 1 where motion.sound is off",
        ),
        ({"motion.layers": 9}, "motion.layers: expected 1 to 8"),
        (
            {"motion.dilation": 8, "motion.layers": 8},
            "motion.dilation: expected at least 1, and to the power of the last layer",
        ),
        (
            {"features.kind": "mfcc", "features.bands": 16},
            "features.bands: expected at least 20 for the 20 coefficients",
        ),
        ({"losses.penalty": 0.0}, "losses.penalty: expected above 0 with wgan-gp"),
        ({"losses.adversarial_weight": 0.0, "losses.perceptual": 0.0}, "losses: expected at least one of"),
        (
            {"clip.size": "16", "losses.l1": 1.0, "losses.l1_scales": 5},
            "l1-scales: expected scales that a side of 16 pixels has",
        ),
        ({"losses.rest": 1.0}, "losses.rest: expected features that hear how loud it is"),
    ],
)
def test_combinations_that_make_no_sense(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_values(preset("paper"), changes)


def test_rules_hold_for_the_result_of_many_changes() -> None:
    changes = {"generator.prediction_layers": "1,6", "clip.size": "256"}
    assert with_values(with_values(preset("paper"), {"clip.size": "32"}), changes).prediction_blocks == (0, 5)


def test_baseline_differs_from_paper_in_what_the_paper_says() -> None:
    assert differences(preset("paper"), preset("baseline")) == {
        "motion.layers": 1,
        "generator.sound_content": False,
        "generator.sound_norm": False,
        "generator.prediction": "none",
    }


def test_what_the_paper_ties_to_size_follows_it() -> None:
    large = {"generator.prediction_kernel": 5, "features.chunk_ms": 100.0, "training.steps": 100_000}
    assert from_preset("paper", {}) == preset("paper")
    assert differences(preset("paper"), from_preset("paper", {"clip.size": "512"})) == {
        **large,
        "clip.size": "512",
    }
    assert from_preset("paper", {"clip.size": "448x256"}).training.steps == 60_000
    chosen = from_preset("paper", {"clip.size": "512", "features.chunk_ms": 85.0})  # what is named stays
    assert (chosen.features.chunk_ms, chosen.generator.prediction_kernel) == (85.0, 5)
    assert from_preset("studio", {"clip.size": "512"}) == with_values(preset("studio"), {"clip.size": "512"})
    with pytest.raises(SettingError, match=r"^size: "):
        from_preset("paper", {"clip.size": "500"})


@pytest.mark.parametrize(
    ("words", "chunk", "changes"),
    [
        (["--size", "512"], 100.0, {"clip.size": "512"}),
        (
            ["--size=512", "--features.chunk-ms", "85"],
            85.0,
            {"clip.size": "512", "features.chunk_ms": 85.0},
        ),
        (["--features.chunk-ms", "85"], 85.0, {"features.chunk_ms": 85.0}),
    ],
)
def test_what_is_named_changes_the_preset_at_the_size(
    words: list[str], chunk: float, changes: dict[str, object]
) -> None:
    options = parse(TrainArguments, "train", ["film.mp4", "--preset", "paper", *words])
    assert options.settings() == changes
    assert from_preset("paper", options.settings()).features.chunk_ms == chunk


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_deep_json_is_refused(depth: int) -> None:
    with pytest.raises(SettingError, match="settings: expected JSON"):
        from_json(Config, "[" * depth + "]" * depth)
