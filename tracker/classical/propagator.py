"""Labels carried through a video without learned weights.

Every frame, dense flow brings the soft labels of the frame before; where the flow cannot be
trusted they say little.  Cells of the new frame are matched with remembered cells of every
layer (the background and each object), which compete; both opinions are multiplied and
follow the picture's edges.  All of it happens at a working size of about 432x243.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical import appearance
from tracker.classical.appearance import PatchMemory, cell_centres, describe
from tracker.classical.edges import guided_filter
from tracker.classical.flow import FAST, FlowEstimator, consistency, warp
from tracker.classical.layers import layer_motions
from tracker.images import fit_within, shrink
from tracker.types import Frame, LabelMap, Tracked

Floats = NDArray[np.float32]

WORKING_PIXELS = 432 * 243
PRESET = FAST
LOCALITY = 0.15  # of the longer side: distance that weighs as much as one unit of features
REACH = 0.12  # of the longer side: how far from where it is expected an object may be
APPEARANCE_WEIGHT = 2.0
LARGEST_VOTE = 6.0  # log odds one comparison of appearance may shift at most
DOUBT = 0.02  # probability that flow is wrong although it looks right
EDGE_RADIUS = 4  # pixels
EDGE_SMOOTHNESS = 1e-3
SHARPENING = 1.5  # keeps soft labels from dissolving when carried over many frames
SURE = 0.75  # purity of a cell that is worth remembering


@dataclass(frozen=True, eq=False)
class _Picture:
    """A frame at working size."""

    gray: NDArray[np.uint8]  # (h, w)
    lab: Floats  # (h, w, 3), L in [0, 100]
    features: Floats  # (rows, columns, features)


class ClassicalPropagator:
    """Carries the labels of one video, one frame per call.  Implements `MaskPropagator`."""

    def __init__(self) -> None:
        self._estimator = FlowEstimator(PRESET)
        self._memory = PatchMemory()
        self._ids: list[int] = []
        self._picture: _Picture | None = None
        self._soft: Floats = np.ones((1, 1, 1), np.float32)  # (h, w, layers)

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it and return them.

        Raises:
            ValueError: `labels` are of another size than `frame`.
        """
        if labels is not None and labels.shape != frame.shape[:2]:
            raise ValueError(f"labels are {labels.shape} but the frame is {frame.shape[:2]} (H, W)")
        picture = _look(frame)
        if labels is not None:
            self._learn(picture, labels)
            return Tracked(labels.copy(), dict.fromkeys(self._ids, 1.0))
        if self._picture is None or not self._ids:
            self._picture = picture
            return Tracked(np.zeros(frame.shape[:2], np.uint8), dict.fromkeys(self._ids, 0.0))
        self._soft = self._carry(self._picture, picture)
        self._picture = picture
        self._remember(picture, given=False)
        return Tracked(self._enlarge(*frame.shape[:2]), self._confidence())

    def _learn(self, picture: _Picture, labels: LabelMap) -> None:
        self._ids += [int(k) for k in np.unique(labels) if k and int(k) not in self._ids]
        height, width = picture.gray.shape
        self._soft = np.stack(
            [
                cv2.resize(
                    (labels == k).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
                )
                for k in (0, *self._ids)
            ],
            axis=-1,
        )
        self._picture = picture
        self._remember(picture, given=True)

    def _carry(self, previous: _Picture, picture: _Picture) -> Floats:
        """Return the soft labels (h, w, layers) of `picture`."""
        flow_to_next = self._estimator.between(previous.gray, picture.gray)
        flow_back = self._estimator.between(picture.gray, previous.gray)
        height, width = picture.gray.shape
        num_layers = len(self._ids) + 1
        self._memory.move(layer_motions(flow_to_next, self._soft.argmax(-1), num_layers))
        prior = warp(self._soft, flow_back).reshape(height, width, num_layers)
        miss = consistency(flow_back, flow_to_next)
        tolerance = 0.5 + 0.05 * np.hypot(flow_back[..., 0], flow_back[..., 1])
        trust = np.exp(-0.5 * (miss / tolerance) ** 2)[..., None]
        prior = trust * prior + (1 - trust) * _blurred(prior, 15)
        near = _grown(prior[..., 0] < 0.7, REACH)
        vote = self._vote(picture, near, num_layers)
        score = np.log(prior * (1 - DOUBT) + DOUBT / num_layers) + APPEARANCE_WEIGHT * vote
        score[~near, 1:] = -10
        soft = _softmax(score)
        guide = picture.lab / np.float32(100)
        soft = guided_filter(guide, soft, EDGE_RADIUS, EDGE_SMOOTHNESS)
        soft = np.clip(soft, 0, 1) ** np.float32(SHARPENING)
        soft /= soft.sum(axis=-1, keepdims=True) + np.float32(1e-6)
        return soft

    def _vote(self, picture: _Picture, near: NDArray[np.bool_], num_layers: int) -> Floats:
        """Return (h, w, layers): how much worse than the best layer each fits, log odds."""
        height, width = near.shape
        rows, columns = cell_centres(height, width)
        asked = near[rows][:, columns]
        vote = np.zeros((len(rows), len(columns), num_layers), np.float32)
        vote[..., 1:] = -LARGEST_VOTE / 2
        if asked.any():
            places = _places(height, width)[asked]
            far = self._memory.distances(
                picture.features[asked], places, num_layers, LOCALITY * max(height, width)
            )
            best = far.min(axis=1, keepdims=True)
            typical = max(0.05, float(np.median(best)))
            vote[asked] = np.maximum((best - far) / (2 * typical), -LARGEST_VOTE)
        size = (len(columns) * appearance.STRIDE, len(rows) * appearance.STRIDE)
        large = cv2.resize(vote, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
        missing = ((0, height - large.shape[0]), (0, width - large.shape[1]), (0, 0))
        return np.pad(large.reshape(*large.shape[:2], num_layers), missing, mode="edge")

    def _remember(self, picture: _Picture, *, given: bool) -> None:
        """Memorise the cells of `picture` on and around the objects."""
        height, width = picture.gray.shape
        rows, columns = cell_centres(height, width)
        share = _blurred(self._soft, appearance.STRIDE)[rows][:, columns]
        near = _grown(self._soft[..., 0] < 0.5, REACH)[rows][:, columns]
        kept = near & (share.max(axis=-1) > SURE)
        self._memory.remember(
            picture.features[kept],
            _places(height, width)[kept],
            share[kept].argmax(axis=-1),
            len(self._ids) + 1,
            given=given,
        )

    def _enlarge(self, height: int, width: int) -> LabelMap:
        """Return labels at source size."""
        labels = np.zeros((height, width), np.uint8)
        for layer, identity in enumerate(self._ids, start=1):
            others = np.delete(self._soft, layer, axis=-1).max(axis=-1)
            lead = cv2.resize(self._soft[..., layer] - others, (width, height))
            labels[lead > 0] = identity
        return labels

    def _confidence(self) -> dict[int, float]:
        """Return how sure each object's mask is: the mean probability of its pixels."""
        winner = self._soft.argmax(axis=-1)
        result = {}
        for layer, identity in enumerate(self._ids, start=1):
            mine = self._soft[..., layer][winner == layer]
            result[identity] = float(np.clip(mine.mean(), 0, 1)) if mine.size else 0.0
        return result


def _look(frame: Frame) -> _Picture:
    height, width = fit_within(frame.shape[0], frame.shape[1], WORKING_PIXELS)
    small = shrink(frame, height, width)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    colour = cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    lab: Floats = np.asarray(colour, np.float32)
    return _Picture(gray, lab, describe(lab, gray))


def _places(height: int, width: int) -> NDArray[np.complex64]:
    """Return (rows, columns): the cells' centres as x + iy."""
    rows, columns = cell_centres(height, width)
    return (columns[None] + 1j * rows[:, None]).astype(np.complex64)


def _blurred(maps: Floats, side: int) -> Floats:
    return np.asarray(cv2.blur(maps, (side, side)), np.float32).reshape(maps.shape)


def _grown(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Return `mask` grown by a square of `reach` times the longer side."""
    side = 2 * int(reach * max(mask.shape)) + 1
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(grown > 0)


def _softmax(score: Floats) -> Floats:
    score = np.exp(score - score.max(axis=-1, keepdims=True))
    share: Floats = score / score.sum(axis=-1, keepdims=True)
    return share
