"""What an output says of itself, by machine: tags, XMP and, where it is signed, a C2PA manifest."""

from dataclasses import dataclass
from pathlib import Path

from listen_and_move.provenance.provenance import Provenance
from listen_and_move.provenance.signing import ManifestSigner
from listen_and_move.provenance.xmp import embed, packet


@dataclass(frozen=True)
class Label:
    """What an output says of itself."""

    provenance: Provenance
    signer: ManifestSigner | None = None
    """Who signs it; None: nobody."""
    sound: str = ""
    """sha256 of the file that is heard; empty where it is none."""

    @property
    def tags(self) -> dict[str, str]:
        """What its container says."""
        return self.provenance.tags

    def seal(self, file: Path) -> None:
        """Adds the rest to a complete file that nobody else sees yet.

        Raises:
            UserError: it cannot be signed.
        """
        embed(file, packet(self.provenance))
        if self.signer is not None:  # last, since what is signed is the file with all that it says
            self.signer.sign(file, self.provenance, self.sound)
