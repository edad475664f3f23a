"""Who signs, and a sound to play."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from listen_and_move.media.wav import write_wav
from tests.cli.running import tone

if TYPE_CHECKING:
    from tests.provenance.authority import Authority, Pair


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> "Authority":
    from tests.provenance.authority import Authority  # needs the extra sign

    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def pair(authority: "Authority") -> "Pair":
    return authority.issue()


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "tone.wav"
    write_wav(path, tone(0.4), 48_000)
    return path
