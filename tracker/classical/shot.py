"""Labels carried through one shot of a video without learned weights.

Every frame, dense flow brings the soft labels of the frame before; where the flow cannot be
trusted they say little.  Cells of the new frame are matched with remembered cells of every
layer (the background and each object), which compete.  What moves with the background while
its object does not is held against the object, and so is what equals the background seen
there before; what differs from it, or from the last frames there (and, where they are known,
from the next), speaks for the object.
Where background may come into sight that nobody has seen, what is unlike all that is known
is background (see vote).
These opinions are multiplied and follow the picture's edges.  What an object uncovers and
leaves behind is taken from it; so is a mask that is not its object's (see claims).  An object
that is gone is looked for in the whole frame (see whereabouts).  All of it happens at a
reduced size (see softmaps).
"""

import copy
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import STRIDE, Floats, PatchMemory
from tracker.classical.backdrop import Backdrop
from tracker.classical.claims import Claims
from tracker.classical.confidence import confidence, likely_around, trust_in
from tracker.classical.decision import decide
from tracker.classical.flow import pixel_grid, sample
from tracker.classical.lately import Coming
from tracker.classical.layers import TRUSTED, Motion, layer_motions
from tracker.classical.lost import SAMPLING_INTERVAL, Background, to_background
from tracker.classical.moving import pixel_motion_odds
from tracker.classical.sight import Change
from tracker.classical.softmaps import (
    Picture,
    Region,
    around,
    at_cells,
    blurred,
    cell_means,
    cell_places,
    clear,
    pixels_of,
    shrunk,
    spread,
    square,
    winning_layer,
)
from tracker.classical.uncovered import Uncovered
from tracker.classical.usual import Usual
from tracker.classical.vote import vote
from tracker.classical.whereabouts import LIKELY, Whereabouts
from tracker.images import areas, bounding_box
from tracker.types import Mask

BLUR = 15  # pixels: how vague labels become where flow is not to be trusted
SURE = 0.75  # purity of a cell that is worth remembering
HOPELESS = 0.05  # trust up to which what was just found is not shown yet; in a shot in
# which no objects were given, up to LIKELY: of what is around it there too little is known
SEEN_WELL = 0.5  # confidence from which frames to come are asked about an object
UNKNOWN = 0.5  # of a cell must be unknown to the plate to count as never seen
FOLLOWED = 0.5  # of an object: if flow over a gap is trusted for less, it has to be found
WHOLE = np.float32(0.95)  # how likely what was found as a whole is as it was
HIDES = np.float32(0.3)  # of what the background behind says, where that was found


