"""Labels carried through a video without learned weights.

Every frame, dense flow brings the soft labels of the frame before; where the flow cannot be
trusted they say little.  Cells of the new frame are matched with remembered cells of every
layer (the background and each object), which compete.  What moves with the background while
its object does not is held against the object, and so is what equals the background seen
there before; what differs from it, or from the last frames there, speaks for the object.
These opinions are multiplied and follow the picture's edges.  What an object uncovers and
leaves behind is taken from it; so is a mask that is not its object's (see belief).  An object
that is gone is looked for in the whole frame (see whereabouts).  All of it happens at a
reduced size (see softmaps).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import STRIDE, Floats, PatchMemory
from tracker.classical.backdrop import Backdrop
from tracker.classical.belief import REMAINS, is_believed, is_sudden, is_unlike
from tracker.classical.confidence import confidence, unlikeness
from tracker.classical.decision import decide
from tracker.classical.flow import pixel_grid, sample
from tracker.classical.layers import Motion, layer_motions
from tracker.classical.lost import SAMPLING_INTERVAL, Background, to_background
from tracker.classical.moving import pixel_motion_odds
from tracker.classical.sight import Sight
from tracker.classical.softmaps import (
    Picture,
    Region,
    around,
    at_cells,
    blurred,
    cell_means,
    cell_places,
    cells_inside,
    clear,
    enlarged,
    pixels_of,
    spread,
    square,
    winning_layer,
)
from tracker.classical.strangers import find_strangers
from tracker.classical.uncovered import Uncovered
from tracker.classical.usual import Usual
from tracker.classical.vote import vote
from tracker.classical.whereabouts import LIKELY, Whereabouts
from tracker.images import bounding_box
from tracker.types import Frame, LabelMap, Mask, Tracked

BLUR = 15  # pixels: how vague labels become where flow is not to be trusted
SURE = 0.75  # purity of a cell that is worth remembering
GROWN = 2.0  # times its usual area: a larger mask of an object that was lost is not its
WHOLE = np.float32(0.95)  # how likely what was found as a whole is as it was
HIDES = np.float32(0.3)  # of what the background behind says, where that was found


class ClassicalPropagator:
    """Carries the labels of one video, one frame per call.  Implements `Preparing`."""

    def __init__(self) -> None:
        self._sight = Sight()
        self._memory = PatchMemory()
        self._background = Background()
        self._backdrop = Backdrop()
        self._uncovered = Uncovered()
        self._usual = Usual()
        self._whereabouts = Whereabouts(self._memory, self._usual, self._background)
        self._unlike: dict[int, Floats] = {}  # what `unlikeness` says of masks
        self._count = 0
        self._is_elsewhere = False  # there was a cut since objects were given
        self._size: tuple[int, ...] | None = None
        self._ids: list[int] = []
        self._picture: Picture | None = None
        self._soft: Floats = np.ones((1, 1, 1), np.float32)  # (layers, h, w)
        self._winner: NDArray[np.uint8] = np.zeros((1, 1), np.uint8)  # (h, w), of `_soft`

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that `step` will be given; may be done in another thread."""
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
        picture = self._sight.look(frame)
        if labels is not None:
            self._learn(picture, labels)
            return Tracked(labels.copy(), dict.fromkeys(self._ids, 1.0))
        if self._picture is None or not self._ids:
            self._picture = picture
            return Tracked(np.zeros(frame.shape[:2], np.uint8), dict.fromkeys(self._ids, 0.0))
        self._soft, self._winner = self._carry(self._picture, picture)
        self._picture = picture
        self._remember(picture, given=False)
        labels = enlarged(self._soft, self._ids, *frame.shape[:2])
        return Tracked(labels, self._confidence(picture))

    def _learn(self, picture: Picture, labels: LabelMap) -> None:
        self._ids += [int(k) for k in np.unique(labels) if k and int(k) not in self._ids]
        height, width = picture.small.shape[:2]
        masks = [(labels == k).astype(np.float32) for k in (0, *self._ids)]
        self._soft = np.stack(
            [cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) for mask in masks]
        )
        self._winner = winning_layer(self._soft)
        self._picture = picture
        self._backdrop.show(picture, self._soft[0])
        self._is_elsewhere = False
        self._uncovered.begin(picture.half, self._winner)
        self._remember(picture, given=True)
        wholes = [k for k in range(1, len(masks)) if self._uncovered.is_whole(k)]
        self._whereabouts.begin(picture, self._soft, wholes)

    def _carry(self, previous: Picture, picture: Picture) -> tuple[Floats, NDArray[np.uint8]]:
        """Return the soft labels (layers, h, w) of `picture`, and the layer that wins (h, w)."""
        shape = picture.small.shape[:2]
        change = self._sight.change(previous, picture)
        where = cell_places(*shape)
        if change.is_cut:
            self._lose_all()
            motions = [Motion()] * len(self._soft)
        else:
            layers = at_cells(self._winner)
            motions = layer_motions(where, change.to_next, layers, len(self._soft))
        self._memory.move(motions)
        self._usual.scale(motions)
        self._unlike.clear()
        grid = pixel_grid(*shape)
        places = change.back + grid
        background = sample(self._soft[0], places)
        vague = blurred(background[None], BLUR)[0] - background
        self._backdrop.follow(picture, background + (1 - change.trust) * vague, motions[0])
        is_new = self._find_lost(picture)
        found = self._whereabouts.found.items()
        boxes = {layer: square(where, place.centre, place.radius) for layer, place in found}
        near = around(background < 0.7)
        for box in boxes.values():
            near |= box
        soft = np.zeros_like(self._soft)
        soft[0] = 1
        cells = bounding_box(near)
        if cells is None:
            return soft, np.zeros(shape, np.uint8)
        region = pixels_of(cells, shape)
        places, trust = places[region], change.trust[region]
        objects = [sample(layer, places) for layer in self._soft[1:]]
        prior = np.stack([background[region], *objects])
        prior += (1 - trust) * (blurred(prior, BLUR) - prior)
        odds = pixel_motion_odds(grid[region], places, trust, prior, motions)
        wholes = self._expect_found(prior, odds, boxes, cells)
        odds += self._backdrop.odds(picture, prior, near, region)
        prior /= prior.sum(axis=0) + np.float32(1e-6)
        # What was given in several pieces may be several things, and not all of them remembered.
        single = [box for layer, box in boxes.items() if self._uncovered.is_whole(layer)]
        known = None
        if single:
            asked = np.any(single, axis=0)
            known = to_background(picture.features, self._background, is_new, asked)
        votes = vote(self._memory, picture, near, cells, prior, known)
        votes[:, wholes] = 0  # cells have been asked, and do not know it
        odds[:, wholes] *= HIDES
        soft[(slice(None), *region)] = decide(picture, prior, odds, votes, near, cells)
        winner = winning_layer(soft)
        plate = self._backdrop.plate
        self._uncovered.drop(soft, winner, picture.half, plate, change, motions[0])
        self._drop_others(picture, soft, winner)
        return soft, winner

    def _expect_found(
        self, prior: Floats, odds: Floats, boxes: dict[int, Mask], cells: Region
    ) -> Mask:
        """Expect objects, in place, in the `boxes` of cells they were found in.

        Returns (h, w), where one was found as a whole.
        """
        wholes = np.zeros(prior.shape[1:], bool)
        for layer, box in boxes.items():
            inside = spread(box[cells], STRIDE, wholes.shape)
            likely: Floats = np.full(wholes.shape, 0.5, np.float32)
            if (whole := self._whereabouts.found[layer].mask) is not None:
                likely = np.where(spread(whole[cells], STRIDE, wholes.shape), WHOLE, 1 - WHOLE)
                wholes |= inside
            np.copyto(prior[layer], likely, where=inside)
            odds[layer][inside] = 0
        return wholes

    def _lose_all(self) -> None:
        """Take every object for gone: they have to be found again in another scene."""
        self._soft = np.zeros_like(self._soft)
        self._soft[0] = 1
        self._winner = np.zeros_like(self._winner)
        self._backdrop.forget()
        self._uncovered.forget()
        self._whereabouts.forget()
        self._is_elsewhere = True

    def _drop_others(self, picture: Picture, soft: Floats, winner: NDArray[np.uint8]) -> None:
        """Clear, in place, masks that are not their object's: of its remains, of something else."""
        for layer in range(1, len(soft)):
            mine = winner == layer
            if not mine.any():
                continue
            if self._uncovered.is_whole(layer) and self._usual.is_known(layer):
                given = self._memory.given(layer)[0]
                strangers = find_strangers(mine, picture.features, given, self._background)
                if strangers is not None:
                    clear(soft, winner, layer, strangers)
                    mine &= ~strangers
            if not self._is_its(picture, layer, mine):
                clear(soft, winner, layer, soft[layer] > 0)
                self._unlike.pop(layer, None)
                self._whereabouts.refuse(layer)

    def _is_its(self, picture: Picture, layer: int, mine: Mask) -> bool:
        """Return whether a mask (h, w), not empty, is likely to be that object's."""
        area, usual = np.count_nonzero(mine), self._usual.area(layer)
        if self._usual.is_held(layer) and area > GROWN * usual:
            return False
        given, cells = self._memory.given(layer)[0], cells_inside(mine)
        features, distance = picture.features[cells], self._usual.distance(layer)
        self._unlike[layer] = distances = unlikeness(features, given)
        found = self._whereabouts.found.get(layer)
        if found is None:
            changes = unlikeness(features, self._memory.looks(layer))
            if is_sudden(changes, self._usual.change(layer)):
                return False
            self._usual.note_changes(layer, changes)
        elif is_unlike(distances, distance, is_elsewhere=self._is_elsewhere):
            return False
        elif found.mask is not None:
            return True
        return is_believed(
            features,
            given,
            distances,
            distance,
            self._background,
            is_small=bool(area < REMAINS * usual),
            times_found=found.times if found is not None else 0,
            is_whole=self._uncovered.is_whole(layer),
            is_elsewhere=self._is_elsewhere,
        ) or self._whereabouts.bears_out(layer, picture, cells)

    def _find_lost(self, picture: Picture) -> Mask:
        """Look for the objects that have gone, and forget where those found as a whole were.

        Returns (rows, columns): the cells that differ from what was seen there before.
        """
        covered = np.bincount(self._winner.ravel(), minlength=len(self._soft))
        is_new = self._whereabouts.look(picture, covered, self._backdrop)
        self._whereabouts.look_elsewhere(picture, self._winner)
        for layer, found in self._whereabouts.found.items():
            if found.mask is not None:
                self._soft[0] += self._soft[layer]
                self._soft[layer] = 0
        return is_new

    def _remember(self, picture: Picture, *, given: bool) -> None:
        """Memorise the cells of `picture` on and around the objects."""
        height, width = picture.small.shape[:2]
        share = np.stack([cell_means(one) for one in self._soft])
        near = around(self._soft[0] < 0.5)
        if given or self._count % SAMPLING_INTERVAL == 0:
            self._background.remember(picture.features[share[0] > SURE])
            self._whereabouts.know_background()
        self._count += 1
        self._backdrop.learn(picture, self._soft[0])
        self._usual.note_areas(self._soft, given=given)
        kept = near & (share.max(axis=0) > SURE)
        self._memory.remember(
            picture.features[kept],
            cell_places(height, width)[kept],
            share[:, kept].argmax(axis=0),
            len(self._ids) + 1,
            given=given,
        )

    def _confidence(self, picture: Picture) -> dict[int, float]:
        """Return how sure each object's mask is: 1 certain, 0 lost."""
        result = {}
        for layer, identity in enumerate(self._ids, start=1):
            mine = self._winner == layer
            probability = cv2.mean(self._soft[layer], mine.view(np.uint8))[0]
            distances = self._unlike.get(layer, np.empty(0, np.float32))
            result[identity] = confidence(probability, distances)
            if result[identity] > LIKELY:
                self._usual.note_distances(layer, distances)
            self._whereabouts.note(layer, picture, self._soft[layer], mine, result[identity])
        return result
