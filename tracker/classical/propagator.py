"""Labels carried through a video without learned weights.

A video is a row of shots.  Within one, labels are carried from frame to frame (see `shot.py`);
across a cut nothing is, and objects are looked for in the whole frame.  But when a shot goes on
that was left before (a dialogue; a black or a foreign frame between), so does what was known in
it.
"""

import threading

import cv2
import numpy as np

from tracker.classical.shot import Shot
from tracker.classical.sight import LOOKAHEAD, Change, Sight
from tracker.classical.softmaps import Picture, enlarged, pixels_for
from tracker.types import Frame, LabelMap, Tracked

MOST_LEFT = 3  # shots left and not forgotten: the first and the newest


class ClassicalPropagator:
    """Carries the labels of one video, one frame per call.  Implements `LookingAhead`.

    Args:
        hurries: never look ahead, nor closer at small objects, which takes up to twice as long.
    """

    def __init__(self, *, hurries: bool = False) -> None:
        self._hurries = hurries
        self.lookahead = 0 if hurries else LOOKAHEAD
        self._sight = Sight(lookahead=self.lookahead)
        self._seeing = threading.Lock()  # held where frames are prepared, or that is changed
        self._shot = Shot()
        self._left: list[Shot] = []  # shots that may go on
        self._size: tuple[int, ...] | None = None
        self._ids: list[int] = []

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that `step` will be given; may be done in another thread."""
        with self._seeing:
            self._sight.prepare(frame)

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it and return them.

        Raises:
            ValueError: `labels` are of another size than `frame`, or the frame than the one
                before.
        """
        if labels is not None and labels.shape != frame.shape[:2]:
            raise ValueError(f"labels are {labels.shape} but the frame is {frame.shape[:2]} (H, W)")
        if self._size not in (None, frame.shape[:2]):
            raise ValueError(f"frame is {frame.shape[:2]} but the last was {self._size} (H, W)")
        self._size = frame.shape[:2]
        if labels is not None and not self._ids and not self._hurries:
            self._look_closer(labels)
        picture = self._sight.look(frame)
        if labels is not None:
            self._learn(picture, labels)
            return Tracked(labels.copy(), dict.fromkeys(self._ids, 1.0))
        if self._shot.picture is None or not self._ids:
            return Tracked(np.zeros(frame.shape[:2], np.uint8), dict.fromkeys(self._ids, 0.0))
        change = self._sight.change(self._shot.picture, picture)
        if change.is_cut:
            change = self._turn(picture, change)
        self._shot.follow(picture, change, self._sight.coming())
        labels = enlarged(self._shot.shown(), self._ids, *frame.shape[:2])
        return Tracked(labels, dict(zip(self._ids, self._shot.confidence, strict=True)))

    def _look_closer(self, labels: LabelMap) -> None:
        """Look at as many pixels as the first objects given need."""
        pixels = pixels_for(labels)
        with self._seeing:
            if pixels != self._sight.pixels:
                self._sight = self._sight.at(pixels)

    def _learn(self, picture: Picture, labels: LabelMap) -> None:
        self._ids += [int(k) for k in np.unique(labels) if k and int(k) not in self._ids]
        height, width = picture.small.shape[:2]
        masks = [(labels == k).astype(np.float32) for k in (0, *self._ids)]
        shrunk = [cv2.resize(m, (width, height), interpolation=cv2.INTER_AREA) for m in masks]
        self._shot.learn(picture, np.stack(shrunk))
        self._left.clear()  # they do not know of these objects

    def _turn(self, picture: Picture, cut: Change) -> Change:
        """Turn to the shot a frame after a `cut` belongs to; return how it has changed since."""
        self._left.append(self._shot)
        for shot in reversed(self._left):
            change = None
            if shot.picture is not None:
                change = self._sight.again(shot.picture, picture, shot.winner == 0)
            if change is not None:
                self._left.remove(shot)
                shot.lose_untrusted(change)
                self._shot = shot
                return change
        if len(self._left) > MOST_LEFT:
            del self._left[1]
        self._shot = self._shot.leave()
        return cut
