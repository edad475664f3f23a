"""Open Sound Control over UDP: packets become commands, and replies become packets.

A packet may come from anybody. It is read within bounds; an error in it is reported once and changes nothing.
"""

import select
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from threading import Event, Thread

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as MessageError
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import osc_types

from listen_and_move.errors import UserError, shown
from listen_and_move.stage.commands import (
    Address,
    AskList,
    AskStatus,
    ChangeModel,
    Command,
    Follow,
    HoldPicture,
    Mailbox,
    RecallCue,
    StoreCue,
    TurnDial,
    Unfollow,
    checked_name,
)
from listen_and_move.stage.turning import checked_seconds, checked_value, dial_named

LARGEST_PACKET = 8192
"""Most bytes of a packet that is read."""
LARGEST_DATAGRAM = 65_536
"""Most bytes of a packet that can come: a smaller buffer is an error on Windows."""
MOST_MESSAGES, DEEPEST_BUNDLE = 64, 4
"""Most messages of a packet, and deepest nesting of its bundles."""
MOST_ARGUMENTS = 8
READ_TYPES = frozenset("ifhdsTFN")
"""Types of arguments: whole numbers, numbers, texts, true, false, nothing."""
BATCH, PAUSE = 50, 0.01
"""After so many messages the network thread waits so many seconds.

So at most 5000 messages a second are read, and pictures stay in time. The system drops the rest."""
_BUNDLE = b"#bundle\x00"
_ASKING: dict[str, Callable[[Address], Command]] = {
    "follow": Follow,
    "unfollow": Unfollow,
    "status": AskStatus,
    "list": AskList,
}

Argument = int | float | str | bool | None
Message = tuple[str, Sequence[Argument]]
"""An address and its arguments."""


def messages_of(packet: bytes) -> list[Message]:
    """Returns the messages of a packet. Bundles are taken at once, whatever their time says.

    Raises:
        UserError: the packet is no OSC, or holds more than is read.
    """
    found: list[Message] = []
    for content in _contents(packet, DEEPEST_BUNDLE):
        if len(found) == MOST_MESSAGES:
            raise UserError(f"OSC: expected at most {MOST_MESSAGES} messages in a packet; got more")
        found.append(_message(content))
    return found


def _contents(packet: bytes, depth: int) -> Iterator[bytes]:
    """Yields the messages of a packet in their coded form.

    The reader of bundles in `pythonosc` does not end where a size is negative.
    """
    if not packet.startswith(_BUNDLE):
        yield packet
        return
    if depth == 0:
        raise UserError(f"OSC: expected bundles of at most {DEEPEST_BUNDLE} levels; got more")
    place = len(_BUNDLE) + 8  # after the time tag
    while place < len(packet):
        if place + 4 > len(packet):
            raise UserError("OSC: expected a bundle that is whole; got a part of one")
        size = struct.unpack_from(">i", packet, place)[0]
        place += 4
        if not 0 < size <= len(packet) - place or size % 4:
            raise UserError(f"OSC: expected a bundle that is whole; got a part of {size} bytes in it")
        yield from _contents(packet[place : place + size], depth - 1)
        place += size


def _message(content: bytes) -> Message:
    try:
        if not content.startswith(b"/"):
            raise ValueError
        address, place = osc_types.get_string(content, 0)
        types = osc_types.get_string(content, place)[0] if content[place:] else ","
        # The reader does not know the length of other types.
        if not types.startswith(",") or not READ_TYPES.issuperset(types[1:]):
            raise UserError(f"OSC: expected arguments that are numbers and texts; got {shown(types)}")
        if len(types) - 1 > MOST_ARGUMENTS:
            raise UserError(f"OSC: expected at most {MOST_ARGUMENTS} arguments; got {len(types) - 1}")
        return address, OscMessage(content).params
    except (MessageError, osc_types.ParseError, ValueError, IndexError, struct.error):
        raise UserError("OSC: expected a message or a bundle; got a packet that is none") from None


def command_of(message: Message, sender: Address) -> Command | None:
    """Returns the command of a message; None for a button that was released.

    Args:
        message: address and arguments.
        sender: address to which a report goes where the message asks for one without naming another.

    Raises:
        UserError: the address of the message is not known, or its arguments make no sense there.
    """
    address, arguments = message
    match address.split("/")[1:]:
        case ["dial", name]:
            value, seconds = _arguments(address, arguments, 2)
            dial = dial_named(name)
            return TurnDial(dial.name, checked_value(dial, value), checked_seconds(seconds or 0.0))
        case ["dial", name, "position"]:
            position, seconds = _arguments(address, arguments, 2)
            dial = dial_named(name)
            return TurnDial(dial.name, dial.at(_share(position)), checked_seconds(seconds or 0.0))
        case ["hold"]:
            return HoldPicture(_pressed(_arguments(address, arguments, 1)[0]))
        case ["model"]:
            return _change(*_arguments(address, arguments, 2))
        case ["cue"]:
            name, seconds = _arguments(address, arguments, 2)
            return RecallCue(checked_name(name), None if seconds is None else checked_seconds(seconds))
        case ["cue", "store"]:
            name, seconds = _arguments(address, arguments, 2)
            return StoreCue(checked_name(name), None if seconds is None else checked_seconds(seconds))
        case [("cue" | "model") as kind, name]:
            if not _pressed(*(_arguments(address, arguments, 1) if arguments else [True])):
                return None
            return RecallCue(checked_name(name)) if kind == "cue" else _change(name, None)
        case [asking] if asking in _ASKING:
            (port,) = _arguments(address, arguments, 1)
            return _ASKING[asking]((sender[0], sender[1] if port is None else _port(port)))
    known = "/dial/NAME, /hold, /model, /cue, /cue/store, /status, /follow, /unfollow or /list"
    raise UserError(f"OSC: expected {known}; got {shown(address)}")


