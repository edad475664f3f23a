"""A signed statement in a file of how it was made: a C2PA manifest (https://c2pa.org).

The key is read, given to the library that signs, and written nowhere. Nothing is asked over the network: no
time stamp, no list of revoked certificates.
"""

import io
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from listen_and_move import __version__
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath
from listen_and_move.media.replacing import replacing
from listen_and_move.media.video import is_picture_folder
from listen_and_move.provenance.provenance import PROGRAM, Provenance

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KINDS: Mapping[str, str] = {".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png"}
"""Endings of files that can be signed, and what those files are."""
SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "core": {"backing_store_memory_threshold_in_mb": 64},
}
"""Of the library: a small copy of each picture would say nothing more; a large file is held on disk."""
SigningFiles = tuple[AnyPath, AnyPath]
"""A file with a certificate and one with its private key."""
LONGEST_PEM = 1_000_000
"""Bytes of a file with certificates or a key."""
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
"""Elliptic curves, and what signing with them is called."""
SHORTEST_RSA = 2048
"""Bits of an RSA key that C2PA takes."""
TRIAL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
"""A PNG of one pixel."""


def _check_signable(outputs: Iterable[AnyPath]) -> None:
    """Refuses outputs that a manifest has no place in.

    Args:
        outputs: names of files, or of folders of PNG pictures.

    Raises:
        UserError: another kind of file.
    """
    videos = [ending for ending in KINDS if ending != ".png"]
    for out in outputs:
        ending = Path(out).suffix.lower()
        if ending not in videos and not is_picture_folder(out):
            raise UserError(
                f"{out}: expected a name ending in {' or '.join(videos)}, or a folder of pictures, where it "
                f"is signed; a manifest has no place in {ending}",
                "choose another --out or --output, or leave --sign away",
            )


def opened_signer(files: SigningFiles, outputs: Iterable[AnyPath]) -> "ManifestSigner":
    """Returns what signs outputs, once all is known that can be known before they are made.

    Args:
        files: the certificate and its private key.
        outputs: names of files, or of folders of PNG pictures.

    Raises:
        UserError: an output cannot be signed, or nothing can be signed with these files.
    """
    _check_signable(outputs)
    return ManifestSigner(*files)


class ManifestSigner:
    """Signs files with one key; see `manifest`.

    Args:
        certificate: a PEM file: the certificate of the key, then those between it and its authority.
        key: a PEM file with the private key, without a passphrase.

    Raises:
        UserError: the library is missing, a file cannot be read, the two do not fit, a certificate is not
            valid today or not one that C2PA takes.
    """

    def __init__(self, certificate: AnyPath, key: AnyPath) -> None:
        try:
            import c2pa
        except ImportError:
            raise UserError(
                "sign: expected the extra sign; it is not installed: pip install 'listen-and-move[sign]'"
            ) from None
        self._library: Any = c2pa
        chain, private, algorithm = _credentials(Path(certificate), Path(key))
        try:
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, private, None))
            self._context = c2pa.Context.from_dict(SETTINGS)
            # A signature is tried before any picture is made: only the library knows all that C2PA asks.
            self._signed(manifest(Provenance("algorithmicMedia", "", "")), ".png", io.BytesIO(TRIAL))
        except c2pa.C2paError as error:
            raise UserError(
                f"{certificate}: expected a certificate that C2PA takes: one for signing (its extended key "
                f"usage says so, as emailProtection), not an authority's own; got: {_reason(error)}"
            ) from None

    def sign(self, file: Path, provenance: Provenance, sound: str = "") -> None:
        """Adds a signed manifest to a file, whole or not at all.

        Args:
            file: its ending is one of `KINDS`.
            provenance: what its pictures are.
            sound: sha256 of the file that is heard; empty where it is none.

        Raises:
            UserError: it cannot be signed or written.
        """
        with replacing(file) as signed:
            try:
                with file.open("rb") as source, signed.open("w+b") as target:
                    self._signed(manifest(provenance, sound), file.suffix.lower(), source, target)
            except (self._library.C2paError, OSError) as error:
                raise UserError(
                    f"sign: expected to sign what was made; got: {_reason(error)}",
                    "check the space there, and until when the certificate is valid",
                ) from None

    def _signed(self, statement: Mapping[str, Any], ending: str, source: Any, target: Any = None) -> None:
        builder = self._library.Builder(statement, context=self._context)
        builder.sign(self._signer, KINDS[ending], source, io.BytesIO() if target is None else target)


