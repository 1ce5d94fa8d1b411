"""What stands on the square of the sample clip: trees, a lamp, a bench, hedges and the sky.

Units and textures as in `script/sample_scene.py`.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from script.sample_scene import Texture, Upright, fractal, linear

PIXELS_PER_METRE = 120


def _canvas(width: float, height: float) -> Texture:
    shape = (round(height * PIXELS_PER_METRE), round(width * PIXELS_PER_METRE), 4)
    return np.zeros(shape, np.float32)


def _over(canvas: Texture, coverage: NDArray[np.uint8], colour: NDArray[Any]) -> None:
    """Paint premultiplied `colour` where `coverage` (0 to 255) says."""
    alpha = (coverage.astype(np.float32) / 255)[..., None]
    canvas *= 1 - alpha
    canvas[..., :3] += alpha * colour
    canvas[..., 3:] += alpha


def _polygon(canvas: Texture, points: list[tuple[float, float]], srgb: tuple[int, ...]) -> None:
    """Fill a polygon given in metres from the canvas's top left."""
    coverage = np.zeros(canvas.shape[:2], np.uint8)
    corners = np.round(np.array(points) * PIXELS_PER_METRE * 16).astype(np.int32)
    cv2.fillPoly(coverage, [corners], 255, cv2.LINE_AA, 4)
    _over(canvas, coverage, linear(*srgb))


def _bar(canvas: Texture, box: tuple[float, ...], srgb: tuple[int, ...]) -> None:
    """Fill an upright bar (left, top, right, bottom in metres), lit from the left."""
    left, top, right, bottom = (round(value * PIXELS_PER_METRE) for value in box)
    across = np.linspace(0, 1, max(1, right - left), dtype=np.float32)
    light = 0.55 + 0.9 * np.exp(-((across - 0.3) ** 2) / 0.06)
    canvas[top:bottom, left:right, :3] = linear(*srgb) * light[None, :, None]
    canvas[top:bottom, left:right, 3] = 1


def _leaves(
    rng: np.random.Generator,
    canvas: Texture,
    centres: NDArray[Any],
    srgb: tuple[int, ...],
    size: float,
) -> None:
    """Stamp small leaves at `centres` (N, 2) metres, the later ones brighter and on top."""
    tone = linear(*srgb)
    for rank, (x, y) in enumerate(centres):
        depth = rank / len(centres)
        light = (0.12 + 0.95 * depth**1.5) * np.exp(0.28 * rng.standard_normal())
        warm = np.array((1 + 0.18 * rng.standard_normal(), 1, 0.9), np.float32)
        centre = (int(x * PIXELS_PER_METRE * 8), int(y * PIXELS_PER_METRE * 8))
        length = size * PIXELS_PER_METRE * 8 * rng.uniform(0.6, 1.2)
        axes = (int(length), int(length * rng.uniform(0.3, 0.7)))
        colour = [float(value) for value in tone * light * warm] + [1.0]
        cv2.ellipse(canvas, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_8, 3)


def _crown(
    rng: np.random.Generator, centre: tuple[float, float], radii: tuple[float, float], count: int
) -> NDArray[Any]:
    """Scatter leaves in clumps that together fill an ellipse, the lit upper ones last."""
    clumps = rng.uniform(-1, 1, (110, 2))
    clumps = clumps[(clumps**2).sum(axis=1) < 1]
    nearness = rng.uniform(0, 1, len(clumps))
    member = rng.integers(len(clumps), size=count)
    inside = rng.normal(0, 0.12, (count, 2))
    lit = -inside[:, 1] / 0.12 - 0.5 * inside[:, 0] / 0.12
    order = np.argsort(
        2.2 * nearness[member] - 0.7 * clumps[member, 1] + 0.35 * lit + rng.normal(0, 0.3, count)
    )
    spots = clumps[member] + inside
    return np.asarray(np.array(centre) + np.array(radii) * spots[order])


def tree(seed: int, left: float, z: float, height: float) -> Upright:
    """Grow a street tree whose trunk stands 2 m right of `left`."""
    rng = np.random.default_rng(seed)
    canvas = _canvas(4.0, height)
    trunk = [(1.9, height), (1.94, height * 0.45), (2.07, height * 0.45), (2.12, height)]
    _polygon(canvas, trunk, (92, 78, 64))
    for tip in ((1.2, 0.3), (2.9, 0.28), (2.2, 0.15), (1.6, 0.2)):
        base = (2.0, height * 0.52)
        _polygon(
            canvas,
            [(base[0] - 0.04, base[1]), (tip[0], tip[1] * height), (base[0] + 0.04, base[1])],
            (80, 66, 54),
        )
    bark = np.exp(0.25 * fractal(rng, canvas.shape[:2], 12, 3))[..., None]
    canvas[..., :3] *= bark
    spots = _crown(rng, (2.0, height * 0.29), (1.4, height * 0.235), 12000)
    _leaves(rng, canvas, spots, (112, 132, 66), 0.036)
    return Upright(cv2.GaussianBlur(canvas, (0, 0), 0.6), left, -height, z, PIXELS_PER_METRE)


