"""Packets of OSC: what they ask for, and that nothing anybody sends does harm."""

import math
import random
import socket
import struct
from collections.abc import Iterator

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket
from tests.waiting import until

from listen_and_move.errors import UserError
from listen_and_move.stage.commands import (
    MOST_LISTENERS,
    MOST_NOTES,
    MOST_WAITING,
    AskList,
    AskStatus,
    ChangeModel,
    Follow,
    HoldPicture,
    Mailbox,
    RecallCue,
    StoreCue,
    TurnDial,
    Unfollow,
)
from listen_and_move.stage.osc import LARGEST_PACKET, OscServer, bundle, command_of, messages_of
from listen_and_move.stage.turning import DIALS

SENDER = ("127.0.0.1", 5000)


@pytest.fixture
def server() -> Iterator[OscServer]:
    """A server on any free port, with a mailbox of its own."""
    server = OscServer("127.0.0.1", 0, Mailbox())
    yield server
    server.close()


def packet(address: str, *arguments: object) -> bytes:
    message = OscMessageBuilder(address)
    for argument in arguments:
        message.add_arg(argument)  # type: ignore[arg-type]
    return message.build().dgram


def asked(address: str, *arguments: object):
    (message,) = messages_of(packet(address, *arguments))
    return command_of(message, SENDER)


def element(content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">i", len(content) if size is None else size) + content


def bundled(*elements: bytes) -> bytes:
    return b"#bundle\x00" + bytes(7) + b"\x01" + b"".join(elements)


@pytest.mark.parametrize("name", DIALS)
def test_every_dial_has_an_address(name: str) -> None:
    low, high = DIALS[name].lowest, DIALS[name].highest
    assert asked(f"/dial/{name}", high) == TurnDial(name, high, 0.0)
    assert asked(f"/dial/{name}", int(low), 3) == TurnDial(name, low, 3.0)
    assert asked(f"/dial/{name}/position", 1) == TurnDial(name, DIALS[name].at(1), 0.0)
    for wrong in (low - 1, high + 1, math.nan, math.inf, "loud", True, b"\x00"):
        with pytest.raises(UserError, match="expected"):
            asked(f"/dial/{name}", wrong)