def _arguments(address: str, arguments: Sequence[Argument], most: int) -> list[Argument]:
    """Returns at most ``most`` arguments, with None for missing ones."""
    if len(arguments) > most:
        raise UserError(f"{address}: expected at most {most} arguments; got {len(arguments)}")
    return [*arguments, *[None] * (most - len(arguments))]


def _change(model: Argument, seconds: Argument) -> ChangeModel:
    if isinstance(model, float) and model.is_integer():
        model = int(model)  # some programs send nothing but floats
    if isinstance(model, bool) or not isinstance(model, (str, int)):
        raise UserError(f"model: expected a name, or a number from 1; got {shown(model)}")
    return ChangeModel(model, None if seconds is None else checked_seconds(seconds))


def _share(value: Argument) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UserError(f"position: expected 0 to 1; got {shown(value)}")
    return float(value)


def _pressed(value: Argument) -> bool:
    if not isinstance(value, (bool, int, float)) or value != value:
        raise UserError(f"button: expected 1 or 0; got {shown(value)}")
    return bool(value)


def _port(value: Argument) -> int:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(number) is not int or not 0 < number < 65536:
        raise UserError(f"port: expected 1 to 65535; got {shown(value)}")
    return number


class OscServer:
    """Listens to UDP in a thread of its own, which leaves commands in a mailbox and touches nothing else.

    Args:
        host: address to listen on; this machine alone by default.
        port: to listen on; 0: any that is free.
        mailbox: where commands go.

    Raises:
        UserError: there is no such host, or the port is taken.
    """

    def __init__(self, host: str, port: int, mailbox: Mailbox) -> None:
        self.mailbox, self.over = mailbox, Event()
        self.socket = _bound(host, port)
        self.address: Address = self.socket.getsockname()[:2]
        self.thread = Thread(target=self._listen, name="osc", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stops listening."""
        self.over.set()
        self.thread.join()
        self.socket.close()

    @property
    def alone(self) -> bool:
        """Whether only this machine can send messages."""
        return _is_loopback(self.address[0])

    def reachable(self, host: str, port: int) -> Address:
        """Returns the numeric address of a host to which this server can reply; nothing is looked up later.

        Raises:
            UserError: there is no such host, or replies from here cannot go there.
        """
        try:
            found = socket.getaddrinfo(host, port, self.socket.family, socket.SOCK_DGRAM)[0][4]
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"replies: expected a host that {self.address[0]} can reach; got {shown(host)} ({reason})",
                "choose another --osc-replies, or an --osc-host of its kind",
            ) from None
        to = str(found[0]), port
        if self.alone and not _is_loopback(to[0]):
            raise UserError(
                f"replies: expected an address of this machine, as {self.address[0]} is; got {shown(host)}",
                "let --osc-host name the address of this machine in that network",
            )
        return to

    def reply(self, to: Iterable[Address], messages: Sequence[Message]) -> None:
        """Sends messages to all addresses as one bundle; what cannot be sent at once is dropped."""
        data = bundle(messages)
        for host, port in to:
            try:
                self.socket.sendto(data, (host, port))
            except OSError:
                self.mailbox.note(("reply", host, port), f"OSC: replies do not reach {host}:{port}")

    def receive(self, packet: bytes, sender: Address) -> int:
        """Reads a packet, and leaves its commands in the mailbox.

        Returns:
            The number of messages in the packet, at least 1.
        """
        try:
            if len(packet) > LARGEST_PACKET:
                raise UserError(f"OSC: expected packets of at most {LARGEST_PACKET} bytes; got more")
            messages = messages_of(packet)
        except UserError as error:
            self.mailbox.note(("packet", error.message[:40]), error)
            return 1
        for message in messages:
            try:
                command = command_of(message, sender)
            except UserError as error:
                self.mailbox.note(("message", message[0][:100]), error)
                continue
            if command is not None:
                self.mailbox.post(command)
        return max(1, len(messages))

    def _listen(self) -> None:
        count = 0
        while not self.over.is_set():
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            try:
                packet, sender = self.socket.recvfrom(LARGEST_DATAGRAM)
            except OSError:  # Windows reports here that the receiver of a reply has gone
                continue
            count += self.receive(packet, sender[:2])
            if count >= BATCH:
                count = 0
                self.over.wait(PAUSE)


def _is_loopback(host: str) -> bool:
    return ip_address(host.partition("%")[0]).is_loopback


def _bound(host: str, port: int) -> socket.socket:
    """Returns a socket that never blocks."""
    if not 0 <= port < 65536:  # the system would take the port modulo 65536
        raise UserError(f"OSC: expected a port of 0 to 65535; got {port}", "choose another --osc")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with ExitStack() as opened:
            bound = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            bound.setblocking(False)
            bound.bind(place)
            opened.pop_all()
        return bound
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"OSC: expected an address of this machine with a free port; got {host}:{port} ({reason})",
            "choose another --osc or --osc-host",
        ) from None


def bundle(messages: Sequence[Message]) -> bytes:
    """Returns messages as one packet; whole numbers, numbers and texts keep their types."""
    built = OscBundleBuilder(IMMEDIATELY)
    for address, arguments in messages:
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument)
        built.add_content(message.build())
    return built.build().dgram
