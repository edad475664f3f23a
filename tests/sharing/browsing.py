"""An exported page as a browser has it, and what Python plays of the same samples."""

import functools
import http.server
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.sources.path import PathSource
from listen_and_move.inference.stage import Frame, PlaySettings
from listen_and_move.media.resampling import Resampler
from listen_and_move.sharing.page_keys import page_keys

LIVE = PlaySettings(gain="running", adapt="auto")
"""As `listen-and-move live` plays where nothing else is asked for."""
HEARD = """([about, arrays, samples, rate]) => {
  const bytesOf = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer;
  const textOf = (values) => {
    let text = "";
    for (const byte of new Uint8Array(Float32Array.from(values).buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  const kept = Object.fromEntries(Object.entries(arrays).map(([name, { kind, data, rows, columns }]) =>
    [name, { data: new (kind === "i4" ? Int32Array : Float32Array)(bytesOf(data)), rows, columns }]));
  const ear = new (hearing().Ear)(about, kept, rate), path = new (choosing().Path)(about, kept);
  const heard = new Float32Array(bytesOf(samples)), features = [], foreign = [], frames = [];
  for (let first = 0; first < heard.length; first += 128) {
    for (const cue of ear.push(heard.slice(first, first + 128))) {
      features.push(...cue.features);
      foreign.push(cue.foreign, cue.stroke);
      for (const { shots } of path.push(cue)) frames.push(shots.map(({ place, share }) => [place, share]));
    }
  }
  return [textOf(features), textOf(foreign), JSON.stringify(frames)];
}"""
"""What a page makes of samples, in quanta of the audio thread. Numbers go there and back as texts of their
bytes: one by one they take Playwright longer than all that is tested."""


class Played(NamedTuple):
    """What is heard and shown of a sound."""

    features: np.ndarray
    """By which frames are compared with the training sound (T, F)."""
    foreign: np.ndarray
    """How far each is foreign, and its stroke (T, 2)."""
    shots: list[list[tuple[int, float]]]
    """Of each output frame: which kept frame, and its share."""


def by_python(pipeline: Pipeline, samples: np.ndarray, rate: int) -> Played:
    """Plays samples as live play does."""
    resampler, state, heard_state = Resampler(rate, SAMPLE_RATE), None, None
    cues: list[Frame] = []
    frames: list[Frame] = []
    for block in np.array_split(samples, max(1, len(samples) // 4000)):
        louder = resampler.push(block)
        heard, heard_state = pipeline.front_end.push(louder, heard_state, LIVE)
        shown, state = pipeline.push(louder, state, LIVE)
        cues += heard
        frames += shown
    source = next(stage for stage in pipeline.stages if isinstance(stage, PathSource))
    about, positions = source.kept.about, source.kept.positions
    places = {about.moment(int(position)): place for place, position in enumerate(positions)}
    shots = [
        [(places[moment.seconds, moment.take], moment.share) for moment in frame.moments] for frame in frames
    ]
    compared = [frame.features if frame.compared is None else frame.compared for frame in cues]
    return Played(
        np.stack([each.numpy() for each in compared]),
        np.array([(frame.foreign, frame.stroke) for frame in cues]),
        shots,
    )


def by_page(page: Any, pipeline: Pipeline, samples: np.ndarray, rate: int) -> Played:
    """Plays samples by the script of a page."""
    keys = page_keys(pipeline)
    arrays = {
        name: {
            "kind": "i4" if array.dtype == np.int32 else "f4",
            "data": _text(array),
            "rows": len(array) if array.ndim == 2 else 1,
            "columns": array.shape[-1],
        }
        for name, array in keys.arrays.items()
    }
    heard = [keys.settings, arrays, _text(samples.astype(np.float32)), rate]
    features, foreign, frames = page.evaluate(HEARD, heard)
    foreign = _numbers(foreign).reshape(-1, 2)
    return Played(
        _numbers(features).reshape(len(foreign), -1),
        foreign,
        [[(place, share) for place, share in shots] for shots in json.loads(frames)],
    )


def _text(array: np.ndarray) -> str:
    return b64encode(array.tobytes()).decode()


def _numbers(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), np.float32)


def same_shots(
    one: Sequence[Sequence[tuple[int, float]]], other: Sequence[Sequence[tuple[int, float]]]
) -> float:
    """Returns the share of output frames that show the same kept frames in the same shares."""
    assert len(one) == len(other) > 0
    same = [
        [place for place, _ in a] == [place for place, _ in b]
        and np.allclose([share for _, share in a], [share for _, share in b])
        for a, b in zip(one, other, strict=True)
    ]
    return float(np.mean(same))


def until(page: Any, expression: str) -> None:
    """Waits until an expression is true; the page's own policy forbids Playwright to ask for it by itself."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression}: {page.inner_text('#status')}")


class _Host(http.server.ThreadingHTTPServer):
    """Serves a folder; keeps what it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
        self.asked: list[str] = []


def dropped(page: Any, files: list[Path]) -> None:
    """Drops files onto the page."""
    contents = [(file.name, b64encode(file.read_bytes()).decode()) for file in files]
    data = page.evaluate_handle(
        """(contents) => {
          const data = new DataTransfer();
          const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          for (const [name, text] of contents) data.items.add(new File([bytes(text)], name));
          return data;
        }""",
        contents,
    )
    page.dispatch_event("body", "drop", {"dataTransfer": data})


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        assert isinstance(self.server, _Host)
        self.server.asked.append(self.path)


@contextmanager
def hosted(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves a folder as any web host does; gives its address and what was asked for."""
    server = _Host(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
