"""How a fill is put beside its truth: E2FGVI's published protocol, and variations of it.

Sizes, resampling, the growing of masks and the composite are those the numbers of Li et al.
(CVPR 2022) were made with: frames resized to 432x240 with Pillow's bicubic filter, masks to
the nearest pixel and then grown by a 3x3 cross, four times; the fill counts inside the
grown mask only, and is not rounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tracker.evaluation.layout import list_images
from tracker.label_images import decode_labels
from tracker.masks import MaskReader
from tracker.types import Frame, LabelMap, Mask, UserError
from tracker.video import VideoReader

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # (H, W, 3), 0 to 255


@dataclass(frozen=True)
class Protocol:
    """What every measure of a fill depends on; the defaults are the published ones."""

    size: tuple[int, int] | None = (240, 432)  # height, width; None: that of the truth
    ssim_window: int = 65  # pixels
    dilation: int = 4  # times the mask is grown by a 3x3 cross


PUBLISHED = Protocol()


class FrameFolder:
    """The frames of a clip, whichever way they are kept, each read when its turn comes.

    A folder of images (or of `.npy` arrays, for results that are not whole numbers), a video
    file, or a single picture that stands for any number of frames.

    Raises:
        UserError: there is nothing, or something that cannot be read.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._files: list[Path] | None = None
        self.is_still = False
        if place.is_dir():
            self._files = list_images(place)
        elif place.suffix.lower() == ".png":
            self._files, self.is_still = [place], True
        if self._files is not None and not self._files:
            raise UserError(f"{place} has no frames in it")

    @property
    def names(self) -> list[str] | None:
        """Return the names of the frames; None where only their order is known."""
        if self._files is None or self.is_still:
            return None
        return [file.stem for file in self._files]

    def read(self, size: tuple[int, int] | None) -> Iterator[Pixels]:
        """Yield the frames at (height, width) `size`, or as they are; a still one for ever."""
        if self._files is None:
            with VideoReader(self._place) as reader:
                for source in reader:
                    yield resize_frame(source.rgb, size)
            return
        for file in self._files:
            pixels = _fit(_read(file), size, file)
            yield pixels
            while self.is_still:
                yield pixels


def resize_frame(frame: Frame, size: tuple[int, int] | None) -> Frame:
    """Return `frame` at (height, width) `size`, bicubic as Pillow does it."""
    if size is None or frame.shape[:2] == size:
        return frame
    image = Image.fromarray(frame).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image, np.uint8)


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return `mask` at (height, width) `size`, each pixel the nearest one."""
    return mask if mask.shape == size else resize_labels(mask.astype(np.uint8), size) > 0


def resize_labels(labels: LabelMap, size: tuple[int, int]) -> LabelMap:
    """Return `labels` at (height, width) `size`, each pixel the nearest one."""
    if labels.shape == size:
        return labels
    image = Image.fromarray(labels)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.NEAREST), np.uint8)


def grow(mask: Mask, times: int) -> Mask:
    """Return `mask` dilated by a 3x3 cross, so many times."""
    result = np.array(mask, np.bool_)
    for _ in range(times):
        before = result.copy()
        result[1:] |= before[:-1]
        result[:-1] |= before[1:]
        result[:, 1:] |= before[:, :-1]
        result[:, :-1] |= before[:, 1:]
    return result


def read_holes(place: Path, size: tuple[int, int], dilation: int) -> Iterator[Mask]:
    """Yield the holes of a clip at (height, width) `size`, grown.

    Args:
        place: a folder or zip of label PNGs, one per frame, or one PNG for all frames.
        size: of the frames that are compared.
        dilation: how often the mask is grown by a cross.
    """
    if place.is_dir():
        for file in list_images(place, "masks"):
            labels = decode_labels(file.read_bytes(), f"{place.name}/{file.name}")
            yield grow(resize_mask(labels > 0, size), dilation)
        return
    with MaskReader(place) as masks:
        index = 0
        while masks.is_still or index < len(masks):
            yield grow(resize_mask(masks[index] > 0, size), dilation)
            index += 1


def composite(result: Pixels, truth: Pixels, hole: Mask) -> NDArray[np.float32]:
    """Return the truth with its hole taken from `result`, not rounded: what is measured."""
    return np.where(hole[..., None], result, truth).astype(np.float32)


def _read(file: Path) -> Pixels:
    try:
        if file.suffix.lower() == ".npy":
            array = np.load(file, allow_pickle=False)
            if array.ndim != 3 or array.shape[2] != 3:
                raise UserError(f"{file} holds an array {array.shape}, expected (H, W, 3)")
            return np.asarray(array, np.float32)
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{file} cannot be read ({error})") from None


def _fit(pixels: Pixels, size: tuple[int, int] | None, file: Path) -> Pixels:
    if size is None or pixels.shape[:2] == size:
        return pixels
    if pixels.dtype == np.uint8:
        return resize_frame(np.asarray(pixels, np.uint8), size)
    height, width = pixels.shape[:2]
    raise UserError(
        f"{file} is {width}x{height}; arrays are not resized, make them {size[1]}x{size[0]}"
    )
