"""Words become options: once, with every option said once, and settings only where they are named."""

from dataclasses import fields

import pytest

from listen_and_move.cli.arguments import (
    AblationArguments,
    GenerateArguments,
    LiveArguments,
    PlayOptions,
    SettingsOptions,
    TrainArguments,
    parse,
)
from listen_and_move.config import Config
from listen_and_move.errors import UserError
from listen_and_move.presets import PRESETS
from listen_and_move.settings import descriptions

NAMED: list[tuple[list[str], dict[str, object]]] = [
    ([], {}),
    (["--steps", "7", "--seed=3"], {"training.steps": 7, "training.seed": 3}),
    (["--training.steps", "9", "--steps", "7"], {"training.steps": 7}),
    (["--size", "64x112", "--end", "None"], {"clip.size": "64x112", "clip.end": None}),
    (["--start", "1.5", "--end=4"], {"clip.start": 1.5, "clip.end": 4.0}),
    (["--generator.no-sound-norm"], {"generator.sound_norm": False}),
    (["--features.standardise"], {"features.standardise": True}),
    (["--losses.l1", "10"], {"losses.l1": 10.0}),
    (["--critics.channels-base=64"], {"critics.channels_base": 64}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "settings"), NAMED)
def test_only_settings_that_are_named_are_changes(words: list[str], settings: dict[str, object]) -> None:
    for line in (["clip.mp4", *words], [*words, "clip.mp4"]):
        options = parse(TrainArguments, "train", line)
        assert options.settings() == settings
        assert [str(video) for video in options.videos] == ["clip.mp4"]
    if "--seed=3" not in words:
        assert parse(AblationArguments, "ablation", ["clip.mp4", *words]).settings() == settings


def test_help_of_train_shows_every_setting_with_what_the_presets_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match=r"^0$"):
        parse(TrainArguments, "train", ["--help"])
    told = unspaced(capsys.readouterr().out)
    config = PRESETS["studio"]
    for group in fields(Config):
        helps = descriptions(type(getattr(config, group.name)))
        assert all(helps.values()), "every setting has a docstring"
        for name, text in helps.items():
            prefix = "" if group.name == "clip" else f"{group.name}."
            assert f"--{prefix}{name.replace('_', '-')}" in told
            value = getattr(getattr(config, group.name), name)
            assert unspaced(f"{text} (default: {value}") in told
    assert unspaced("(default: 1000 in studio; 500 in quick; 50000 in paper, baseline)") in told


def unspaced(text: str) -> str:
    """Help without its frame, however it is wrapped."""
    return "".join(text.replace("│", " ").split())


def test_the_setting_of_a_preset_is_no_word_of_the_line() -> None:
    with pytest.raises(UserError, match="train: ") as caught:
        parse(TrainArguments, "train", ["clip.mp4", "--losses.adversarial", "gan"])
    assert "--losses.adversarial" in str(caught.value)
    assert caught.value.hint == "see listen-and-move train --help"


def test_each_option_of_playing_and_of_settings_is_said_once() -> None:
    common = {item.name: item for item in fields(PlayOptions)}
    for kind in (GenerateArguments, LiveArguments):
        found = {item.name: item for item in fields(kind)}
        assert set(common) < set(found)
        assert not set(vars(kind).get("__annotations__", {})) & (set(common) - {"gain"})
        assert found["gain"].metadata == common["gain"].metadata, "only its default differs"
    for kind in (TrainArguments, AblationArguments):
        again = set(vars(kind).get("__annotations__", {})) & {item.name for item in fields(SettingsOptions)}
        assert again == {"preset"}, "which differs in what none means"
