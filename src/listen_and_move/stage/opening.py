"""Control from outside as a user asks for it: opened before the play, closed after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from listen_and_move.audio.loudness import Gain
from listen_and_move.errors import Remark, UserError, shown
from listen_and_move.inference.controls import Controls
from listen_and_move.media.replacing import check_place
from listen_and_move.stage.commands import Address, Mailbox
from listen_and_move.stage.cues import read_cues
from listen_and_move.stage.director import Director
from listen_and_move.stage.midi import MidiMap, MidiReceiver, learn, opened_input
from listen_and_move.stage.turning import checked_seconds

if TYPE_CHECKING:
    from listen_and_move.stage.osc import OscServer

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class StageWishes:
    """Settings of the control from outside: OSC, MIDI, and the files that keep its cues and its map."""

    osc: int | None = None
    """Port for OSC; 0: any that is free; None: no OSC."""
    osc_host: str = LOOPBACK
    """Address at which OSC is listened to."""
    replies: str | None = None
    """HOST:PORT that gets reports from the beginning; None: nobody does unasked."""
    midi: str | None = None
    """Name of a MIDI input, a part of it, or first; None: no MIDI."""
    midi_map: Path = field(default=Path("midi.json"))
    """File of the map from gestures to targets."""
    midi_learn: bool = False
    """Whether the user is asked before the play what controllers are to do."""
    cues: Path | None = None
    """File of cues; None: cues last until the end."""
    fade: float = 2.0
    """Seconds of a fade that does not state its own."""

    @property
    def controlled(self) -> bool:
        """Whether the play can be controlled from outside."""
        return self.osc is not None or self.midi is not None

    def check_unused(self) -> None:
        """Refuses settings that have no effect: those of OSC without OSC, of MIDI without MIDI, of either.

        Raises:
            UserError: a setting has no effect.
        """
        nobody = StageWishes()
        parts = (
            (self.osc is not None, "OSC", ("osc_host", "replies"), "--osc PORT"),
            (self.midi is not None, "MIDI", ("midi_map", "midi_learn"), "--midi NAME"),
            (self.controlled, "OSC or MIDI", ("cues", "fade"), "--osc PORT or --midi NAME"),
        )
        for there, part, names, flag in parts:
            for name in names:
                if not there and getattr(self, name) != getattr(nobody, name):
                    raise UserError(
                        f"{name.replace('_', ' ')}: expected only with {part}; got it without", f"add {flag}"
                    )


@contextmanager
def opened_stage(
    wishes: StageWishes,
    controls: Controls,
    gain: Gain,
    *,
    ask: Callable[[str], str],
    tell: Callable[[str], None],
) -> Iterator[Director]:
    """Listens to OSC and MIDI within the context; yields the director that carries out their commands.

    Args:
        wishes: the settings.
        controls: initial values of the dials.
        gain: initial gain.
        ask: shows a question and returns the line that is typed.
        tell: shows a line.

    Raises:
        UserError: a file, a port or an address cannot be used.
    """
    wishes.check_unused()
    fade, mailbox = checked_seconds(wishes.fade), Mailbox()
    cues = {} if wishes.cues is None else read_cues(wishes.cues, fade)
    for kept in (wishes.cues, wishes.midi_map if wishes.midi_learn else None):
        if kept is not None:
            check_place(kept, overwrite=True)
    listeners = [] if wishes.replies is None else [address_of(wishes.replies)]
    with ExitStack() as opened:
        director = Director(mailbox, controls, gain, cues, cue_file=wishes.cues, fade=fade, tell=tell)
        opened.callback(director.close)
        if wishes.midi is not None:
            receiver = MidiReceiver(MidiMap(wishes.midi_map), mailbox)
            tell(f"MIDI: listens to {opened.enter_context(opened_input(wishes.midi, receiver.receive))}")
            if wishes.midi_learn:
                learn(receiver, ask, tell)
            elif not receiver.map.targets:
                tell(Remark(f"MIDI: {wishes.midi_map} maps no controller yet", "--midi-learn does"))
        if wishes.osc is not None:
            server = _opened_osc(wishes, mailbox, opened, tell)
            director.reply = server.reply
            director.listeners = dict.fromkeys(server.reachable(*each) for each in listeners)
        yield director


def _opened_osc(
    wishes: StageWishes, mailbox: Mailbox, opened: ExitStack, tell: Callable[[str], None]
) -> "OscServer":
    try:
        from listen_and_move.stage.osc import OscServer
    except ModuleNotFoundError as error:
        raise UserError(
            f"OSC: expected the extra stage; {error.name} is not installed: pip install "
            "'listen-and-move[stage]'"
        ) from None
    assert wishes.osc is not None
    server = OscServer(wishes.osc_host, wishes.osc, mailbox)
    opened.callback(server.close)
    host, port = server.address
    tell(f"OSC: listens to {host}:{port}")
    if not server.alone:
        tell("OSC has no password: whoever reaches this machine can turn its dials")
    return server


def address_of(text: str) -> Address:
    """Returns host and port from a text.

    Raises:
        UserError: the text is not HOST:PORT.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UserError(f"replies: expected HOST:PORT, such as 127.0.0.1:9001; got {shown(text)}")
    return host, int(port)
