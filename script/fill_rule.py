"""Pseudo-weights and inputs for parity checks: the same bytes on every machine.

Uniform variates of NumPy's frozen legacy generator and integer arithmetic only, so nothing
depends on a platform's mathematical library.  Each weight depends on its key and shape
alone, therefore the order of a state dict does not matter.  The gains were tuned on the
official networks so that nothing saturates and every branch matters.

`python script/fill_rule.py` prints hashes of a few arrays.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

GAINS = (  # the first expression found in the key decides; without one the gain is 1
    # E2FGVI and E2FGVI-HQ
    (r"^encoder\.layers\.\d+\.weight$", 1.4),
    (r"^decoder\.6\.weight$", 0.7),
    (r"^decoder\.\d(\.conv)?\.weight$", 1.4),
    (r"^update_spynet\..*\.basic_module\.4\.conv\.weight$", 0.3),
    (r"^update_spynet\..*\.basic_module\.4\.conv\.bias$", 0.1),
    (r"^update_spynet\..*\.conv\.weight$", 1.4),
    (r"\.conv_offset\.6\.weight$", 0.5),
    (r"\.conv_offset\.\d\.weight$", 1.4),
    (r"^feat_prop_module\.(deform_align|backbone)\..*weight$", 1.4),
    (r"^transformer\.\d+\.attn\.qkv\.weight$", 2.0),
    (r"^transformer\.\d+\.attn\.proj\.weight$", 0.5),
    (r"^transformer\.\d+\.mlp\.conv1\.0\.weight$", 2.0),
    (r"^transformer\.\d+\.mlp\.conv2\.1\.weight$", 1.5),
    (r"^sc\.embedding\.weight$", 0.1),
    # AOT and DeAOT
    (r"^decoder\.conv_out\.weight$", 3.0),
)

# Rows of these weights lose their mean, lest the constant part of a ReLU's output swamp
# the part that depends on the content.
CENTRED = re.compile(
    r"\.mlp\.conv2\.1\.weight$|^decoder\.(6|conv_out|adapter_\d+x|conv_\d+x\.conv)\.weight$"
    r"|^update_spynet\..*\.basic_module\.4\.conv\.weight$"
)

CONSTANTS = re.compile(r"^update_spynet\.(mean|std)$")  # of the architecture: kept


def unit_noise(key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return noise of zero mean and unit variance that depends on key and shape only."""
    generator = np.random.RandomState(zlib.crc32(key.encode("utf-8")))
    noise: NDArray[np.float64] = (2.0 * generator.random_sample(shape) - 1.0) * np.sqrt(3.0)
    return noise


def gain_of(key: str) -> float:
    """Return the factor on the weights called `key`."""
    return next((gain for pattern, gain in GAINS if re.search(pattern, key)), 1.0)


def fill_tensor(key: str, shape: Iterable[int], is_float: bool = True) -> Floats | None:
    """Return the pseudo-weights of one entry; None: keep what the constructor made."""
    shape = tuple(int(size) for size in shape)
    if not is_float or CONSTANTS.search(key):
        return None
    z = unit_noise(key, shape)
    if key.endswith("running_var"):
        value = 1.0 + 0.25 * z
    elif key.endswith("running_mean"):
        value = 0.1 * z
    elif len(shape) == 1 and key.endswith("weight"):  # every 1-d weight scales a norm
        value = 1.0 + 0.1 * z
    elif len(shape) == 1 or key.endswith("bias"):
        value = 0.05 * gain_of(key) * z
    elif "pool_layers" in key:
        value = 1.0 / shape[1] + 0.9 * z / np.sqrt(shape[1])
    elif key.endswith("relative_position_bias_table"):
        value = 0.5 * z
    elif key.endswith("relative_emb_v"):
        value = 0.2 * z
    elif key.endswith("mask_token"):
        value = 0.02 * z
    else:
        fan_in = int(np.prod(shape[1:]))
        if CENTRED.search(key):
            rows = z.reshape(shape[0], fan_in)
            z = (rows - rows.mean(axis=1, keepdims=True)).reshape(shape)
        value = gain_of(key) * z / np.sqrt(fan_in)
    return value.astype(np.float32)


def fill_state_dict(state_dict: Mapping[str, Any]) -> None:
    """Fill the tensors of a network's `state_dict()` in place with pseudo-weights."""
    import torch

    with torch.no_grad():
        for key, tensor in state_dict.items():
            value = fill_tensor(key, tensor.shape, tensor.is_floating_point())
            if value is not None:
                tensor.copy_(torch.from_numpy(value))


def triangle_wave(n: Integers, period: int) -> Integers:
    """Return an integer triangle wave of values 0 to 255 and an even `period`."""
    half = period // 2
    wave: Integers = np.abs(np.mod(n, period) - half) * 255 // half
    return wave


def clip_labels(count: int, height: int, width: int, objects: int = 3) -> Bytes:
    """Return (count, H, W): `objects` moving shapes, the later ones on top."""
    maps = [_object_regions(height, width, index, objects) for index in range(count)]
    return np.stack(maps).astype(np.uint8)


