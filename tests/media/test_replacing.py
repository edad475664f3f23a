"""Replacing: the complete new file or the old one, and nothing beside it."""

import errno
import subprocess
import sys
import textwrap

import pytest
from tests.media.making import FPS, names, striped, write

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.replacing import replacing
from listen_and_move.media.video import VideoWriter


def test_replacing_gives_the_whole_file_or_none(tmp_path):
    path = tmp_path / "config.json"
    for text in ("one", "two"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".json"
        assert path.read_text() == text

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_text("three")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    with pytest.raises(UserError, match="--overwrite"), replacing(path, overwrite=False):
        pytest.fail("the block was entered")
    with pytest.raises(UserError, match="folder"), replacing(tmp_path):
        pytest.fail("the block was entered")
    assert path.read_text() == "two"
    assert names(tmp_path) == {"config.json"}


def test_replacing_tells_only_what_concerns_its_file(tmp_path):
    path = tmp_path / "config.json"
    with pytest.raises(FileNotFoundError), replacing(path):
        (tmp_path / "input.txt").read_text()
    with pytest.raises(OSError, match="of another kind"), replacing(path):
        raise OSError("of another kind")
    with pytest.raises(UserError, match=r"config\.json: cannot be written"), replacing(path) as temporary:
        (temporary / "below").write_text("a file was taken for a folder")
    with pytest.raises(UserError, match=r"config\.json: cannot be written"), replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UserError, match=r"config\.json: cannot be written"), replacing(path):
        pass  # nothing was written
    assert not names(tmp_path)


@pytest.mark.parametrize("name", ["v.mp4", "v.webm", "frames"])
@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_interrupted_video_leaves_nothing_and_touches_nothing(tmp_path, name, problem):
    write(tmp_path / name, 5)
    before = probe(tmp_path / name) if "." in name else names(tmp_path / name)

    def fail_half_way() -> None:
        with VideoWriter(tmp_path / name, width=64, height=32, fps=FPS, overwrite=True) as writer:
            for number in range(60):
                writer.write(striped(number))
            assert len(names(tmp_path)) == 2
            raise problem("half way")

    with pytest.raises(problem, match="half way"):
        fail_half_way()
    assert names(tmp_path) == {name}
    assert before == (probe(tmp_path / name) if "." in name else names(tmp_path / name))


def test_a_folder_is_replaced_only_when_it_holds_nothing_else(tmp_path):
    folder = tmp_path / "out.v1"
    folder.mkdir()
    write(folder, 3)  # an empty folder may be used, a dot in its name or not
    with pytest.raises(UserError, match="--overwrite"):
        write(folder, 2)
    write(f"{folder}/", 2, overwrite=True)
    assert names(folder) == {"frame-000000.png", "frame-000001.png"}
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.txt"):
        write(folder, 2, overwrite=True)
    assert len(names(folder)) == 3
    assert names(tmp_path) == {"out.v1"}


def test_a_folder_without_the_right_to_write_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match="may write"):
        write(tmp_path / "v.mp4", 1)


FULL = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from listen_and_move.errors import UserError
from listen_and_move.media.replacing import replacing
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))  # a file that grows past this is like a full disk
random = np.random.default_rng(0)
def video(name, picture, sound):
    with VideoWriter(name, width=64, height=64, fps=Fraction(25), sound=sound) as writer:
        for _ in range(60):
            writer.write(random.integers(0, 256 if picture else 1, (64, 64, 3), np.uint8))
def text():
    with replacing("t.txt") as path:
        path.write_text("x" * 50000)
noise = Waveform(random.uniform(-1, 1, 200000), 44100)
names, kinds = ("v.mp4", "v.mov", "v.mkv", "v.webm"), ((1, None), (0, noise))
jobs = [lambda n=n, p=p, s=s: video(n, p, s) for n in names for p, s in kinds]
jobs += [lambda: video("frames", 1, noise), lambda: write_wav("w.wav", noise.samples, 8000), text]
for job in jobs:
    try:
        job()
    except UserError as error:
        assert "cannot be written" in str(error) and "\\n" not in str(error), error
    else:
        sys.exit("a full disk went unnoticed")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not names(tmp_path)


def test_names_of_folders_that_end_in_dots_are_told(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for name in (".", "..", "/", "../inner/.."):
        with pytest.raises(UserError, match="expected the name of a file"), replacing(name):
            pytest.fail("the block was entered")
    assert names(tmp_path) == {"inner"}
    assert not names(tmp_path / "inner")
