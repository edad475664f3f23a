"""Who is let in: hosts, origins, passwords; and that nothing outside the runs folder is read."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.app.serving import Visitor, serving

SECRET = b"nobody's business"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_a_name_that_points_here_is_not_answered(address: str, host: str) -> None:
    for path in ("/", "/api/runs", "/static/main.js"):
        answer = httpx.get(address + path, headers={"host": host})
        assert answer.status_code == 403
        assert "does not answer under the name" in answer.json()["error"]


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", ""])
def test_another_site_cannot_change_anything(address: str, origin: str) -> None:
    answer = httpx.post(
        f"{address}/api/runs/tiny/resume", content=json.dumps({"steps": 9}), headers={"origin": origin}
    )
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]
    assert httpx.delete(f"{address}/api/jobs/x").status_code == 403


def test_another_site_cannot_play_live(address: str) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        connect(f"{address.replace('http', 'ws')}/api/live", origin="http://evil.example").recv()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/api/runs/..",
        "/api/runs/%2e%2e",
        "/api/runs/..%2Fsecret.txt",
        "/api/runs/link",
        "/api/runs/link/model",
        "/api/runs/.page",
        "/api/runs/tiny/samples/..%2f..%2f..%2fsecret.txt",
        "/api/runs/tiny%2f..%2f../report",
        "/api/uploads/..%2Fsecret.txt/file",
        "/api/jobs/..%2Fsecret.txt/result",
    ],
)
def test_nothing_outside_is_read(visitor: Visitor, path: str) -> None:
    url = httpx.URL(visitor.address).copy_with(raw_path=path.encode())
    answer = visitor.client.get(url)
    assert answer.status_code in (400, 404)
    assert SECRET not in answer.content
    assert b"import" not in answer.content


def test_a_link_out_of_the_runs_folder_is_not_followed(visitor: Visitor, runs: Path) -> None:
    sample = runs / "tiny" / "samples" / "step-000099.mp4"
    sample.symlink_to(runs.parent / "secret.txt")
    try:
        answer = visitor.client.get("/api/runs/tiny/samples/99")
        assert answer.status_code == 400
        assert SECRET not in answer.content
    finally:
        sample.unlink()


def test_every_answer_says_what_a_browser_may_do(address: str) -> None:
    for path in ("/", "/static/main.js", "/api/runs", "/nothing"):
        headers = httpx.get(address + path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
    cookie = httpx.get(address).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_report_is_shown_without_any_rights(visitor: Visitor, runs: Path) -> None:
    (runs / "tiny" / "evaluation" / "report.html").write_text("<script>alert(1)</script>")
    headers = visitor.client.get("/api/runs/tiny/report").headers
    assert "sandbox" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


def test_errors_are_one_sentence(visitor: Visitor) -> None:
    assert "no run" in visitor.get("/api/runs/none", status=400)["error"]
    assert "expected JSON" in visitor.client.post("/api/jobs", content=b"{").json()["error"]
    assert "expected at most" in visitor.client.post("/api/jobs", content=b" " * 70_000).json()["error"]
    assert visitor.client.get("/api/none").json()["error"] == "Not Found"


def test_the_password_is_asked_for_and_the_folder_emptied(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page for both: it takes seconds to start."""
    for name in ("TMPDIR", "TEMP", "TMP"):  # others put pages into the usual folder meanwhile
        monkeypatch.setenv(name, str(tmp_path))
    with serving(runs, "--password", "open sesame", "--host", "localhost") as (address, _):
        mine = list(tmp_path.glob("listen-and-move-page-*"))
        assert len(mine) == 1
        with httpx.Client(base_url=address, headers={"origin": address}) as stranger:
            assert stranger.get("/api/runs").status_code == 401
            assert stranger.get("/static/main.js").status_code == 303
            assert stranger.get("/").headers["location"] == "/login"
            alert = '<p class="failed" role="alert"'
            assert f"{alert} hidden>That is not the password.</p>" in stranger.get("/login").text
            assert stranger.post("/api/jobs", content=b"{}").status_code == 401
            wrong = stranger.post("/login", data={"password": "open"})
            assert wrong.headers["location"] == "/login?wrong"
            assert f"{alert}>That is not the password.</p>" in stranger.get("/login?wrong").text
            assert stranger.get("/api/runs").status_code == 401
            stranger.cookies.set(f"listen-and-move-{address.rsplit(':')[-1]}", "a" * 32)
            assert stranger.get("/api/runs").status_code == 401
            stranger.cookies.clear()
            right = stranger.post("/login", data={"password": "open sesame"})
            assert right.headers["location"] == "/"
            assert stranger.get("/api/runs").status_code == 200
            with pytest.raises((InvalidStatus, ConnectionClosed)):
                connect(f"{address.replace('http', 'ws')}/api/live", origin=address).recv()  # type: ignore[arg-type]
    assert not any(folder.exists() for folder in mine)


@pytest.mark.parametrize(
    ("flags", "saying"),
    [
        (["--port", "99999"], "expected a free port"),
        (["--host", "192.0.2.1"], "expected a free port"),
        (["--runs", "file"], "expected a folder for runs"),
    ],
)
def test_a_page_that_cannot_open_says_why(tmp_path: Path, flags: list[str], saying: str) -> None:
    (tmp_path / "file").touch()
    line = [sys.executable, "-m", "listen_and_move", "app", *flags]
    result = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert result.returncode == 2
    assert saying in result.stderr
    assert "Traceback" not in result.stderr
