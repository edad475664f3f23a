"""What several tests of media read."""

from fractions import Fraction

import pytest
from tests.media.making import make_video


@pytest.fixture(scope="session")
def steady(tmp_path_factory):
    """100 frames at 25 fps with B-frames, 4 s."""
    folder = tmp_path_factory.mktemp("steady")
    options = {"preset": "veryfast", "bf": "3"}
    return make_video(folder / "steady.mp4", range(100), tick=Fraction(1, 25), options=options)
