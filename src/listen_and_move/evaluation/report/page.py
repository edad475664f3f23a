"""Pages that open from disk, rendered from the templates of this folder.

Pictures, videos and style are inside the file, and nothing is asked of a network. Templates escape all text
but `Html`.
"""

from base64 import b64encode
from collections.abc import Container, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Html = Markup
"""Markup in which all text is escaped."""
MARKER = '<meta name="generator" content="listen-and-move {maker}">'
PNG, JPEG = b"\x89PNG", b"\xff\xd8"
TEMPLATES = Environment(
    loader=PackageLoader("listen_and_move.evaluation.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_PIECES: Any = TEMPLATES.get_template("pieces.html").module


def rendered(template: str, **values: Any) -> Html:
    """Returns the markup of a template.

    Args:
        template: name of its file.
        values: what it shows, by its names.
    """
    return Html(TEMPLATES.get_template(template).render(values))


def page(title: str, parts: Iterable[Html], maker: str, *, kind: str = "", script: str = "") -> str:
    """Returns a whole page.

    Args:
        title: of the window.
        parts: the page's content, from top to bottom.
        maker: the command that writes it, see `made_by`.
        kind: class of the page in the style sheet; empty: none.
        script: template of the only script that may run; empty: none may.
    """
    digest = b64encode(sha256(rendered(script).encode()).digest()).decode() if script else ""
    marker = Html(MARKER.format(maker=maker))
    return rendered("page.html", title=title, parts=parts, marker=marker, kind=kind, script=digest)


def made_by(path: Path, maker: str) -> bool:
    """Returns whether a file is a page that the command ``maker`` wrote."""
    with path.open("rb") as file:
        return MARKER.format(maker=maker).encode() in file.read(1000)


def heading(text: str, level: int = 2) -> Html:
    """Returns a heading; ``level`` 1 is the highest."""
    return _PIECES.heading(text, level)


def paragraph(text: str, kind: str = "") -> Html:
    """Returns a paragraph; ``kind`` is "", "soft" for an explanation, or "verdict"."""
    return _PIECES.paragraph(text, kind)


def listing(items: Iterable[str]) -> Html:
    """Returns a list of sentences."""
    return _PIECES.listing(items)


def definitions(items: Iterable[tuple[str, str]]) -> Html:
    """Returns a list of terms and what they mean."""
    return _PIECES.definitions(items)


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    strong: Container[str] = (),
    marked: Container[tuple[int, int]] = (),
    text: Container[int] = (),
) -> Html:
    """Returns a table that scrolls sideways within itself.

    Args:
        header: titles of the columns; the first column holds the names of the rows.
        rows: their cells.
        strong: names of rows that stand out.
        marked: cells that are marked, as (row, column).
        text: columns of text, not of figures.
    """
    return _PIECES.table(header, rows, strong, marked, text)


def scrolling(content: Html, kind: str = "") -> Html:
    """Returns content that scrolls sideways within itself.

    Args:
        content: what scrolls.
        kind: "wide" keeps a chart legible, "sheet" leaves pictures their size.
    """
    return _PIECES.scrolling(content, kind)


def picture(image: bytes, alt: str, caption: str = "") -> Html:
    """Returns a picture with its caption.

    Args:
        image: PNG or JPEG.
        alt: words in the place of the picture.
        caption: below it; empty: none.

    Raises:
        ValueError: neither PNG nor JPEG.
    """
    if not image.startswith((PNG, JPEG)):
        raise ValueError("picture: expected PNG or JPEG; the bytes begin otherwise")
    kind = "png" if image.startswith(PNG) else "jpeg"
    return _PIECES.picture(kind, _base64(image), alt, caption)


def video(mp4: bytes, caption: str) -> Html:
    """Returns a video with its controls, of the bytes of an MP4 file."""
    return _PIECES.video(_base64(mp4), caption)


def _base64(content: bytes) -> Html:
    """Returns bytes in base64, which needs no escaping."""
    return Html(b64encode(content).decode())


def folded(summary: str, text: str) -> Html:
    """Returns text that is shown when asked for."""
    return _PIECES.folded(summary, text)
