"""The blind page itself: one file that opens from disk, asks no network, and keeps votes in the browser."""

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from listen_and_move.evaluation.report.page import MARKER
from listen_and_move.evaluation.votes import VOTES_FORMAT

MAKER = "blind"
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1rem; max-width: 84rem; font: 1rem/1.5 system-ui, sans-serif; }
#pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
figure { margin: 0; }
video { width: 100%; max-height: 70vh; background: #000; }
button { font: inherit; padding: .5rem 1rem; margin: .3rem .3rem .3rem 0; }
[hidden] { display: none !important; }
"""
_BODY = """
<h1>Which picture goes better with the sound?</h1>
<p id="intro">Two clips play beside each other, with one sound. Choose the better one with the key 1 or 2, or
0 where there is no difference. Backspace goes back. Votes stay in this browser until you save them.</p>
<p><button id="start">Start</button></p>
<main id="vote" hidden>
<p id="progress" role="status"></p>
<div id="pair">
<figure><video id="first" loop playsinline></video></figure>
<figure><video id="second" loop playsinline muted></video></figure>
<button data-choice="1">1: this one</button>
<button data-choice="2">2: this one</button>
</div>
<p><button data-choice="0">0: no difference</button> <button id="back">Back</button></p>
</main>
<p id="done" hidden>That was all of them. Save your votes and give the file to whoever made this page.</p>
<p><button id="save">Save votes.json</button></p>
"""
_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const name = "listen-and-move blind " + data.page;
const by = id => document.getElementById(id);
const votes = kept();
let at = 0;

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(name) || "[]");
    const known = vote => vote && Number.isInteger(vote.pair) && vote.pair >= 0
      && vote.pair < data.pairs.length && [0, 1, 2].includes(vote.choice);
    return new Map(found.filter(known).map(vote => [vote.pair, vote.choice]));
  } catch { return new Map(); }
}

function listed() {
  return [...votes].map(([pair, choice]) => ({pair, choice}));
}

function keep() {
  try { localStorage.setItem(name, JSON.stringify(listed())); } catch { /* they can still be saved */ }
}

function show() {
  const over = at >= data.pairs.length;
  by("vote").hidden = over;
  by("done").hidden = !over;
  if (over) { by("first").pause(); by("second").pause(); return; }
  by("progress").textContent = `${at + 1} of ${data.pairs.length}`;
  const films = [by("first"), by("second")];
  films.forEach((film, side) => {
    film.src = "data:video/mp4;base64," + data.clips[data.pairs[at][side]];
  });
  const asked = at;
  const ready = films.map(film => new Promise(done => { film.oncanplaythrough = done; }));
  Promise.all(ready).then(() => {
    if (asked !== at) return;
    films.forEach(film => {
      film.oncanplaythrough = null;
      film.currentTime = 0;
      film.play().catch(() => {});
    });
  });
}

function vote(choice) {
  if (by("vote").hidden) return;
  votes.set(at, choice);
  keep();
  at += 1;
  show();
}

function back() {
  if (by("start").hidden && at > 0) { at -= 1; show(); }
}

by("start").onclick = () => {
  by("start").hidden = true;
  while (votes.has(at)) at += 1;
  show();
};
document.querySelectorAll("[data-choice]").forEach(button => {
  button.onclick = () => { vote(Number(button.dataset.choice)); button.blur(); };
});
by("back").onclick = back;
addEventListener("keydown", event => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (["0", "1", "2"].includes(event.key)) vote(Number(event.key));
  if (event.key === "Backspace") back();
});
by("save").onclick = () => {
  const text = JSON.stringify({format: data.format, page: data.page, votes: listed()});
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "votes.json";
  link.click();
};
"""


def blind_page(page: str, clips: Sequence[str], pairs: Sequence[tuple[int, int]]) -> str:
    """Returns a page with pairs of clips.

    Args:
        page: its id, letters and digits.
        clips: MP4 files in base64.
        pairs: which clips stand beside each other, in the order in which they are shown.
    """
    data = json.dumps({"format": VOTES_FORMAT, "page": page, "clips": clips, "pairs": pairs})
    script = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; media-src data:"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{MARKER.format(maker=MAKER)}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Which picture?</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{_BODY}"
        f'<script type="application/json" id="data">{data}</script>\n<script>{_SCRIPT}</script>\n'
        "</body>\n</html>\n"
    )
