"""A certificate authority of the tests' own, and keys that it vouches for."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc)
YEAR = timedelta(days=365)
KEYS: dict[str, Any] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "short RSA": lambda: rsa.generate_private_key(65537, 1024),
}


@dataclass(frozen=True)
class Pair:
    """Files to sign with."""

    certificate: Path
    key: Path
    private: Any

    @property
    def files(self) -> tuple[Path, Path]:
        return self.certificate, self.key


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.private, self.count = folder, KEYS["P-256"](), 0
        name, public = _name("Test authority"), self.private.public_key()
        self.certificate = (
            _builder(name, name, public, -2 * YEAR, 2 * YEAR)
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(_usage(signs_certificates=True), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .sign(self.private, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        kind: str = "P-256",
        *,
        begin: timedelta = timedelta(days=-1),
        end: timedelta = YEAR,
        for_signing: bool = True,
        form: PrivateFormat = PrivateFormat.PKCS8,
        passphrase: bytes = b"",
    ) -> Pair:
        """A certificate and its key, as files."""
        private = KEYS[kind]()
        name, public = _name("Test signer"), private.public_key()
        builder = (
            _builder(name, self.certificate.subject, public, begin, end)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(_usage(signs_certificates=False), True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.private.public_key()), False
            )
        )
        if for_signing:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False
            )
        certificate = builder.sign(self.private, hashes.SHA256())
        self.count += 1
        pair = Pair(
            self.folder / f"{self.count}-certificate.pem", self.folder / f"{self.count}-key.pem", private
        )
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM) + self.pem.encode())
        locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        pair.key.write_bytes(private.private_bytes(Encoding.PEM, form, locked))
        return pair


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests of Listen and Move"),
        ]
    )


def _builder(
    name: x509.Name, issuer: x509.Name, public: Any, begin: timedelta, end: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begin)
        .not_valid_after(NOW + end)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
