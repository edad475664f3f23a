"""Signed outputs: what is signed, who believes it, what breaks it, and what is refused before any work."""

import io
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.cli.running import command, tone
from tests.sharing.authority import Authority, Pair
from tests.sharing.boxes import C2PA_BOX, XMP_BOX, boxes, packets, said

from listen_and_move import __version__
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.perform import perform
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.media.video import Codec, VideoWriter
from listen_and_move.media.wav import write_wav
from listen_and_move.runs import RunFolder
from listen_and_move.sharing.label import Label
from listen_and_move.sharing.provenance import drawn
from listen_and_move.sharing.signing import ManifestSigner
from listen_and_move.sharing.xmp import packet

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install listen-and-move[sign]")
PROVENANCE = drawn("ab" * 32)
DRAWN = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MIME = {".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "tone.wav"
    write_wav(path, tone(0.4), 48_000)
    return path


def test_a_signed_output_is_believed_and_plays_as_before(
    filmed: Path, performance: Path, sound: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    plain, signed = (tmp_path / f"{name}.mp4" for name in ("plain", "signed"))
    generate(filmed, sound, plain, picture="path", device="cpu")
    generate(filmed, sound, signed, picture="path", sign=pair.files, device="cpu")
    found = read(signed, authority)
    assert found["validation_state"] == "Trusted"
    (action,) = actions(found)
    assert action["action"] == "c2pa.created" and action["digitalSourceType"] == said(plain)["source type"]
    assert action["softwareAgent"] == {"name": "Listen and Move", "version": __version__}
    assert action["parameters"] == {
        "model sha256": [file_hash(RunFolder(filmed).model_file)],
        "video sha256": [file_hash(performance)],
        "sound sha256": [file_hash(sound)],
    }
    assert said(signed) == said(plain) and action["description"] in said(signed)["description"]
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
    assert same_frames(plain, signed) and packets(signed) == [packet(PROVENANCE)]


def test_each_picture_of_a_folder_is_signed(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    write(tmp_path / "plain")
    write(tmp_path / "signed", ManifestSigner(*pair.files))
    files = sorted((tmp_path / "signed").iterdir())
    assert [file.name for file in files] == [f"frame-{number:06d}.png" for number in range(10)]
    for file in files:
        assert read(file, authority)["validation_state"] == "Trusted"
        assert same_frames(tmp_path / "plain" / file.name, file)
        assert packets(file) == [packet(PROVENANCE)]


def test_a_live_recording_is_signed(trained: Path, sound: Path, authority: Authority, pair: Pair) -> None:
    out = sound.with_name("live.mp4")
    perform(trained, str(sound), str(out), realtime=True, sign=pair.files, device="cpu")
    (action,) = actions(found := read(out, authority))
    assert found["validation_state"] == "Trusted" and action["digitalSourceType"] == DRAWN
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
    assert len(written) == 11 and not any(form in data for form in forms for data in written)
    assert b"Test signer" in written[0], "who signed is in it"


def other_key(authority: Authority) -> tuple[Path, Path]:
    return authority.issue().certificate, authority.issue().key


def swapped(authority: Authority) -> tuple[Path, Path]:
    certificate, key = authority.issue().files
    return key, certificate


def without_file(authority: Authority) -> tuple[Path, Path]:
    return authority.issue().certificate, authority.folder / "nowhere.pem"


def folder_as_certificate(authority: Authority) -> tuple[Path, Path]:
    return authority.folder, authority.issue().key


def junk(authority: Authority) -> tuple[Path, Path]:
    file = authority.folder / "junk.pem"
    file.write_bytes(bytes(range(256)) * 10)
    return authority.issue().certificate, file


def broken_key(authority: Authority) -> tuple[Path, Path]:
    certificate, key = authority.issue().files
    text = key.read_text()
    key.write_text(text.replace(text[40:60], "A" * 20))
    return certificate, key


def authoritys_own(authority: Authority) -> tuple[Path, Path]:
    files = authority.folder / "own.pem", authority.folder / "own-key.pem"
    files[0].write_text(authority.pem)
    files[1].write_bytes(authority.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def huge(authority: Authority) -> tuple[Path, Path]:
    file = authority.folder / "huge.pem"
    file.write_bytes(authority.issue().certificate.read_bytes() + b"\n" * 2_000_000)
    return file, authority.issue().key


REFUSED: dict[str, tuple[Callable[[Authority], tuple[Path, Path]], str]] = {
    "another key": (other_key, "expected the private key of .*; it is that of another certificate"),
    "swapped": (swapped, "expected a certificate as PEM; it holds none"),
    "no file": (without_file, "nowhere.pem: expected a file to sign with; No such file"),
    "a folder": (folder_as_certificate, "expected a file to sign with; Is a directory"),
    "no key": (junk, "junk.pem: expected a private key as PEM; it holds none"),
    "a broken key": (broken_key, "key.pem: expected a"),
    "no file for a certificate": (huge, "expected a certificate as PEM; it holds none"),
    "expired": (
        lambda authority: authority.issue(begin=timedelta(-9), end=timedelta(-2)).files,
        r"expected a certificate that is valid today; it is valid from \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d",
    ),
    "not yet": (
        lambda authority: authority.issue(begin=timedelta(2)).files,
        "expected a certificate that is valid today",
    ),
    "not for signing": (
        lambda authority: authority.issue(for_signing=False).files,
        "expected a certificate that C2PA takes: .* got: the certificate is invalid",
    ),
    "an authority's own": (
        authoritys_own,
        "expected a certificate that C2PA takes: .* got: the certificate was self-signed",
    ),
    "a passphrase": (
        lambda authority: authority.issue(passphrase=b"secret").files,
        "expected a key without a passphrase; it has one",
    ),
    "another curve": (
        lambda authority: authority.issue("secp256k1").files,
        "expected a key of P-256, P-384, P-521, Ed25519 or RSA from 2048 bits",
    ),
    "a short key": (
        lambda authority: authority.issue("short RSA").files,
        "expected a key of P-256, P-384, P-521, Ed25519 or RSA from 2048 bits",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_nothing_can_be_signed_with_is_refused_before_any_work(
    authority: Authority, sound: Path, tmp_path: Path, case: str
) -> None:
    made, message = REFUSED[case]
    model, files = tmp_path / "model.safetensors", made(authority)
    model.write_bytes(b"to be read later")
    with pytest.raises(UserError, match=message) as refusal:
        generate(model, sound, tmp_path / "out.mp4", sign=files)
    assert str(refusal.value).isprintable()
    with pytest.raises(UserError, match=message):
        perform(model, str(sound), str(tmp_path / "out.mp4"), sign=files)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.mkv", "expected a name ending in .mp4 or .mov, or a folder of pictures, where it is signed"),
        ("out.webm", "a manifest has no place in .webm"),
        ("window", "expected an output that is a file or a folder; got window"),
        ("camera", "expected an output that is a file or a folder; got camera"),
        ("-", "expected an output that is a file or a folder; got -"),
    ],
)
def test_outputs_without_a_place_for_it_are_refused_before_any_work(
    sound: Path, pair: Pair, tmp_path: Path, out: str, message: str
) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"to be read later")
    name = str(tmp_path / out) if out.startswith("out") else out
    with pytest.raises(UserError, match=message):
        perform(model, str(sound), name, sign=pair.files)
    if out.startswith("out"):
        with pytest.raises(UserError, match=message):
            generate(model, sound, name, sign=pair.files)


def test_no_output_is_written_over_what_it_is_signed_with(
    trained: Path, sound: Path, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue().files
    out = tmp_path / "key.mp4"
    out.symlink_to(key)
    before = key.read_bytes()
    for call in (generate, perform):
        with pytest.raises(UserError, match="expected an output that is no input"):
            call(trained, str(sound), str(out), sign=(certificate, key), overwrite=True)
    assert key.read_bytes() == before


def test_without_the_library_the_extra_is_named(
    trained: Path, sound: Path, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)  # so that it cannot be imported
    ended = command("generate", trained, sound, "--out", tmp_path / "o.mp4", "--sign", *pair.files)
    assert ended.returncode == 2 and ended.stderr == (
        "error: sign: expected the extra sign; it is not installed: pip install 'listen-and-move[sign]'\n"
    )
    assert not list(tmp_path.iterdir())


def test_the_command_signs_and_refuses(
    trained: Path, sound: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    line = ["generate", trained, sound, "--device=cpu", "--json", "--out"]
    ended = command(*line, tmp_path / "out.mp4", "--sign", *pair.files)
    assert ended.returncode == 0, ended.stderr
    assert read(tmp_path / "out.mp4", authority)["validation_state"] == "Trusted"
    ended = command(*line, tmp_path / "out.mkv", "--sign", *pair.files)
    assert ended.returncode == 2 and "no place in .mkv" in json.loads(ended.stdout)["error"]
    assert "--sign" in json.loads(ended.stdout)["hint"]


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from listen_and_move.errors import UserError
from listen_and_move.media.video import VideoWriter
from listen_and_move.sharing.label import Label
from listen_and_move.sharing.provenance import drawn
from listen_and_move.sharing.signing import ManifestSigner

*files, out, most = sys.argv[1:]
Path(out).write_bytes(b"old")
label = Label(drawn("ab" * 32), ManifestSigner(*files))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))  # as a full disk, for each file
try:
    with VideoWriter(
        out, width=64, height=48, fps=Fraction(25), metadata=label.tags, overwrite=True, seal=label.seal
    ) as writer:
        for number in range(10):
            writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8))
except UserError as error:
    print(error)
"""


def test_a_disk_that_is_full_while_signing_leaves_nothing(pair: Pair, tmp_path: Path) -> None:
    write(tmp_path / "plain.mp4")
    most = (tmp_path / "plain.mp4").stat().st_size + 1000
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *map(str, [*pair.files, tmp_path / "out.mp4", most])],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.stdout.startswith("sign: expected to sign what was made; got: "), ended.stderr
    assert len(ended.stdout.splitlines()) == 1 and ".partial" not in ended.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.mp4", "plain.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"old"


def test_no_private_key_is_shown_by_its_signer(pair: Pair) -> None:
    shown = repr(vars(ManifestSigner(*pair.files))) + repr(Label(PROVENANCE, ManifestSigner(*pair.files)))
    assert not any(line in shown for line in pair.key.read_text().splitlines()[1:-1])


def write(out: Path, signer: ManifestSigner | None = None, codec: Codec = "auto") -> None:
    """Ten pictures, one of them after the other."""
    label = Label(PROVENANCE, signer)
    with VideoWriter(
        out,
        width=64,
        height=48,
        fps=Fraction(25),
        metadata=label.tags,
        codec=codec,
        overwrite=True,
        seal=label.seal,
    ) as writer:
        for number in range(10):
            writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8))


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
    own = [np.stack(list(read_frames(file, Fraction(20), width=64, height=64))) for file in (one, other)]
    sounds = [np.concatenate(list(read_sound(file, 48_000))) for file in (one, other)]
    return same_frames(one, other) and np.array_equal(*own) and np.array_equal(*sounds) and len(sounds[0]) > 0
