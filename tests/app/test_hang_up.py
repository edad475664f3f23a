"""A page whose terminal is closed ends in good order."""

import signal
import tempfile
from pathlib import Path

import pytest

from tests.app.serving import WAIT, Visitor, serving
from tests.media.making import clicks, make_sound

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
USUAL = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
NOHUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def test_a_page_ends_with_its_terminal_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    sound = make_sound(tmp_path / "s.flac", clicks(8000, 100), 8000, "flac")
    with serving(tmp_path / "runs", errors=tmp_path / "errors", before=USUAL) as (address, process):
        visitor = Visitor(address)
        visitor.upload(sound)
        visitor.close()
        assert list(temporary.iterdir())
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=WAIT) == 0
    assert not list(temporary.iterdir())
    assert "Traceback" not in (tmp_path / "errors").read_text()


def test_a_page_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with serving(tmp_path / "runs", before=NOHUP) as (address, process):
        process.send_signal(signal.SIGHUP)
        visitor = Visitor(address)
        assert visitor.get("/api/runs") is not None
        assert process.poll() is None
        visitor.close()
