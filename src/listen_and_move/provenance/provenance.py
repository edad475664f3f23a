"""Provenance of an output: the origin of its pictures, for people and for machines.

The types are terms of IPTC's vocabulary of digital source types; docs/provenance.md gives the reason for
each.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from listen_and_move import __version__

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SourceType = Literal[
    "compositeCapture", "algorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"
]
STRENGTH: tuple[SourceType, ...] = (
    "compositeCapture",
    "algorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
)
"""Source types in order of strength.

The farther on, the more of the picture was made by an algorithm, and the more of that was learnt."""
PROGRAM = "Listen and Move"


class Provenance(NamedTuple):
    """Origin of the pictures of an output."""

    source_type: SourceType
    mark: str
    """One line: kind of the pictures, version of the program, and the sha256 of their sources."""
    done: str
    """What an algorithm did, in sentences."""
    models: tuple[str, ...] = ()
    """sha256 of the models that made the pictures."""
    videos: tuple[str, ...] = ()
    """sha256 of the videos whose frames are in the pictures."""

    @property
    def source_uri(self) -> str:
        """Address of the source type in IPTC's vocabulary."""
        return VOCABULARY + self.source_type

    @property
    def description(self) -> str:
        """The mark, and what was done."""
        return f"{self.mark}. {self.done}"

    @property
    def tags(self) -> dict[str, str]:
        """Returns the tags for a container, which writes those that it has a place for."""
        return {
            "comment": self.mark,
            "description": self.done,
            "DIGITAL_SOURCE_TYPE": self.source_uri,
            "CREATOR_TOOL": creator_tool(),
        }

    def pasted(self, video: str) -> "Provenance":
        """Returns the provenance of the pictures in a still of the whole picture.

        Args:
            video: sha256 of the video that the still is taken from.
        """
        return self._replace(
            # The drawn picture is then surrounded by what a camera filmed.
            source_type="compositeWithTrainedAlgorithmicMedia"
            if self.source_type == "trainedAlgorithmicMedia"
            else self.source_type,
            mark=f"{self.mark}; around it a still of video sha256 {video}",
            done=f"{self.done} It is laid into a still of the recording's whole picture.",
            videos=_unique([*self.videos, video]),
        )


def drawn(model: str, seed: int | None = None) -> Provenance:
    """Returns the provenance of pictures that a network drew.

    Args:
        model: sha256 of its file.
        seed: of its noise; None: it has none.
    """
    done = "A neural network, trained on one recording, drew every picture by a sound."
    return Provenance(
        "trainedAlgorithmicMedia", _generated(model, seed), f"{done} What is seen did not happen.", (model,)
    )


def composed(model: str, videos: Sequence[str], seed: int | None = None) -> Provenance:
    """Returns the provenance of pictures that a network drew, with detail of frames of its clip.

    Args:
        model: sha256 of its file.
        videos: sha256 of the files of the clip.
        seed: of its noise; None: it has none.
    """
    mark = f"{_generated(model, seed)}, with detail of frames of video sha256 {' and '.join(videos)}"
    done = (
        "A neural network, trained on one recording, drew every picture by a sound; an algorithm gave it the "
        "detail of frames of that recording, region by region. What is seen did not happen."
    )
    return Provenance("compositeWithTrainedAlgorithmicMedia", mark, done, (model,), tuple(videos))


def replayed(videos: Sequence[str], model: str = "") -> Provenance:
    """Returns the provenance of frames of a recording in another order.

    Args:
        videos: sha256 of the files of the recording.
        model: sha256 of the model that leads them; empty: none does.
    """
    named = f", model sha256 {model}" if model else ""
    mark = f"Replayed pictures of a recording: {creator_tool()}{named}, video sha256 {' and '.join(videos)}"
    done = (
        "An algorithm chose by a sound which frame of the recording is shown when, and blended frames where "
        "it jumps. What is seen need not have happened in this order, nor with this sound."
    )
    return Provenance("compositeCapture", mark, done, (model,) if model else (), tuple(videos))


def computed() -> Provenance:
    """Returns the provenance of pictures that were computed by rules alone."""
    done = "A program drew every picture by rules; nothing was learnt from a recording."
    return Provenance("algorithmicMedia", f"Computed performance, no recording: {creator_tool()}", done)


def compared() -> Provenance:
    """Returns the provenance of pictures that networks drew, beside those that they are compared with."""
    done = "What a neural network drew is shown beside what it is compared with, such as its recording."
    mark = f"Generated pictures beside others: {creator_tool()}"
    return Provenance("compositeWithTrainedAlgorithmicMedia", mark, done)


def mixture(parts: Sequence[Provenance]) -> Provenance:
    """Returns the provenance of an output that shows several kinds of pictures: that of the strongest kind.

    Args:
        parts: provenance of each kind; at least one.
    """
    return Provenance(
        STRENGTH[max(STRENGTH.index(part.source_type) for part in parts)],
        "; ".join(_unique(part.mark for part in parts)),
        " ".join(_unique(part.done for part in parts)),
        _unique(model for part in parts for model in part.models),
        _unique(video for part in parts for video in part.videos),
    )


def creator_tool() -> str:
    """Returns the name and the version of this program."""
    return f"{PROGRAM} {__version__}"


def _generated(model: str, seed: int | None) -> str:
    noise = "" if seed is None else f", seed {seed}"
    return f"Generated picture, no recording: {creator_tool()}, model sha256 {model}{noise}"


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
