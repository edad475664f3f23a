"""What an output says of itself, by machine: tags, XMP and, where it is signed, a C2PA manifest."""

from dataclasses import dataclass, field
from pathlib import Path

from listen_and_move.errors import UserError
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
    keeps: bool = False
    """Whether a file that cannot be signed in the end is kept without: it cannot be made again."""
    unsigned: list[UserError] = field(default_factory=list)
    """Why files were kept without: the first error, since a folder of pictures has one for each."""

    @property
    def tags(self) -> dict[str, str]:
        """What its container says."""
        return self.provenance.tags

    def seal(self, file: Path) -> None:
        """Adds the rest to a complete file that nobody else sees yet.

        Raises:
            UserError: it cannot be signed, and is not kept.
        """
        embed(file, packet(self.provenance))
        if self.signer is None:
            return
        try:  # last, since what is signed is the file with all that it says
            self.signer.sign(file, self.provenance, self.sound)
        except UserError as error:
            if not self.keeps:
                raise UserError(f"{error.message}; nothing was kept", error.hint) from None
            if not self.unsigned:
                self.unsigned.append(error)

    def check_signed(self, name: str) -> None:
        """Says of a complete output that it was kept without a signature, if it was.

        Args:
            name: of the output.

        Raises:
            UserError: it has none that it should have.
        """
        if self.unsigned:
            error = self.unsigned[0]
            raise UserError(f"{error.message}; {name} was kept without a signature", error.hint)
