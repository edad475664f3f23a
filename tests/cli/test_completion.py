"""Real shells complete commands, options, values and files, as a person types them."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.running import command, refused

from listen_and_move.cli.commands import COMMANDS

SHELLS = ("bash", "zsh", "fish")
BEGINNINGS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
PREPARED = {
    "bash": "listen-and-move() { echo got: $*; }; source completion\n",
    "zsh": "autoload -U compinit; compinit -D; listen-and-move() { echo got: $*; }; source completion\n",
}
TYPED = {
    "listen-and-move gene\t--cod\tpro\tson\t": "got: generate --codec prores song.wav",
    "listen-and-move completion zs\t": "got: completion zsh",
    "listen-and-move weights fet\tson\t": "got: weights fetch song.wav",
    "listen-and-move presets stu\t": "got: presets studio",
    "listen-and-move train --pres\tstu\tson\t": "got: train --preset studio song.wav",
}
"""What is typed, and what the command gets."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of sound, whose name is completed too."""
    (tmp_path / "song.wav").touch()
    return tmp_path


@pytest.mark.parametrize("shell", BEGINNINGS)
def test_a_shell_completes_command_option_value_and_file(shell: str, folder: Path) -> None:
    installed(shell)
    (folder / "completion").write_text(command("completion", shell).stdout)
    shown = typed(shell, PREPARED[shell] + "".join(f"{keys}\n" for keys in TYPED) + "exit\n", folder)
    assert [meant for meant in TYPED.values() if meant not in shown] == [], shown


def test_fish_offers_command_option_value_and_file(folder: Path) -> None:
    installed("fish")
    (folder / "completion").write_text(command("completion", "fish").stdout)
    for begun, offered in {
        "gene": "generate",
        "generate --cod": "--codec",
        "generate --codec pro": "prores",
        "generate son": "song.wav",
        "completion zs": "zsh",
        "weights fet": "fetch",
        "weights fetch son": "song.wav",
        "presets stu": "studio",
        "train --preset stu": "studio",
    }.items():
        asked = f"source completion; complete -C 'listen-and-move {begun}'"
        told = subprocess.run(
            ["fish", "--no-config", "-c", asked], cwd=folder, capture_output=True, text=True
        )
        assert [row.split("\t")[0] for row in told.stdout.splitlines()] == [offered], told.stderr


def installed(shell: str) -> None:
    """Leaves a test out where a shell is missing."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def typed(shell: str, keys: str, folder: Path) -> str:
    """What a shell shows on its terminal while these keys are pressed, until it ends."""
    terminal, inner = pty.openpty()
    surroundings = {**os.environ, "TERM": "dumb", "HOME": str(folder), "INPUTRC": "/dev/null"}
    with subprocess.Popen(
        BEGINNINGS[shell],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        cwd=folder,
        env=surroundings,
        start_new_session=True,
    ) as process:
        os.close(inner)
        os.write(terminal, keys.encode())
        shown = b""
        try:
            while block := os.read(terminal, 4096):
                shown += block
        except OSError:  # how Linux says that the other end is closed
            pass
        finally:
            os.close(terminal)
        process.wait(timeout=60)
    return shown.decode(errors="replace")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script(shell: str) -> None:
    script = command("completion", shell).stdout
    flags = {"bash": "--look-ahead", "zsh": "--look-ahead", "fish": "-l look-ahead"}
    assert flags[shell] in script
    assert all(name in script for name in COMMANDS)


def test_another_shell_is_refused() -> None:
    refused("completion", "tcsh", saying="invalid choice 'tcsh'")
