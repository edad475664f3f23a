"""The rows: the published full model, and six with one change each.

A change of networks is made where the package builds them: within a row's context `models.build` has another
builder, as with `benchmarks.studio.forms`. Training, its checkpoints and their checks, model files and
evaluation build networks there and nowhere else, so all of them have the changed network, and the package
needs no setting, and no argument handed through a dozen functions, for what was of no use. A file whose
tensors differ is refused outside of the context, as its settings describe others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks.discussion.encoders import augmented_network, compressed_network
from benchmarks.discussion.joint import JointAdversary, joint_discriminators, joint_step
from benchmarks.discussion.norms import pixel_network, spectral_discriminators
from benchmarks.discussion.published import published_discriminators, published_network
from listen_and_move.ablations.rows import Row
from listen_and_move.config import Config, ModelConfig
from listen_and_move.models import build
from listen_and_move.models.discriminators import Discriminators
from listen_and_move.models.generator import Network
from listen_and_move.training import state, trainer
from listen_and_move.training.adversary import Adversary
from listen_and_move.training.step import Losses, training_step

SETTINGS: dict[str, Any] = {
    "clip.size": "64",
    "generator.channels_base": 64,
    "generator.channels_max": 32,
    "critics.channels_base": 64,
    "critics.channels_max": 32,
    "losses.perceptual_network": "squeezenet1_1-caffe",
    "losses.perceptual": 0.003,
}
"""Of all rows, upon the preset `paper`. The weight makes the loss by pictures of 0..255 as large as the
published weight 10 makes it by pictures of ImageNet's mean and spread."""


@contextmanager
def changed(
    *,
    network: Callable[[ModelConfig], Network] = published_network,
    discriminators: Callable[[Config], Discriminators] = published_discriminators,
    adversary: type[Adversary] = Adversary,
    step: Callable[..., Losses] = training_step,
) -> Iterator[None]:
    """Trains and plays other networks within the context.

    Args:
        network: builds motion encoder and generator.
        discriminators: builds both discriminators.
        adversary: what trains a discriminator.
        step: what trains all of them on a batch.
    """
    _put(network, discriminators, adversary, step)
    try:
        yield
    finally:
        _put(published_network, published_discriminators, Adversary, training_step)


def _put(network: Any, discriminators: Any, adversary: Any, step: Any) -> None:
    build._network, build._discriminators = network, discriminators
    state.Adversary, trainer.training_step = adversary, step


ROWS: dict[str, Row] = {
    "published": Row("published full model", {}),
    "compressed": Row("compressed features", {}, partial(changed, network=compressed_network)),
    "augmented": Row("conditioning augmentation", {}, partial(changed, network=augmented_network)),
    "spectral": Row(
        "spectral norm", {"critics.norm": "none"}, partial(changed, discriminators=spectral_discriminators)
    ),
    "pixel": Row("pixel norm", {}, partial(changed, network=pixel_network)),
    "joint": Row(
        "joint discriminator",
        {},
        partial(changed, discriminators=joint_discriminators, adversary=JointAdversary, step=joint_step),
    ),
    "matching": Row("feature matching", {"losses.feature_matching": 10.0}),
}
"""By the name of their run folders. Spectral norm bounds what batch norm would scale again, so that row has
no batch norm; the weight of feature matching is that of Wang et al. 2018."""
