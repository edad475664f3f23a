"""The command line: chooses the command and ends the process with its exit code."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from listen_and_move import __version__, interrupts
from listen_and_move.cli.arguments import JSON_FLAG, PROGRAM
from listen_and_move.cli.commands import COMMANDS, INTERRUPTED
from listen_and_move.cli.output import print_json
from listen_and_move.distribution.launched import several_processes, writes
from listen_and_move.errors import DamageWarning, UserError, is_out_of_memory

READER_LEFT = 141
"""Exit code that shells give a program whose reader has left (128 and SIGPIPE)."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits with its code.

    The code is 0 on success, 2 with one line on stderr for an error that the user can mend, 130 after an
    interrupt, and 141 where whoever read standard output has left.
    """
    interrupts.install()
    # Threads of GNU's OpenMP spin while they wait for each other, and so take the processor from the threads
    # that they wait for where another program is busy too. With this limit they sleep after some turns:
    # docs/experiments/waiting-threads.md. The variable is read when torch is loaded, which is later.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, TextIOWrapper
        ):  # a terminal of another encoding shows a question mark for each character that it lacks
            stream.reconfigure(errors="replace")
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        with _damage_noted():
            code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        return _refused(error, arguments)
    except BrokenPipeError:
        # Whoever read standard output has left, such as `head`: what is written at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except OSError as error:  # such as a full disk while a run is logged
        reason = error.strerror or error
        return _refused(
            UserError(f"{error.filename or 'file'}: expected to read or write it; got {reason}"), arguments
        )
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        if is_out_of_memory(error):
            what = "expected enough memory for this; the machine, or a limit that was set, has no more"
            hint = "choose a smaller file, a shorter part or a smaller --size"
            return _refused(UserError(what, hint), arguments)
        if interrupts.interrupted():  # during a wait, threading turns an interrupt into an error of its own
            return _interrupted()
        raise


@contextmanager
def _damage_noted() -> Iterator[None]:
    """Prints warnings about damaged parts of files as notes on stderr, each once."""
    with warnings.catch_warnings():
        show, told = warnings.showwarning, set[str]()

        def note(message: Warning | str, category: type[Warning], *place: Any) -> None:
            line = f"note: {' '.join(str(message).split())}"
            if not issubclass(category, DamageWarning):
                show(message, category, *place)
            elif line not in told:
                told.add(line)
                print(line, file=sys.stderr)

        warnings.showwarning = note
        warnings.simplefilter("always", DamageWarning)
        yield


def _refused(error: UserError, arguments: list[str]) -> int:
    """Prints an error on stderr, and as JSON on stdout too where a program asked for JSON."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    if JSON_FLAG in arguments:  # parsing may have failed, so the words themselves are searched
        print_json({"error": " ".join(error.message.split()), "hint": " ".join(error.hint.split())})
    return 2


def _interrupted() -> int:
    print("interrupted: nothing half written is left", file=sys.stderr)
    return INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if name in ("-h", "--help"):
        print(_overview())
        return 0
    if name == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    if name not in COMMANDS:
        raise UserError(
            f"expected one of the commands {', '.join(COMMANDS)}; got {name!r}", f"see {PROGRAM} --help"
        )
    if several_processes() and name != "train":
        if not writes():
            return 2
        raise UserError(
            f"expected train, which several processes do together; got {name!r}", "start it without torchrun"
        )
    return COMMANDS[name][0](rest)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {_first_line(kind)}" for name, (_, kind) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND ...",
            "",
            "Learn one video with its sound, then play that same picture with any other sound.",
            "",
            "commands:",
            *rows,
            "",
            f"{PROGRAM} COMMAND --help  every option of a command",
            f"{PROGRAM} --version       the version",
        ]
    )


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").split("\n")[0]