def clip_frames(count: int, height: int, width: int, objects: int = 3) -> Bytes:
    """Return (count, H, W, 3) RGB: a panning texture under `objects` moving shapes."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    blocks = np.random.RandomState(7).randint(0, 64, size=(64, 64, 3))
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        xs, ys = x + 9 * t, y + 5 * t
        red = triangle_wave(3 * xs + 2 * ys, 194)
        green = triangle_wave(2 * xs - 3 * ys + 5000, 142)
        blue = triangle_wave(xs + 4 * ys + 3 * t, 250)
        texture = blocks[np.mod(ys // 12, 64), np.mod(xs // 12, 64)]
        image = (np.stack([red, green, blue], axis=-1) * 3) // 4 + texture
        labels = _object_regions(height, width, t, objects)
        for k in range(1, objects + 1):
            colour = np.array([(53 * k) % 256, (97 * k + 60) % 256, (151 * k + 30) % 256])
            stripes = triangle_wave(5 * x + 7 * k * y + 11 * t, 64)[..., None]
            image = np.where((labels == k)[..., None], (colour * 3 + stripes) // 4, image)
        frames[t] = image.astype(np.uint8)
    return frames


def hole_masks(count: int, height: int, width: int) -> Bytes:
    """Return (count, H, W), 1 where missing: a moving disc and a fixed rectangle."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    box = (y >= 2 * height // 3) & (y < 5 * height // 6)
    box &= (x >= 3 * width // 5) & (x < 4 * width // 5)
    masks = np.zeros((count, height, width), np.uint8)
    radius = height // 4
    for t in range(count):
        dy = y - (height // 2 + t * height // 90)
        dx = x - (width // 3 + t * width // 60)
        masks[t] = (dy * dy + dx * dx <= radius * radius) | box
    return masks


def inpaint_tensor(frames: Bytes, masks: Bytes) -> Floats:
    """Return (1, T, 3, H, W): frames scaled to [-1, 1], holes zero."""
    x = frames.astype(np.float32) / np.float32(255) * np.float32(2) - np.float32(1)
    x = x * (1 - masks[..., None].astype(np.float32))
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))[None]


def track_tensor(frame: Bytes) -> Floats:
    """Return (1, 3, H, W): RGB normalised by ImageNet's mean and deviation, in float64 first."""
    x = frame.astype(np.float64) / 255.0
    x = (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None].astype(np.float32)


def input_hash(*arrays: Bytes) -> str:
    """Return the SHA-256 of the bytes of `arrays` one after the other, as goldens store it."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def self_test() -> dict[str, str]:
    """Return the first 16 hex digits of the SHA-256 of a few arrays of this rule."""
    weights = {
        "encoder.layers.0.weight": (64, 3, 3, 3),
        "LSTT.layers.0.norm1.weight": (256,),
        "encoder.bn1.running_var": (64,),
        "transformer.3.pool_layers.0.weight": (1, 45),
        "decoder.conv_out.weight": (11, 128, 1, 1),
    }
    arrays: dict[str, Any] = {key: fill_tensor(key, shape) for key, shape in weights.items()}
    arrays["clip_frames(3,120,216)"] = frames = clip_frames(3, 120, 216)
    arrays["clip_labels(3,241,433)"] = clip_labels(3, 241, 433)
    arrays["clip_labels(2,241,433,12)"] = clip_labels(2, 241, 433, 12)
    arrays["hole_masks(3,120,216)"] = masks = hole_masks(3, 120, 216)
    arrays["inpaint_tensor"] = inpaint_tensor(frames, masks)
    arrays["track_tensor"] = track_tensor(clip_frames(1, 241, 433)[0])
    return {name: input_hash(array)[:16] for name, array in arrays.items()}


def _object_regions(height: int, width: int, t: int, objects: int) -> Integers:
    """Return the (H, W) labels at time `t`: discs, boxes and diamonds on a grid of cells."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    columns = int(np.ceil(np.sqrt(2 * objects)))
    rows = -(-objects // columns)
    half = min(height // (3 * rows), width // (3 * columns))
    labels = np.zeros((height, width), np.int64)
    for k in range(1, objects + 1):
        row, column = divmod(k - 1, columns)
        cy = (height * (2 * row + 1)) // (2 * rows) + ((k % 3) - 1) * t * height // 120
        cx = (width * (2 * column + 1)) // (2 * columns) + ((k % 2) * 2 - 1) * t * width // 100
        dy, dx = y - cy, x - cx
        if k % 3 == 1:
            inside = dy * dy + dx * dx <= half * half
        elif k % 3 == 2:
            inside = (np.abs(dx) <= half) & (np.abs(dy) <= 3 * half // 4)
        else:
            inside = np.abs(dx) + np.abs(dy) <= half
        labels[inside] = k
    return labels


if __name__ == "__main__":
    for name, digest in self_test().items():
        print(f"{digest}  {name}")
