"""The process that learns the demonstration: draws its film, then is the command ``listen-and-move``.

Arguments: the film, its seconds, and those of the command.
"""

import json
import runpy
import sys
from pathlib import Path

from listen_and_move import interrupts
from listen_and_move.demonstration import write_clip
from listen_and_move.errors import UserError


def main() -> None:
    """Draws, then learns; what is wrong with the film is said as the command says it with ``--json``."""
    film, seconds, *command = sys.argv[1:]
    interrupts.install()  # a film that is stopped leaves no part of it
    try:
        write_clip(Path(film), float(seconds))
    except UserError as error:
        sys.stdout.write(json.dumps({"error": error.message}) + "\n")
        sys.exit(2)
    sys.argv[1:] = command
    runpy.run_module("listen_and_move", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
