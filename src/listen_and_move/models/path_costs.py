"""How a path is looked for: what a jump costs, how far ahead is known, and what leads."""

from typing import NamedTuple


class Search(NamedTuple):
    """How a path through the training frames is looked for."""

    jump_weight: float
    """Cost of a jump between pictures that differ as much as two of the clip do on average; for their sounds
    it is 1."""
    nearest: int
    """Training frames that cost least: candidates for each frame."""
    beam: int
    """Paths kept from frame to frame."""
    lag: int
    """Frames of sound that are known before one is decided."""


PLAIN = Search(jump_weight=0.0, nearest=1, beam=1, lag=0)
"""Each frame by its sound alone."""
VITERBI = Search(jump_weight=1.0, nearest=32, beam=64, lag=32)
"""The cheapest path. The weight hardly matters: on five real clips, each fifth held out in turn, 0.1 to 2
follow the sound alike (mean dcor 0.15 to 0.16; plain 0.13). 1 jumps half as often as 0.25; from 4 on the path
leaves the sound too often."""
GUIDED = VITERBI._replace(jump_weight=2.0)
"""The same with a guide, which changes from frame to frame where nothing is to be seen of it: at 1 half of
all frames are in a transition, at 2 a third, and the picture follows as well (drums from above dcor .23,
cello .08 to .10)."""
HASTE = (0.5, 1.0)
"""Most weight of jumps where no frame, or one, is known before one is decided: a heavier jump is put off
until what it is for is over, and nothing follows the sound any more (four clips: mean excess of dcor with no
such frame -.06 at 2 and .18 at .5; with one .19 at 2 and .23 at 1)."""


class CostWeights(NamedTuple):
    """What makes a training frame expensive."""

    sound: float = 1.0
    """Per distance of its sound, in units of the mean distance of two training sounds."""
    guide: float = 0.0
    """Per squared distance of its picture to the guide's, in units of the mean one of two training frames."""


BY_SOUND = CostWeights(sound=1.0, guide=0.0)
"""Nothing leads but the sound."""
BY_GUIDE = CostWeights(sound=0.0, guide=1.0)
"""The guide's picture leads, and the sound through it alone."""
BY_BOTH = CostWeights(sound=1.0, guide=1.0)
"""Both lead."""


def usual_search(weights: CostWeights, lag: int | None = None) -> Search:
    """Returns how a path is looked for.

    Args:
        weights: what makes a frame expensive.
        lag: frames of sound that are known before one is decided; None: many.
    """
    search = GUIDED if weights.guide else VITERBI
    if lag is None:
        return search
    most = HASTE[lag] if lag < len(HASTE) else search.jump_weight
    return search._replace(lag=lag, jump_weight=min(search.jump_weight, most))
