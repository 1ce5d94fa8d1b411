"""Pictures of numbers, taken apart into one plane per channel and put together again.

NumPy is quick on planes and slow where few channels share a factor; OpenCV is quickest on
pictures of one or four channels.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def split(picture: NDArray[Any]) -> list[Floats]:
    """Return the channels of (h, w, C), or of (h, w), float32, (h, w) each."""
    return list(np.asarray(channels(picture), np.float32))


def channels(picture: NDArray[Any]) -> NDArray[Any]:
    """Return (C, h, w) of (h, w, C), or of (h, w); cv2.split takes two to six times as long."""
    if picture.ndim == 2:
        return picture[None]
    height, width, number = picture.shape
    return np.asarray(cv2.transpose(picture.reshape(-1, number))).reshape(number, height, width)


def join(planes: Sequence[NDArray[Any]]) -> Floats:
    """Return (h, w, C), float32, from planes (h, w), and pictures (h, w, c), all float32."""
    return np.asarray(cv2.merge(planes), np.float32)


def repeat(plane: Floats, channels: int) -> Floats:
    """Return (h, w, C): one plane in every channel."""
    return plane if channels == 1 else join([plane] * channels)


def overwrite(planes: Floats, values: Floats, where: NDArray[np.bool_]) -> None:
    """Set (N,) or (C, N) to `values` of that shape `where` (N,) is true, in place.

    np.where takes seven times as long.
    """
    mask = where.view(np.uint8)[None]
    for plane, value in zip(np.atleast_2d(planes), np.atleast_2d(values), strict=True):
        cv2.copyTo(value[None], mask, plane[None])


def rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (h, w) or (h, w, C) as whole numbers from 0 to 255."""
    zero: Any = 0 if values.ndim == 2 else (0, 0, 0, 0)
    return np.asarray(cv2.add(values, zero, dtype=cv2.CV_8U), np.uint8)
