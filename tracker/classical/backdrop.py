"""What lies behind the objects of one video, and what it says of every pixel.

All of it happens at half the working size.
"""

from collections.abc import Collection, Sequence

import numpy as np

from tracker.classical.appearance import STRIDE, Floats
from tracker.classical.lately import Coming, Lately
from tracker.classical.layers import Motion
from tracker.classical.plate import BackgroundPlate
from tracker.classical.softmaps import Picture, Region, resized, shrunk, spread
from tracker.types import Mask

NEW = 0.5  # of a cell must be new


class Backdrop:
    """All of the background seen so far, the last frames, and the next if they are known."""

    def __init__(self) -> None:
        self.plate = BackgroundPlate()
        self._lately = Lately()
        self._odds: Floats | None = None  # what was said of the newest frame

    def forget(self) -> None:
        """Begin anew: the next frame is of another scene."""
        self.plate.forget()
        self._lately.forget()

    def show(self, picture: Picture, background: Floats) -> None:
        """Turn to a frame in which objects are given, with how likely (h, w) background is."""
        self.follow(picture, background, Motion())
        self.plate.note_given()

    def follow(self, picture: Picture, background: Floats, motion: Motion) -> None:
        """Turn to the next frame.

        Args:
            picture: the frame.
            background: (h, w), how likely each pixel is background.
            motion: of the background from the frame before.
        """
        half = Motion(motion.rotation, motion.shift / 2)
        self.plate.follow(picture.half, shrunk(background, picture.half.shape), half)
        if self.plate.step is None:
            self._lately.forget()
        else:
            self._lately.follow(self.plate.step)
        self._odds = None

    def new_cells(self, picture: Picture) -> Mask:
        """Return (rows, columns): the cells that show something else than was seen there."""
        is_new = self.plate.is_new(picture.half).astype(np.float32)
        return shrunk(is_new, picture.features.shape) > NEW

    def odds(
        self,
        picture: Picture,
        prior: Floats,
        near: Mask,
        region: Region,
        coming: Sequence[Coming] = (),
        doubtful: Collection[int] = (),
    ) -> Floats:
        """Return log odds (layers, h, w) of each object in `region` of the newest frame.

        Args:
            picture: the frame.
            prior: (layers, h, w) of `region`: how likely each layer is.
            near: (rows, columns): the cells in which objects may be.
            region: a part of the frame at working size.
            coming: frames to come, as many as are known.
            doubtful: objects of which these say nothing.
        """
        height, width = picture.half.shape[:2]
        part = tuple(
            slice(side.start // 2, max(side.start // 2 + 1, min(side.stop // 2, size)))
            for side, size in zip(region, (height, width), strict=True)
        )
        expected = np.zeros((len(prior), height, width), np.float32)
        expected[0] = 1
        for layer, one in zip(expected, prior, strict=True):
            layer[part] = shrunk(one, layer[part].shape)
        close = spread(near, STRIDE // 2, expected.shape[1:])
        self._odds = self.plate.odds(picture.half, expected, close)
        self._odds += self._lately.odds(picture.coded, expected, close, coming, doubtful)
        return np.stack([resized(one[part], prior.shape[1:]) for one in self._odds])

    def learn(self, picture: Picture, background: Floats, *, hides: bool = False) -> None:
        """Keep what is background in the newest frame.

        Args:
            picture: the frame.
            background: (h, w), how likely each pixel is background.
            hides: an object is out of sight: something may be in front of the background, too.
        """
        background = shrunk(background, picture.half.shape)
        if hides:
            self.plate.hold()
        else:
            self.plate.release()
        self.plate.learn(picture.half, background, self._odds)
        self._lately.keep(picture.coded, background)
