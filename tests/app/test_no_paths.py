"""Whatever goes wrong, no visitor is told where on this machine the page keeps its files."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listen_and_move.app.sentences import brief, hide, sentence, without_paths
from listen_and_move.errors import UserError
from tests.app.serving import WAIT, Visitor, serving
from tests.app.test_live_page import playing

SMALL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
"""No file becomes larger: a write fails as on a full disk."""


class Listener(Visitor):
    """A visitor who keeps all that is said."""

    said = ""

    def _checked(self, answer: Any, status: int) -> Any:
        self.said += f"{answer.headers}{answer.text}\n"
        return answer.json() if answer.headers["content-type"] == "application/json" else answer

    def live(self) -> None:
        """Begin to play live."""
        with playing(self.address) as socket:
            self.said += f"{socket.recv(timeout=WAIT)!s}\n"

    def look(self) -> None:
        """Ask for all that is shown of the run."""
        for path in ("", "/tiny", "/tiny/model", "/tiny/picture", "/tiny/report", "/tiny/samples/4", "/odd"):
            self.get(f"/api/runs{path}")
        self.post("/api/runs/tiny/resume", {"steps": 10_000_001})
        self.post("/api/runs/tiny/stop")

    def play(self, upload: str) -> None:
        """Ask for all that is done with the model."""
        self.live()
        if "id" in (job := self.animate("tiny", upload, picture="drawn")):
            self.finished(job)
            self.get(f"/api/jobs/{job['id']}/result")


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder whose name has spaces."""
    with tempfile.TemporaryDirectory(prefix="some body's ") as folder:
        yield Path(folder)


def test_no_path_in_any_answer(
    base: Path, trained: Path, sound: Path, performance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, temporary = base / "my runs", base / "my temporary"
    run, kept = runs / "tiny", runs / ".page" / "odd"
    temporary.mkdir()
    kept.mkdir(parents=True)
    (kept / "process.json").write_text('{"pid": 2000000, "asked_to_stop": 0}')
    where = f"{kept}/video: expected a video; {base}/x y.mp4 and /opt/some/thing.py are none"
    (kept / "train.log").write_text(json.dumps({"error": where}))
    shutil.copytree(trained, run)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(temporary))
    said = base / "errors.txt"
    with serving(runs, errors=said, before=SMALL_DISK) as (address, _):
        visitor = Listener(address)
        upload = visitor.upload(sound)["id"]
        for file in ("model.safetensors", "config.json", "environment.json", "metrics.jsonl"):
            good = (run / file).read_bytes()
            bits = good[:-2000] + b"\xff" * 2000
            model = file == "model.safetensors"
            contents = (good[: len(good) // 2], good[:9] + b"x" + good[10:], bits) if model else (good[:20],)
            for content in (*contents, None):
                (run / file).unlink()
                (run / file).mkdir() if content is None else (run / file).write_bytes(content)
                visitor.look()
                if content in (bits, None) and model:
                    visitor.play(upload)
            (run / file).rmdir()
            if model:
                visitor.look()
            (run / file).write_bytes(good)
        (run / "resume").rename(run / "gone")
        visitor.post("/api/runs/tiny/resume", {"steps": 9})
        for content in (b"", b"junk" * 1000, sound.read_bytes()[:30], bytes(500_000)):
            (base / "file").write_bytes(content)
            for kind in ("sound", "video"):
                assert "error" in visitor.upload(base / "file", kind, name=f"{temporary}/take.wav")
        video = visitor.upload(performance, "video")["id"]
        for clip in ({"start": 3.9}, {"crop": "0,0,9999,9999"}):
            wish = {"kind": "inspect", "upload": video, "clip": clip}
            visitor.finished(visitor.post("/api/jobs", wish))
        visitor.remove("/api/runs/odd")
        visitor.close()
    assert "Traceback" not in said.read_text()
    assert "thing.py" in visitor.said
    assert "take.wav" in visitor.said
    assert "too large" in visitor.said.lower()
    for secret in (str(base), "my runs/", "my temporary", base.name, "/opt", str(Path(__file__).parents[2])):
        assert secret not in visitor.said, visitor.said[max(0, visitor.said.find(secret) - 300) :][:600]


def test_files_are_called_by_their_names(base: Path) -> None:
    hide(base)
    for text, said in {
        f"{base}/my run/model.safetensors: expected a model": "my run/model.safetensors: expected a model",
        f"'{base}' and {base}: no": "'a folder' and a folder: no",
        f"{base}er/x": f"{base.name}er/x",
        "/home/ann/take.wav: expected": "take.wav: expected",
        "got '/home/ann/take.wav'": "got 'take.wav'",
        "(/usr/lib/x/y.so)": "(y.so)",
        "C:\\Users\\ann\\take.wav: expected": "take.wav: expected",
        "C:/Users/ann/take.wav": "take.wav",
        "~/films/take.wav: expected": "take.wav: expected",
        r"'\\host\films\take.wav'": "'take.wav'",
    }.items():
        assert without_paths(text) == said
    for text in (
        "20 frames/s, 1/2",
        "a / b",
        "http://127.0.0.1:8642/runs",
        "0,0,9/9",
        "and/or",
        "steps/s",
        "a ~ b",
        r"\x1b",
    ):
        assert without_paths(text) == text


def test_what_is_said_of_an_error_is_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence(UserError("a\nb\x1b[31m  c", "--hint")) == r"a b\x1b[31m c"
    assert len(brief("a" * 10_000)) == 500
    assert brief("a" * 10_000).endswith("...")
    assert sentence(OSError(28, "No space left on device", "/a/b")) == (
        "A file could not be read or written here: No space left on device."
    )
    assert sentence(OSError("/a/b")) == "A file could not be read or written here: OSError."
    assert "memory" in sentence(MemoryError())
    assert capsys.readouterr().err == ""
    assert "Something went wrong" in sentence(ValueError("/a/b"))
    assert "ValueError" in capsys.readouterr().err
