"""What tests of every folder use."""

import os
import signal
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import pytest
import torch

from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.training.loop import train
from tests.shapes import begin_test

LONG = (
    "test_loop.py",
    "test_page_equality.py",
    "test_browser.py",
    "test_pipeline.py",
    "test_inspection.py",
    "test_cli.py",
    "test_no_paths.py",
    "test_soak.py",
    "test_cli_surroundings.py",
    "test_damaged_checkpoint.py",
    "test_demonstration.py",
)
"""Files that take longest, the longest first: begun first, so that none is left alone in the end."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of the page wait for a browser and for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_setupnodes() -> None:
    """Each of several processes computes by one thread; where a test wants more, those that wait sleep.

    The libraries read this as they are loaded, which is before a worker imports any test. Threads that spin
    while they wait take the cores from the other workers.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """What a fixture draws at random does not depend on what ran before."""
    torch.manual_seed(crc32(f"{fixturedef.baseid} {fixturedef.argname}".encode()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """What a test draws at random does not depend on what ran before."""
    torch.manual_seed(crc32(item.nodeid.encode()))


@pytest.fixture(autouse=True)
def shapes_checked() -> None:
    """Each test checks shapes from its first calls on."""
    begin_test()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real videos (data/videos) and sounds (data/sounds), which are not part of the
    repository."""
    folder = os.environ.get("LISTEN_AND_MOVE_TEST_DATA")
    if not folder:
        pytest.skip("LISTEN_AND_MOVE_TEST_DATA names no folder with real media")
    return Path(folder)


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # In the background of a script; the commands that tests interrupt would not hear it either.
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["LISTEN_AND_MOVE_CACHE"] = (
    "off"  # here and in every command that a test starts: the user's cache is not ours
)

TINY: dict[str, object] = {
    "losses.adversarial_weight": 1.0,
    "clip.size": "32",
    "generator.channels_base": 64,
    "generator.channels_max": 16,
    "critics.channels_base": 64,
    "critics.channels_max": 16,
    "training.window": 4,
    "training.steps": 4,
    "training.save_every": 2,
    "training.validate_every": 2,
    "training.sample_every": 4,
    "training.keep": "none",
}
"""Settings of a model that is trained in a second or two."""


@pytest.fixture(scope="session")
def performance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video file of 4 s with sound: 20 fps, 64x64, H.264 and AAC."""
    path = tmp_path_factory.mktemp("clip") / "performance.mp4"
    notes, fps = melody(1, 4.0), Fraction(20)
    sound = Waveform(render_sound(notes, 4.0), 48_000)
    with VideoWriter(path, width=64, height=64, fps=fps, sound=sound) as writer:
        for frame in render_frames(notes, 4.0, fps, 64, 64):
            writer.write(frame)
    return path


@pytest.fixture(scope="session")
def trained(performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny model; not to be changed."""
    return train(
        performance,
        tmp_path_factory.mktemp("runs") / "tiny",
        preset_name="quick",
        settings=TINY,
        device="cpu",
    ).run


@pytest.fixture(scope="session")
def filmed(performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the same model, which keeps its frames; not to be changed."""
    folder, settings = tmp_path_factory.mktemp("runs") / "filmed", {**TINY, "training.keep": "source"}
    return train(performance, folder, preset_name="quick", settings=settings, device="cpu").run


@pytest.fixture(scope="session")
def noisy(performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny model of the full form: noise, batch norm, directional prediction; not to be
    changed."""
    settings = {**TINY, "training.steps": 1, "training.sample_every": 2, "losses.perceptual": 0.0}
    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # the weights depend on it, and bounds of rounding were set with these
    folder = tmp_path_factory.mktemp("runs") / "noisy"
    try:
        return train(performance, folder, preset_name="paper", settings=settings, device="cpu").run
    finally:
        torch.set_num_threads(threads)
