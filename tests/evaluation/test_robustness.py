"""Foreign sounds: which are taken and what they are, what is measured of each, and that nothing is lost or
mixed on the way."""

import json
import re
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from listen_and_move.data.clip import file_hash
from listen_and_move.errors import UserError
from listen_and_move.evaluation.json_records import as_json
from listen_and_move.evaluation.robustness.clips import Log
from listen_and_move.evaluation.robustness.distances import Distances
from listen_and_move.evaluation.robustness.results import PlayedClip, Spread
from listen_and_move.evaluation.robustness.sounds import (
    UNKNOWN,
    Candidate,
    candidates,
    class_table,
    classified,
    excerpt,
    holds_sound,
    lengths,
)
from listen_and_move.evaluation.robustness.study import robustness
from listen_and_move.evaluation.robustness.summary import SHOWN, best_and_worst, by_class, overall
from listen_and_move.media.wav import write_wav
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.load import BACKBONES, Backbone

RATE = 16_000


def tone(seconds, pitch=440.0):
    return (
        0.5
        * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)
        * np.linspace(1, 0, round(seconds * RATE))
    )


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of the tiny model's run, without any weights of published networks."""
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path / "no-weights"))
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def sounds(tmp_path):
    """Five sounds, one of them silent, and four files that are none, in two folders."""
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("bell_high_1.wav", "bell_high_2.wav", "bell_low_3.wav")):
        write_wav(folder / name, tone(0.8 + 0.2 * index, 300.0 * (1 + index)), RATE)
    write_wav(folder / "more" / "hiss <b>.wav", np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    write_wav(folder / "nothing_1.wav", np.zeros(RATE), RATE)
    write_wav(folder / "short.wav", tone(0.1), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF, but no sound follows" * 20)
    (folder / "empty.ogg").touch()
    (folder / "README.txt").write_text("about these sounds")
    return folder


def played(run):
    lines = (run / "evaluation/robustness/clips.jsonl").read_text().splitlines()
    return [json.loads(line)["name"] for line in lines]


def without_times(results):
    """What is the same however often it was interrupted."""
    results = as_json(results)
    clips = [{name: value for name, value in clip.items() if name != "took_s"} for clip in results["clips"]]
    return {name: results[name] for name in ("overall", "classes", "best", "worst", "skipped", "verdict")} | {
        "clips": clips
    }


@pytest.mark.parametrize(
    ("text", "shortest", "longest"), [("3", 3, 3), ("1-5", 1, 5), (" 0.5 - 2 ", Fraction(1, 2), 2)]
)
def test_lengths(text, shortest, longest):
    assert lengths(text) == (shortest, longest)
    assert lengths(lengths(text).text) == lengths(text)


@pytest.mark.parametrize("text", ["", "0", "5-1", "0-2", "-3", "1-2-3", "nan", "1,5", "1e3"])
def test_lengths_that_are_none(text):
    with pytest.raises(UserError, match="seconds: expected"):
        lengths(text)


def test_parts_lie_in_the_sound_and_depend_on_seed_and_name_alone(tmp_path):
    write_wav(tmp_path / "long.wav", tone(3), RATE)
    names = [Candidate(f"{index}.wav", tmp_path / "long.wav") for index in range(40)]
    found = [excerpt(each, lengths("0.5-2"), 0) for each in names]
    assert found == [excerpt(each, lengths("0.5-2"), 0) for each in names]
    assert all(
        start >= 0 and start + length <= 3 and Fraction(1, 2) <= length <= 2 for start, length in found
    )
    assert np.std([float(start) for start, _ in found]) > 0.3
    assert np.std([float(length) for _, length in found]) > 0.3
    assert found != [excerpt(each, lengths("0.5-2"), 1) for each in names]
    (tmp_path / "elsewhere").mkdir()
    moved = names[7]._replace(path=(tmp_path / "long.wav").rename(tmp_path / "elsewhere" / "x.wav"))
    assert excerpt(moved, lengths("0.5-2"), 0) == found[7]


def test_of_a_short_sound_all_is_taken(tmp_path):
    write_wav(tmp_path / "short.wav", tone(0.75), RATE)
    assert excerpt(Candidate("short.wav", tmp_path / "short.wav"), lengths("1-5"), 0) == (0, Fraction(3, 4))


def test_candidates_are_drawn_by_seed(sounds):
    (sounds / "._bell.wav").write_bytes(b"left by a file manager")
    names = [each.name for each in candidates(sounds, 0)]
    assert sorted(names) == sorted(
        path.relative_to(sounds).as_posix()
        for path in sounds.rglob("*")
        if path.is_file() and path.name[0] != "."
    )
    orders = {tuple(each.name for each in candidates(sounds, seed)) for seed in range(4)}
    assert len(orders) == 4
    (sounds / "another.wav").touch()
    assert [each.name for each in candidates(sounds, 0) if each.name != "another.wav"] == names
    with pytest.raises(UserError, match="expected a folder with sounds"):
        candidates(sounds / "short.wav", 0)


def test_what_holds_sound(sounds, performance):
    assert holds_sound(performance)
    assert holds_sound(sounds / "nothing_1.wav"), "silence is a sound"
    assert not holds_sound(sounds / "README.txt")
    for name in ("broken.wav", "empty.ogg"):
        with pytest.raises(UserError, match=name):
            holds_sound(sounds / name)


def test_classes_by_file_name():
    names = [
        "esc10_dog_bark_1-100032-A.ogg",
        "esc10_dog_bark_2-117271-A.ogg",
        "music_bach_organ.mp3",
        "music_piano_liszt.mp3",
    ]
    names += ["horn_car.wav", "Car-Horn-07.wav", "64760.wav"]
    source, found = classified(names, None)
    assert source == "names of files"
    assert list(found.values()) == ["dog bark", "dog bark", "music", "music", "horn", "car", UNKNOWN]


def test_classes_by_folder():
    source, found = classified(["dogs/1.wav", "cats/large/1.wav", "2.wav"], None)
    assert (source, list(found.values())) == ("names of folders", ["dogs", "large", UNKNOWN])


@pytest.mark.parametrize(
    "content",
    [
        "\ufefffname,labels,mids,split\n64760,\"Electric_guitar,Guitar,Music\",/m/1,train\n16399,Bark,/m/2,val\n",
        "filename,fold,target,category,esc10\n64760.wav,1,0,Electric "
        "guitar,True\n16399.wav,1,1,Bark,False\nodd\n",
    ],
)  # fmt: skip
def test_classes_by_table(tmp_path, content):
    (tmp_path / "of.csv").write_text(content, encoding="utf-8")
    found = [
        Candidate("a/64760.wav", tmp_path / "a/64760.wav"),
        Candidate("b/16399.wav", tmp_path / "b/16399.wav"),
    ]
    for given in (None, tmp_path / "of.csv"):
        source, classes = classified(
            ["a/64760.wav", "b/16399.wav", "5.wav"], class_table(tmp_path, given, found)
        )
        assert (source, list(classes.values())) == ("of.csv", ["Electric guitar", "Bark", UNKNOWN])
    (tmp_path / "two.csv").write_text("fname,class\n1,x\n")
    assert class_table(tmp_path, None, found) is None, "of two tables none is taken unasked"
    with pytest.raises(UserError, match="it has none of them"):
        class_table(tmp_path, tmp_path / "two.csv", found)


def test_tables_that_do_not_fit(tmp_path):
    (tmp_path / "scores.csv").write_text("model,score\na,1\n")
    assert class_table(tmp_path, None, []) is None
    with pytest.raises(UserError, match="they are not there"):
        class_table(tmp_path, tmp_path / "scores.csv", [])
    with pytest.raises(UserError, match="cannot be read"):
        class_table(tmp_path, tmp_path / "none.csv", [])


def test_the_log_passes_over_what_is_torn_and_what_is_not_its_own(tmp_path):
    log = Log(tmp_path / "clips.jsonl", {"model_sha256": "a", "settings": {"seed": 0}})
    other = replace(log, identity={"model_sha256": "b", "settings": {"seed": 0}})
    assert log.clips() == ({}, 0)
    for each, name in ((log, "x"), (other, "x"), (log, "y")):
        each.add(PlayedClip(name, each.key(name)))
    assert [sorted(found) for found, _ in (log.clips(), other.clips())] == [["x", "y"], ["x"]]
    assert [count for _, count in (log.clips(), other.clips())] == [1, 2]
    whole = log.file.read_bytes()
    log.file.write_bytes(whole[:-9])  # the line of y is torn
    assert sorted(log.clips()[0]) == ["x"]
    log.add(PlayedClip("z", log.key("z")))
    assert sorted(log.clips()[0]) == ["x", "z"]
    assert len({log.key("x"), log.key("y"), other.key("x")}) == 3


def test_all_that_can_be_played_is_measured_and_the_rest_reported(run, sounds):
    told = []
    found = robustness(run, sounds, seconds="0.6-0.9", device="cpu", watch=lambda *each: told.append(each))
    results = json.loads(found.results_file.read_text())
    names = [clip["name"] for clip in results["clips"]]
    assert names == [
        "bell_high_1.wav",
        "bell_high_2.wav",
        "bell_low_3.wav",
        "more/hiss <b>.wav",
        "nothing_1.wav",
    ]
    reasons = {each["name"]: each["reason"] for each in results["skipped"]}
    assert {
        name: word in reasons[name] for name, word in (("broken.wav", "broken"), ("empty.ogg", "empty"))
    } == {
        "broken.wav": True,
        "empty.ogg": True,
    }
    assert "at least 8 frames" in reasons["short.wav"]
    assert len(reasons) == 3, "a text is no sound, and no mistake"
    assert [clip["silent"] for clip in results["clips"]] == [False] * 4 + [True]
    assert results["overall"]["sounding"] == 4
    assert results["overall"]["clips"] == 5
    for clip in results["clips"]:
        assert 0.6 <= clip["seconds"] <= 0.9
        assert clip["frames"] == np.ceil(clip["seconds"] * 20)
        assert set(SHOWN) <= set(clip["values"])
        assert len(clip["novelty"]) == 1
        assert clip["values"]["novelty"] == pytest.approx(clip["novelty"][0], abs=1e-3)
        assert -20 <= clip["values"]["gain_db"] <= 20
    quiet = results["clips"][-1]
    assert quiet["values"]["gain_db"] == 0
    assert quiet["novelty"] == [0], "silence is neither amplified nor new"
    assert quiet["values"]["response"] == 0
    assert not quiet["used"], "silence altered is silence"
    assert results["left_out"] == [
        "FID and KID: without the weights inception-fid (listen-and-move weights fetch inception-fid)"
    ]
    assert told[-1][1:] == (5, 5)
    assert f"{results['overall']['clips']} clips" in found.lines()[0]
    assert any("short.wav" in line for line in found.lines())


def test_overall_figures_are_those_of_the_clips(run, sounds):
    results = as_json(robustness(run, sounds, seconds="0.6-0.9", device="cpu").results)
    sounding = [clip for clip in results["clips"] if not clip["silent"]]
    ratios = [clip["values"]["motion_ratio"] for clip in sounding]
    spread = results["overall"]["measures"]["motion_ratio"]
    assert np.isclose(spread["mean"], np.mean(ratios))
    assert np.isclose(spread["median"], np.median(ratios))
    assert np.isclose(spread["low"], np.quantile(ratios, 0.1))
    assert spread["count"] == 4
    assert results["overall"]["used"] == sum(clip["used"] for clip in sounding)
    order = [clip["name"] for clip in sorted(sounding, key=lambda clip: clip["values"]["distance"])]
    assert (results["best"], results["worst"]) == (order[:2], order[::-1][:2])
    assert [(each["name"], each["clips"]) for each in results["classes"]] == [(UNKNOWN, 4), ("more", 1)]


def test_an_interrupted_run_goes_on_and_ends_as_one_that_was_not(run, sounds):
    whole = robustness(
        shutil.copytree(run, run.with_name("uninterrupted")), sounds, seconds="0.6-0.9", device="cpu"
    ).results

    def stop(doing, done, total):
        if doing == "playing foreign sounds" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        robustness(run, sounds, seconds="0.6-0.9", device="cpu", watch=stop)
    assert len(played(run)) == 2
    log = run / "evaluation/robustness/clips.jsonl"
    log.write_bytes(log.read_bytes()[:-20])  # the second line is torn
    assert without_times(robustness(run, sounds, seconds="0.6-0.9", device="cpu").results) == without_times(
        whole
    )
    content = log.read_bytes()
    assert without_times(robustness(run, sounds, seconds="0.6-0.9", device="cpu").results) == without_times(
        whole
    )
    assert log.read_bytes() == content, "nothing is played twice"
    assert not list(log.parent.rglob("*.partial*"))


def test_more_clips_add_to_those_that_are_there(run, sounds):
    first = as_json(robustness(run, sounds, clips=2, seconds="0.6", device="cpu").results)
    assert len(played(run)) == 2
    more = as_json(robustness(run, sounds, clips=4, seconds="0.6-0.6", device="cpu").results)
    assert len(played(run)) == 4, "the same length in another spelling is no other setting"
    assert {clip["name"] for clip in first["clips"]} < {clip["name"] for clip in more["clips"]}
    again = as_json(robustness(run, sounds, clips=2, seconds="0.6", device="cpu").results)
    assert again["clips"] == first["clips"]


def test_what_has_changed_is_played_again_and_other_settings_are_not_mixed_in(run, sounds):
    robustness(run, sounds, clips=3, seconds="0.6", device="cpu")
    before = played(run)
    other = robustness(run, sounds, clips=3, seconds="0.5", device="cpu")
    assert played(run) == before * 2
    assert other.results.not_used == 3
    assert {each.clip.seconds for each in other.results.clips} == {0.5}
    assert "not used: 3 clips of another model or other settings" in other.lines()
    write_wav(sounds / before[0], tone(1.5, 900.0), RATE)
    changed = as_json(robustness(run, sounds, clips=3, seconds="0.6", device="cpu").results)
    assert played(run) == [*before * 2, before[0]]
    key = next(clip["key"] for clip in changed["clips"] if clip["name"] == before[1])
    (run / f"evaluation/robustness/clips/{key}.jpg").unlink()
    robustness(run, sounds, clips=3, seconds="0.6", device="cpu")
    assert played(run) == [*before * 2, *before[:2]]


def test_the_page_holds_its_pictures_and_asks_for_nothing(run, sounds):
    found = robustness(run, sounds, seconds="0.6-0.9", device="cpu")
    text = found.report_file.read_text(encoding="utf-8")
    assert text.count('src="data:image/jpeg;base64,') == 1 + len(found.results.best) + len(
        found.results.worst
    )
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "more/hiss &lt;b&gt;.wav" in text
    assert "hiss <b>" not in text
    assert "short.wav" in text
    assert "without the weights inception-fid" in text
    shown = imread(
        found.report_file.parent / "clips" / f"{found.results.clips[0].clip.key}.jpg", format="jpg"
    )
    assert shown.shape[0] >= 32
    assert shown.shape[1] >= 8 * 32
    assert shown.std() > 1


def test_a_folder_without_a_usable_sound(run, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("nothing here")
    with pytest.raises(UserError, match="there is none in its 1 files"):
        robustness(run, tmp_path / "none", device="cpu")
    (tmp_path / "none" / "broken.wav").write_bytes(b"no sound")
    with pytest.raises(UserError, match=r"none of 1 can, the first because: .*broken\.wav"):
        robustness(run, tmp_path / "none", device="cpu")
    with pytest.raises(UserError, match="clips: expected at least 1; got 0"):
        robustness(run, tmp_path / "none", clips=0, device="cpu")


def clip(name, silent=False, **values):
    known = {**dict.fromkeys(SHOWN), **values}
    return PlayedClip(name, name, silent=silent, used=not silent, seconds=1.0, frames=20, values=known)


def test_summary_leaves_out_what_is_not_known():
    clips = [
        clip("a", distance=0.1, newness=None),
        clip("b", distance=0.3),
        clip("c", True, distance=0.9, motion_ratio=0.25),
    ]
    found = overall(clips)
    assert as_json(found.measures["distance"]) == pytest.approx(
        {"count": 2, "mean": 0.2, "low": 0.12, "median": 0.2, "high": 0.28}
    )
    assert found.measures["newness"] == Spread(0, None, None, None, None)
    assert (found.used, found.sounding, found.motion_to_silent_sounds) == (2, 2, 0.25)
    assert best_and_worst(clips) == (["a"], ["b"]), "a silent clip is neither"
    groups = by_class(clips, {"a": "x", "b": "y", "c": "y"})
    assert [(each.name, each.overall.clips, each.overall.sounding) for each in groups] == [
        ("y", 2, 1),
        ("x", 1, 1),
    ]


class Noise:
    """Frames of noise around a brightness."""

    def __init__(self, seed, count, middle=100):
        self.pictures = (
            np.random.default_rng(seed)
            .integers(middle - 50, middle + 50, (count, 16, 16, 3))
            .astype(np.uint8)
        )

    def __len__(self):
        return len(self.pictures)

    def read(self, first, last):
        return self.pictures[first:last]


class Means(torch.nn.Module):
    """2048 numbers of a picture: a small network in the place of Inception."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(48, 2048)

    def forward(self, pictures):
        return self.layer(torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1))


def test_distances_of_clips_and_of_all(tmp_path):
    found = Distances.of(Means(), Noise(0, 130), tmp_path, "video")
    assert [len(half) for half in found.halves] == [65, 65]
    fid, kid = found.of_clip("few", Noise(1, 20))
    assert fid.value is None
    assert kid.value is None
    assert "too few samples: 20, at least 2049 are needed" in fid.note
    assert "at least 50" in kid.note
    near, far = (
        found.of_clip(name, Noise(2, 60, middle))[1] for name, middle in (("near", 100), ("far", 160))
    )
    assert near.real_samples == near.generated_samples == 50
    both = found.of_all(["near", "far"])[1]
    assert both.generated_samples == 65
    assert near.value is not None
    assert near.standard_error is not None
    assert near.floor is not None
    assert both.value is not None
    assert far.value is not None
    assert abs(near.value) < 6 * near.standard_error < far.value
    assert abs(near.floor) < 6 * near.standard_error
    assert near.value < both.value < far.value


def test_distances_look_at_frames_once(tmp_path):
    first = Distances.of(Means(), Noise(0, 130), tmp_path, "video")
    kept = first.of_clip("clip", Noise(2, 60))
    again = Distances.of(None, Noise(0, 130), tmp_path, "video")  # no network: nothing can be looked at
    assert again.of_clip("clip", Noise(2, 60)) == kept
    assert np.load(first.file("clip")).dtype == np.float32


def test_with_weights_every_clip_has_distances(run, sounds, tmp_path, monkeypatch):
    monkeypatch.setitem(BACKBONES, "inception-fid", Backbone(Means))
    file = tmp_path / "weights" / weights.WEIGHTS["inception-fid"].file
    file.parent.mkdir()
    torch.save(Means().state_dict(), file)
    known = replace(weights.WEIGHTS["inception-fid"], size=file.stat().st_size, sha256=file_hash(file))
    monkeypatch.setitem(weights.WEIGHTS, "inception-fid", known)
    robustness(run, sounds, clips=5, seconds="0.4", device="cpu")
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(file.parent))
    found = robustness(run, sounds, clips=5, seconds="0.4", device="cpu")
    assert len(played(run)) == 10, "clips from before the weights came are looked at again"
    assert found.results.left_out == []
    for one in as_json(found.results)["clips"]:
        assert [(each["measure"], each["generated_samples"]) for each in one["distribution"]] == [
            ("FID", 8),
            ("KID", 8),
        ]
        assert "too few samples: 8" in one["distribution"][0]["note"]
    assert [each.generated_samples for each in found.results.distribution] == [40, 40], "all frames together"
    assert any(line.startswith("KID: too few samples: 40") for line in found.lines())
    assert "too few samples: 8" in found.report_file.read_text(encoding="utf-8")
    assert without_times(
        robustness(run, sounds, clips=5, seconds="0.4", device="cpu").results
    ) == without_times(found.results)
