"""Frames mended by hand: taken out of the result, patched or edited, and put back.

A frame that was put back is a keyframe: what it shows is carried to the other frames when
they are filled again.  All pictures lie as PNGs in the folder of the session.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from tracker import images
from tracker.edits import Stroke
from tracker.folders import safe_stem
from tracker.keyframes import Keyframes, read_picture
from tracker.part import Part
from tracker.session import Session
from tracker.types import Frame, UserError

MIN_FEATHER, FEATHER_SHARE = 1.0, 0.25  # of a patch's edge: pixels, and share of the brush

Fetch = Callable[[Path, int], Frame]  # a video and a frame of it -> its pixels, whole


def take_out(session: Session, fetch: Fetch) -> Session:
    """Return the session with the frame looked at, as it was filled, ready to be mended.

    Raises:
        UserError: there is no result, or it ends before this frame.
    """
    index = session.view.index
    if picture_file(session) is not None:
        return replace(session, showing="repair")
    clean = session.result.clean if session.result is not None else None
    if clean is None:
        raise UserError("nothing has been filled yet; press Remove first")
    path = _write(session, fetch(clean, index), index)
    taken = MappingProxyType({**session.taken, index: path})
    return replace(session, taken=taken, showing="repair")


def picture_file(session: Session) -> Path | None:
    """Return the frame looked at as it stands: mended, or as it was filled."""
    index = session.view.index
    return session.edit.keyframes.get(index, session.taken.get(index))


def patch(session: Session, stroke: Stroke, offset: tuple[float, float]) -> Session:
    """Brush a better place of the frame over a bad one.

    Args:
        session: with a frame taken out.
        stroke: over the bad place.
        offset: from a pixel of the bad place to the one shown there instead: x, y.

    Raises:
        UserError: no frame is taken out.
    """
    path = picture_file(session)
    if path is None:
        raise UserError("no frame is being repaired; choose Repair first")
    frame = read_picture(path)
    height, width = frame.shape[:2]
    mask = images.stroke(height, width, stroke.points, stroke.radius)
    soft = max(MIN_FEATHER, FEATHER_SHARE * stroke.radius)
    alpha = images.feather(mask, soft)[..., None]
    rows = np.clip(np.arange(height) + round(offset[1]), 0, height - 1)
    columns = np.clip(np.arange(width) + round(offset[0]), 0, width - 1)
    better = frame[rows[:, None], columns]
    patched = np.rint(frame * (1 - alpha) + better * alpha).astype(np.uint8)
    return _keep(session, _write(session, patched, session.view.index))


def put_back(session: Session, file: Path) -> Session:
    """Make a picture the keyframe of the frame looked at.

    Raises:
        UserError: it is no picture, or of another size than the video.
    """
    index = session.view.index
    Keyframes({index: file}).check(session.info, Part(session.edit.first, session.edit.last))
    return _keep(session, _write(session, read_picture(file), index))


def drop(session: Session, index: int) -> Session:
    """Forget a keyframe."""
    others = {key: path for key, path in session.edit.keyframes.items() if key != index}
    changed = session.change(replace(session.edit, keyframes=MappingProxyType(others)))
    return replace(changed, showing=session.showing)


def _keep(session: Session, path: Path) -> Session:
    keyframes = MappingProxyType({**session.edit.keyframes, session.view.index: path})
    changed = session.change(replace(session.edit, keyframes=keyframes))
    return replace(changed, showing="repair")


def _write(session: Session, frame: Frame, index: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="frame-", dir=session.folder))
    path = folder / f"{safe_stem(session.name)}_frame{index:05d}.png"
    Image.fromarray(frame).save(path, compress_level=3)
    return path
