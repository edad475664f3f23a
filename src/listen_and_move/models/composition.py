"""A guide enlarged with the detail of remembered frames.

Letters: R frames, C cells of a side, H height, W width, h, w of the guide.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

LEAST_SEEN = 1 / 255
"""Share below which a frame is not mixed in."""


def composition(
    frames: Iterable[UInt8[np.ndarray, "H W 3"]],
    masks: Sequence[Float[np.ndarray, "C C"]],
    guide: Float[Tensor, "3 h w"],
    agreement: Float[np.ndarray, "C C"],
) -> UInt8[np.ndarray, "H W 3"]:
    """Returns frames laid over one another, with their coarse differences from the guide corrected.

    Args:
        frames: as large as the picture will be.
        masks: share of each frame at each cell; their sum is 1.
        guide: the network's picture, [-1, 1].
        agreement: strength of the correction, 0 to 1.
    """
    import cv2 as opencv

    cv2: Any = opencv  # its stubs do not know what it returns
    picture, seen = None, None
    for frame, mask in zip(frames, masks, strict=True):
        if picture is None or seen is None:
            picture, seen = frame.copy(), mask
            continue
        seen = seen + mask
        _lay_over(picture, frame, mask / np.maximum(seen, 1e-6))
    assert picture is not None, "a guide is explained by one frame at least"
    size, small = picture.shape[1::-1], guide.shape[:0:-1]
    wanted = ((guide.movedim(0, -1) + 1) * 127.5).cpu().numpy()
    change = wanted - cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    change *= cv2.resize(agreement.astype(np.float32), small)[..., None]
    return cv2.add(picture, cv2.resize(change, size, interpolation=cv2.INTER_CUBIC), dtype=cv2.CV_8U)


def _lay_over(
    picture: UInt8[np.ndarray, "H W 3"], frame: UInt8[np.ndarray, "H W 3"], share: Float[np.ndarray, "C C"]
) -> None:
    """Mixes a frame into a picture where its share is above `LEAST_SEEN`.

    Args:
        picture: is changed.
        frame: as large.
        share: of the frame, 0 to 1.
    """
    import cv2 as opencv

    cv2: Any = opencv
    height, width = picture.shape[:2]
    whole = cv2.resize(share.astype(np.float32), (width, height))
    rows, columns = (np.flatnonzero(whole.max(axis) > LEAST_SEEN) for axis in (1, 0))
    if len(rows):
        place = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        mask = np.ascontiguousarray(whole[place])
        picture[place] = cv2.blendLinear(frame[place], picture[place], mask, 1 - mask)
