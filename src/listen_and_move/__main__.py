"""``python -m listen_and_move`` is the command ``listen-and-move``."""

from listen_and_move.cli.main import main

main()