@pytest.mark.parametrize(
    ("message", "command"),
    [
        (("/dial/freeze", "off"), TurnDial("freeze", None)),
        (("/dial/gain", "running"), TurnDial("gain", "running")),
        (("/dial/motion-gain", 0.5), TurnDial("motion_gain", 0.5)),
        (("/dial/motion-gain/position", 0.5), TurnDial("motion_gain", DIALS["motion_gain"].at(0.5))),
        (("/dial/motion-gain/position", 1, 2), TurnDial("motion_gain", DIALS["motion_gain"].at(1), 2.0)),
        (("/hold", 1), HoldPicture(True)),
        (("/hold", False), HoldPicture(False)),
        (("/model", "drums"), ChangeModel("drums")),
        (("/model", 2, 0), ChangeModel(2, 0.0)),
        (("/model", 2.0, 1.5), ChangeModel(2, 1.5)),
        (("/model/drums",), ChangeModel("drums")),
        (("/model/drums", 1.0), ChangeModel("drums")),
        (("/model/drums", 0), None),
        (("/cue", "storm"), RecallCue("storm")),
        (("/cue", "store", 4), RecallCue("store", 4.0)),
        (("/cue/storm", 1), RecallCue("storm")),
        (("/cue/storm", 0.0), None),
        (("/cue/store", "storm"), StoreCue("storm")),
        (("/cue/store", "storm", 8.0), StoreCue("storm", 8.0)),
        (("/status",), AskStatus(SENDER)),
        (("/follow", 9001), Follow(("127.0.0.1", 9001))),
        (("/unfollow", 9001.0), Unfollow(("127.0.0.1", 9001))),
    ],
)
def test_what_messages_ask_for(message: tuple, command: object) -> None:
    assert asked(*message) == command


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (("/nothing", 1), "OSC: expected /dial/NAME"),
        (("/dial",), "OSC: expected /dial/NAME"),
        (("/dial/nothing", 1), "dial: expected one of amount, motion_gain"),
        (("/dial/amount", 1.0, 2.0, 3.0), "at most 2 arguments; got 3"),
        (("/dial/amount", 1.0, -1), "seconds: expected 0 to 3600; got -1"),
        (("/dial/amount",), "amount: expected"),
        (("/dial/amount/position", 1.5), "position: expected 0 to 1"),
        (("/dial/amount/position", math.nan), "position: expected 0 to 1"),
        (("/hold",), "button: expected 1 or 0"),
        (("/hold", math.nan), "button: expected 1 or 0"),
        (("/model", 1.5), "model: expected a name"),
        (("/cue", 3), "cue: expected a name"),
        (("/cue/store", "a" * 61), "cue: expected a name of at most 60"),
        (("/cue/store", "a\nb"), "cue: expected a name"),
        (("/follow", 0), "port: expected 1 to 65535"),
        (("/follow", 99_999), "port: expected 1 to 65535"),
        (("/dial/*", 1.0), "dial: expected one of"),
    ],
)
def test_what_makes_no_sense_is_one_line(message: tuple, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")) as told:
        asked(*message)
    assert "\n" not in str(told.value)
    assert "--" not in told.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"nothing",
        b"/",
        b"/hold",
        b"/hold\x00\x00\x00f\x00\x00\x00",
        b"/\xff\xfe\xfd\x00\x00\x00\x00,f\x00\x00\x00\x00\x00\x00",
        b"/hold\x00\x00\x00,Q\x00\x00\x00\x00\x00\x01",
        b"/hold\x00\x00\x00,[[[[\x00\x00\x00",
        b"/hold\x00\x00\x00," + b"T" * 100 + b"\x00" * 3,
        b"#bundle\x00",
        b"#bundle\x00" + bytes(7) + b"\x01\x00",
        bundled(element(packet("/hold", 1), -4)),
        bundled(element(packet("/hold", 1), 0)),
        bundled(element(packet("/hold", 1), 2**31 - 1)),
        bundled(element(packet("/hold", 1), 3)),
        bundled(element(b"nothing.")),
        bundled(element(bundled(element(bundled(element(bundled(element(bundled())))))))),
        bundled(*[element(packet("/hold", 1))] * 65),
    ],
)
def test_packets_that_are_none_are_refused(data: bytes) -> None:
    if data == b"#bundle\x00":
        assert messages_of(data) == []
        return
    with pytest.raises(UserError, match="OSC: expected"):
        messages_of(data)


def test_bundles_are_taken_whole_and_at_once() -> None:
    inner = bundled(element(packet("/hold", 0)), element(packet("/model", 1)))
    found = messages_of(bundled(element(packet("/hold", 1)), element(inner), element(packet("/cue/a"))))
    assert [address for address, _ in found] == ["/hold", "/hold", "/model", "/cue/a"]
    assert messages_of(bundled()) == []


