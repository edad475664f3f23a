"""Scripts with which shells complete commands, options and their values.

A script holds every word itself, so that pressing Tab starts no Python. Words that are no command, option or
listed value are completed as names of files.
"""

from argparse import Action
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from shlex import quote

import tyro

from listen_and_move.cli.arguments import PROGRAM, VALUES

_FUNCTION = f"_{PROGRAM.replace('-', '_')}"


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    flags: tuple[str, ...]
    help: str
    """The first sentence of what the option does."""
    takes_value: bool
    values: tuple[str, ...]
    """The values to choose from; none where a value is free."""


@dataclass(frozen=True)
class Command:
    """A command with its options."""

    name: str
    help: str
    options: tuple[Option, ...]
    values: tuple[str, ...]
    """The values to choose from for the first operand; none where it is free."""

    @property
    def flags(self) -> list[str]:
        """All flags of all options."""
        return [flag for option in self.options for flag in option.flags]


def completion_script(shell: str, kinds: Mapping[str, type]) -> str:
    """Returns the script of a shell.

    Args:
        shell: one of `SHELLS`.
        kinds: the options of each command, by its name.
    """
    return SHELLS[shell]([_command(name, kind) for name, kind in kinds.items()])


def _command(name: str, kind: type) -> Command:
    actions = tyro.extras.get_parser(kind)._actions
    options = [
        Option(
            tuple(action.option_strings),
            (action.help or "").split(". ")[0].removesuffix("."),
            action.nargs != 0,
            _choices(action, kind),
        )
        for action in actions
        if action.option_strings
    ]
    operands = (action for action in actions if not action.option_strings)
    first = next((_choices(action, kind) for action in operands), ())
    return Command(name, (kind.__doc__ or "").split("\n")[0], tuple(options), first)


def _choices(action: Action, kind: type) -> tuple[str, ...]:
    """Returns the values of an option or operand: those of its type, else those that its field lists."""
    if action.choices is not None:
        return tuple(str(value) for value in action.choices if value != "None")
    return next((item.metadata.get(VALUES, ()) for item in fields(kind) if item.name == action.dest), ())


def _bash(commands: list[Command]) -> str:
    lines = [
        f"# bash: complete {PROGRAM}",
        f"{_FUNCTION}() {{",
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "    local command=${COMP_WORDS[1]} words=",
        "    if ((COMP_CWORD == 1)); then",
        f"        words={quote(' '.join(_first_words(commands)))}",
        "    else",
        "        if [[ $word == -* ]]; then",
        '            case "$command" in',
        *_cases(_flags(commands), lambda words: f"words={quote(words)}", 16),
        "            esac",
        "        else",
        '            case "$command $before" in',
        *_cases(_values(commands), lambda words: f"words={quote(words)}", 16),
        "            esac",
        "        fi",
        "    fi",
        '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
        "}",
        f"complete -o default -F {_FUNCTION} {PROGRAM}",
    ]
    return "\n".join(lines)


def _zsh(commands: list[Command]) -> str:
    lines = [
        f"#compdef {PROGRAM}",
        f"{_FUNCTION}() {{",
        "    if ((CURRENT == 2)); then",
        "        local -a commands=(",
        *(f"            {quote(f'{command.name}:{command.help}')}" for command in commands),
        "        )",
        "        _describe command commands",
        "        compadd -- --help --version",
        "        return",
        "    fi",
        '    case "$words[2] $PREFIX" in',
        *_cases({f"{name} -": words for name, words in _flags(commands).items()}, _added, 8, "*"),
        "    esac",
        '    case "$words[2] $words[CURRENT-1]" in',
        *_cases(_values(commands), _added, 8),
        "        *) _files ;;",
        "    esac",
        "}",
        f"compdef {_FUNCTION} {PROGRAM}",
    ]
    return "\n".join(lines)


def _fish(commands: list[Command]) -> str:
    lines = [
        f"# fish: complete {PROGRAM}",
        f"complete -c {PROGRAM} -n __fish_use_subcommand -f -l help -d 'Every command'",
        f"complete -c {PROGRAM} -n __fish_use_subcommand -f -l version -d 'The version'",
    ]
    for command in commands:
        begun = f"complete -c {PROGRAM} -n __fish_use_subcommand -f -a {command.name}"
        lines.append(f"{begun} -d {_fish_quoted(command.help)}")
        seen = f"complete -c {PROGRAM} -n '__fish_seen_subcommand_from {command.name}'"
        lines += [f"{seen} {_fish_option(option)}" for option in command.options]
        if command.values:
            first = f"__fish_seen_subcommand_from {command.name}; and test (count (commandline -opc)) -eq 2"
            lines.append(f"complete -c {PROGRAM} -n '{first}' -f -a {_fish_quoted(' '.join(command.values))}")
    return "\n".join(lines)


def _fish_option(option: Option) -> str:
    names = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    values = [f"-x -a {_fish_quoted(' '.join(option.values))}"] if option.values else []
    free = ["-r"] if option.takes_value and not option.values else []
    return " ".join([*names, *values, *free, "-d", _fish_quoted(option.help)])


SHELLS: dict[str, Callable[[list[Command]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
"""What writes the script of each shell."""


def _first_words(commands: list[Command]) -> list[str]:
    return [*(command.name for command in commands), "--help", "--version"]


def _values(commands: list[Command]) -> dict[str, str]:
    """Returns the values to choose from, by command and the word before: a flag, or the command itself."""
    operands = {f"{command.name} {command.name}": " ".join(command.values) for command in commands}
    return {name: words for name, words in operands.items() if words} | {
        f"{command.name} {flag}": " ".join(option.values)
        for command in commands
        for option in command.options
        for flag in option.flags
        if option.values
    }


def _flags(commands: list[Command]) -> dict[str, str]:
    return {command.name: " ".join(command.flags) for command in commands}


def _cases(
    words: Mapping[str, str], action: Callable[[str], str], indent: int, ending: str = ""
) -> list[str]:
    """Returns a line of a shell's `case` for each pattern."""
    return [f"{' ' * indent}{quote(key)}{ending}) {action(found)} ;;" for key, found in words.items()]


def _added(words: str) -> str:
    return f"compadd -- {words}; return"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
