"""Keyframes: frames given as they should look, without what is removed.

A frame that was filled badly is repaired in any editor and given back.  Its own hole takes
its pixels as they are; to every inpainter it is a frame without a hole, so what it shows is
carried to the other frames.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps

from tracker.part import Part
from tracker.prompts import split_file
from tracker.types import Frame, UserError
from tracker.video.info import VideoInfo, past_the_end

Given: TypeAlias = Path | Frame  # an image file, or (H, W, 3) uint8 RGB

MODES = ("RGB", "RGBA", "L", "LA", "P", "1")  # eight bits or fewer a sample
MAX_PIXELS = 1 << 26


class Keyframes(Mapping[int, Frame]):
    """Keyframes by frame index; files are read when asked for, and not kept."""

    def __init__(self, given: Mapping[int, Given]) -> None:
        self._given = dict(given)

    def __getitem__(self, index: int) -> Frame:
        """Return the keyframe of frame `index`, (H, W, 3), read-only.

        Raises:
            UserError: its file cannot be read.
        """
        given = self._given[index]
        pixels = read_picture(given) if isinstance(given, Path) else given.view()
        pixels.flags.writeable = False
        return pixels

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._given))

    def __len__(self) -> int:
        return len(self._given)

    def counted_from(self, first: int) -> "Keyframes":
        """Return the same keyframes, frame `first` being number 0."""
        return Keyframes({index - first: given for index, given in self._given.items()})

    def check(self, info: VideoInfo, part: Part) -> None:
        """Refuse keyframes that cannot be read or do not fit the clip.

        Raises:
            UserError: with the sizes, or the frame that is not worked on.
        """
        height, width = info.height, info.width
        for index, given in self._given.items():
            shape = self[index].shape
            name = given.name if isinstance(given, Path) else "it"
            if shape != (height, width, 3):
                raise UserError(
                    f"the keyframe of frame {index} does not fit: {name} is {shape[1]}x{shape[0]} "
                    f"but the clip is {width}x{height}; give it in the size of the clip"
                )
            if index not in part:
                raise UserError(
                    f"the keyframe of frame {index} lies outside the part that is worked on; "
                    "move the in or out marker, or leave it out"
                )
        if info.num_frames is not None and info.frames_are_exact:
            self.check_end(info.num_frames)

    def check_end(self, num_frames: int) -> None:
        """Refuse keyframes of frames the clip does not have.

        Raises:
            UserError: with the frame and the number of frames.
        """
        if self._given and (last := max(self._given)) >= num_frames:
            raise UserError(f"a keyframe cannot be placed: {past_the_end(last, num_frames)}")


def read_picture(path: Path) -> Frame:
    """Read an image file as RGB, upright.

    Raises:
        UserError: it is missing, damaged, too large, or no image of eight bits a sample.
    """
    try:
        with Image.open(path) as image:
            mode, (width, height) = image.mode, image.size
            if width * height > MAX_PIXELS:
                raise UserError(
                    f"{path.name} declares {width}x{height} pixels; at most {MAX_PIXELS} are read"
                )
            if mode not in MODES:
                raise UserError(
                    f"{path.name} has samples of the kind {mode}; save it as an 8-bit PNG or JPEG"
                )
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except OSError as error:
        reason = error.strerror or "it is no image, or damaged"
        raise UserError(f"the keyframe {path} cannot be read: {reason}") from None
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the keyframe {path} is damaged ({error}); replace it") from None


def parse_keyframes(texts: list[str]) -> dict[int, Given]:
    """Return the files of `FILE@FRAME` arguments by frame.

    Raises:
        UserError: one cannot be read, or two are for one frame.
    """
    found: dict[int, Given] = {}
    for text in texts:
        file, frame = split_file(text)
        if frame in found:
            raise UserError(f"two keyframes for frame {frame}: {found[frame]} and {file}; give one")
        found[frame] = Path(file)
    return found
