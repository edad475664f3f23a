"""MIDI without a device: messages of mido go where a port would bring them."""

import json
import sys
from pathlib import Path
from typing import Any

import mido
import pytest

from listen_and_move.errors import UserError
from listen_and_move.stage.commands import ChangeModel, HoldPicture, Mailbox, RecallCue, TurnDial
from listen_and_move.stage.midi import MidiMap, MidiReceiver, chosen_input, learn, opened_input, target_of
from listen_and_move.stage.turning import DIALS

MAP = {
    "control 1/74": "dial amount",
    "control 1/20": "hold",
    "control 1/21": "cue storm",
    "note 10/36": "cue storm",
    "note 10/37": "hold",
    "note 10/38": "dial smoothing",
    "program 1/3": "model drums",
    "pitchwheel 2": "sharpness",
    "pitchwheel 3": "hold",
}


@pytest.fixture
def receiver(tmp_path: Path) -> MidiReceiver:
    (tmp_path / "midi.json").write_text(json.dumps(MAP))
    return MidiReceiver(MidiMap(tmp_path / "midi.json"), Mailbox())


def sent(receiver: MidiReceiver, *messages: mido.Message) -> list:
    found = []
    for message in messages:
        receiver.receive(message)
        found += receiver.mailbox.take()
    return found


