"""The little square the sample clip is filmed in: flat textured pieces standing in space.

World units are metres: x right, y down (the ground is y = 0, so heights are negative),
z away from the viewer.  Textures are linear light, RGBA, premultiplied.  Everything is
drawn from seeded random numbers; no photograph is used.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[Any]  # (H, W, 4) or (H, W, 3)

WALL_Z = 15.0
WALL_X = (-15.0, 16.0)
WALL_HEIGHT = 6.0
GROUND_Z = (4.0, WALL_Z)
PIXELS_PER_METRE = 110


@dataclass(frozen=True, eq=False)
class Upright:
    """A picture standing upright, facing the viewer, at distance `z`."""

    texture: Texture
    left: float
    top: float
    z: float
    pixels_per_metre: float


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground, blurred more and more along z so that distance does not shimmer."""

    levels: tuple[Texture, ...]
    blur_metres: tuple[float, ...]  # of each level, along z


def linear(*srgb: float) -> NDArray[Any]:
    """Turn display colour in [0, 255] into linear light in [0, 1]."""
    return (np.array(srgb, np.float32) / 255) ** np.float32(2.2)


def fractal(
    rng: np.random.Generator, shape: tuple[int, ...], cell: float, octaves: int = 4
) -> NDArray[Any]:
    """Return layered value noise, mean 0 and standard deviation 1, coarsest cell `cell` px."""
    height, width = shape
    total: NDArray[Any] = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(1.0, cell / 2**octave)
        rows, columns = int(height / step) + 3, int(width / step) + 3
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        size = (int(columns * step) + 1, int(rows * step) + 1)
        total += (
            cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)[:height, :width] / 1.8**octave
        )
    return np.asarray((total - total.mean()) / total.std())


def _opaque(colour: NDArray[Any]) -> Texture:
    return np.dstack((colour, np.ones(colour.shape[:2], np.float32)))


def _bricks(rng: np.random.Generator, height: int, width: int) -> NDArray[Any]:
    """Draw a running bond of single-coloured bricks with light, uneven joints."""
    course, length = 9, 28
    rows, columns = np.indices((height, width))
    row = rows // course
    shifted = columns + (row % 2) * (length // 2)
    column = shifted // length
    tone = rng.normal(0, 1, (row.max() + 1, column.max() + 1, 2)).astype(np.float32)[row, column]
    brick = linear(150, 96, 78) * np.exp(0.2 * tone[..., :1] + tone[..., 1:] * (0.03, 0.0, -0.04))
    joint = (rows % course < 1) | (shifted % length < 2)
    image = np.where(joint[..., None], linear(160, 146, 132), brick).astype(np.float32)
    grain = 0.07 * fractal(rng, (height, width), 3, 2) + 0.09 * fractal(rng, (height, width), 260)
    return image * np.exp(grain)[..., None]


def _rectangle(image: NDArray[Any], box: tuple[float, ...], colour: NDArray[Any]) -> None:
    """Paint `box` = left, top, right, bottom in metres on the wall."""
    left, top, right, bottom = (round(value * PIXELS_PER_METRE) for value in box)
    image[max(0, top) : bottom, max(0, left) : right] = colour


def _shadow(image: NDArray[Any], box: tuple[float, ...], strength: float, soft: float) -> None:
    """Darken `box`, its edge blurred by `soft` metres."""
    mask: NDArray[Any] = np.zeros(image.shape[:2], np.float32)
    _rectangle(mask, box, np.ones(1, np.float32))
    mask = cv2.GaussianBlur(mask, (0, 0), soft * PIXELS_PER_METRE)
    image *= (1 - strength * mask)[..., None]


def _window(
    rng: np.random.Generator, image: NDArray[Any], x: float, y: float, w: float, h: float
) -> None:
    """Draw a framed sash window with curtains, a reflection of the sky and a stone sill."""
    _shadow(image, (x - 0.1, y - 0.05, x + w + 0.16, y + h + 0.26), 0.3, 0.05)
    _rectangle(image, (x - 0.12, y - 0.22, x + w + 0.12, y), linear(188, 176, 158))
    _rectangle(image, (x - 0.09, y, x + w + 0.09, y + h), linear(222, 218, 208))
    _rectangle(image, (x - 0.16, y + h, x + w + 0.16, y + h + 0.14), linear(200, 190, 174))
    _rectangle(image, (x - 0.16, y + h + 0.11, x + w + 0.16, y + h + 0.14), linear(120, 110, 100))
    ppm = PIXELS_PER_METRE
    top, bottom, left, right = (round(v * ppm) for v in (y + 0.05, y + h - 0.05, x, x + w))
    height, width = bottom - top, right - left
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    glass = linear(92, 112, 128) * (1 - down) + linear(34, 40, 46) * down
    glass = glass * np.exp(0.35 * fractal(rng, (height, width), 60, 3))[..., None]
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :, None]
    folds = 0.8 + 0.2 * np.sin(np.linspace(0, rng.uniform(40, 60), width))[None, :, None]
    drawn = np.clip((across - rng.uniform(0.35, 0.75) - 0.2 * (1 - down)) * 30, 0, 1)
    glass = glass * (1 - 0.75 * drawn) + 0.75 * drawn * folds * linear(196, 188, 170)
    image[top:bottom, left:right] = glass
    _shadow(image, (x, y, x + w, y + 0.14), 0.55, 0.04)
    middle = x + 0.5 * w
    _rectangle(image, (middle - 0.025, y, middle + 0.025, y + h), linear(216, 212, 202))
    _rectangle(image, (x, y + 0.45 * h, x + w, y + 0.45 * h + 0.05), linear(210, 206, 196))


