"""Errors and remarks in two parts: what is wrong, which the page shows, and what to do on the command
line."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import listen_and_move
from listen_and_move.errors import (
    LONGEST_MESSAGE,
    NoMemoryError,
    Remark,
    SettingError,
    UserError,
    passing_over,
    printable,
    shown,
)

PACKAGE = Path(listen_and_move.__file__).parent
PLACE_OF_MESSAGE = {"UserError": 0, "SettingError": 0, "Remark": 0, "require": 1}
"""Which argument is the message, of everything that is given one."""


def test_want_of_memory_is_no_fault_that_is_passed_over() -> None:
    with passing_over(UserError):
        raise UserError("size: expected 64; got 3")
    for error in (MemoryError(), NoMemoryError("film.mp4")):
        with pytest.raises(MemoryError), passing_over(UserError, MemoryError):
            raise error
    sent = pickle.loads(pickle.dumps(NoMemoryError("film.mp4")))
    assert isinstance(sent, NoMemoryError)
    assert sent.message.startswith("film.mp4: cannot be read, since there is not enough memory")


def test_an_error_prints_both_parts() -> None:
    assert str(UserError("size: expected 64; got 3")) == "size: expected 64; got 3"
    error = SettingError("size: expected 64; got 3", "give --size 64")
    assert (error.message, error.hint) == ("size: expected 64; got 3", "give --size 64")
    assert str(error) == "size: expected 64; got 3: give --size 64"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_message_is_one_line_that_a_terminal_shows_as_it_is() -> None:
    error = UserError("clip\x1b[2J\x07.mp4\r\n\tgpj\u202e: expected \udce9", "take\u2028 another")
    assert error.message == "clip\\x1b[2J\\x07.mp4 gpj\\u202e: expected \\udce9"
    assert error.hint == "take another"
    assert str(error) == f"{error.message}: {error.hint}"
    assert len(UserError("a" * 100_000).message) == LONGEST_MESSAGE + len("...")


@pytest.mark.parametrize("name", ["日本語 😀.mp4", "👩\u200d💻 é\u0301", "a\u00a0b", "$5 x_{"])
def test_what_people_write_stays_as_it_is(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize(
    "value",
    ["a" * 10**6, 10**100_000, ["\x1b" * 1000], {"\u202e": 1}],
    ids=["text", "digits", "list", "dict"],
)
def test_a_value_is_shown_short_and_printable(value: object) -> None:
    assert len(shown(value)) <= 110
    assert shown(value).isprintable()


def test_a_remark_is_the_whole_sentence() -> None:
    assert Remark("loud") == "loud" == Remark("loud").message
    remark = Remark("loud", "--gain 0 keeps it", "{message} ({hint})")
    assert remark == "loud (--gain 0 keeps it)"
    assert remark.message == "loud"
    assert Remark("cut", "use --start 3") == "cut: use --start 3"
    assert pickle.loads(pickle.dumps(remark)).message == "loud"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("raise UserError('take: got none', 'give --take')", ["take: got none"]),
        ("raise UserError('take: got none: give --take')", ["take: got none: give --take"]),
        ("raise UserError(f'take: got {one}: give --take')", ["take: got ", ": give --take"]),
        ("def check(n):\n  m = 'give --take'\n  require(n > 0, f'{m}!')", ["!", "give --take"]),
        ("def check(n):\n  m = '--take'\n  require(n > 0, f'got {m!r}')", ["got "]),
        ("raise UserError(message='give --take')", ["give --take"]),
    ],
)
def test_flags_are_found(source: str, found: list[str]) -> None:
    assert list(messages(ast.parse(source))) == found


def test_no_message_names_a_flag() -> None:
    count, wrong = 0, []
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in messages(ast.parse(path.read_text(encoding="utf-8"))):
            count += 1
            wrong += [f"{path.relative_to(PACKAGE)}: {text}"] if "--" in text else []
    assert not wrong
    assert count > 300, "the test could not fail"


def messages(tree: ast.AST) -> Iterator[str]:
    """The literal texts in all messages of a module, those in local variables that they are made of too."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in PLACE_OF_MESSAGE
        ):
            place = PLACE_OF_MESSAGE[node.func.id]
            named = [keyword.value for keyword in node.keywords if keyword.arg == "message"]
            around = [each for each in functions if node in ast.walk(each)]
            for message in named or node.args[place : place + 1]:
                yield from texts(message)
                for function in around:
                    yield from assigned(function, set(parts(message)))


def parts(message: ast.expr) -> Iterator[str]:
    """Names of the variables that a message is made of; one that is shown as Python writes it came in."""
    for each in ast.walk(message):
        if (
            isinstance(each, ast.FormattedValue)
            and each.conversion == -1
            and isinstance(each.value, ast.Name)
        ):
            yield each.value.id
    if isinstance(message, ast.Name):
        yield message.id


def assigned(function: ast.AST, names: set[str]) -> Iterator[str]:
    """The literal texts that a function assigns to some names."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id in names
            for target in node.targets
            for each in ast.walk(target)
        ):
            yield from texts(node.value)


def texts(node: ast.AST) -> Iterator[str]:
    """The literal texts of an expression."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
