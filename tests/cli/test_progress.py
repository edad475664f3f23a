"""Progress bars show names of files, whatever these are called."""

from io import StringIO

import pytest
from rich.console import Console

from listen_and_move.cli.progress import progress_bars


@pytest.mark.parametrize("name", ["a[/b].wav", "[red]loud[/red]", "tab\x1b[2J.wav"])
def test_a_name_is_no_markup_and_no_command(name: str) -> None:
    text = StringIO()
    with progress_bars() as (bars, _):
        task = bars.add_task(name, total=2, note=name.replace("\x1b", ""))
        bars.update(task, completed=1)
        Console(file=text, force_terminal=True, width=200).print(bars.get_renderable())
    assert name.replace("\x1b", "\\x1b") in text.getvalue()
    assert "\x1b[2J" not in text.getvalue()