def _door(image: NDArray[Any], x: float, colour: NDArray[Any]) -> None:
    """Draw a panelled door under a stone lintel, with a step."""
    top, foot = WALL_HEIGHT - 2.45, WALL_HEIGHT - 0.16
    _shadow(image, (x - 0.2, top - 0.2, x + 1.4, foot), 0.35, 0.07)
    _rectangle(image, (x - 0.16, top - 0.26, x + 1.26, foot), linear(192, 182, 164))
    _rectangle(image, (x, top, x + 1.1, foot), colour)
    _rectangle(image, (x + 0.1, top + 0.08, x + 1.0, top + 0.4), linear(96, 112, 122))
    for row in range(2):
        for column in range(2):
            left, upper = x + 0.12 + 0.47 * column, top + 0.55 + 0.85 * row
            _rectangle(image, (left, upper, left + 0.39, upper + 0.7), colour * 0.6)
            _rectangle(image, (left + 0.03, upper + 0.04, left + 0.39, upper + 0.7), colour * 1.2)
            _rectangle(image, (left + 0.03, upper + 0.04, left + 0.36, upper + 0.67), colour * 0.95)
    _rectangle(image, (x + 0.98, top + 1.2, x + 1.04, top + 1.32), linear(214, 186, 110))
    _shadow(image, (x, top, x + 1.1, top + 0.12), 0.5, 0.04)
    _rectangle(image, (x - 0.3, foot, x + 1.4, WALL_HEIGHT), linear(160, 154, 146))


