"""Training: exact resume, interruption, refusals."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.conftest import TINY
from tests.waiting import until

from listen_and_move.errors import UserError
from listen_and_move.models.checkpoint import load_model
from listen_and_move.presets import preset
from listen_and_move.runs import RunFolder
from listen_and_move.settings import with_values
from listen_and_move.training.loop import train
from listen_and_move.training.state import TrainingState, fresh_state, load_state
from listen_and_move.training.trainer import TrainingProgress

SEQUENTIAL = {"training.sampler": "sequential", "training.lanes": 2}
FULL = {
    **SEQUENTIAL,
    "generator.prediction": "directional",
    "generator.prediction_layers": "1,3",
    "generator.noise_injection": True,
    "motion.noise": 2,
    "losses.adversarial": "wgan-gp",
    "losses.penalty": 10.0,
    "losses.penalty_every": 1,
    "losses.shuffled": 1.0,
    "critics.norm": "batch",
    "critics.connections": "residual",
    "motion.form": "feedback",
    "training.average": 0.0,
}


def run(video: Path, folder: Path, **changes: object) -> Path:
    settings = {**TINY, **{name.replace("__", "."): value for name, value in changes.items()}}
    return train(video, folder, preset_name="quick", settings=settings, device="cpu").run


@pytest.fixture
def finished(trained: Path, tmp_path: Path) -> Path:
    """A run of 4 steps, which may be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="module")
