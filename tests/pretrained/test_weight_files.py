"""Weight files: found, added and fetched as published or not at all. The servers are real ones on this
machine."""

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.pretrained.weights import PUBLISHED, made_up_files

from listen_and_move.errors import UserError
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.weight_files import (
    WEIGHTS,
    WeightFile,
    add,
    fetch,
    find,
    folder,
    listing,
    tensors,
)

CONTENT = np.random.default_rng(0).bytes(3 * 2**18 + 5)
"""What the servers offer: a few blocks and a bit."""
HALF = len(CONTENT) // 2


class Server(ThreadingHTTPServer):
    """Offers some bytes; says what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = CONTENT
        self.ranges = self.says_length = True
        self.breaks_after: int | None = None
        self.asked: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/file.pth"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what some tests are about."""


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        assert isinstance(server, Server)
        server.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
        content = server.content
        if self.path != "/file.pth" or (wanted and first >= len(content)):
            self.send_error(404 if self.path != "/file.pth" else 416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if server.says_length:
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first:][: server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the weights, for every test."""
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path / "cache" / "weights"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


Publish = Callable[..., WeightFile]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Enters a file of given bytes in the table, under the name `made`."""

    def enter(content: bytes = CONTENT, url: str | None = None) -> WeightFile:
        entry = replace(
            WEIGHTS["alexnet"],
            name="made",
            file="file.pth",
            url=url,
            size=len(content),
            sha256=sha256(content).hexdigest(),
        )
        monkeypatch.setitem(WEIGHTS, "made", entry)
        return entry

    return enter


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def written(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


# The table


def test_the_table_is_consistent():
    assert (
        len({each.file for each in WEIGHTS.values()})
        == len({each.sha256 for each in WEIGHTS.values()})
        == len(WEIGHTS)
    )
    for name, each in WEIGHTS.items():
        assert each.name == name
        assert each.size > 1000
        assert re.fullmatch(r"[0-9a-f]{64}", each.sha256)
        assert each.source.startswith("https://")
        assert each.purpose
        assert each.licence
        assert each.url is None or re.fullmatch(r"https://[^/]+/.+\.pth?", each.url)
    with_prefix = [each for each in WEIGHTS.values() if re.search(r"-[0-9a-f]{8}\.pth$", each.file)]
    assert {each.name for each in with_prefix} == {"alexnet", "vgg16", "squeezenet1_1", "inception-fid"}
    for each in with_prefix:  # an official name ends in the first digits of the hash
        assert each.file.endswith(f"-{each.sha256[:8]}.pth")
        assert each.url is not None
        assert each.url.endswith(f"/{each.file}")


COUNTS = {
    "lpips-alex": (5, 64 + 192 + 384 + 256 + 256),
    "lpips-vgg": (5, 64 + 128 + 256 + 512 + 512),
    "lpips-squeeze": (7, 64 + 128 + 256 + 384 + 384 + 512 + 512),
    "raft-small": (106, 990_162),
    "squeezenet1_1-caffe": (50, 722_496),
}
"""How many tensors, and how many numbers in all: the parameters of the published networks, which have no
buffers."""


@pytest.fixture(params=["made up", "published"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with files: made up, or published, which alone can show that the table has their hashes, and
    the golden their names and shapes."""
    if request.param == "published":
        yield request.getfixturevalue("shared") / "data" / "weights"
        return
    with made_up_files(tmp_path / "made up", *COUNTS) as folder:
        yield folder


@pytest.mark.parametrize("name", COUNTS)
def test_files_are_taken_and_read(name, files):
    file = files / WEIGHTS[name].file
    content = torch.load(file, map_location="cpu", weights_only=True)
    assert {key: list(tensor.shape) for key, tensor in content.items()} == PUBLISHED[name]
    place = add(name, file)
    assert place == find(name)
    assert place.stat().st_size == WEIGHTS[name].size
    read = tensors(name)
    assert (len(read), sum(tensor.numel() for tensor in read.values())) == COUNTS[name]
    assert not any(key.startswith("module.") for key in read)
    assert all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in read.values())
    assert all(bool(tensor.isfinite().all()) for tensor in read.values())


# Folder, list, names


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert folder() == tmp_path / "cache" / "weights"
    monkeypatch.delenv("LISTEN_AND_MOVE_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if sys.platform == "win32":
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
        assert folder() == tmp_path / "local" / "listen-and-move" / "weights"
        return
    assert folder() == tmp_path / "xdg" / "listen-and-move" / "weights"
    for no_choice in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", no_choice)
        assert folder() == tmp_path / "home" / ".cache" / "listen-and-move" / "weights"
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", "~/w")
    assert folder() == tmp_path / "home" / "w"


def test_the_list_says_what_is_here(publish, empty, tmp_path):
    publish(url="https://example.org/file.pth")
    assert not empty.exists()
    assert not any(status.here for status in listing())
    assert [status.name for status in listing()] == list(WEIGHTS)
    places = {status.name: status.place for status in listing()}
    assert places["made"] == "https://example.org/file.pth"
    assert places["squeezenet1_1-caffe"] is None
    (tmp_path / "mine").write_bytes(CONTENT)
    add("made", tmp_path / "mine")
    here = [status for status in listing() if status.here]
    assert [(status.name, status.size, status.place) for status in here] == [
        ("made", len(CONTENT), empty / "file.pth")
    ]


def test_the_list_does_not_wait_for_torch():
    load = "import sys; from listen_and_move.pretrained.weight_files import listing"
    code = f"{load}; listing(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize("use", [find, tensors, fetch, lambda name: add(name, Path("x"))])
def test_an_unknown_name_is_told_the_known_ones(use):
    with pytest.raises(UserError, match=r"alexnet, vgg16, .*; got resnet"):
        use("resnet")


# Reading


def test_missing_weights_are_told_how_to_get(publish):
    publish(url="https://example.org/file.pth")
    with pytest.raises(
        UserError, match="weights fetch made` or add a file with `listen-and-move weights add made FILE`"
    ):
        tensors("made")
    publish(url=None)
    with pytest.raises(UserError, match=r"not there: add a file with"):
        tensors("made")
    with pytest.raises(UserError, match="public address; made have none; add a file with"):
        fetch("made")


def test_tensors_are_read_and_a_change_is_noticed(publish, tmp_path):
    content = {"a.weight": torch.arange(6.0).reshape(2, 3), "module.b": torch.ones(2)}
    path = written(tmp_path / "mine", content)
    publish(path.read_bytes())
    place = add("made", path)
    for _ in range(2):
        read = tensors("made")
        assert list(read) == list(content)
        assert all(bool((read[key] == content[key]).all()) for key in content)
    damaged = bytearray(path.read_bytes())
    damaged[-400] ^= 1
    place.write_bytes(damaged)
    with pytest.raises(UserError, match=r"file\.pth: expected .* got .*: it is damaged"):
        tensors("made")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_prefix_that_all_names_share_is_left_out(publish, tmp_path, zipped):
    """Also from files of the old form, as the older of the published ones are."""
    path = tmp_path / "mine"
    torch.save(
        {"module.a": torch.ones(2), "module.module.b": torch.ones(3)},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    publish(path.read_bytes())
    add("made", path)
    assert {key: len(value) for key, value in tensors("made").items()} == {"a": 2, "module.b": 3}


class Trap:
    """Runs code where a file is read carelessly."""

    def __reduce__(self):
        return os.mkdir, (os.environ["LISTEN_AND_MOVE_WEIGHTS"] + "-trap",)


@pytest.mark.parametrize("content", [Trap(), {"a": Trap()}, [torch.ones(1)], {"a": 1}, None])
def test_only_tensors_are_read(publish, tmp_path, content):
    path = written(tmp_path / "mine", content) if content else tmp_path / "mine"
    if content is None:
        path.write_bytes(b"no file of torch")
    publish(path.read_bytes())
    place = add("made", path)
    with pytest.raises(UserError, match="expected tensors alone"):
        tensors("made")
    assert names(place.parent.parent) == {"weights"}


# Adding


def test_another_file_is_not_added(publish, empty, tmp_path):
    entry = publish()
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(CONTENT[:-1] + b"?")
    found = sha256(wrong.read_bytes()).hexdigest()
    with pytest.raises(
        UserError,
        match=rf"wrong\.pth: expected {entry.size} bytes with sha256 {entry.sha256}; .* {found}; give",
    ):
        add("made", wrong)
    for nothing in (tmp_path / "nothing.pth", tmp_path):
        with pytest.raises(UserError, match=r"expected the file file\.pth .* there is no such file"):
            add("made", nothing)
    assert find("made") is None
    assert not empty.exists()


def test_adding_replaces_a_damaged_file_and_takes_the_file_itself(publish, empty, tmp_path):
    publish()
    (tmp_path / "mine").write_bytes(CONTENT)
    empty.mkdir(parents=True)
    (empty / "file.pth").write_bytes(b"damaged")
    place = add("made", tmp_path / "mine")
    assert add("made", place) == place
    assert place.read_bytes() == CONTENT
    assert names(empty) == {"file.pth"}


def test_a_folder_that_cannot_be_made_is_told(publish, server, empty, tmp_path):
    publish(url=server.url)
    (tmp_path / "cache").write_text("a file where a folder belongs")
    (tmp_path / "mine").write_bytes(CONTENT)
    with pytest.raises(UserError, match=r"cannot be made: Not a directory; .*LISTEN_AND_MOVE_WEIGHTS"):
        add("made", tmp_path / "mine")
    with pytest.raises(UserError, match="cannot be made"):
        fetch("made")
    assert not server.asked


# Fetching


@pytest.mark.parametrize("says_length", [True, False])
def test_fetching_gets_the_file_once(publish, server, empty, says_length):
    publish(url=server.url)
    server.says_length = says_length
    seen: list[tuple[int, int]] = []
    place = fetch("made", lambda *amounts: seen.append(amounts))
    assert place == find("made") == empty / "file.pth"
    assert place.read_bytes() == CONTENT
    assert names(empty) == {"file.pth"}
    done, totals = [first for first, _ in seen], {total for _, total in seen}
    assert done == sorted(done)
    assert len(done) > 1
    assert done[-1] == len(CONTENT)
    assert totals == {len(CONTENT)}
    assert fetch("made", lambda *amounts: pytest.fail("was fetched again")) == place
    assert server.asked == [None]
    place.write_bytes(b"damaged")
    assert fetch("made").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("ranges", "says_length"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_a_broken_download_goes_on(publish, server, empty, ranges, says_length):
    publish(url=server.url)
    server.ranges, server.says_length, server.breaks_after = ranges, says_length, HALF
    with pytest.raises(
        UserError, match=rf"expected {len(CONTENT)} bytes; {HALF} came; do the same again|cannot be fetched"
    ):
        fetch("made")
    came = (empty / "file.pth.part").stat().st_size
    assert find("made") is None
    assert 0 < came <= HALF
    server.breaks_after = None
    seen: list[int] = []
    assert fetch("made", lambda done, total: seen.append(done)).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={came}-"]
    assert names(empty) == {"file.pth"}
    assert (seen[0] > came) == ranges, "a server that knows no ranges starts anew"


def test_what_is_complete_or_too_long_is_dealt_with(publish, server, empty):
    publish(url=server.url)
    empty.mkdir(parents=True)
    (empty / "file.pth.part").write_bytes(CONTENT)  # interrupted before it got its name
    assert fetch("made").read_bytes() == CONTENT
    assert not server.asked
    (empty / "file.pth").unlink()
    (empty / "file.pth.part").write_bytes(CONTENT + b"more")
    assert fetch("made").read_bytes() == CONTENT
    assert server.asked == [None]


def test_an_interruption_keeps_what_came(publish, server, empty):
    publish(url=server.url)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("made", interrupt)
    assert names(empty) == {"file.pth.part"}
    assert fetch("made").read_bytes() == CONTENT
    assert server.asked[1] is not None, "it went on"


def test_wrong_bytes_are_removed(publish, server, empty):
    entry = publish(url=server.url)
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(
        UserError,
        match=rf"expected .* {entry.sha256}; got .* {sha256(server.content).hexdigest()}; it was rem",
    ):
        fetch("made")
    assert not names(empty)
    (empty / "file.pth.part").write_bytes(b"?" * HALF)  # of another version
    server.content = CONTENT
    with pytest.raises(UserError, match="it was removed: fetch it again"):
        fetch("made")
    assert fetch("made").read_bytes() == CONTENT


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("content", [b"<html>please log in</html>", CONTENT + b"more"])
def test_an_answer_of_another_length_is_refused(publish, server, empty, content, says_length):
    publish(url=server.url)
    server.content, server.says_length = content, says_length
    with pytest.raises(UserError, match=rf"file\.pth: expected {len(CONTENT)} bytes"):
        fetch("made")
    assert find("made") is None
    if says_length:  # told before anything is taken
        assert (empty / "file.pth.part").stat().st_size == 0


def test_a_refused_range_is_asked_without(publish, server, empty):
    publish(url=server.url)
    empty.mkdir(parents=True)
    (empty / "file.pth.part").write_bytes(CONTENT[:HALF])
    server.content = CONTENT[: HALF - 1]  # ends before what is here: 416
    with pytest.raises(UserError, match=f"got an answer of {HALF - 1}: not the file"):
        fetch("made")
    assert server.asked == [f"bytes={HALF}-", None]
    assert (empty / "file.pth.part").read_bytes() == CONTENT[:HALF]


def test_no_server_and_no_file_are_told(publish, server, empty):
    publish(url=server.url.replace("file", "other"))
    with pytest.raises(UserError, match=r"other\.pth: cannot be fetched: .*404.*weights add made FILE"):
        fetch("made")
    publish(url=server.url.replace(str(server.server_port), "1"))  # a port nobody listens to
    with pytest.raises(UserError, match=r"cannot be fetched: .*refused.*check the network"):
        fetch("made")
    assert find("made") is None


def test_a_server_that_falls_silent_is_given_up(publish, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", 0.2)
    with Server() as silent:  # listens, and never answers
        publish(url=silent.url)
        with pytest.raises(UserError, match=r"cannot be fetched: .*timed out"):
            fetch("made")


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_two_downloads_of_one_file_do_not_mix(publish, server, empty):
    publish(url=server.url)
    told: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        if not told:
            with pytest.raises(UserError, match="another is running") as error:
                fetch("made")
            told.append(str(error.value))

    assert fetch("made", meanwhile).read_bytes() == CONTENT
    assert told
    assert server.asked == [None]


FULL = """
import resource, signal, sys
from dataclasses import replace
from listen_and_move.errors import UserError
from listen_and_move.pretrained.weight_files import WEIGHTS, fetch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))  # a larger file is like a full disk
address, size = sys.argv[1], int(sys.argv[2])
WEIGHTS["made"] = replace(WEIGHTS["alexnet"], name="made", file="file.pth", url=address, size=size)
try:
    fetch("made")
except UserError as error:
    sys.exit(0 if "cannot be written" in str(error) and "\\n" not in str(error) else str(error))
sys.exit("a full disk went unnoticed")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_is_told_and_keeps_what_came(publish, server, empty):
    publish(url=server.url)
    command = [sys.executable, "-c", textwrap.dedent(FULL), server.url, str(len(CONTENT))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert names(empty) == {"file.pth.part"}
    assert fetch("made").read_bytes() == CONTENT
    assert server.asked[1] is not None, "it went on"
