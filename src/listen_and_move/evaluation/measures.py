"""Measures of an evaluation: what each figure is called, what it means, and how it is printed."""

from math import isfinite
from typing import Literal, NamedTuple

Values = dict[str, float | None]
"""Figures by the name of their measure; None where there is none."""


class Measure(NamedTuple):
    """A column of the table."""

    title: str
    group: Literal["Picture", "Moving region", "Time", "Sound and picture", "Memory"]
    better: Literal["more", "less", "1", "0", ""]
    """Which way is better; empty: read it beside the real video's own value."""
    digits: int
    meaning: str


PICTURE, MOVING, TIME, SOUND, MEMORY = "Picture", "Moving region", "Time", "Sound and picture", "Memory"
MEASURES: dict[str, Measure] = {
    "ssim": Measure(
        "SSIM", PICTURE, "more", 3, "structural similarity, the paper's form; a still scores high"
    ),
    "psnr": Measure(
        "PSNR, dB",
        PICTURE,
        "more",
        1,
        "from the mean squared error of all frames; a still picture scores high",
    ),
    "mse": Measure("MSE", PICTURE, "less", 4, "mean squared error, full range 1"),
    "lpips_alex": Measure("LPIPS, AlexNet", PICTURE, "less", 3, "learnt perceptual distance, version 0.1"),
    "lpips_vgg": Measure("LPIPS, VGG16", PICTURE, "less", 3, "learnt perceptual distance, version 0.1"),
    "lpips_squeeze": Measure(
        "LPIPS, SqueezeNet", PICTURE, "less", 3, "learnt perceptual distance, version 0.1"
    ),
    "perceptual_squeeze_caffe": Measure(
        "perceptual, SqueezeNet of Caffe",
        PICTURE,
        "less",
        3,
        "ranks as LPIPS does, but is not the published LPIPS",
    ),
    "sharpness": Measure(
        "sharpness", PICTURE, "1", 2, "detail (Laplacian energy) over the real video's: below 1 blurred"
    ),
    "ssim_moving": Measure(
        "SSIM", MOVING, "more", 3, "the same where the real video moves most (15 % of the pixels)"
    ),
    "psnr_moving": Measure("PSNR, dB", MOVING, "more", 1, "likewise, in that region"),
    "mse_moving": Measure("MSE", MOVING, "less", 4, "likewise, in that region"),
    "sharpness_moving": Measure("sharpness", MOVING, "1", 2, "likewise; moving things are what blurs first"),
    "motion_ratio": Measure(
        "motion", TIME, "1", 2, "mean motion over the real video's: 0 a still, above 1 jitter"
    ),
    "frozen_share": Measure("frozen", TIME, "", 2, "share of frames in which nothing visible changes"),
    "flicker": Measure("flicker", TIME, "", 4, "change that the next frame undoes, full range 1"),
    "tof": Measure("tOF, pixels", TIME, "less", 3, "difference of optical flow from the real video's"),
    "warping_error": Measure(
        "warping error", TIME, "", 5, "change from frame to frame that its optical flow does not explain"
    ),
    "dcor": Measure(
        "dcor", SOUND, "more", 3, "do the same pixels change in the same way at the same time? 1 yes, 0 no"
    ),
    "dcor_excess": Measure(
        "dcor, excess", SOUND, "more", 3, "dcor minus its mean at wrong times: what is not accident"
    ),
    "dcor_p": Measure("dcor, p", SOUND, "less", 3, "share of wrong times at which dcor is at least as large"),
    "motion_correlation": Measure(
        "motion with real", SOUND, "more", 2, "correlation over time of the amount of motion"
    ),
    "motion_at_best_lag": Measure(
        "at the best lag", SOUND, "more", 2, "the same at the lag at which it is largest"
    ),
    "motion_lag_ms": Measure("that lag, ms", SOUND, "0", 0, "positive: the picture is late"),
    "loudness_correlation": Measure("motion with loudness", SOUND, "", 2, "at the best lag"),
    "loudness_lag_ms": Measure("its lag, ms", SOUND, "", 0, "positive: motion comes after loudness"),
    "onset_correlation": Measure("motion with onsets", SOUND, "", 2, "at the best lag"),
    "onset_lag_ms": Measure("its lag, ms", SOUND, "", 0, "positive: motion comes after onsets"),
    "av_align": Measure(
        "AV-Align", SOUND, "", 2, "onsets and peaks of motion that coincide, over all of either"
    ),
    "av_align_chance": Measure("by chance", SOUND, "", 2, "AV-Align with the sound at wrong times"),
    "gain_db": Measure(
        "gain, dB", SOUND, "", 1, "with which the sound was played, to match the training sound's level"
    ),
    "novelty": Measure(
        "novelty", SOUND, "", 2, "of the sound: 1 as training sounds are to each other, above 2.5 far"
    ),
    "motion_in_silence": Measure(
        "motion in silence", SOUND, "0", 2, "motion while nothing sounds over that while it does"
    ),
    "distance": Measure(
        "distance to training", MEMORY, "", 4, "median root mean square to the nearest training frame"
    ),
    "farthest": Measure(
        "farthest frame", MEMORY, "", 4, "that distance of the frame that is farthest from all training"
    ),
    "newness": Measure(
        "newness", MEMORY, "", 2, "that over the unseen real frames' own: 0 replay, 1 as new as they are"
    ),
}


def formatted(name: str, value: float | None) -> str:
    """Returns a figure as it is printed; a dash where there is none."""
    return "-" if value is None or not isfinite(value) else f"{value:.{MEASURES[name].digits}f}"
