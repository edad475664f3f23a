"""Outputs say by machine what their pictures are, and play as they did."""

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from listen_and_move import __version__
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.perform import perform
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import Codec, VideoWriter
from listen_and_move.media.wav import write_wav
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import composed, computed, drawn, mixture, replayed
from listen_and_move.provenance.xmp import packet
from listen_and_move.runs import RunFolder
from tests.cli.running import tone
from tests.media.making import Tags
from tests.provenance.boxes import boxes, chunks, packets, said

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN, COMPOSITE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
CAPTURED = "compositeCapture"
LABEL = Label(drawn("ab" * 32, 3))


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize(
    ("asked", "source_type", "done"),
    [
        ({"picture": "drawn"}, DRAWN, "drew every picture"),
        ({"picture": "composed"}, COMPOSITE, "detail of frames of that recording"),
        ({"picture": "drawn", "paste": True}, COMPOSITE, "into a still of the recording's"),
        ({"picture": "path"}, CAPTURED, "chose by a sound which frame of the recording is shown"),
        ({"picture": "path", "paste": True}, CAPTURED, "into a still of the recording's"),
        ({"mode": "replay"}, CAPTURED, "chose by a sound which frame of the recording is shown"),
    ],
    ids=lambda value: value if isinstance(value, str) else ", ".join(map(str, value.values())),
)
def test_what_is_shown_says_what_it_is(
    filmed: Path,
    performance: Path,
    tmp_path: Path,
    asked: dict[str, str],
    source_type: str,
    done: str,
    ending: str,
) -> None:
    (out,) = generate(filmed, performance, tmp_path / f"out.{ending}", end=0.3, device="cpu", **asked)  # type: ignore[arg-type]
    found = said(out)
    assert found["source type"] == VOCABULARY + source_type
    assert found["tool"] == f"Listen and Move {__version__}"
    assert done in found["description"]
    with av.open(str(out)) as container:
        assert found["description"].startswith(container.metadata["comment"])
    if asked.get("mode") != "replay":
        assert file_hash(RunFolder(filmed).model_file) in found["description"]
    assert (file_hash(performance) in found["description"]) == (source_type != DRAWN)


def test_a_model_says_of_itself_what_it_shows_unasked(
    trained: Path, filmed: Path, performance: Path, tmp_path: Path
) -> None:
    types = []
    for model, name in ((trained, "trained"), (performance, "video")):
        (out,) = generate(model, performance, tmp_path / f"{name}.mp4", end=0.3, device="cpu")
        types.append(said(out)["source type"])
    assert types == [VOCABULARY + DRAWN, VOCABULARY + CAPTURED]


@pytest.mark.parametrize("ending", ["mkv", "webm"])
def test_matroska_says_it_in_tags(trained: Path, performance: Path, tmp_path: Path, ending: str) -> None:
    (out,) = generate(trained, performance, tmp_path / f"out.{ending}", end=0.3, device="cpu")
    with av.open(str(out)) as container:
        tags = container.metadata
    assert tags["DIGITAL_SOURCE_TYPE"] == VOCABULARY + DRAWN
    assert tags["CREATOR_TOOL"] == f"Listen and Move {__version__}"
    assert tags["COMMENT"].startswith("Generated picture, no recording")
    assert "drew every picture" in tags["DESCRIPTION"]


def test_each_picture_of_a_folder_says_it(trained: Path, performance: Path, tmp_path: Path) -> None:
    (out,) = generate(trained, performance, tmp_path / "frames", end=0.2, device="cpu")
    (plain,) = generate(trained, performance, tmp_path / "plain.mp4", end=0.2, device="cpu")
    files = sorted(out.glob("*.png"))
    assert len(files) == len(list(read_frames(plain, Fraction(20), width=32, height=32))) == 4
    for file in files:
        assert said(file)["source type"] == VOCABULARY + DRAWN
        kinds = [kind for kind, _ in chunks(file.read_bytes())]
        assert kinds.index("iTXt") < kinds.index("IDAT")
        assert kinds[-1] == "IEND"
    assert [frame.to_ndarray(format="rgb24").shape for frame in decoded(files[0])] == [(64, 64, 3)]