def manifest(provenance: Provenance, sound: str = "") -> dict[str, Any]:
    """Returns what is signed: what made a file, of what, and what its pictures are.

    Args:
        provenance: what they are.
        sound: sha256 of the file that is heard; empty where it is none.
    """
    hashes = {"model": provenance.models, "video": provenance.videos, "sound": (sound,) if sound else ()}
    program = {"name": PROGRAM, "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": provenance.source_uri,
        "softwareAgent": program,
        "description": provenance.description,
        "parameters": {f"{name} sha256": list(found) for name, found in hashes.items() if found},
    }
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    return {"claim_generator_info": [program], "assertions": [actions]}


def _credentials(certificate: Path, key: Path) -> tuple[bytes, bytes, str]:
    """Returns certificates and key as PEM, and the name of the algorithm."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    chain, private = _certificates(certificate), _private_key(key)
    if _public(chain[0]) != _public(private):
        raise UserError(
            f"{key}: expected the private key of {certificate}; it is that of another certificate: name both "
            "of one pair, and in the file of several certificates the key's own first"
        )
    algorithm = _algorithm(private)
    if algorithm is None:
        raise UserError(
            f"{key}: expected a key of P-256, P-384, P-521, Ed25519 or RSA from {SHORTEST_RSA} bits, as C2PA "
            "takes them; it is another one"
        )
    for each in chain:
        _check_date(certificate, each)
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    return pem, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), algorithm


def _certificates(file: Path) -> "list[Certificate]":
    """Returns the certificates of a file, which can all be read."""
    from cryptography.x509 import load_pem_x509_certificates

    text = _read(file)
    try:
        chain = load_pem_x509_certificates(text)
        for each in chain:
            _ = _public(each), each.not_valid_before_utc, each.not_valid_after_utc  # read where asked for
    except Exception:  # a file of anybody: the library raises whatever it stumbles over
        raise UserError(
            f"{file}: expected a certificate as PEM; it holds none that can be read",
            "the certificate is named first, then its key",
        ) from None
    return chain


def _private_key(file: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _read(file)
    try:
        private = load_pem_private_key(text, None)
        _public(private)
    except TypeError:
        raise UserError(
            f"{file}: expected a key without a passphrase; it has one",
            "openssl pkey -in KEY -out OTHER takes it off",
        ) from None
    except Exception:  # likewise; what it says may hold some of the key
        raise UserError(f"{file}: expected a private key as PEM; it holds none that can be read") from None
    return private


def _public(owner: Any) -> bytes:
    """Returns the public key of a certificate or of a private key, so that they can be compared."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return owner.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST_PEM + 1)
    except OSError as error:
        raise UserError(f"{file}: expected a file to sign with; {error.strerror or error}") from None
    return data if len(data) <= LONGEST_PEM else b""


def _algorithm(private: Any) -> str | None:
    """Returns what C2PA calls signing with a key; None: it does not take it."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(private, EllipticCurvePrivateKey):
        return CURVES.get(private.curve.name)
    if isinstance(private, RSAPrivateKey):
        return "ps256" if private.key_size >= SHORTEST_RSA else None
    return "ed25519" if isinstance(private, Ed25519PrivateKey) else None


def _check_date(file: Path, certificate: "Certificate") -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= datetime.now(timezone.utc) <= end:
        raise UserError(
            f"{file}: expected a certificate that is valid today; it is valid from {begin:%Y-%m-%d} to "
            f"{end:%Y-%m-%d}: renew it"
        )


def _reason(error: Exception) -> str:
    """Returns what the system or the library says, without its own word for what kind of error it is."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).rpartition(": ")[2]
