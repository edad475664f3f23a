"""Files read without the libraries that wrote them: boxes of MP4, chunks of PNG, and XMP in them."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c7199" + "9491e3afac")
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
RDF, DC = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/elements/1.1/}"
IPTC, BASIC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}", "{http://ns.adobe.com/xap/1.0/}"


def boxes(data: bytes) -> list[tuple[str, bytes]]:
    """Kind and content of each top-level box; they fill the file without a gap."""
    found, place = [], 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, place + 8), 16
        assert head <= size <= len(data) - place, f"box {kind} of {size} bytes at {place} of {len(data)}"
        found.append((kind.decode(), data[place + head : place + size]))
        place += size
    return found


def chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Kind and content of each chunk of a PNG, whose sums are right."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    place = 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + size]
        (total,) = struct.unpack_from(">I", data, place + 8 + size)
        assert total == zlib.crc32(kind + content)
        yield kind.decode(), content
        place += 12 + size


def packets(file: Path) -> list[bytes]:
    """The XMP packets of a file."""
    data = file.read_bytes()
    if file.suffix == ".png":
        head = b"XML:com.adobe.xmp" + bytes(5)
        return [content[len(head) :] for _, content in chunks(data) if content.startswith(head)]
    return [content[16:] for kind, content in boxes(data) if kind == "uuid" and content.startswith(XMP_BOX)]


def said(file: Path) -> dict[str, str]:
    """What the one XMP packet of a file says."""
    (packet,) = packets(file)
    (description,) = ElementTree.fromstring(packet.decode()).iter(f"{RDF}Description")
    (text,) = description.iter(f"{RDF}li")
    assert description.find(f"{DC}description/{RDF}Alt/{RDF}li") is text
    return {
        "source type": description.attrib[f"{IPTC}DigitalSourceType"],
        "tool": description.attrib[f"{BASIC}CreatorTool"],
        "description": text.text or "",
    }
