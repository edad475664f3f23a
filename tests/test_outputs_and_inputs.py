"""Nothing that a command reads is overwritten by what it writes, whatever links lie between; linked outputs
stay links."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from listen_and_move import UserError, compare, generate, import_checkpoint, inspect
from listen_and_move.inference.perform import perform
from listen_and_move.media.files import probe
from listen_and_move.media.replacing import check_no_input, replacing, replacing_folder, short_name
from listen_and_move.media.wav import write_wav
from listen_and_move.runs import RunFolder
from tests.cli.running import command, refused, tone

LINKS = ("itself", "symbolic", "hard", "by another way")


def linked(file: Path, how: str) -> Path:
    """Another name of a file."""
    if how == "itself":
        return file
    if how == "by another way":
        return file.parent / "folder" / ".." / file.name
    name = file.with_name(f"{how}{file.suffix}")
    if how == "symbolic":
        name.symlink_to(file)
    else:
        os.link(file, name)
    return name


@pytest.fixture
def recording(performance: Path, tmp_path: Path) -> Path:
    """A recording that nobody else uses."""
    (tmp_path / "folder").mkdir()
    return Path(shutil.copy(performance, tmp_path / "recording.mp4"))


@pytest.mark.parametrize("how", LINKS)
def test_a_recording_survives_every_command_that_names_it_as_output(
    trained: Path, recording: Path, how: str
) -> None:
    before, out = recording.read_bytes(), linked(recording, how)
    sound = recording.with_name("sound.wav")
    write_wav(sound, tone(0.3), 48_000)
    run = RunFolder(shutil.copytree(trained, recording.parent / "run"))
    for paste in (True, False):
        mode = "model" if paste else "replay"
        with pytest.raises(UserError, match="expected an output that is no input"):
            generate(
                run.path, sound, out, mode=mode, paste=paste, video=recording, overwrite=True, device="cpu"
            )
    with pytest.raises(UserError, match="expected an output that is no input"):
        generate(run.path, recording, out, overwrite=True, device="cpu")
    with pytest.raises(UserError, match="expected an output that is no input"):
        perform(run.path, str(recording), str(out), overwrite=True, device="cpu")
    with pytest.raises(UserError, match="expected an output that is no input"):
        perform(run.path, str(sound), str(out), paste=True, video=recording, overwrite=True, device="cpu")
    assert recording.read_bytes() == before


@pytest.mark.parametrize("how", LINKS)
def test_other_inputs_survive_too(trained: Path, recording: Path, how: str) -> None:
    model = Path(shutil.copy(trained / "model.safetensors", recording.parent / "model.safetensors"))
    picture = recording.with_name("picture.png")
    picture.symlink_to(recording)
    before = recording.read_bytes(), model.read_bytes()
    with pytest.raises(UserError, match="is no input"):
        import_checkpoint(model, linked(model, how), overwrite=True)
    with pytest.raises(UserError, match="is no input"):
        inspect(recording, picture=picture)
    results = [recording.with_name(f"{name}.json") for name in "ab"]
    for file in results:
        file.write_text("{}")
    with pytest.raises(UserError, match="is no input"):
        compare(results, linked(results[1], how), overwrite=True)
    assert (recording.read_bytes(), model.read_bytes(), results[1].read_text()) == (*before, "{}")


def test_a_sound_inside_a_folder_of_frames_survives(trained: Path, tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    write_wav(sound, tone(0.3), 48_000)
    (frames,) = generate(trained, sound, tmp_path / "frames", device="cpu")
    with pytest.raises(UserError, match="is no input"):
        perform(trained, str(frames / "sound.wav"), str(frames), overwrite=True, device="cpu")


def test_standard_input_from_the_output_is_refused(trained: Path, recording: Path) -> None:
    before = recording.read_bytes()
    line = [
        sys.executable,
        "-m",
        "listen_and_move",
        "live",
        trained,
        "--input",
        "-",
        "--output",
        recording,
        "--overwrite",
    ]
    with recording.open("rb") as file:
        result = subprocess.run(list(map(str, line)), stdin=file, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert "it is, or holds, standard input" in result.stderr, result.stderr
    assert recording.read_bytes() == before


def test_two_sounds_are_not_written_to_one_file_by_a_link(trained: Path, tmp_path: Path) -> None:
    sounds = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for sound in sounds:
        write_wav(sound, tone(0.2), 48_000)
    (tmp_path / f"a-{trained.name}.mp4").symlink_to(tmp_path / f"b-{trained.name}.mp4")
    with pytest.raises(UserError, match="two sounds would be written there"):
        generate(trained, sounds, f"{tmp_path}/", overwrite=True, device="cpu")


def test_a_linked_output_is_written_through_the_link(trained: Path, tmp_path: Path) -> None:
    sound, elsewhere = tmp_path / "sound.wav", tmp_path / "elsewhere"
    write_wav(sound, tone(0.2), 48_000)
    elsewhere.mkdir()
    for name in ("there.mp4", "new.mp4"):
        (tmp_path / name).symlink_to(elsewhere / name)
    (elsewhere / "there.mp4").write_bytes(b"old")
    with pytest.raises(UserError, match="--overwrite"):
        generate(trained, sound, tmp_path / "there.mp4", device="cpu")
    for name in ("there.mp4", "new.mp4"):
        generate(trained, sound, tmp_path / name, overwrite=True, device="cpu")
        assert (tmp_path / name).is_symlink()
        assert probe(elsewhere / name).video is not None
    assert sorted(path.name for path in elsewhere.iterdir()) == ["new.mp4", "there.mp4"]


def test_linked_folders_and_links_to_nowhere(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    (folder / "frame-000000.png").touch()
    link.symlink_to(folder)
    with replacing_folder(link, overwrite=True) as temporary:
        (temporary / "frame-000001.png").touch()
    assert link.is_symlink()
    assert [path.name for path in folder.iterdir()] == ["frame-000001.png"]
    (tmp_path / "lost.mp4").symlink_to(tmp_path / "gone" / "lost.mp4")
    with pytest.raises(UserError, match="gone does not exist"), replacing(tmp_path / "lost.mp4"):
        pass
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    check_no_input(tmp_path / "loop.mp4", [tmp_path / "folder"])  # ends, and says nothing


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_files_is_not_said_to_be_replaceable(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "diary.txt").touch()
    other = pytest.raises(UserError, match="it holds other files, such as diary")
    with other, replacing_folder(tmp_path, overwrite):
        pass


def test_names_are_shortened_between_characters() -> None:
    assert short_name("song", ".mp4") == "song.mp4"
    for stem in ("a" * 300, "😀" * 100, "é" * 200, "\udcff" * 300):
        name = short_name(stem, ".mp4")
        assert name.endswith(".mp4")
        assert stem.startswith(name.removesuffix(".mp4"))
        assert 250 < len(os.fsencode(name)) <= 255


@pytest.mark.parametrize("stem", ["😀" * 60, "a" * 240, "two\nlines", "tab\tand\x1b[31mred"])
def test_sounds_with_odd_names_are_played(trained: Path, tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}.wav").write_bytes(_sound(tmp_path))
    made = command("generate", trained, f"{stem}.wav", folder=tmp_path, COLUMNS="1000")
    (out,) = tmp_path.glob("*.mp4")
    assert made.returncode == 0, made.stderr
    assert out.name in made.stdout, made.stderr
    assert out.name.isprintable(), made.stderr
    assert len(os.fsencode(out.name)) <= 180
    assert probe(out).video is not None


def test_an_output_name_that_no_disk_takes_is_one_line(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(_sound(tmp_path))
    refused("generate", trained, "s.wav", "--out", "a" * 300 + ".mp4", saying="too long", folder=tmp_path)
    assert command("generate", trained, "s.wav", "--out", "a" * 250 + ".mp4", folder=tmp_path).returncode == 0


def _sound(folder: Path) -> bytes:
    file = folder / "made.wav"
    write_wav(file, tone(0.2), 48_000)
    content = file.read_bytes()
    file.unlink()
    assert np.frombuffer(content[:4], "S4")[0] == b"RIFF"
    return content