class Shot:
    """What is known of the objects in one shot, and of what lies behind them."""

    def __init__(self) -> None:
        self.picture: Picture | None = None  # the newest
        self.soft: Floats = np.ones((1, 1, 1), np.float32)  # (layers, h, w), of that
        self.winner: NDArray[np.uint8] = np.zeros((1, 1), np.uint8)  # (h, w), of `soft`
        self.confidence: list[float] = []  # by object: 1 certain, 0 lost
        self._memory = PatchMemory()
        self._background = Background()
        self._backdrop = Backdrop()
        self._uncovered = Uncovered()
        self._usual = Usual()
        self._whereabouts = Whereabouts(self._memory, self._usual, self._background)
        self._claims = Claims(
            self._memory, self._usual, self._background, self._uncovered, self._whereabouts
        )
        self._count = 0
        self._unshown: set[int] = set()  # objects that were lost, and are not surely found yet
        self._is_elsewhere = False  # no objects were given in this shot

    def leave(self) -> "Shot":
        """Return the next shot, of another scene: all objects have to be found again in it."""
        other = copy.deepcopy(self)
        other.soft = np.zeros_like(self.soft)
        other.soft[0] = 1
        other.winner = np.zeros_like(self.winner)
        other._backdrop.forget()
        other._uncovered.forget()
        other._whereabouts.forget()
        other._unshown.update(range(1, len(other.soft)))
        other._is_elsewhere = True
        return other

    def lose_untrusted(self, change: Change) -> None:
        """Take objects for gone that flow hardly follows over a gap, until they are found."""
        places = change.back + pixel_grid(*self.winner.shape)
        for layer in range(1, len(self.soft)):
            carried = sample(self.soft[layer], places)
            if float((carried * change.trust).sum()) < FOLLOWED * float(self.soft[layer].sum()):
                clear(self.soft, self.winner, layer, self.soft[layer] > 0)
                self._unshown.add(layer)

    def learn(self, picture: Picture, soft: Floats) -> None:
        """Take the layers given in a frame: soft labels (layers, h, w)."""
        self.soft, self.winner, self.picture = soft, winning_layer(soft), picture
        self.confidence = [1.0] * (len(soft) - 1)
        self._unshown.clear()
        self._backdrop.show(picture, self.soft[0])
        self._is_elsewhere = False
        self._uncovered.begin(picture.half, self.winner)
        self._remember(picture, given=True)
        wholes = [k for k in range(1, len(soft)) if self._uncovered.is_whole(k)]
        self._whereabouts.begin(picture, self.soft, wholes)

    def follow(self, picture: Picture, change: Change, coming: Sequence[Coming] = ()) -> None:
        """Turn to the next frame: find `soft` and `winner` anew.

        `coming` are frames to come, as many as are known.
        """
        self.soft, self.winner = self._carry(picture, change, coming)
        self.picture = picture
        self.confidence = self._judge(picture)  # first: finds in doubt are remembered otherwise
        self._remember(picture, given=False)

    def shown(self) -> Floats:
        """Return soft labels (layers, h, w) without finds that may be anything."""
        if not self._unshown:
            return self.soft
        soft = self.soft.copy()
        for layer in self._unshown:
            soft[0] += soft[layer]
            soft[layer] = 0
        return soft

    def _carry(
        self, picture: Picture, change: Change, coming: Sequence[Coming]
    ) -> tuple[Floats, NDArray[np.uint8]]:
        """Return the soft labels (layers, h, w) of `picture`, and the layer that wins (h, w)."""
        shape = picture.small.shape[:2]
        where = cell_places(*shape)
        if change.is_cut:
            motions = [Motion()] * len(self.soft)
        else:
            layers = at_cells(self.winner)
            motions = layer_motions(where, change.to_next, layers, len(self.soft))
        self._memory.move(motions)
        self._usual.scale(motions)
        self._claims.forget()
        grid = pixel_grid(*shape)
        places = change.back + grid
        # What comes in from beyond the frame is background, as far as is known.
        background = 1 - sample(1 - self.soft[0], places, border=cv2.BORDER_CONSTANT)
        vague = blurred(background[None], BLUR)[0] - background
        self._backdrop.follow(picture, background + (1 - change.trust) * vague, motions[0])
        is_new = self._find_lost(picture)
        found = self._whereabouts.found.items()
        boxes = {layer: square(where, place.centre, place.radius) for layer, place in found}
        near = around(background < 0.7)
        for box in boxes.values():
            near |= box
        soft = np.zeros_like(self.soft)
        soft[0] = 1
        cells = bounding_box(near)
        if cells is None:
            return soft, np.zeros(shape, np.uint8)
        region = pixels_of(cells, shape)
        places, trust = places[region], change.trust[region]
        objects = [sample(k, places, border=cv2.BORDER_CONSTANT) for k in self.soft[1:]]
        prior = np.stack([background[region], *objects])
        prior += (1 - trust) * (blurred(prior, BLUR) - prior)
        odds = pixel_motion_odds(grid[region], places, trust, prior, motions)
        wholes = self._expect_found(prior, odds, boxes, cells)
        doubtful = [layer for layer, sure in enumerate(self.confidence, 1) if sure < SEEN_WELL]
        if any(self.confidence[layer - 1] for layer in doubtful):
            coming = ()  # what speaks for others alone would take from those that are seen
        odds += self._backdrop.odds(picture, prior, near, region, coming, doubtful)
        prior /= prior.sum(axis=0) + np.float32(1e-6)
        # What was given in several pieces may be several things, and not all of them remembered.
        single = [box for layer, box in boxes.items() if self._uncovered.is_whole(layer)]
        known = None
        if single:
            asked = np.any(single, axis=0)
            known = to_background(picture.features, self._background, is_new, asked)
        unseen = self._unseen(picture, change)
        votes = vote(self._memory, picture, near, cells, prior, known, unseen)
        votes[:, wholes] = 0  # cells have been asked, and do not know it
        odds[:, wholes] *= HIDES
        soft[(slice(None), *region)] = decide(picture, prior, odds, votes, near, cells)
        winner = winning_layer(soft)
        plate = self._backdrop.plate
        self._uncovered.drop(soft, winner, picture.half, plate, change, motions[0])
        self._claims.drop_others(picture, soft, winner, is_elsewhere=self._is_elsewhere)
        return soft, winner

    def _unseen(self, picture: Picture, change: Change) -> Mask:
        """Return (rows, columns): the cells that may show background never seen before.

        Neither does flow lead to them from the frame before, nor does the plate know them.
        """
        cells, half = picture.features.shape[:2], picture.half.shape[:2]
        unknown = (~self._backdrop.plate.seen(half)).astype(np.float32)
        return (shrunk(unknown, cells) > UNKNOWN) & (shrunk(change.trust, cells) < TRUSTED)

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

    def _find_lost(self, picture: Picture) -> Mask:
        """Look for the objects that have gone, and forget where those found as a whole were.

        Returns (rows, columns): the cells that differ from what was seen there before.
        """
        is_new = self._whereabouts.look(picture, self._covered(), self._backdrop)
        self._whereabouts.look_elsewhere(picture, self.winner)
        for layer, found in self._whereabouts.found.items():
            if found.mask is not None:
                self.soft[0] += self.soft[layer]
                self.soft[layer] = 0
        return is_new

    def _covered(self) -> NDArray[np.int64]:
        """Return (layers,): how many pixels each covers."""
        return areas(self.winner)[: len(self.soft)]

    def _remember(self, picture: Picture, *, given: bool) -> None:
        """Memorise the cells of `picture` on and around the objects."""
        height, width = picture.small.shape[:2]
        share = np.stack([cell_means(one) for one in self.soft])
        near = around(self.soft[0] < 0.5)
        if given or self._count % SAMPLING_INTERVAL == 0:
            seen = share[0] > SURE
            self._background.remember(picture.features[seen], seen.size)
            self._whereabouts.know_background()
        self._count += 1
        hides = not given and self._whereabouts.is_any_out_of_sight(self._covered())
        self._backdrop.learn(picture, self.soft[0], hides=hides)
        self._usual.note_areas(self.soft, given=given)
        kept = near & (share.max(axis=0) > SURE)
        if not (given or self._is_elsewhere):  # there, too little of the background is known
            beside = kept & (share[0] > SURE)
            kept[beside] = ~self._whereabouts.may_be_more(picture.features[beside])
        self._memory.remember(
            picture.features[kept],
            cell_places(height, width)[kept],
            share[:, kept].argmax(axis=0),
            len(self.soft),
            given=given,
        )

    def _judge(self, picture: Picture) -> list[float]:
        """Return how sure each object's mask is, and learn from those that are seen well."""
        result = []
        for layer in range(1, len(self.soft)):
            mine = self.winner == layer
            probability = cv2.mean(self.soft[layer], mine.view(np.uint8))[0]
            distances = self._claims.unlike(layer)
            trusted = trust_in(probability, distances)
            if trusted > LIKELY:
                self._usual.note_distances(layer, distances)
            self._whereabouts.note(layer, picture, self.soft[layer], mine, trusted)
            if not mine.any():
                self._unshown.add(layer)
            elif trusted > (LIKELY if self._is_elsewhere else HOPELESS):
                self._unshown.discard(layer)
            around_it = likely_around(self.soft[layer], mine)
            sure = confidence(around_it, self._claims.missing(layer))
            result.append(0.0 if layer in self._unshown else sure)
        return result
