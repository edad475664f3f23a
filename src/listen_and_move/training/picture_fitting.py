"""Whether a model shows a path or composed pictures is chosen for each clip by cross-validation.

Letters: T frames of a stretch, h, w of reduced pictures.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.poses import warped
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.frame import ratio
from listen_and_move.metrics.gradients import gradient_distance, reduced
from listen_and_move.metrics.sync import difference_correlation
from listen_and_move.models.composition import composition
from listen_and_move.models.generator import Network
from listen_and_move.models.kept_frames import KeptFrames, position_at
from listen_and_move.models.pixels import as_network
from listen_and_move.models.region_search import RegionSearch
from listen_and_move.training.path_fitting import Rehearsal, fitted_weights, rehearsals

STEADY = 1.1
"""Flicker at most, as a share of the film's."""
FOLLOWS = 0.9
"""Share of the better dcor that has to be kept."""
WORTH = 0.95
"""Share of the path's distance below which composed pictures have to be, since they depend on the guide most,
and the network has seen all stretches."""
LOOKED_AT = 50
"""Frames of a stretch at most."""

Pictures = UInt8[np.ndarray, "T h w 3"]


class PictureQuality(NamedTuple):
    """Measures of what would be shown; means over the stretches."""

    distance: float
    """From the film, see `gradient_distance`."""
    flicker: float
    """As a share of the film's."""
    dcor: float


def with_fitted_picture(network: Network, clip: Clip, config: Config, kept: KeptFrames) -> KeptFrames:
    """Returns the kept frames with what leads a path, and whether a path or composed pictures are shown.

    Args:
        network: draws the guide.
        clip: the decoded clip.
        config: the run's settings.
        kept: the training frames of the clip.
    """
    stretches = rehearsals(network, clip, config, kept.path)
    about = kept.about._replace(weights=fitted_weights(stretches, clip))
    kept = replace(kept, about=about._replace(picture="path"))
    # Where the sound leads, the guide does not know the pose: it promised better pictures of harp, beagle and
    # dog on the training part, and gave worse ones (perceptual distance .26 instead of .17) held out.
    picture = _fitted_picture(stretches, kept, config) if about.weights.guide else "path"
    return replace(kept, about=kept.about._replace(picture=picture))


def better_picture(path: PictureQuality, composed: PictureQuality) -> Literal["path", "composed"]:
    """Returns which of two is shown: the nearer one of those that are steady, or at least the steadier one,
    and follow."""
    least, most = FOLLOWS * max(path.dcor, composed.dcor), max(STEADY, min(path.flicker, composed.flicker))
    if composed.flicker > most or composed.dcor < least:
        return "path"
    fails = path.flicker > most or path.dcor < least
    return "composed" if fails or composed.distance < WORTH * path.distance else "path"


def _fitted_picture(
    stretches: Sequence[Rehearsal], kept: KeptFrames, config: Config
) -> Literal["path", "composed"]:
    @cache
    def frame(number: int) -> UInt8[np.ndarray, "h w 3"]:
        """The kept frame, reduced, that is on display at the instant of a frame of the clip."""
        place = kept.place(position_at(number, config.clip.rate, kept.about.fps))
        picture = kept.reader.frame(place)
        return reduced(picture if kept.poses is None else warped(picture, kept.poses[place]))

    found = []
    for stretch in stretches:
        stretch = stretch._replace(guides=stretch.guides[:LOOKED_AT], cues=stretch.cues[:LOOKED_AT])
        real = np.stack([frame(number) for number in stretch.span[:LOOKED_AT]])
        path = np.stack([frame(number) for number in stretch.chosen(kept.about.weights).tolist()])
        composed, search, regions = [], RegionSearch(stretch.path), None
        for guide in as_network(torch.from_numpy(stretch.guides)):
            regions = search.step(guide, regions)
            numbers = stretch.path.numbers[torch.from_numpy(regions.rows)].tolist()
            parts = [frame(number) for number in numbers]
            composed.append(composition(parts, [*regions.masks], guide, regions.agreement))
        found.append((_quality(path, real), _quality(np.stack(composed), real)))
    if not found:
        return "path"
    means = [PictureQuality(*map(fmean, zip(*each, strict=True))) for each in zip(*found, strict=True)]
    return better_picture(*means)


def _quality(shown: Pictures, real: Pictures) -> PictureQuality:
    distance = fmean(gradient_distance(*pair) for pair in zip(shown, real, strict=True))
    flickers = [float(flicker(video).mean()) for video in (shown, real)]
    return PictureQuality(distance, ratio(*flickers), difference_correlation(shown, real))
