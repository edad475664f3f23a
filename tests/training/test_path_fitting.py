"""Whether the guide or the sound leads a path is chosen on the training part."""

import pytest

from listen_and_move.models.path_search import BY_GUIDE, BY_SOUND, CostWeights
from listen_and_move.training.path_fitting import folds, leading


@pytest.mark.parametrize(
    ("by_sound", "by_guide", "leads"),
    [
        pytest.param([0.33, 0.14, 0.36, 0.28], [0.35, 0.23, 0.36, 0.26], BY_GUIDE, id="better on the whole"),
        pytest.param([0.33, 0.14, 0.36, 0.28], [0.34, 0.14, 0.36, 0.29], BY_SOUND, id="hardly better"),
        pytest.param([-0.02, -0.01, 0.0, -0.01], [0.01, -0.01, 0.15, 0.0], BY_SOUND, id="knows one stretch"),
        pytest.param([0.19, 0.12, 0.19, 0.42], [0.13, 0.12, 0.17, 0.17], BY_SOUND, id="worse"),
        pytest.param([], [], BY_SOUND, id="nothing to choose on"),
    ],
)
def test_what_leads(by_sound: list[float], by_guide: list[float], leads: CostWeights) -> None:
    assert leading(by_sound, by_guide) == leads


def test_stretches_are_the_training_part() -> None:
    spans = (range(0, 100), range(140, 200))
    found = list(folds(spans))
    assert [number for span in found for number in span] == [*spans[0], *spans[1]]
    assert max(map(len, found)) <= 50
