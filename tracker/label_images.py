"""Label images: PNGs whose values are object ids.

The value of a pixel is the id of its object, 0 the background; this holds for palette and
grey images alike.  A grey image with no values but 0 and 255 is an ordinary black and white
mask: its white is object 1.  Colour images are refused, since colours are not ids.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from tracker.types import LabelMap, UserError

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 1 << 26
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
HEAD_BYTES = 24  # up to and including the size


def palette() -> bytes:
    """Return the colours of DAVIS: object k gets the bits of k spread over R, G and B."""
    colours = np.zeros((256, 3), np.uint8)
    ids = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((ids >> channel & 1) << (7 - bit)).astype(np.uint8)
        ids = ids >> 3
    return colours.tobytes()


def read_label_image(path: Path) -> LabelMap:
    """Read one label image.

    Raises:
        UserError: It is missing, not a PNG of ids, or damaged.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UserError(f"{path.name} has {size >> 20} MB; a mask is a small PNG")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return decode_labels(data, path.name)


def declared_size(data: bytes, name: str) -> tuple[int, int]:
    """Return the (width, height) at the head of a PNG; `name` is for messages.

    Raises:
        UserError: It is not a PNG.
    """
    if not data.startswith(PNG_HEAD) or len(data) < HEAD_BYTES:
        raise UserError(f"{name} is not a PNG; masks are PNG images whose values are object ids")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def decode_labels(data: bytes, name: str) -> LabelMap:
    """Decode a PNG of ids, (H, W) uint8; `name` is for messages.

    Raises:
        UserError: It is not such an image.
    """
    width, height = declared_size(data, name)
    if width * height > MAX_PIXELS:
        raise UserError(f"{name} declares {width}x{height} pixels; at most {MAX_PIXELS} are read")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            mode = image.mode
            image.load()
            values = np.array(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{name} is damaged ({error}); replace it") from None
    if mode not in ("P", "1", "L", "I", "I;16", "I;16B"):
        raise UserError(
            f"{name} is a colour image ({mode}); "
            "masks are palette or grey PNGs whose values are object ids"
        )
    if values.max(initial=0) > 255:
        raise UserError(f"{name} has the value {values.max()}; ids go from 0 to 255")
    labels: LabelMap = values.astype(np.uint8)
    if mode == "L" and np.isin(labels, (0, 255)).all():
        labels //= 255
    return labels


def encode_labels(labels: LabelMap) -> bytes:
    """Return a palette PNG of a label map."""
    image = Image.fromarray(labels)
    image.putpalette(palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
