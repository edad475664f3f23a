"""The blind page itself: one file that opens from disk, asks no network, and keeps votes in the browser."""

import json
from collections.abc import Sequence

from markupsafe import Markup

from listen_and_move.evaluation.report.page import page, rendered
from listen_and_move.evaluation.votes import VOTES_FORMAT

MAKER = "blind"


def blind_page(name: str, clips: Sequence[str], pairs: Sequence[tuple[int, int]]) -> str:
    """Returns a page with pairs of clips.

    Args:
        name: id of the page, letters and digits.
        clips: MP4 files in base64.
        pairs: which clips stand beside each other, in the order in which they are shown.
    """
    data = json.dumps({"format": VOTES_FORMAT, "page": name, "clips": clips, "pairs": pairs})
    # Neither base64 nor an id has a character that would end the element of the data.
    body = rendered("blind.html", data=Markup(data))
    return page("Which picture?", [body], MAKER, kind="blind", script="blind.js")
