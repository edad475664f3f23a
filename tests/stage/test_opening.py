"""What a user asks for on the command line: what is wrong is said before anything plays."""

from pathlib import Path

import pytest
from tests.inference.live.test_session import wave
from tests.stage.test_session import RATE

from listen_and_move.cli.main import run_command
from listen_and_move.errors import UserError
from listen_and_move.media.wav import write_wav
from listen_and_move.stage.opening import address_of


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "MODEL"], "models: expected names that differ"),
        (["--models", "VIDEO"], "models: expected one where nobody chooses while it plays"),
        (["--cues", "cues.json"], "cues: expected only with OSC or MIDI"),
        (["--osc", "0", "--models", "nothing"], "nothing: expected a run folder or a model.safetensors"),
        (["--osc", "99999"], "OSC: expected a port of 0 to 65535"),
        (["--osc", "0", "--osc-host", "203.0.113.1"], "OSC: expected an address of this machine"),
        (["--osc", "0", "--osc-replies", "9000"], "replies: expected HOST:PORT"),
        (["--osc", "0", "--fade", "-1"], "seconds: expected 0 to 3600"),
        (["--osc", "0", "--cues", "bad.json"], "bad.json: expected JSON"),
        (["--midi", "no such device"], "MIDI: expected"),
        (["--osc-replies", "127.0.0.1:9000"], "replies: expected only with OSC; got it without"),
        (["--midi", "first", "--osc-host", "0.0.0.0"], "osc host: expected only with OSC; got it without"),
        (["--osc", "0", "--midi-learn"], "midi learn: expected only with MIDI; got it without"),
        (["--osc", "0", "--midi-map", "other.json"], "midi map: expected only with MIDI; got it without"),
        (["--osc", "0", "--osc-replies", "192.0.2.5:9000"], "replies: expected an address of this machine"),
        (["--osc", "0", "--osc-replies", "mün..chen.local:9001"], "replies: expected a host that 127.0.0.1"),
        (
            ["--osc", "0", "--cues", "nowhere/cues.json"],
            "cues.json: expected an existing folder",
        ),
        (
            ["--midi", "first", "--midi-learn", "--midi-map", "no/m.json"],
            "m.json: expected an existing folder",
        ),
    ],
)
def test_what_is_wrong_at_the_start_is_one_line(
    arguments: list[str],
    said: str,
    trained: Path,
    performance: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    write_wav(tmp_path / "sound.wav", wave(0.5, RATE), RATE)
    names = {"MODEL": str(trained), "VIDEO": str(performance)}
    line = ["live", str(trained), "--input=sound.wav", "--output=out.mp4", "--device=cpu"]
    assert run_command([*line, *(names.get(each, each) for each in arguments)]) == 2
    errors = [row for row in capfd.readouterr().err.splitlines() if not row.startswith("note: OSC: listens")]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert said in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "sound.wav"]


def test_as_a_user_types_it(
    trained: Path, performance: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "sound.wav", wave(1, RATE), RATE)
    out = tmp_path / "out.mp4"
    line = ["live", trained, "--models", performance, "--input", tmp_path / "sound.wav", "--output", out]
    stage = ["--osc", "0", "--osc-host", "0.0.0.0", "--cues", tmp_path / "cues.json", "--device=cpu"]
    assert run_command([str(each) for each in (*line, *stage)]) == 0
    told = capfd.readouterr().err
    assert "note: OSC: listens to 0.0.0.0:" in told
    assert "whoever reaches this machine can turn" in told
    assert out.stat().st_size > 1000
    assert "played by its sound alone" in told


def test_a_place_for_replies() -> None:
    assert address_of("[::1]:9000") == ("::1", 9000)
    assert address_of("studio.local:1") == ("studio.local", 1)
    for wrong in ("", ":9000", "host", "host:0", "host:65536", "host:٣", "host:-1"):
        with pytest.raises(UserError, match="replies: expected HOST:PORT"):
            address_of(wrong)
