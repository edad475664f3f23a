"""XMP, by which programs that handle pictures say what a file is: the packet, and its place in a file.

In MP4 and QuickTime it is a box of its own behind all others, so that nothing that the index points to moves;
in PNG a chunk before the pixels. Matroska and WebM have no place for it.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from listen_and_move.provenance.provenance import Provenance, creator_tool

BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
"""Type of the box (ISO/IEC 14496-12, `uuid`) that holds a packet; XMP specification, part 3."""
PNG_KEYWORD = b"XML:com.adobe.xmp"
PNG_HEAD = 33
"""Bytes of a PNG's signature and first chunk, IHDR."""

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool={tool}
    Iptc4xmpExt:DigitalSourceType={source_type}>
   <dc:description>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">{description}</rdf:li>
    </rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def packet(provenance: Provenance) -> bytes:
    """Returns what a file is, as an XMP packet."""
    return _PACKET.format(
        tool=quoteattr(creator_tool()),
        source_type=quoteattr(provenance.source_uri),
        description=escape(provenance.description),
    ).encode()


def embed(file: Path, xmp: bytes) -> None:
    """Adds a packet to a complete file that has none, where its kind has a place for it.

    Args:
        file: its ending says what kind it is.
        xmp: the packet.
    """
    place = _PLACES.get(file.suffix.lower())
    if place is not None:
        place(file, xmp)


def _append_box(file: Path, xmp: bytes) -> None:
    with file.open("ab") as boxes:
        boxes.write(struct.pack(">I4s", 8 + 16 + len(xmp), b"uuid") + BOX.bytes + xmp)


def _insert_chunk(file: Path, xmp: bytes) -> None:
    data = file.read_bytes()
    # Neither compressed nor in any language: five zeros, as in the XMP specification.
    body = b"iTXt" + PNG_KEYWORD + bytes(5) + xmp
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    file.write_bytes(data[:PNG_HEAD] + chunk + data[PNG_HEAD:])


_PLACES: Mapping[str, Callable[[Path, bytes], None]] = {
    ".mp4": _append_box,
    ".mov": _append_box,
    ".png": _insert_chunk,
}