def control(number: int, value: int, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", channel=channel, control=number, value=value)


def test_a_controller_turns_its_dial_all_the_way(receiver: MidiReceiver) -> None:
    found = sent(receiver, *(control(74, value) for value in range(128)))
    values = [command.value for command in found]
    assert all(command.dial == "amount" for command in found)
    assert values == sorted(values)
    assert (values[0], values[-1]) == DIALS["amount"].slider
    assert len(set(values)) > 50
    wheel = [mido.Message("pitchwheel", channel=1, pitch=pitch) for pitch in (-8192, 0, 8191)]
    assert sent(receiver, *wheel) == [TurnDial("sharpness", value) for value in (-4.0, 0.0, 4.0)]


def test_buttons_and_notes(receiver: MidiReceiver) -> None:
    assert sent(receiver, *(control(20, value) for value in (127, 0))) == [
        HoldPicture(True),
        HoldPicture(False),
    ]
    presses = (control(21, value) for value in (127, 127, 100, 0, 5, 127))
    assert sent(receiver, *presses) == [RecallCue("storm")] * 2, "once for each time it is pressed"
    on, off = (mido.Message(kind, channel=9, note=36, velocity=80) for kind in ("note_on", "note_off"))
    assert (
        sent(receiver, on, off, on, mido.Message("note_on", channel=9, note=36, velocity=0), on)
        == [RecallCue("storm")] * 3
    )
    pads = (mido.Message(kind, channel=9, note=37) for kind in ("note_on", "note_off"))
    assert sent(receiver, *pads) == [HoldPicture(True), HoldPicture(False)]
    hit = [
        mido.Message("note_on", channel=9, note=38, velocity=127),
        mido.Message("note_off", channel=9, note=38),
    ]
    assert sent(receiver, *hit) == [TurnDial("smoothing", 1.0)], "a note that is let go turns nothing back"
    programs = [mido.Message("program_change", channel=0, program=3)] * 2
    assert sent(receiver, *programs) == [ChangeModel("drums")] * 2


def test_a_wheel_that_is_let_go_is_no_press(receiver: MidiReceiver) -> None:
    wheel = [mido.Message("pitchwheel", channel=2, pitch=pitch) for pitch in (0, 8191, 0, -8192)]
    pressed = [HoldPicture(False), HoldPicture(True), HoldPicture(False), HoldPicture(False)]
    assert sent(receiver, *wheel) == pressed
    assert sent(receiver, control(20, 63), control(20, 64)) == [HoldPicture(False), HoldPicture(True)]


def test_all_else_is_passed_over(receiver: MidiReceiver) -> None:
    others = [mido.Message(kind) for kind in ("clock", "active_sensing", "start", "aftertouch", "sysex")]
    assert sent(receiver, *others, control(74, 3, channel=1), control(75, 3)) == []


def test_what_is_learnt_is_kept(tmp_path: Path) -> None:
    file, said = tmp_path / "midi.json", []
    receiver = MidiReceiver(MidiMap(file), Mailbox())
    assert sent(receiver, control(7, 3)) == []
    typed = [
        (control(7, 64), "smoothing\n"),
        (control(8, 1), "nothing\n"),  # asked again; what was moved before does not count
        (None, "amount\n"),
        (mido.Message("note_on", note=40, velocity=9), " cue big storm \n"),
        (mido.Message("note_off", note=40), "hold\n"),
        (control(7, 65), "dial motion-gain"),
        (mido.Message("clock"), "\n"),
    ]
    steps = iter(typed)

    def ask(question: str) -> str:
        assert question.startswith("move a controller, then type")
        message, line = next(steps)
        if message is not None:
            receiver.receive(message)
        return line

    learn(receiver, ask, said.append)
    assert receiver.mailbox.take() == [], "what was moved to be learnt is no wish for the show"
    assert json.loads(file.read_text()) == {"control 1/7": "dial motion_gain", "note 1/40": "cue big storm"}
    assert [line.split(":")[0] for line in said] == [
        "control 1/7",
        "target",
        "dial amount",
        "note 1/40",
        "hold",
        "control 1/7",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["midi.json"]
    again = MidiReceiver(MidiMap(file), Mailbox())
    assert sent(again, control(7, 127)) == [TurnDial("motion_gain", 4.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "expected a JSON object"),
        ("{", "expected JSON"),
        ('{"control 1/1": 3}', "target: expected hold, cue NAME"),
        ('{"control 1/1": "dial nothing"}', "dial: expected one of"),
        *(
            (f'{{"{key}": "hold"}}', f"'{key}': expected control, note or program")
            for key in (
                "cc 1/74",
                "control 17/3",
                "control 0/3",
                "control 1/128",
                "control 1/03",
                "pitchwheel 17",
            )
        ),
        ('{"control 1/1": "cue"}', "target: expected"),
        ('{"a": ' + "9" * 600 + "}", "digits"),
        ("[" * 100, "expected JSON"),
    ],
)
def test_a_map_that_is_none_is_one_line_and_stays(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "midi.json"
    file.write_text(text)
    with pytest.raises(UserError, match=said) as told:
        MidiMap(file)
    assert str(file) in told.value.message
    assert file.read_text() == text


def test_a_map_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    map = MidiMap(tmp_path / "nowhere" / "midi.json")
    with pytest.raises(UserError, match="expected an existing folder"):
        map.learn("control 1/1", target_of("amount"))


@pytest.mark.parametrize(
    ("asked", "names", "found"),
    [
        ("first", ["Keyboard one", "Pads two"], "Keyboard one"),
        ("first", ["Midi Through:Midi Through Port-0 14:0", "Pads two"], "Pads two"),
        ("first", ["Midi Through:Midi Through Port-0 14:0"], "Midi Through:Midi Through Port-0 14:0"),
        ("first", [], None),
        (
            "through",
            ["Pads two", "Midi Through:Midi Through Port-0 14:0"],
            "Midi Through:Midi Through Port-0 14:0",
        ),
        ("pads", ["Keyboard one", "Pads two"], "Pads two"),
        ("port 1", ["Port 10", "Port 1"], "Port 1"),
        ("Port", ["Port 10", "Port 1"], "Port 10"),
        ("drums", ["Keyboard one", "Pads two"], None),
    ],
)
def test_inputs_are_chosen_by_name(asked: str, names: list[str], found: str | None) -> None:
    assert chosen_input(asked, names) == found


@pytest.mark.parametrize("asked", ["first", "drums"])
def test_what_there_is_here_is_opened_or_one_line_says_why_not(
    asked: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        backend: Any = mido  # whose functions are those of the backend
        found = chosen_input(asked, backend.get_input_names())
    except OSError:
        found = None
    capfd.readouterr()
    if found is not None:
        with opened_input(asked, print) as name:
            assert name == found
        return
    with pytest.raises(UserError, match="MIDI: expected ") as told, opened_input(asked, print):
        pass
    assert "\n" not in str(told.value)
    assert "--" not in told.value.message
    assert capfd.readouterr().err == "", "ALSA says nothing beside it"


def test_without_the_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(UserError, match="expected the extra stage"), opened_input("first", print):
        pass
