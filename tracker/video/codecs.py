"""Which codecs videos are written with, and in which files.

H.264 and FFV1 are `encoding.py`'s; the others are for editing suites and for layers, which
carry transparency.  Qualities are those at which a copy of a copy still looks the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tracker.types import UserError
from tracker.video.layouts import Layout


@dataclass(frozen=True)
class EditorCodec:
    """A codec with a pixel format of its own."""

    encoder: str  # FFmpeg's name
    layout: Layout
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    only_key_pictures: bool = False
    limited_range: bool = False  # the file cannot say that samples use all values
    tag: str | None = None


_PRORES = {"vendor": "apl0", "bits_per_mb": "8000"}  # the most: rate follows the picture
EDITOR_CODECS: Mapping[str, EditorCodec] = {
    "prores": EditorCodec(
        "prores_ks",
        Layout("yuv", 10, 1, 0),
        MappingProxyType(_PRORES | {"profile": "hq"}),
        only_key_pictures=True,
        limited_range=True,
        tag="apch",
    ),
    "prores4444": EditorCodec(
        "prores_ks",
        Layout("yuv", 10, has_alpha=True),
        MappingProxyType(_PRORES | {"profile": "4444", "alpha_bits": "16"}),
        only_key_pictures=True,
        limited_range=True,
        tag="ap4h",
    ),
    "h265": EditorCodec(
        "libx265",
        Layout("yuv", 10, 1, 1),
        # Without B-pictures every time stamp is kept as it is, as with H.264.
        MappingProxyType(
            {"preset": "superfast", "crf": "14", "x265-params": "bframes=0:log-level=error"}
        ),
        tag="hvc1",  # which Apple's players insist on
    ),
    "vp9": EditorCodec(
        "libvpx-vp9",
        Layout("yuv", 8, 1, 1, has_alpha=True),
        MappingProxyType(
            {
                "crf": "12",
                "b": "0",
                "deadline": "good",
                "cpu-used": "5",
                "row-mt": "1",
                "auto-alt-ref": "0",  # hidden pictures cannot have transparency
                "lag-in-frames": "0",
            }
        ),
    ),
}

# What the command line offers, and the file each is written to.
ENDINGS: Mapping[str, str] = {"h264": ".mp4", "h265": ".mp4", "prores": ".mov"}
_BY_ENDING = {".mp4": "h264", ".mkv": "ffv1", ".mov": "prores"}
_LAYERS_BY_ENDING = {".mov": "prores4444", ".webm": "vp9"}


def codec_of(path: Path, wanted: str | None, *, has_alpha: bool) -> str:
    """Return the name of the codec for an output: "h264", "ffv1" or one of `EDITOR_CODECS`.

    Args:
        path: The output; its ending decides where nothing is wanted.
        wanted: A name in `ENDINGS`, or None.
        has_alpha: The pictures are a layer, with transparency.

    Raises:
        UserError: The ending and the codec, or the ending and transparency, do not go together.
    """
    ending = path.suffix.lower()
    if has_alpha:
        if ending not in _LAYERS_BY_ENDING:
            raise UserError(
                f"{path.name}: {ending} keeps no transparency; use .mov (ProRes 4444), "
                ".webm (VP9) or a folder of PNG pictures"
            )
        return _LAYERS_BY_ENDING[ending]
    if ending not in _BY_ENDING:
        raise UserError(f"{path.name}: {ending} is for cut-outs; use .mp4, .mkv, .mov or a folder")
    if wanted is None:
        return _BY_ENDING[ending]
    if ENDINGS[wanted] != ending:
        raise UserError(f"{wanted} is written to {ENDINGS[wanted]}, not to {path.name}")
    return wanted
