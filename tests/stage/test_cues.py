"""Files of cues."""

from pathlib import Path

import pytest

from listen_and_move.errors import UserError
from listen_and_move.stage.cues import LARGEST_FILE, Cue, read_cues, write_cues


def test_cues_are_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cues.json"
    assert read_cues(file, 2.0) == {}
    cues = {
        "storm": Cue({"amount": 2.5, "freeze": None, "gain": "running"}, 3.0, "drums"),
        "Stille 静": Cue({"gain": -6.0}, 0.0),
    }
    write_cues(file, cues)
    assert read_cues(file, 9.0) == cues
    file.write_text('{"short": {"dials": {"motion-gain": 2}}, "model alone": {"model": "cello"}}')
    found = read_cues(file, 9.0)
    assert found == {"short": Cue({"motion_gain": 2.0}, 9.0), "model alone": Cue({}, 9.0, "cello")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected JSON"),
        ("3", "expected a JSON object"),
        ('{"a": 3}', "cue 'a': expected an object with fade, model, dials"),
        ('{"a": {"speed": 3}}', "cue 'a': expected an object with fade, model, dials"),
        ('{"a": {"dials": {"amount": 9}}}', r"cue 'a': amount: expected 0 \(deaf\) to 4; got 9"),
        ('{"a": {"dials": {"amount": NaN}}}', "finite numbers"),
        ('{"a": {"dials": {"nothing": 1}}}', "cue 'a': dial: expected one of"),
        ('{"a": {"dials": {"motion-gain": 1, "motion_gain": 2}}}', "cue 'a': expected each dial once"),
        ('{"a": {}, "b": {}, "a": {}}', "expected each name once in an object; got 'a' twice"),
        ('{"a": {},}', r"line 1, column 9|line 1, column 10"),
        ('{"a": {"dials": []}}', "cue 'a': expected dials as an object"),
        ('{"a": {"model": 1}}', "cue 'a': expected dials as an object and a model as a name"),
        ('{"a": {"model": "\\ud800"}}', "cue 'a': expected a model whose name can be printed"),
        ('{"a": {"fade": -1}}', "cue 'a': seconds: expected 0 to 3600"),
        ('{"' + "a" * 100 + '": {}}', "expected a name of at most 60"),
        ("{" + ",".join(f'"{number}": {{}}' for number in range(1001)) + "}", "at most 1000 names"),
        (" " * (LARGEST_FILE + 1), "at most 1000000 bytes"),
        ("[" * 10_000, "expected JSON"),
    ],
)
def test_a_file_that_is_none_is_one_line_and_stays(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "cues.json"
    file.write_text(text)
    with pytest.raises(UserError, match=said) as told:
        read_cues(file, 2.0)
    assert told.value.message.startswith(str(file))
    assert "\n" not in told.value.message
    assert file.read_text() == text


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a file"):
        read_cues(tmp_path, 2.0)
