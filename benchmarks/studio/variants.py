"""Variants that are tried: changes to a preset, by name.

A name joined by + is all of its parts; of two changes to one setting the later part's holds.

Rows that can no longer be made, by commit: "studio, rooms not remembered" (36040f9); "studio, full width"
(7f802a1: twice as wide as now, without the gate bias of `models.memory.ReferenceGate`), to which all trials
of 100 steps, of 1 and of 2.5 minutes, "half width" and "regress, full width" are changes.

low rank, grouped, separable: forms of the prediction layer (see `forms`), to be joined with directional.
"""

from typing import Any

Settings = dict[str, Any]

WITH_ADVERSARIES: Settings = {"losses.adversarial_weight": 1.0}
"""All trials but "regress" train with adversaries, which the preset does without."""
VARIANTS: dict[str, Settings] = {
    "studio": {},
    "before": {"features.kind": "level", "training.disturbance": 0.0, "generator.recall": 0},
    "shape": {"features.kind": "shape"},
    "level": {"features.kind": "level"},
    "disturb": {"training.disturbance": 1.0},
    "recall": {"generator.recall": 512},
    "small critics": {"critics.channels_base": 128, "critics.channels_max": 64},
    "l1 5": {"losses.l1": 5.0},
    "l1 5, difference 10": {"losses.l1": 5.0, "losses.difference": 10.0},
    "adversarial 3": {"losses.adversarial_weight": 3.0},
    "critics 1e-3": {"training.critic_rate": 1e-3},
    "penalty 1e-5": {"losses.penalty": 1e-5},
    "no rest": {"losses.rest": 0.0},
    "no recall": {"generator.recall": 0},
    "paper": {"losses.perceptual_network": "squeezenet1_1-caffe"},
    "window 16": {"training.window": 16, "training.lanes": 1},
    "no priming": {"training.priming": 0},
    "no average": {"training.average": 0.0},
    "no augmentation": {"critics.augment": False},
    "motion weight 0": {"losses.motion_weight": 0.0},
    "no difference": {"losses.difference": 0.0},
    "hinge": {"losses.adversarial": "hinge"},
    "batch norm": {"generator.sound_norm": False, "generator.norm_bottleneck": 0},
    "instance norm": {
        "generator.sound_norm": False,
        "generator.norm_bottleneck": 0,
        "generator.norm": "instance",
    },
    "twice the width": {"generator.channels_base": 256, "generator.channels_max": 128},
    "no disturbance": {"training.disturbance": 0.0},
    "feature matching 10": {"losses.feature_matching": 10.0},
    "plain": {"generator.prediction": "plain"},
    "directional": {"generator.prediction": "directional"},
    "at 32": {"generator.prediction_layers": "3"},
    "at 64": {"generator.prediction_layers": "4"},
    "low rank": {},
    "grouped": {},
    "separable": {},
    "three fifths learnt": {"clip.holdout": "0.6-1"},
    "two fifths learnt": {"clip.holdout": "0.4-1"},
    "regress": {"losses.adversarial_weight": 0.0},
}


def settings(name: str) -> Settings:
    """Returns the changes that a name stands for."""
    merged = dict(WITH_ADVERSARIES)
    for component in name.split("+"):
        merged |= VARIANTS[component]
    return merged
