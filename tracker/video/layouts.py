"""What planes a picture has: one array per component, whatever order FFmpeg keeps them in.

Planes come in FFmpeg's order: Y, Cb, Cr; or G, B, R; or grey; then alpha.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16
Family: TypeAlias = Literal["yuv", "rgb", "grey"]

_SUBSAMPLINGS = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411"}
_SUBSAMPLINGS[2, 2] = "410"

# Colour order of packed formats, left to right in memory; "0" is padding.
PACKED_RGB = {
    "rgb24": "rgb", "bgr24": "bgr", "rgba": "rgba", "bgra": "bgra", "argb": "argb",
    "abgr": "abgr", "rgb0": "rgb0", "bgr0": "bgr0", "0rgb": "0rgb", "0bgr": "0bgr",
    "rgb48": "rgb", "bgr48": "bgr", "rgba64": "rgba", "bgra64": "bgra",
}  # fmt: skip
# Components of packed YUV within one group of two pixels (4:2:2) or one pixel (4:4:4).
PACKED_422 = {"yuyv422": "yuyv", "uyvy422": "uyvy", "yvyu422": "yvyu", "y210": "yuyv"}
PACKED_422 |= {"y212": "yuyv", "y216": "yuyv"}
PACKED_444 = {"ayuv": "ayuv", "vuya": "vuya", "vuyx": "vuy0", "uyva": "uyva", "ayuv64": "ayuv"}
# Semi-planar formats: shift of the value within its word, and the order of the chroma pair.
SEMI_PLANAR = {
    "nv12": (0, "uv"), "nv21": (0, "vu"), "nv16": (0, "uv"), "nv24": (0, "uv"), "nv42": (0, "vu"),
    "nv20": (0, "uv"), "p010": (6, "uv"), "p210": (6, "uv"), "p410": (6, "uv"), "p012": (4, "uv"),
    "p212": (4, "uv"), "p412": (4, "uv"), "p016": (0, "uv"), "p216": (0, "uv"), "p416": (0, "uv"),
}  # fmt: skip
WORD_SHIFTS = {"y210": 6, "y212": 4}


@dataclass(frozen=True)
class Layout:
    """A planar pixel format: what its planes hold and how large they are.

    Planes come in FFmpeg's order: Y, Cb, Cr; or G, B, R; or grey; then alpha.
    """

    family: Family
    depth: int  # bits per sample, 8 to 16
    shift_x: int = 0  # chroma planes have width / 2**shift_x columns, rounded up
    shift_y: int = 0
    has_alpha: bool = False

    @property
    def name(self) -> str:
        """Return the name FFmpeg gives to this arrangement; it may not know all of them."""
        alpha = "a" if self.has_alpha else ""
        if self.family == "grey":
            base = "gray"
        elif self.family == "rgb":
            base = f"gbr{alpha}p"
        else:
            subsampling = _SUBSAMPLINGS.get((self.shift_x, self.shift_y), "unknown")
            base = f"yuv{alpha}{subsampling}p"
        if self.depth == 8:
            return base
        return f"{base}{self.depth}le"

    @property
    def is_known(self) -> bool:
        """Return whether FFmpeg has such a format."""
        return _is_known(self.name)

    @property
    def num_planes(self) -> int:
        """Return the number of planes, alpha included."""
        return (1 if self.family == "grey" else 3) + self.has_alpha

    @property
    def maximum(self) -> int:
        """Return the largest sample value."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> "np.dtype[np.unsignedinteger[Any]]":
        """Return the type of a sample."""
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    def is_chroma(self, plane: int) -> bool:
        """Return whether `plane` is a (possibly subsampled) chroma plane."""
        return self.family == "yuv" and plane in (1, 2)

    def shape(self, plane: int, height: int, width: int) -> tuple[int, int]:
        """Return the (rows, columns) of `plane` in a picture of this size."""
        if not self.is_chroma(plane):
            return height, width
        return -(-height >> self.shift_y), -(-width >> self.shift_x)


@cache
def _is_known(name: str) -> bool:
    try:
        av.VideoFormat(name)
    except ValueError:
        return False
    return True


def stem_of(name: str) -> str:
    """Drop the byte order and the J of full range from a format's name."""
    stem = name.removesuffix("le").removesuffix("be")
    return stem.replace("yuvj", "yuv")


@cache
def layout_of(name: str) -> Layout:
    """Return the planar layout that holds pictures of the FFmpeg format `name` losslessly.

    For formats that cannot be rearranged it is the layout they are converted to; see
    `needs_conversion`.
    """
    stem = stem_of(name)
    if stem == "pal8":
        return Layout("rgb", 8, has_alpha=True)
    if stem in ("monow", "monob"):
        return Layout("grey", 8)
    if stem in ("ya8", "ya16"):  # FFmpeg has no planar grey with alpha
        return Layout("rgb", 8 if stem == "ya8" else 16, has_alpha=True)
    video_format = av.VideoFormat(name, 64, 64)
    components = video_format.components
    depth = max(component.bits for component in components)
    has_alpha = any(component.is_alpha for component in components)
    if needs_conversion(name):
        depth = 8 if depth <= 8 else 16
    if len(components) - has_alpha == 1:
        return Layout("grey", depth)
    if video_format.is_rgb or not stem.startswith(
        ("yuv", "nv", "p", "y", "ay", "vuy", "v", "uy", "xv")
    ):
        return Layout("rgb", depth, has_alpha=has_alpha)
    if needs_conversion(name):
        return Layout("yuv", depth, has_alpha=has_alpha)
    shift_x = (64 // components[1].width).bit_length() - 1
    shift_y = (64 // components[1].height).bit_length() - 1
    return Layout("yuv", depth, shift_x, shift_y, has_alpha)


@cache
def needs_conversion(name: str) -> bool:
    """Return whether pictures of this format are converted by FFmpeg, not just rearranged."""
    stem = stem_of(name)
    if stem in ("pal8", "monow", "monob", "ya8", "ya16"):
        return False
    if stem in PACKED_RGB or stem in PACKED_422 or stem in PACKED_444 or stem in SEMI_PLANAR:
        return False
    if not stem.startswith(("yuv", "gbr", "gray")) or "msb" in stem:
        return True
    video_format = av.VideoFormat(name, 64, 64)
    planes = {component.plane for component in video_format.components}
    is_planar = len(planes) == len(video_format.components)
    is_floating = stem.endswith(("f32", "f16"))
    return not is_planar or is_floating or not _is_whole_word(video_format)


def _is_whole_word(video_format: av.VideoFormat) -> bool:
    return all(8 <= component.bits <= 16 for component in video_format.components)
