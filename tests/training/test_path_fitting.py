"""Whether the guide or the sound leads a path is chosen on the training part."""

import pytest

from listen_and_move.models.path_costs import BY_BOTH, BY_GUIDE, BY_SOUND, CostWeights
from listen_and_move.training.path_fitting import LONGEST_FOLD, folds, leading


@pytest.mark.parametrize(
    ("by_sound", "by_guide", "by_both", "leads"),
    [
        pytest.param(
            [0.33, 0.14, 0.36, 0.28], [0.4, 0.23, 0.4, 0.3], [0.4, 0.24, 0.4, 0.3], BY_GUIDE, id="guide"
        ),
        pytest.param(
            [0.33, 0.14, 0.36, 0.28], [0.34, 0.14, 0.36, 0.29], [0.29] * 4, BY_SOUND, id="no better"
        ),
        pytest.param(
            [-0.02, -0.01, 0.0, -0.01],
            [0.01, -0.01, 0.15, 0.0],
            [0.0, 0.0, 0.2, 0.0],
            BY_SOUND,
            id="one alone",
        ),
        pytest.param([0.19, 0.12, 0.19, 0.42], [0.13, 0.12, 0.17, 0.17], [0.2] * 4, BY_SOUND, id="worse"),
        pytest.param(
            [0.73, 0.65, 0.83, 0.74], [0.80, 0.70, 0.83, 0.60], [0.81, 0.65, 0.83, 0.83], BY_BOTH, id="both"
        ),
        pytest.param([], [], [], BY_SOUND, id="nothing to choose on"),
    ],
)
def test_what_leads(
    by_sound: list[float], by_guide: list[float], by_both: list[float], leads: CostWeights
) -> None:
    assert leading({BY_SOUND: by_sound, BY_GUIDE: by_guide, BY_BOTH: by_both}) == leads


def test_what_the_network_draws_of_what_it_has_seen_is_not_believed_alone() -> None:
    sound, drawn, recalled = [0.19, 0.12, 0.19, 0.32], [0.2, 0.24, 0.3, 0.33], [0.0, 0.03, 0.22, 0.01]
    both = [0.19, 0.13, 0.18, 0.3]
    promised = {BY_SOUND: sound, BY_GUIDE: drawn, BY_BOTH: both}
    assert leading(promised) == BY_GUIDE
    assert leading(promised, {BY_SOUND: sound, BY_GUIDE: recalled, BY_BOTH: both}) == BY_SOUND
    assert leading(promised, promised) == BY_GUIDE


def test_stretches_are_the_training_part() -> None:
    spans = (range(0, 100), range(140, 200))
    found = list(folds(spans))
    assert [number for span in found for number in span] == [*spans[0], *spans[1]]
    assert max(map(len, found)) <= 50


def test_of_a_long_clip_the_beginning_of_each_stretch_is_enough() -> None:
    found = list(folds([range(0, 12_000)]))
    assert [span.start for span in found] == [0, 3000, 6000, 9000]
    assert {len(span) for span in found} == {LONGEST_FOLD}
