"""Writes figures of torchvision's networks, with which those in `pretrained` are compared.

torchvision is no dependency of the project, and no published weights are needed: both are filled with the
same numbers. To be run once, in an environment of its own, from the folder of the repository::

    python -m venv goldens && goldens/bin/pip install torch torchvision numpy
    PYTHONPATH=. goldens/bin/python tools/network_goldens.py

FID's Inception pools otherwise than torchvision's in all blocks that average; the test puts torchvision's
poolings into it, and all else is compared.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tests.pretrained.filling import CORRECTIONS, PLACES, figures, fill, picture, shapes
from torch import nn

GOLDENS = Path(__file__).parents[1] / "tests" / "pretrained" / "goldens"


def main() -> None:
    """Writes a JSON file per network."""
    import torchvision  # pyright: ignore[reportMissingImports] # no dependency
    from torchvision import models  # pyright: ignore[reportMissingImports]

    made: dict[str, tuple[nn.Module, dict[str, Any]]] = {}
    for name, make in (
        ("alexnet", models.alexnet),
        ("vgg16", models.vgg16),
        ("squeezenet", models.squeezenet1_1),
    ):
        layers = fill(make(weights=None).features)
        x, found = picture(64, 72), {}
        for place, layer in enumerate(layers.children()):
            x = layer(x)
            if place in PLACES[name]:
                found[str(place)] = figures(x.clone())  # rectifiers work in place there
        made[name] = layers, found
    network = models.inception_v3(weights=None, init_weights=False, aux_logits=False, transform_input=False)
    network.fc = nn.Identity()
    made["inception"] = fill(network), {"pool": figures(network(picture(299, 299)))}
    network = fill(models.optical_flow.raft_small(weights=None))
    flows = network(picture(128, 160), picture(128, 160, 1), num_flow_updates=CORRECTIONS)
    made["raft-small"] = network, {str(place): figures(flow) for place, flow in enumerate(flows, 1)}
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    for name, (network, found) in made.items():
        content = {"versions": versions, "shapes": shapes(network), "outputs": found}
        (GOLDENS / f"{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
