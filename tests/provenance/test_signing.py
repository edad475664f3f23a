"""Signed outputs: what is signed, who believes it, and what breaks it."""

import io
import json
from base64 import b64encode
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install listen-and-move[sign]")

import c2pa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from listen_and_move import __version__
from listen_and_move.data.clip import file_hash
from listen_and_move.inference.generate import generate
from listen_and_move.inference.perform import perform
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.video import Codec
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.signing import ManifestSigner
from listen_and_move.provenance.xmp import packet
from listen_and_move.runs import RunFolder
from tests.cli.running import command
from tests.provenance.authority import Authority, Pair
from tests.provenance.boxes import C2PA_BOX, XMP_BOX, boxes, packets, said
from tests.provenance.writing import PROVENANCE, write

DRAWN = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MIME = {".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png"}


def test_a_signed_output_is_believed_and_plays_as_before(
    filmed: Path, performance: Path, sound: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    plain, signed = (tmp_path / f"{name}.mp4" for name in ("plain", "signed"))
    generate(filmed, sound, plain, picture="path", device="cpu")
    generate(filmed, sound, signed, picture="path", sign=pair.files, device="cpu")
    found = read(signed, authority)
    assert found["validation_state"] == "Trusted"
    (action,) = actions(found)
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == said(plain)["source type"]
    assert action["softwareAgent"] == {"name": "Listen and Move", "version": __version__}
    assert action["parameters"] == {
        "model sha256": [file_hash(RunFolder(filmed).model_file)],
        "video sha256": [file_hash(performance)],
        "sound sha256": [file_hash(sound)],
    }
    assert said(signed) == said(plain)
    assert action["description"] == said(signed)["description"]
    assert [kind for kind, _ in boxes(signed.read_bytes())].count("uuid") == 2
    assert same_media(plain, signed)
    assert not list(tmp_path.glob(".*")), "nothing half written is left"
    assert read(signed, Authority(tmp_path))["validation_state"] == "Valid", "unaltered, by somebody unknown"


@pytest.mark.parametrize(("name", "codec"), [("a.mov", "auto"), ("a.mov", "prores"), ("A.MP4", "auto")])
def test_each_kind_of_video_is_signed_and_plays(
    authority: Authority, pair: Pair, tmp_path: Path, name: str, codec: Codec
) -> None:
    plain, signed = tmp_path / name, tmp_path / f"signed-{name}"
    write(plain, codec=codec)
    write(signed, ManifestSigner(*pair.files), codec=codec)
    assert read(signed, authority)["validation_state"] == "Trusted"
    assert same_frames(plain, signed)
    assert packets(signed) == [packet(PROVENANCE)]


def test_each_picture_of_a_folder_is_signed(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    write(tmp_path / "plain")
    write(tmp_path / "signed", ManifestSigner(*pair.files))
    files = sorted((tmp_path / "signed").iterdir())
    assert [file.name for file in files] == [f"frame-{number:06d}.png" for number in range(10)]
    for file in files:
        assert read(file, authority)["validation_state"] == "Trusted"
        assert same_frames(tmp_path / "plain" / file.name, file)
        assert packets(file) == [packet(PROVENANCE)]


def test_a_live_recording_is_signed(
    trained: Path, sound: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    out = tmp_path / "live.mp4"
    perform(trained, str(sound), str(out), realtime=True, sign=pair.files, device="cpu")
    (action,) = actions(found := read(out, authority))
    assert found["validation_state"] == "Trusted"
    assert action["digitalSourceType"] == DRAWN
    assert action["parameters"]["sound sha256"] == [file_hash(sound)]


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "Ed25519", "RSA"])
def test_keys_of_all_kinds_that_c2pa_takes(authority: Authority, tmp_path: Path, kind: str) -> None:
    # Not only as PKCS 8: openssl writes others as well.
    form = PrivateFormat.PKCS8 if kind == "Ed25519" else PrivateFormat.TraditionalOpenSSL
    write(tmp_path / "a.mp4", ManifestSigner(*authority.issue(kind, form=form).files))
    assert read(tmp_path / "a.mp4", authority)["validation_state"] == "Trusted"


@pytest.mark.parametrize("where", ["pixels", "xmp", "index", "claim", "appended"])
def test_whatever_is_altered_is_seen(authority: Authority, pair: Pair, tmp_path: Path, where: str) -> None:
    file = tmp_path / "a.mp4"
    write(file, ManifestSigner(*pair.files))
    data = bytearray(file.read_bytes())
    assert read(file, authority)["validation_state"] == "Trusted"
    places = {
        "pixels": data.index(b"mdat") + 100,
        "xmp": data.index(b"trainedAlgorithmicMedia", data.index(XMP_BOX)),
        "index": data.index(b"mvhd") + 20,
        "claim": data.index(b"trainedAlgorithmicMedia", data.index(C2PA_BOX)),
    }
    if where == "appended":  # another claim beside the first one
        said_twice = packet(PROVENANCE._replace(source_type="compositeCapture"))
        data += (24 + len(said_twice)).to_bytes(4, "big") + b"uuid" + XMP_BOX + said_twice
    else:
        data[places[where]] ^= 1
    file.write_bytes(data)
    assert read(file, authority)["validation_state"] == "Invalid"


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
def test_the_key_is_in_no_file(authority: Authority, tmp_path: Path, kind: str) -> None:
    pair = authority.issue(kind)
    for out in (tmp_path / "a.mp4", tmp_path / "folder"):
        write(out, ManifestSigner(*pair.files))
    numbers = pair.private.private_numbers()
    secret = numbers.private_value if kind == "P-256" else numbers.d
    forms = [
        secret.to_bytes((secret.bit_length() + 7) // 8, "big"),
        pair.private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        b"PRIVATE KEY",
        *pair.key.read_bytes().splitlines()[1:-1],
        b64encode(secret.to_bytes((secret.bit_length() + 7) // 8, "big"))[:30],
    ]
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) == 11
    assert not any(form in data for form in forms for data in written)
    assert b"Test signer" in written[0], "who signed is in it"


def test_the_command_signs_and_refuses(
    trained: Path, sound: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    line = ["generate", trained, sound, "--device=cpu", "--json", "--out"]
    ended = command(*line, tmp_path / "out.mp4", "--sign", *pair.files)
    assert ended.returncode == 0, ended.stderr
    assert read(tmp_path / "out.mp4", authority)["validation_state"] == "Trusted"
    ended = command(*line, tmp_path / "out.mkv", "--sign", *pair.files)
    assert ended.returncode == 2
    assert "no place in .mkv" in json.loads(ended.stdout)["error"]
    assert "--sign" in json.loads(ended.stdout)["hint"]


def test_no_private_key_is_shown_by_its_signer(pair: Pair) -> None:
    shown = repr(vars(ManifestSigner(*pair.files))) + repr(Label(PROVENANCE, ManifestSigner(*pair.files)))
    assert not any(line in shown for line in pair.key.read_text().splitlines()[1:-1])


def read(file: Path, authority: Authority) -> dict[str, Any]:
    """What C2PA's own reader says of a file, where it trusts an authority and nobody else."""
    settings = {"trust": {"trust_anchors": authority.pem}, "verify": {"verify_trust": True}}
    with (
        c2pa.Context.from_dict(settings) as context,
        file.open("rb") as stream,
        c2pa.Reader(MIME[file.suffix.lower()], stream, context=context) as reader,
    ):
        return json.loads(reader.json())


def actions(found: dict[str, Any]) -> list[dict[str, Any]]:
    (manifest,) = found["manifests"].values()
    return [
        action
        for assertion in manifest["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]


def frames_of(file: Path) -> list[tuple[float | None, bytes]]:
    with av.open(io.BytesIO(file.read_bytes())) as container:
        return [(frame.time, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


def same_frames(one: Path, other: Path) -> bool:
    first, second = frames_of(one), frames_of(other)
    return len(first) > 0 and first == second


def same_media(one: Path, other: Path) -> bool:
    """Frames as FFmpeg and as this project read them, and sound."""
    own, others = (
        np.stack(list(read_frames(file, Fraction(20), width=64, height=64))) for file in (one, other)
    )
    sound, other_sound = (np.concatenate(list(read_sound(file, 48_000))) for file in (one, other))
    return (
        same_frames(one, other)
        and np.array_equal(own, others)
        and np.array_equal(sound, other_sound)
        and len(sound) > 0
    )
