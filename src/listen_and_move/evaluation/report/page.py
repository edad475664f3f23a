"""Pieces of a page that opens from disk.

Pictures, videos and style are inside the file, and nothing is asked of a network.
"""

from base64 import b64encode
from collections.abc import Container, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NewType

Html = NewType("Html", str)
"""Markup in which all text is escaped."""
MARKER = '<meta name="generator" content="listen-and-move {maker}">'
PNG, JPEG = b"\x89PNG", b"\xff\xd8"
STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1b1e23; --soft: #5c6370; --line: #d9dde3;
  --card: #f4f6f8;
  --accent: #b02a6b; --mark: #ffe9a8; --mark-ink: #3b2c00; }
@media (prefers-color-scheme: dark) { :root { --back: #101214; --ink: #e6e8eb; --soft: #9aa2ad;
  --line: #31363d;
  --card: #191c20; --accent: #ff7fb8; --mark: #5a4300; --mark-ink: #ffe9a8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--back);
  color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line);
  padding-bottom: .2rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .3rem; }
p, li { max-width: 48rem; }
p { margin: .5rem 0; }
ul { padding-left: 1.2rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.verdict { font-size: 1.35rem; line-height: 1.35; margin: 1.2rem 0; padding: .9rem 1rem;
  background: var(--card);
  border-left: .3rem solid var(--accent); }
.scroll { overflow-x: auto; max-width: 100%; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { vertical-align: bottom; white-space: normal; min-width: 4.5rem; color: var(--soft);
  font-weight: 600; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--back); min-width: 8rem;
  max-width: 45vw;
  white-space: normal; }
td.text { text-align: left; white-space: normal; min-width: 14rem; }
tr.strong th, tr.strong td { background: var(--card); font-weight: 600; }
tbody th { font-weight: 400; }
mark { background: var(--mark); color: var(--mark-ink); font-weight: 600; padding: 0 .2rem;
  border-radius: .2rem; }
figure { margin: .8rem 0; }
img, video { display: block; max-width: 100%; height: auto; border-radius: .3rem; }
.wide img { max-width: none; width: 100%; min-width: 44rem; }
.sheet img { max-width: none; border-radius: 0; }
.sheet figure { margin: .5rem 0; }
details { margin: .8rem 0; }
summary { cursor: pointer; }
pre { overflow-x: auto; background: var(--card); padding: .8rem; font-size: .85rem; overflow-wrap: normal; }
"""


def page(title: str, parts: Iterable[Html], maker: str) -> str:
    """Returns a whole page.

    Args:
        title: of the window.
        parts: the page's content, from top to bottom.
        maker: the command that writes it, see `made_by`.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
    head = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{MARKER.format(maker=maker)}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
    )
    return head + "\n".join(parts) + "\n</body>\n</html>\n"


def made_by(path: Path, maker: str) -> bool:
    """Returns whether a file is a page that the command ``maker`` wrote."""
    with path.open("rb") as file:
        return MARKER.format(maker=maker).encode() in file.read(1000)


def heading(text: str, level: int = 2) -> Html:
    """Returns a heading; ``level`` 1 is the highest."""
    return Html(f"<h{level}>{escape(text)}</h{level}>")


def paragraph(text: str, kind: str = "") -> Html:
    """Returns a paragraph; ``kind`` is "", "soft" for what explains, or "verdict"."""
    return Html(f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>")


def listing(items: Iterable[str]) -> Html:
    """Returns a list of sentences."""
    return Html("<ul>\n" + "".join(f"<li>{escape(item)}</li>\n" for item in items) + "</ul>")


def definitions(items: Iterable[tuple[str, str]]) -> Html:
    """Returns a list of terms and what they mean."""
    return Html(
        '<ul class="soft">\n'
        + "".join(f"<li><b>{escape(a)}</b>: {escape(b)}</li>\n" for a, b in items)
        + "</ul>"
    )


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
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in header)
    body = "".join(
        f"<tr{' class=strong' if row[0] in strong else ''}>"
        + f'<th scope="row">{escape(row[0])}</th>'
        + "".join(
            _cell(cell, (at, column) in marked, column in text) for column, cell in enumerate(row[1:], 1)
        )
        + "</tr>\n"
        for at, row in enumerate(rows)
    )
    return scrolling(Html(f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"))


def _cell(cell: str, marked: bool, text: bool) -> str:
    content = f"<mark>{escape(cell)}</mark>" if marked else escape(cell)
    return f'<td class="text">{content}</td>' if text else f"<td>{content}</td>"


def scrolling(content: Html, kind: str = "") -> Html:
    """Returns content that scrolls sideways within itself.

    Args:
        content: what scrolls.
        kind: "wide" keeps a chart legible, "sheet" leaves pictures their size.
    """
    return Html(f'<div class="scroll {kind}" tabindex="0">{content}</div>')


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
    return _figure(
        f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{b64encode(image).decode()}">', caption
    )


def video(mp4: bytes, caption: str) -> Html:
    """Returns a video with its controls, of the bytes of an MP4 file."""
    source = f"data:video/mp4;base64,{b64encode(mp4).decode()}"
    return _figure(f'<video controls loop preload="metadata" src="{source}"></video>', caption)


def _figure(content: str, caption: str) -> Html:
    return Html(
        f"<figure>{content}{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}</figure>"
    )


def folded(summary: str, text: str) -> Html:
    """Returns text that is shown when asked for."""
    return Html(f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>")
