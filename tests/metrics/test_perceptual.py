"""The perceptual distance against its formula, its laws, and real files and frames."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from tests.pretrained.weights import made_up

from listen_and_move.data.synthetic.marimba import melody, render_frames
from listen_and_move.errors import UserError
from listen_and_move.media.picture import read_frames
from listen_and_move.metrics import perceptual
from listen_and_move.metrics.perceptual import VARIANTS, PerceptualDistance, heads_of, perceptual_distance
from listen_and_move.pretrained.alexnet import AlexNet
from listen_and_move.pretrained.inputs import CAFFE, IMAGENET
from listen_and_move.pretrained.squeezenet import SqueezeNet
from listen_and_move.pretrained.vgg16 import VGG16


def noise(seed, shape=(3, 40, 48, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def random_distance(kind: type[AlexNet] | type[SqueezeNet] = SqueezeNet):
    """The distance by a network that was never trained: the laws hold for it as well."""
    torch.manual_seed(0)
    network = kind().eval().requires_grad_(False)
    return PerceptualDistance(
        network, tuple(torch.rand(tap.channels) for tap in network.taps.values()), IMAGENET, "untrained"
    )


@pytest.fixture
def real(shared, monkeypatch):
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(shared / "data/weights"))
    return PerceptualDistance.load("squeeze-caffe")


def test_the_formula_by_hand():
    """Two layers: one pixel of two channels, and two pixels of one channel."""
    maps = [torch.tensor([[[[3.0]], [[4.0]]]]), torch.tensor([[[[2.0, 0.0]]]])]
    others = [torch.tensor([[[[1.0]], [[0.0]]]]), torch.tensor([[[[5.0, 7.0]]]])]
    heads = [torch.tensor([0.5, 2.0]), torch.tensor([3.0])]
    first = 0.5 * (0.6 - 1) ** 2 + 2 * (0.8 - 0) ** 2
    second = 3 * (0 + 1) / 2  # the lengths 2 and 5 are both 1 then; a zero stays one
    assert np.allclose(perceptual_distance(maps, others, heads), first + second)


def test_the_formula_in_numpy():
    rng = np.random.default_rng(0)
    shapes = [(2, 5, 4, 3), (2, 7, 2, 2)]
    maps, others = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    heads = [rng.random(shape[1]) for shape in shapes]
    expected = np.zeros(2)
    for a, b, head in zip(maps, others, heads, strict=True):
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
        expected += (head[:, None, None] * (a - b) ** 2).sum(1).mean((1, 2))
    tensors = ([torch.from_numpy(each) for each in group] for group in (maps, others, heads))
    assert np.allclose(perceptual_distance(*tensors), expected)


def test_brightness_of_a_layer_does_not_count():
    maps, others, heads = [torch.rand(1, 4, 3, 3)], [torch.rand(1, 4, 3, 3)], [torch.rand(4)]
    scaled = perceptual_distance([5 * maps[0]], [0.1 * others[0]], heads)
    assert torch.allclose(scaled, perceptual_distance(maps, others, heads), rtol=1e-4)


@pytest.mark.parametrize("kind", [SqueezeNet, AlexNet])
def test_laws(kind):
    distance, video, other = random_distance(kind), noise(1), noise(2)
    values = distance(video, other)
    assert values.shape == (3,)
    assert values.dtype == np.float64
    assert (values > 0).all()
    assert (distance(video, video) == 0).all()
    assert np.allclose(values, distance(other, video))
    assert np.allclose(values[::-1], distance(video[::-1], other[::-1])), "frames do not mix"
    assert distance(video[:0], other[:0]).shape == (0,)


def test_blocks_change_nothing(monkeypatch):
    distance, video, other = random_distance(), noise(3, (5, 32, 36, 3)), noise(4, (5, 32, 36, 3))
    whole = distance(video, other)
    monkeypatch.setattr(perceptual, "PIXELS_AT_ONCE", 2 * 32 * 36)
    assert np.allclose(distance(video, other), whole, rtol=1e-5)


def test_least_sizes():
    for kind, least in ((AlexNet, 31), (SqueezeNet, 17)):
        distance, picture = random_distance(kind), noise(5, (1, least, least, 3))
        assert np.isfinite(distance(picture, noise(6, picture.shape))).all()
        for small in (picture[:, 1:], picture[:, :, 1:]):
            with pytest.raises(UserError, match=f"at least {least} x {least} pixels"):
                distance(small, small)


def test_other_videos_are_refused():
    distance = random_distance()
    with pytest.raises(ValueError, match="same shape"):
        distance(noise(0), noise(0)[:2])
    with pytest.raises(ValueError, match="uint8"):
        distance(noise(0) / 255, noise(0) / 255)


@pytest.mark.parametrize(("name", "kind"), [("alex", AlexNet), ("vgg", VGG16), ("squeeze", SqueezeNet)])
def test_heads_of_the_published_form(name, kind):
    tensors = made_up(f"lpips-{name}")
    channels = [tap.channels for tap in kind.taps.values()]
    heads = heads_of(f"lpips-{name}", tensors, channels)
    assert [tuple(head.shape) for head in heads] == [(count,) for count in channels]
    assert all(
        torch.equal(head, value.flatten()) for head, value in zip(heads, tensors.values(), strict=True)
    )


def test_wrong_heads_are_refused():
    tensors = {f"lin{layer}.model.1.weight": torch.ones(1, count, 1, 1) for layer, count in enumerate((2, 3))}
    assert [len(head) for head in heads_of("lpips-alex", tensors, [2, 3])] == [2, 3]
    for channels in ([2, 4], [2], [2, 3, 4]):
        with pytest.raises(UserError, match="weights lpips-alex: expected"):
            heads_of("lpips-alex", tensors, channels)
    with pytest.raises(UserError, match="negative"):
        heads_of("lpips-alex", {key: -value for key, value in tensors.items()}, [2, 3])


def test_labels_tell_what_is_published():
    assert {name for name, variant in VARIANTS.items() if variant.label.startswith("LPIPS")} == {
        "alex",
        "vgg",
        "squeeze",
    }
    assert "not the published LPIPS" in VARIANTS["squeeze-caffe"].label


def test_each_variant_gets_the_input_of_its_weights():
    """A picture in the wrong convention still gives a plausible distance, so only this test sees it."""
    conventions = {name: variant.convention for name, variant in VARIANTS.items()}
    assert conventions == {"alex": IMAGENET, "vgg": IMAGENET, "squeeze": IMAGENET, "squeeze-caffe": CAFFE}


def test_unknown_and_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="expected alex, vgg, squeeze, squeeze-caffe; got resnet"):
        PerceptualDistance.load("resnet")
    with pytest.raises(UserError, match="alexnet"):
        PerceptualDistance.load("alex")


def made_up_frames() -> np.ndarray:
    """Frames of a marimba."""
    notes = melody(0, 4.0)
    return np.stack(list(render_frames(notes, 4.0, Fraction(2), 96, 64)))


@pytest.mark.parametrize("origin", ["made up", "published"])
def test_what_is_altered_more_is_farther(request, origin):
    """Only published weights and a filmed clip can show that they rank as people do."""
    if origin == "published":
        real = request.getfixturevalue("real")
        assert "not the published LPIPS" in real.label
        path = request.getfixturevalue("shared") / "data/videos/percussion_drums_overhead_10s.mp4"
        frames = np.stack(list(islice(read_frames(path, Fraction(2), width=96, height=64), 8)))
    else:
        real, frames = random_distance(), made_up_frames()
    blurred = {sigma: gaussian_filter(frames, (0, sigma, sigma, 0)) for sigma in (0.5, 1, 2)}
    slight, medium, strong = (real(frames, each) for each in blurred.values())
    elsewhere = real(frames, np.ascontiguousarray(frames[:, ::-1]))
    assert (real(frames, frames) == 0).all()
    assert (slight < medium).all()
    assert (medium < strong).all()
    assert (slight < elsewhere).all()
    assert (slight > 1e-4).all()


def test_a_frame_is_nearer_to_its_blurred_self_than_to_another_film():
    distance, one = random_distance(), made_up_frames()
    two = np.ascontiguousarray(255 - one[::-1])
    assert (3 * distance(one, gaussian_filter(one, (0, 0.5, 0.5, 0))) < distance(one, two)).all()


def test_a_real_frame_is_nearer_to_its_blurred_self_than_to_another_film(shared, real):
    """Only published weights and two films can show it of films."""
    one, two = (
        np.stack(
            list(islice(read_frames(shared / "data/videos" / name, Fraction(2), width=64, height=64), 6))
        )
        for name in ("percussion_drums_overhead_10s.mp4", "paper_talking_head_5s.mp4")
    )
    near, far = real(one, gaussian_filter(one, (0, 0.5, 0.5, 0))), real(one, two)
    assert (3 * near < far).all()
    assert np.allclose(far, real(two, one))