def test_what_a_machine_makes_up_does_no_harm(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Good packets that are altered, and noise: each becomes commands or one line."""
    made = random.Random(0)
    good = [
        packet("/dial/amount", 1.5, 2.0),
        packet("/model", "drums", 1),
        bundled(element(packet("/cue/store", "storm")), element(bundled(element(packet("/hold", True))))),
    ]
    played = refused = 0
    for _ in range(3000):
        data = bytearray(made.choice(good)) if made.random() < 0.8 else bytearray(made.randbytes(64))
        for _ in range(made.randint(0, 6)):
            place = made.randrange(len(data))
            data[place] = made.choice([0, 255, 127, 128, ord("/"), ord(","), made.randrange(256)])
        data = data[: made.randint(0, len(data))] if made.random() < 0.3 else data
        try:
            for message in messages_of(bytes(data)):
                command_of(message, SENDER)
            played += 1
        except UserError:
            refused += 1
    assert played > 100
    assert refused > 1000
    assert not caplog.records
    assert capfd.readouterr() == ("", ""), "nor does a library warn of it"


def test_a_mailbox_holds_the_last_of_each_and_no_more() -> None:
    mailbox = Mailbox()
    for number in range(1000):
        mailbox.post(TurnDial("amount", number / 1000))
        mailbox.post(RecallCue(f"cue {number}"))
        mailbox.post(StoreCue(f"cue {number}"))
        for asking in (Follow, Unfollow, AskStatus, AskList):
            mailbox.post(asking(("127.0.0.1", number)))
    for dial in DIALS:
        mailbox.post(TurnDial(dial, 0.0))
    mailbox.post(HoldPicture(True))
    mailbox.post(ChangeModel("drums"))
    waiting = mailbox.take()
    assert waiting[-2:] == [HoldPicture(True), ChangeModel("drums")]
    assert mailbox.take() == []
    assert [each for each in waiting if isinstance(each, TurnDial)] == [TurnDial(dial, 0.0) for dial in DIALS]
    for kind, most in ((RecallCue, MOST_WAITING), (StoreCue, MOST_WAITING), (Follow, MOST_LISTENERS)):
        assert sum(isinstance(each, kind) for each in waiting) == most
    last = [each.to for each in waiting if isinstance(each, AskList)]
    assert last == [("127.0.0.1", number) for number in range(1000 - MOST_LISTENERS, 1000)]
    mailbox.post(TurnDial("amount", 1.0))
    mailbox.post(RecallCue("a"))
    mailbox.post(TurnDial("amount", 2.0))
    assert mailbox.take() == [RecallCue("a"), TurnDial("amount", 2.0)], "the last one is after the cue"


def test_what_is_wrong_is_told_once_and_not_for_ever(server: OscServer) -> None:
    for number in range(100):
        server.receive(packet("/dial/amount", 9.0 + number), SENDER)
    assert server.mailbox.take_lines() == ["amount: expected 0 (deaf) to 4; got 9.0"]
    for number in range(1000):
        server.receive(packet(f"/nothing/{number}\x1b[2J", 1), SENDER)
    server.receive(bytes(LARGEST_PACKET + 1), SENDER)
    lines = server.mailbox.take_lines()
    assert len(lines) == MOST_NOTES
    assert lines[-1].startswith("more is wrong")
    assert all(line.isprintable() for line in lines)


def test_it_listens_to_this_machine_and_says_where(server: OscServer) -> None:
    host, port = server.address
    assert host == "127.0.0.1"
    assert port > 0
    with pytest.raises(UserError, match=f"free port; got 127.0.0.1:{port}"):
        OscServer("127.0.0.1", port, Mailbox())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (b"noise", bytes(9000), packet("/hold", 1)):
            sender.sendto(data, server.address)
        waiting = until(server.mailbox.take)
    assert waiting == [HoldPicture(True)]
    assert len(server.mailbox.take_lines()) == 2
    server.close()
    assert not server.thread.is_alive()
    for host, port in (("no.such.host.invalid", 9000), ("203.0.113.1", 9000), ("", 9000)):
        with pytest.raises(UserError, match="OSC: expected an address of this machine with a free port"):
            OscServer(host, port, Mailbox())
    for port in (-1, 65_536, 99_999):
        with pytest.raises(UserError, match="OSC: expected a port of 0 to 65535"):
            OscServer("127.0.0.1", port, Mailbox())


def test_replies_go_where_they_can_and_nothing_is_looked_up_later() -> None:
    alone, open_to_all = OscServer("127.0.0.1", 0, Mailbox()), OscServer("0.0.0.0", 0, Mailbox())
    try:
        assert alone.alone
        assert not open_to_all.alone
        for server in (alone, open_to_all):
            assert server.reachable("localhost", 9001) == ("127.0.0.1", 9001), "as who asks is named"
            for host in ("::1", "mün..chen.local", "a" * 300, "no.such.host.invalid"):
                with pytest.raises(UserError, match="replies: expected a host that") as told:
                    server.reachable(host, 9001)
                assert "--" not in told.value.message
                assert "--osc-host" in told.value.hint
        with pytest.raises(UserError, match="replies: expected an address of this machine") as told:
            alone.reachable("192.0.2.5", 9001)
        assert "--osc-host" in told.value.hint
        assert open_to_all.reachable("192.0.2.5", 9001) == ("192.0.2.5", 9001)
    finally:
        alone.close()
        open_to_all.close()


def test_replies_are_bundles_that_others_read() -> None:
    messages = [("/level", [-20.5]), ("/frame", [7]), ("/model", ["drums"])]
    found = [(each.message.address, each.message.params) for each in OscPacket(bundle(messages)).messages]
    assert found == messages
