"""Fitting of a model's default picture: for each clip cross-validation chooses between path and composed.

Letters: T frames of a stretch, h, w of reduced pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.light import relit
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
"""Most flicker, as a share of the film's."""
FOLLOWS = 0.9
"""Share of the better dcor that the chosen picture has to keep."""
WORTH = 0.95
"""Share of the path's distance below which composed pictures have to be.

They depend most on the guide, and the network that draws it has seen all stretches."""
LOOKED_AT = 50
"""Most frames of a stretch that are examined."""

Pictures = UInt8[np.ndarray, "T h w 3"]


class PictureQuality(NamedTuple):
    """Measures of a kind of picture; means over the stretches."""

    distance: float
    """Distance from the film, see `gradient_distance`."""
    flicker: float
    """Flicker as a share of the film's."""
    dcor: float


def with_fitted_picture(network: Network, clip: Clip, config: Config, kept: KeptFrames) -> KeptFrames:
    """Returns the kept frames with the weights of a path and the default picture.

    Args:
        network: draws the guide.
        clip: the decoded clip.
        config: the run's settings.
        kept: the training frames of the clip.
    """
    stretches = rehearsals(network, clip, config, kept.path)
    about = kept.about._replace(weights=fitted_weights(stretches, clip))
    kept = replace(kept, about=about._replace(picture="path"))
    # Where the sound leads, the guide does not know the pose: for harp, beagle and dog it promised better
    # pictures on the training part, and gave worse ones (perceptual distance .26 instead of .17) held out.
    picture = _fitted_picture(stretches, kept, config) if about.weights.guide else "path"
    return replace(kept, about=kept.about._replace(picture=picture))


def better_picture(path: PictureQuality, composed: PictureQuality) -> Literal["path", "composed"]:
    """Returns the better of two pictures: the nearer to the film of those that are steady and follow.

    If neither is steady by `STEADY`, the steadier one counts as steady.
    """
    least, most = FOLLOWS * max(path.dcor, composed.dcor), max(STEADY, min(path.flicker, composed.flicker))
    if composed.flicker > most or composed.dcor < least:
        return "path"
    fails = path.flicker > most or path.dcor < least
    return "composed" if fails or _nearer(path, composed) else "path"


def _nearer(path: PictureQuality, composed: PictureQuality) -> bool:
    """Returns whether composed pictures are nearer to the film by `WORTH`."""
    return composed.distance < WORTH * path.distance


def _fitted_picture(
    stretches: Sequence[Rehearsal], kept: KeptFrames, config: Config
) -> Literal["path", "composed"]:
    """Returns the default picture of a model.

    Composed pictures are chosen where they are better with the network's guides, and nearer with the blends
    of its frame memory too. The network has seen all stretches, so its guides promise too much of pictures
    that depend on them: drums from above would be composed, with ghosts, by the guides alone, and are not
    with the blends.
    """
    stretches = [stretch.beginning(LOOKED_AT) for stretch in stretches]

    @cache
    def frame(number: int) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the kept frame, reduced, that is on display at the instant of a frame of the clip."""
        place = kept.place(position_at(number, config.clip.rate, kept.about.fps))
        picture = kept.reader.frame(place)
        picture = picture if kept.light is None else relit(picture, -kept.light[place])
        return reduced(picture if kept.poses is None else warped(picture, kept.poses[place]))

    def pictures(stretches: Sequence[Rehearsal]) -> tuple[PictureQuality, PictureQuality]:
        """Returns the qualities of a path and of composed pictures."""
        found = []
        for stretch in stretches:
            real = np.stack([frame(number) for number in stretch.span])
            path = np.stack([frame(number) for number in stretch.chosen(kept.about.weights).tolist()])
            found.append((_quality(path, real), _quality(_composed(stretch, frame), real)))
        path, composed = (
            PictureQuality(*map(fmean, zip(*each, strict=True))) for each in zip(*found, strict=True)
        )
        return path, composed

    if not stretches or better_picture(*pictures(stretches)) == "path":
        return "path"
    recalled = [stretch.led_by(stretch.recalled) for stretch in stretches if stretch.recalled is not None]
    return "composed" if not recalled or _nearer(*pictures(recalled)) else "path"


def _composed(stretch: Rehearsal, frame: Callable[[int], UInt8[np.ndarray, "h w 3"]]) -> Pictures:
    """Returns composed pictures of a stretch.

    Args:
        stretch: with the guides.
        frame: a frame of the clip, by its number.
    """
    composed, search, regions = [], RegionSearch(stretch.path), None
    for guide in as_network(torch.from_numpy(stretch.guides)):
        regions = search.step(guide, regions)
        numbers = stretch.path.numbers[torch.from_numpy(regions.rows)].tolist()
        parts = [frame(number) for number in numbers]
        composed.append(composition(parts, [*regions.masks], guide, regions.agreement))
    return np.stack(composed)


def _quality(shown: Pictures, real: Pictures) -> PictureQuality:
    distance = fmean(gradient_distance(*pair) for pair in zip(shown, real, strict=True))
    flickers = [float(flicker(video).mean()) for video in (shown, real)]
    return PictureQuality(distance, ratio(*flickers), difference_correlation(shown, real))
