"""Live play that is controlled from outside, as a user asks for it on the command line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from listen_and_move.cli.arguments import LiveArguments
from listen_and_move.cli.output import print_lines
from listen_and_move.errors import UserError

if TYPE_CHECKING:
    from listen_and_move.audio.loudness import Gain
    from listen_and_move.stage.director import Director


@contextmanager
def directed(options: LiveArguments, gain: "Gain", console: Console) -> Iterator["Director | None"]:
    """Who controls live play from outside; nobody where nobody is asked for."""
    from listen_and_move.stage.opening import StageWishes, opened_stage

    wishes = StageWishes(
        osc=options.osc,
        osc_host=options.osc_host,
        replies=options.osc_replies,
        midi=options.midi,
        midi_map=options.midi_map,
        midi_learn=options.midi_learn,
        cues=options.cues,
        fade=options.fade,
    )
    if not wishes.controlled:
        wishes.check_unused()
        yield None
        return
    if options.midi_learn and options.input == "-":
        raise UserError(
            "MIDI: expected a terminal, to learn what controllers do; standard input is the sound",
            "learn first, with another --input",
        )

    def ask(question: str) -> str:
        print(question, end="", file=sys.stderr, flush=True)  # standard output is for media
        return sys.stdin.readline() if sys.stdin else ""

    def tell(line: str) -> None:
        print_lines(console, [f"note: {line}"])

    with opened_stage(wishes, options.controls, gain, ask=ask, tell=tell) as director:
        yield director