def wall() -> Upright:
    """Build the brick house front: two storeys of windows, doors, cornice and plinth."""
    rng = np.random.default_rng(11)
    width = round((WALL_X[1] - WALL_X[0]) * PIXELS_PER_METRE)
    image = _bricks(rng, round(WALL_HEIGHT * PIXELS_PER_METRE), width)
    metres = WALL_X[1] - WALL_X[0]
    _rectangle(image, (0, 5.45, metres, 6.0), linear(150, 142, 132))
    _rectangle(image, (0, 5.42, metres, 5.47), linear(184, 176, 164))
    _rectangle(image, (0, 2.86, metres, 3.02), linear(196, 184, 164))
    _shadow(image, (0, 3.02, metres, 3.1), 0.45, 0.05)
    for bay in range(13):
        x = 0.7 + 2.4 * bay + rng.uniform(-0.05, 0.05)
        _window(rng, image, x, 1.05, 1.05, 1.45)
        if bay % 4 == 2:
            _door(image, x - 0.05, (linear(36, 84, 70), linear(110, 40, 38))[bay // 4 % 2])
        else:
            _window(rng, image, x - 0.1, 3.5, 1.3, 1.4)
    _rectangle(image, (0, 0, metres, 0.34), linear(206, 196, 178))
    _rectangle(image, (0, 0.12, metres, 0.16), linear(150, 140, 126))
    _rectangle(image, (0, 0.24, metres, 0.27), linear(166, 156, 140))
    _shadow(image, (0, 0.34, metres, 0.46), 0.6, 0.05)
    for x in (5.0, 14.55, 24.2):  # rain pipes
        _shadow(image, (x + 0.02, 0.3, x + 0.16, WALL_HEIGHT), 0.35, 0.03)
        _rectangle(image, (x, 0.3, x + 0.1, WALL_HEIGHT), linear(74, 80, 84))
        _rectangle(image, (x + 0.02, 0.3, x + 0.045, WALL_HEIGHT), linear(120, 126, 130))
    for x, radius in ((6.8, 2.2), (11.3, 0.5), (22.6, 2.4), (28.0, 2.2)):  # shade of the trees
        _shadow(image, (x - radius, 1.2, x + 0.4 * radius, 4.4), 0.2, 0.5)
    damp = np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None] ** 8
    stain = fractal(rng, image.shape[:2], 170, 5)
    image *= np.exp(0.06 * stain - 0.35 * damp * (1 + 0.3 * stain))[..., None]
    return Upright(_opaque(image), WALL_X[0], -WALL_HEIGHT, WALL_Z, PIXELS_PER_METRE)


def ground() -> Ground:
    """Build the square: granite slabs, a band of setts, a kerb and a strip along the house."""
    rng = np.random.default_rng(12)
    ppm = PIXELS_PER_METRE
    height = round((GROUND_Z[1] - GROUND_Z[0]) * ppm)
    width = round((WALL_X[1] - WALL_X[0]) * ppm)
    z = GROUND_Z[1] - (np.arange(height, dtype=np.float32)[:, None] + 0.5) / ppm
    x = (np.arange(width, dtype=np.float32)[None] + 0.5) / ppm
    image = _slabs(rng, x, z, 0.62, linear(168, 160, 150), 0.011)
    setts = _slabs(rng, x, z, 0.13, linear(118, 116, 118), 0.012)
    image = np.where(((z > 9.6) & (z < 10.7))[..., None], setts, image)
    strip = _slabs(rng, x, z, 0.4, linear(142, 136, 130), 0.008)
    image = np.where((z > 13.2)[..., None], strip, image)
    image = np.where(((z > 13.0) & (z < 13.2))[..., None], linear(186, 182, 174), image)
    image = np.where(((z > 12.93) & (z < 13.0))[..., None], linear(84, 82, 80), image)
    image = (
        image
        * np.exp(
            0.10 * fractal(rng, (height, width), 3, 2)
            + 0.10 * fractal(rng, (height, width), 320, 5)
        )[..., None]
    )
    image *= (1 - 0.5 * np.exp(-((WALL_Z - z) / 0.35)))[..., None]
    for tree_x, tree_z, radius in ((-5.6, 12.0, 2.0), (5.9, 12.4, 2.2), (11.0, 12.0, 2.0)):
        offset = ((x + WALL_X[0] - tree_x) / radius) ** 2 + ((z - tree_z) / 0.9) ** 2
        image *= (1 - 0.38 * np.exp(-offset))[..., None]
        pit = (np.abs(x + WALL_X[0] - tree_x) < 0.6) & (np.abs(z - tree_z) < 0.45)
        soil = linear(74, 60, 48) * np.exp(0.3 * fractal(rng, (height, width), 6, 3))[..., None]
        image = np.where(pit[..., None], soil, image)
    for left, right, foot in ((-3.5, -1.3, 14.2), (1.5, 3.0, 13.9), (7.5, 9.9, 14.2)):
        beneath = np.clip((x + WALL_X[0] - left) * 4, 0, 1) * np.clip(
            (right - x - WALL_X[0]) * 4, 0, 1
        )
        image *= (1 - 0.5 * beneath * np.exp(-(((z - foot) / 0.25) ** 2)))[..., None]
    blurs = (0.0, 0.02, 0.05)
    levels = [
        cv2.GaussianBlur(image, (0, 0), sigmaX=0.4, sigmaY=blur * ppm) if blur else image
        for blur in blurs
    ]
    return Ground(tuple(level.astype(np.float32) for level in levels), blurs)


def _slabs(
    rng: np.random.Generator,
    x: NDArray[Any],
    z: NDArray[Any],
    size: float,
    colour: NDArray[Any],
    joint: float,
) -> NDArray[Any]:
    """Lay slabs of `size` metres, every row shifted by half, each with a tone of its own."""
    row = np.floor(z / size).astype(int)
    shifted = x + (row % 2) * size / 2
    column = np.floor(shifted / size).astype(int)
    tones = rng.normal(0, 1, (row.max() + 1, column.max() + 1)).astype(np.float32)
    tone = np.exp(0.09 * tones[np.broadcast_to(row, column.shape), column])
    gap = (z - row * size < joint * 1.6) | (shifted - column * size < joint)
    return np.where(gap[..., None], colour * 0.42, colour * tone[..., None]).astype(np.float32)