def test_what_is_played_live_says_it_in_files_and_pipes(
    filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, out, pipe = (tmp_path / name for name in ("sound.wav", "out.mp4", "pipe"))
    write_wav(sound, tone(0.5), 48_000)
    perform(filmed, str(sound), str(out), picture="drawn", realtime=True, device="cpu")
    assert said(out)["source type"] == VOCABULARY + DRAWN
    with pipe.open("w") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        perform(filmed, str(sound), "-", picture="path", device="cpu")
    with av.open(str(pipe)) as container:
        assert container.metadata["DIGITAL_SOURCE_TYPE"] == VOCABULARY + CAPTURED


def test_samples_of_a_training_are_composites(trained: Path) -> None:
    assert said(RunFolder(trained).sample_file(4))["source type"] == VOCABULARY + COMPOSITE


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "auto"), ("a.mov", "auto"), ("a.mov", "prores"), ("A.MP4", "auto")]
)
def test_nothing_else_in_a_file_changes(performance: Path, tmp_path: Path, name: str, codec: Codec) -> None:
    files = []
    for number, label in enumerate((Tags(LABEL.tags), LABEL)):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(folder / name)
        with VideoWriter(
            files[-1],
            width=64,
            height=48,
            fps=Fraction(25),
            sound=SoundTrack(performance),
            label=label,
            codec=codec,
        ) as writer:
            for frame in pictures(20):
                writer.write(frame)
    before, after = (file.read_bytes() for file in files)
    assert after.startswith(before), "so all that its index points to is where it was"
    assert [kind for kind, _ in boxes(after)] == [*(kind for kind, _ in boxes(before)), "uuid"]
    kinds = [kind for kind, _ in boxes(after)]
    assert (kinds.index("moov") < kinds.index("mdat")) == (codec == "auto"), "it begins before it is loaded"
    assert packets(files[1]) == [packet(LABEL.provenance)]
    assert len(list(decoded(files[1]))) == 20


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "frames"])
def test_exiftool_reads_it(tmp_path: Path, name: str) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool here")
    out = tmp_path / name
    with VideoWriter(out, width=64, height=48, fps=Fraction(25), label=LABEL) as writer:
        for frame in pictures(3):
            writer.write(frame)
    file = out / "frame-000000.png" if out.is_dir() else out
    group = "Matroska" if file.suffix in (".mkv", ".webm") else "XMP"
    told = subprocess.run(
        ["exiftool", "-json", f"-{group}:all", "-warning", "-error", str(file)],
        capture_output=True,
        check=True,
        text=True,
    )
    (found,) = json.loads(told.stdout)
    assert found["DigitalSourceType"] == VOCABULARY + DRAWN
    assert found["CreatorTool"] == f"Listen and Move {__version__}"
    assert "drew every picture" in found["Description"]
    assert "Warning" not in found
    assert "Error" not in found


def test_a_file_that_cannot_be_sealed_is_not_there_and_the_old_one_stays(tmp_path: Path) -> None:
    class Failing(Tags):
        def seal(self, file: Path) -> None:
            assert file.parent == tmp_path
            assert file != out
            raise UserError("expected better")

    out, label = tmp_path / "a.mp4", Failing({})
    out.write_bytes(b"old")
    with (
        pytest.raises(UserError, match="expected better"),
        VideoWriter(out, width=64, height=48, fps=Fraction(25), overwrite=True, label=label) as writer,
    ):
        writer.write(next(iter(pictures(1))))
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert out.read_bytes() == b"old"


def test_any_text_is_well_formed(tmp_path: Path) -> None:
    wild = computed()._replace(mark="""<b> & "c" 'd' ]]> é 日本 😀""", done="</rdf:li>")
    file = tmp_path / "a.mp4"
    file.touch()
    Label(wild).seal(file)
    assert said(file)["description"] == wild.description


def test_several_kinds_of_pictures_are_the_strongest_of_them() -> None:
    path, network, both = replayed(["v"], "m"), drawn("n"), composed("m", ["v"])
    kinds = [mixture(parts).source_type for parts in ([path], [path, both], [both, network], [network, path])]
    assert kinds == [CAPTURED, COMPOSITE, DRAWN, DRAWN]
    mixed = mixture([path, network, both])
    assert mixed.models == ("m", "n")
    assert mixed.videos == ("v",)
    assert all(part.mark in mixed.mark and part.done in mixed.done for part in (path, network, both))
    assert mixture([path, path]) == path


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), 10 * number, np.uint8) for number in range(count)]


def decoded(file: Path) -> list[av.VideoFrame]:
    with av.open(str(file)) as container:
        return list(container.decode(video=0))