def half(performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run after 2 steps; not to be changed."""
    return run(performance, tmp_path_factory.mktemp("runs") / "half", training__steps=2)


def test_resumed_equals_uninterrupted_bit_for_bit(
    performance: Path, trained: Path, half: Path, tmp_path: Path
) -> None:
    parts = Path(shutil.copytree(half, tmp_path / "parts"))
    _check_equal(trained, run(performance, parts, training__steps=4))


def test_resumed_equals_uninterrupted_in_the_full_form(performance: Path, tmp_path: Path) -> None:
    changes = {name.replace(".", "__"): value for name, value in FULL.items()}
    whole = run(performance, tmp_path / "whole", training__steps=4, **changes)
    run(performance, tmp_path / "parts", training__steps=2, **changes)
    _check_equal(whole, run(performance, tmp_path / "parts", training__steps=4, **changes))


def _check_equal(whole: Path, parts: Path) -> None:
    one, two = RunFolder(whole), RunFolder(parts)
    assert one.state_file.read_bytes() == two.state_file.read_bytes()
    assert one.model_file.read_bytes() == two.model_file.read_bytes()


def weights(state: TrainingState) -> dict[str, torch.Tensor]:
    """All that is learnt, by its names."""
    image, video = state.adversaries.image.discriminator, state.adversaries.video.discriminator
    modules = torch.nn.ModuleDict({"network": state.network, "image": image, "video": video})
    return dict(modules.named_parameters())


def test_training_changes_every_weight_and_logs_it(trained: Path) -> None:
    run_folder = RunFolder(trained)
    config = run_folder.config()
    before = weights(fresh_state(config, torch.device("cpu")))
    after = weights(load_state(run_folder.state_file, config, torch.device("cpu")))
    assert len(before) > 60
    unchanged = [name for name in before if torch.equal(before[name], after[name])]
    assert unchanged == ["image.decision.bias", "video.decision.bias"], "no difference of scores has them"
    lines = list(run_folder.metrics())
    assert lines[-1]["step"] == 4
    assert {"generator/l1", "video_critic/fake", "image_critic/fake", "held_out/dcor"} <= set(lines[-1])
    assert run_folder.sample_file(4).stat().st_size > 1000
    assert json.loads(run_folder.environment_file.read_text())["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("recall", "most"), [(512, 0.8), (0, 0.7)]
)  # what is recalled is near the truth at once
def test_reconstruction_learns(performance: Path, tmp_path: Path, recall: int, most: float) -> None:
    seen: list[float] = []

    def watch(progress: TrainingProgress) -> None:
        seen.extend(value for name, value in progress.values.items() if name == "generator/l1")

    alone = {"losses.adversarial_weight": 0.0, "generator.recall": recall}
    once = {f"training.{name}": 100 for name in ("steps", "save_every", "validate_every", "sample_every")}
    settings = {**TINY, **alone, **once}
    train(performance, tmp_path / "run", settings=settings, device="cpu", watch=watch)
    assert sum(seen[-10:]) < most * sum(seen[:10])


def test_a_finished_run_stays_as_it_is(performance: Path, finished: Path) -> None:
    before = RunFolder(finished).state_file.read_bytes()
    result = train(performance, finished, device="cpu")
    assert result.finished
    assert result.step == 4
    assert RunFolder(finished).state_file.read_bytes() == before


def test_a_run_keeps_its_settings(performance: Path, finished: Path) -> None:
    with pytest.raises(UserError, match=r"losses\.l1 = 10\.0; got 3"):
        train(performance, finished, settings={"losses.l1": 3.0}, device="cpu")
    with pytest.raises(UserError, match="expected the settings it was begun with"):
        train(performance, finished, preset_name="paper", device="cpu")
    with pytest.raises(UserError, match=r"clip\.crop"):
        train(performance, finished, settings={"clip.crop": "0,0,32,32"}, device="cpu")


def test_the_same_crop_may_be_typed_in_another_way(performance: Path, tmp_path: Path) -> None:
    folder = run(performance, tmp_path / "run", clip__crop="0,0,48,48")
    assert train(performance, folder, settings={"clip.crop": "0, 0, 48, 48"}, device="cpu").finished


def test_a_run_of_another_video_is_refused(performance: Path, finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(performance.read_bytes() + b"\0")
    with pytest.raises(UserError, match="is another one"):
        train(other, finished, device="cpu")


def test_a_folder_of_something_else_is_refused(performance: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="got something else"):
        train(performance, tmp_path, settings=TINY, device="cpu")
    assert [item.name for item in tmp_path.iterdir()] == ["letter.txt"]


def test_a_damaged_checkpoint_is_refused(performance: Path, finished: Path) -> None:
    folder = RunFolder(finished)
    folder.state_file.write_bytes(folder.state_file.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        train(performance, folder.path, settings={"training.steps": 6}, device="cpu")


def test_a_video_shorter_than_a_window_is_refused(performance: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 200 frames"):
        train(performance, tmp_path / "run", settings={**TINY, "training.window": 200}, device="cpu")
    assert not (tmp_path / "run").exists()


def test_infinite_losses_stop_the_run_and_are_named(performance: Path, tmp_path: Path) -> None:
    settings = {**TINY, "training.critic_rate": 1e30, "training.steps": 20}
    with pytest.raises(UserError, match=r"step \d+: expected finite losses; \S+ became (nan|inf)"):
        train(performance, tmp_path / "run", settings=settings, device="cpu")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_signal_saves_and_the_run_goes_on(performance: Path, tmp_path: Path, name: str) -> None:
    folder, number = RunFolder(tmp_path / "run"), signal.Signals[name]
    process = _command(performance, folder, steps=100_000)
    until(folder.metrics_file.exists)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "saved" in out
    assert "Traceback" not in err
    stopped = load_model(folder.model_file).step
    result = train(performance, folder.path, settings={"training.steps": stopped + 4}, device="cpu")
    assert result.finished
    assert result.step == stopped + 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_kill_loses_only_what_came_after_the_last_save(performance: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    process = _command(performance, folder, steps=100_000)
    until(folder.model_file.exists)
    size = folder.metrics_file.stat().st_size
    until(lambda: folder.metrics_file.stat().st_size > size)
    process.kill()
    process.communicate(timeout=60)
    with folder.metrics_file.open("a") as file:
        file.write('{"step": 99')  # a line torn by the kill
    steps = [0]
    train(
        performance,
        folder.path,
        settings={"training.steps": 100_000},
        device="cpu",
        watch=lambda progress: _stop_soon(progress, steps),
    )
    logged = [line["step"] for line in folder.metrics()]
    assert steps[0] > 2
    assert logged == sorted(set(logged))


def test_no_step_is_logged_twice_after_a_kill_before_the_first_save(
    performance: Path, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    seen: list[int] = []

    def fail(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if progress.step == 2:
            raise RuntimeError("as if killed")

    never = {**TINY, "training.save_every": 100}
    with pytest.raises(RuntimeError, match="as if killed"):
        train(performance, folder.path, settings=never, device="cpu", watch=fail)
    assert not folder.state_file.exists()
    assert [line["step"] for line in folder.metrics()] == [1, 2]
    with folder.metrics_file.open("a") as file:
        file.write('{"step": 2, "generator/l1": 0.')  # torn by the kill
    assert train(performance, folder.path, device="cpu").finished
    text = folder.metrics_file.read_text()
    assert [json.loads(line)["step"] for line in text.splitlines()] == [1, 2, 4]
    assert text.endswith("}\n")


def test_a_kill_between_state_and_model_leaves_no_old_model(
    performance: Path, half: Path, finished: Path
) -> None:
    folder = RunFolder(finished)
    old, new = RunFolder(half).model_file.read_bytes(), folder.model_file.read_bytes()
    assert new != old
    for left in (old, old[:1000], None):
        folder.model_file.unlink() if left is None else folder.model_file.write_bytes(left)
        assert train(performance, folder.path, device="cpu").finished
        assert folder.model_file.read_bytes() == new


def test_a_sample_that_cannot_be_written_is_told_and_the_run_goes_on(
    performance: Path, tmp_path: Path
) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(performance.read_bytes())

    def lose(progress: TrainingProgress) -> None:
        if progress.step == 1:
            video.unlink()

    result = train(video, tmp_path / "run", settings=TINY, device="cpu", watch=lose)
    assert result.finished
    assert result.note.startswith("no sample of step 4: ")
    assert "does not exist" in result.note
    assert load_model(RunFolder(result.run).model_file).step == 4
    assert not RunFolder(result.run).sample_file(4).exists()


def _stop_soon(progress: TrainingProgress, steps: list[int]) -> None:
    steps[0] = progress.step
    if progress.values:
        os.kill(os.getpid(), signal.SIGINT)


def _command(video: Path, folder: RunFolder, steps: int) -> subprocess.Popen[str]:
    flags = {"clip.size": "size", "training.steps": None}
    options = [
        f"--{flags.get(name, name)}={value}"
        for name, value in TINY.items()
        if name not in flags or flags[name]
    ]
    # Where tests run under nohup, SIGHUP is ignored from birth; a person's terminal does not do that.
    usual = "signal.signal(signal.SIGHUP, signal.SIG_DFL) if hasattr(signal, 'SIGHUP') else None"
    start = ["-c", f"import signal; {usual}; from listen_and_move.cli.main import main; main()"]
    command = [sys.executable, *start, "train", str(video), "--run", str(folder.path), f"--steps={steps}"]
    return subprocess.Popen(
        [*command, *options, "--device=cpu"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_nothing_depends_on_the_planned_total() -> None:
    short, long = (with_values(preset("quick"), {"training.steps": steps}) for steps in (10, 20))
    assert short.model == long.model
