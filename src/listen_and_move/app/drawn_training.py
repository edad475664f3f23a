"""The process that learns the demonstration: draws its film, then is the command ``listen-and-move``.

Arguments: the film, its seconds, and those of the command.
"""

import runpy
import sys
from pathlib import Path

from listen_and_move.demonstration import write_clip


def main() -> None:
    """Draw, then learn."""
    film, seconds, *command = sys.argv[1:]
    write_clip(Path(film), float(seconds))
    sys.argv[1:] = command
    runpy.run_module("listen_and_move", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
