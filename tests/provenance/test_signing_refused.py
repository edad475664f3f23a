"""What cannot be signed, or not be signed with, is told in one line before any work, and nothing is lost."""

import os
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install listen-and-move[sign]")

from benchmarks.fuzz.mutations import altered_bytes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.perform import perform
from listen_and_move.provenance.signing import ManifestSigner
from tests.cli.running import command
from tests.provenance.authority import Authority, Pair
from tests.provenance.writing import write
from tests.refusals import refusal_of


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


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe"])
def test_a_sound_that_is_none_is_refused_as_without_a_signature(
    kind: str, trained: Path, pair: Pair, tmp_path: Path
) -> None:
    sound, out = tmp_path / "sound.wav", tmp_path / "out.mp4"
    if kind == "folder":
        sound.mkdir()
    if kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(sound)
    with pytest.raises(UserError, match=r"sound\.wav") as plain:
        perform(trained, str(sound), str(out), device="cpu")
    with pytest.raises(UserError, match=r"sound\.wav") as signed:
        perform(trained, str(sound), str(out), sign=pair.files, device="cpu")
    assert signed.value.message == plain.value.message


def test_altered_files_are_refused_in_one_line_or_sign(authority: Authority, tmp_path: Path) -> None:
    pair, chance = authority.issue(), Random(1)
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    whole = [(file.read_bytes(), *pem_parts(file)) for file in pair.files]
    refused = 0
    for number in range(120):
        for place, file in enumerate(files):
            file.write_bytes(whole[place][0])
        text, kind, content = whole[place := number % 2]
        if number % 4 < 2:  # inside: else nearly all are no PEM at all
            altered = b64encode(altered_bytes(content, chance))
            files[place].write_bytes(b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (kind, altered, kind))
        else:
            files[place].write_bytes(altered_bytes(text, chance))
        error = refusal_of(lambda: ManifestSigner(*files))
        if error is not None:
            refused += 1
            assert str(error).isprintable()
            assert str(error).startswith(str(tmp_path))
    assert refused > 90


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
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: sign: expected the extra sign; it is not installed: pip install 'listen-and-move[sign]'\n"
    )
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from listen_and_move.errors import UserError
from listen_and_move.media.video import VideoWriter
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import drawn
from listen_and_move.provenance.signing import ManifestSigner

*files, out, most, keeps = sys.argv[1:]
Path(out).write_bytes(b"old")
label = Label(drawn("ab" * 32), ManifestSigner(*files), keeps=bool(keeps))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))  # as a full disk, for each file
try:
    with VideoWriter(out, width=64, height=48, fps=Fraction(25), label=label, overwrite=True) as writer:
        for number in range(10):
            writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8))
    label.check_signed("out.mp4")
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("keeps", [False, True])
def test_a_disk_that_is_full_while_signing_leaves_what_there_was_or_what_cannot_be_made_again(
    keeps: bool, pair: Pair, tmp_path: Path
) -> None:
    write(tmp_path / "plain.mp4")
    most = (tmp_path / "plain.mp4").stat().st_size + 1000
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            FULL_DISK,
            *map(str, [*pair.files, tmp_path / "out.mp4", most, "yes" if keeps else ""]),
        ],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.stdout.startswith("sign: expected to sign what was made; got: "), ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    assert ".partial" not in ended.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.mp4", "plain.mp4"]
    assert ("out.mp4 was kept without a signature" if keeps else "nothing was kept") in ended.stdout
    left = (tmp_path / "plain.mp4").read_bytes() if keeps else b"old"
    assert (tmp_path / "out.mp4").read_bytes() == left


def pem_parts(file: Path) -> tuple[bytes, bytes]:
    """Kind and content of the first part of a PEM file."""
    lines = file.read_bytes().split(b"-----END")[0].splitlines()
    return lines[0].strip(b"-").removeprefix(b"BEGIN "), b64decode(b"".join(lines[1:]))