def hedge(seed: int, left: float, z: float, width: float) -> Upright:
    """Plant a clipped hedge in a stone trough."""
    rng = np.random.default_rng(seed)
    canvas = _canvas(width + 0.4, 1.15)
    spots = rng.uniform((0.25, 0.12), (width + 0.15, 0.72), (int(4200 * width), 2))
    spots = spots[np.argsort(-spots[:, 1] + rng.normal(0, 0.25, len(spots)))]
    _leaves(rng, canvas, spots, (92, 118, 68), 0.026)
    _polygon(
        canvas,
        [(0.1, 0.6), (width + 0.3, 0.6), (width + 0.24, 1.15), (0.16, 1.15)],
        (158, 150, 140),
    )
    _polygon(
        canvas,
        [(0.06, 0.58), (width + 0.34, 0.58), (width + 0.34, 0.68), (0.06, 0.68)],
        (186, 178, 166),
    )
    canvas[..., :3] *= np.exp(0.07 * fractal(rng, canvas.shape[:2], 8, 4))[..., None]
    return Upright(cv2.GaussianBlur(canvas, (0, 0), 0.6), left, -1.15, z, PIXELS_PER_METRE)


def lamp(left: float, z: float) -> Upright:
    """Raise a street lamp, 4.3 m high."""
    canvas = _canvas(0.8, 4.3)
    _bar(canvas, (0.365, 0.6, 0.435, 4.3), (52, 58, 58))
    _bar(canvas, (0.33, 3.3, 0.47, 4.3), (48, 54, 54))
    _bar(canvas, (0.30, 4.12, 0.50, 4.3), (60, 66, 66))
    _bar(canvas, (0.33, 1.0, 0.47, 1.06), (60, 66, 66))
    _polygon(canvas, [(0.24, 0.62), (0.17, 0.2), (0.63, 0.2), (0.56, 0.62)], (226, 224, 206))
    _polygon(canvas, [(0.39, 0.62), (0.39, 0.2), (0.41, 0.2), (0.41, 0.62)], (60, 62, 62))
    _polygon(canvas, [(0.12, 0.2), (0.4, 0.02), (0.68, 0.2)], (56, 62, 62))
    _polygon(canvas, [(0.22, 0.6), (0.58, 0.6), (0.5, 0.68), (0.3, 0.68)], (52, 58, 58))
    return Upright(cv2.GaussianBlur(canvas, (0, 0), 0.7), left, -4.3, z, PIXELS_PER_METRE)


def bench(left: float, z: float) -> Upright:
    """Put down a slatted bench, 1.8 m wide."""
    rng = np.random.default_rng(31)
    canvas = _canvas(2.0, 0.95)
    for leg in (0.25, 1.7):
        _polygon(
            canvas, [(leg, 0.1), (leg + 0.05, 0.1), (leg + 0.05, 0.95), (leg, 0.95)], (46, 48, 50)
        )
    for top, shade in ((0.05, 1.0), (0.2, 0.92), (0.35, 0.84), (0.5, 1.1), (0.58, 0.7)):
        colour = tuple(int(value * shade) for value in (156, 112, 72))
        _polygon(canvas, [(0.1, top), (1.9, top), (1.9, top + 0.1), (0.1, top + 0.1)], colour)
    canvas[..., :3] *= np.exp(0.12 * fractal(rng, canvas.shape[:2], 10, 4))[..., None]
    return Upright(cv2.GaussianBlur(canvas, (0, 0), 0.6), left, -0.95, z, PIXELS_PER_METRE)


def sky() -> Upright:
    """Hang a bright, softly clouded sky far behind the house."""
    rng = np.random.default_rng(21)
    height, width, pixels_per_metre = 900, 2400, 10.0
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    blue = linear(120, 164, 208) * (1 - down) + linear(206, 220, 230) * down
    clouds = np.clip(0.45 + 0.42 * fractal(rng, (height, width), 240, 6), 0, 1)[..., None] ** 1.4
    image = blue * (1 - 0.85 * clouds) + linear(238, 238, 236) * 0.85 * clouds
    texture = np.dstack((image, np.ones((height, width), np.float32))).astype(np.float32)
    return Upright(texture, -width / 20, -82.0, 110.0, pixels_per_metre)


def things() -> tuple[Upright, ...]:
    """Return everything that stands on the square, farthest first."""
    return (
        hedge(41, -11.5, 14.2, 2.4),
        hedge(42, -3.6, 14.2, 2.2),
        bench(1.3, 13.9),
        hedge(43, 7.3, 14.2, 2.4),
        tree(51, 3.9, 12.4, 5.6),
        tree(52, -7.6, 12.0, 5.2),
        tree(53, 9.0, 12.0, 5.4),
        lamp(-1.55, 11.2),
    )
