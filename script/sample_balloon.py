"""The balloon of the sample clip: its path, shape, stripes and shading."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from script.sample_scene import linear

RADIUS = 0.60  # metres
TAPS = (1.35, 2.6)  # seconds at which a gust lifts it; heard in the sound
LIGHT = np.array([-0.45, -0.75, -0.48]) / np.linalg.norm([-0.45, -0.75, -0.48])


def balloon_position(seconds: float) -> NDArray[Any]:
    """Return the balloon's centre in metres: it drifts right, sinks, and is lifted by gusts."""
    since = seconds - max((tap for tap in (-0.4, *TAPS) if tap <= seconds), default=-0.4)
    height = 0.42 * since - 0.36 * since * since + 0.02 * np.sin(3 * seconds)
    drift = 1.12 * seconds + 0.10 * np.sin(1.9 * seconds)
    return np.array([-1.55 + drift, -1.78 - height, 7.6 - 0.12 * seconds])


def balloon(
    shape: tuple[int, int],
    centre: tuple[float, float],
    scale: float,
    seconds: float,
    supersampling: int,
) -> NDArray[Any]:
    """Draw it: (H, W, 4), linear light, premultiplied; `centre` and `scale` in frame pixels."""
    image = np.zeros((*shape, 4), np.float32)
    radius = RADIUS * scale * supersampling
    cx, cy = ((value + 0.5) * supersampling - 0.5 for value in centre)
    top, bottom = max(0, int(cy - 1.3 * radius)), min(shape[0], int(cy + 1.6 * radius))
    left, right = max(0, int(cx - 1.2 * radius)), min(shape[1], int(cx + 1.2 * radius))
    y, x = np.mgrid[top:bottom, left:right]
    tilt = 0.10 * np.sin(2.3 * seconds + 0.5)
    u, v = (x - cx) / radius, (y - cy) / radius
    u, v = np.cos(tilt) * u + np.sin(tilt) * v, -np.sin(tilt) * u + np.cos(tilt) * v
    v = v / 1.13
    narrow = 1 - 0.16 * np.clip(v, 0, 1) ** 1.5 - 0.07 * v  # slimmer towards the knot
    su = u / narrow
    distance = np.sqrt(su * su + v * v)
    pixel = 1.5 / radius
    alpha = np.clip((1 - distance) / pixel + 0.5, 0, 1)
    z = np.sqrt(np.clip(1 - distance * distance, 0, 1))
    normal = np.stack((su, v, -z), axis=-1)
    colour = _skin(normal, seconds)
    colour = _shade(colour, normal)
    knot_width = 0.035 + 0.5 * np.clip(v - 0.98, 0, 1)
    knot = (np.abs(u) < knot_width) & (v > 0.97) & (v < 1.11)
    body = alpha[..., None]
    colour = colour * body + (1 - body) * linear(20, 76, 92) * 0.8
    alpha = np.maximum(alpha, knot)
    image[top:bottom, left:right, :3] = colour * alpha[..., None]
    image[top:bottom, left:right, 3] = alpha
    return image


def _skin(normal: NDArray[Any], seconds: float) -> NDArray[Any]:
    """Colour the skin: gores in two blues, cream seams, a ring of dots; it turns slowly."""
    around = np.arctan2(normal[..., 0], -normal[..., 2]) + 0.5 * seconds + 0.3
    up = -normal[..., 1]
    gore = around / (2 * np.pi) * 12
    blend = 0.5 + 0.5 * np.tanh(np.sin(np.pi * gore) * 9)
    skin = blend[..., None] * linear(28, 138, 160) + (1 - blend[..., None]) * linear(20, 92, 128)
    latitude = np.arcsin(np.clip(up, -1, 1))
    seam = np.abs(gore - np.round(gore)) * 2 * np.pi / 12 * np.cos(latitude)
    line = np.clip(1.6 - seam / 0.018, 0, 1)[..., None]
    skin = skin * (1 - 0.55 * line) + 0.55 * line * linear(170, 214, 210)
    offset = (gore - np.floor(gore) - 0.5) * 2 * np.pi / 12 * np.cos(latitude)
    dot = np.clip((0.085 - np.hypot(offset, latitude - 0.25)) / 0.02, 0, 1)[..., None]
    skin = skin * (1 - dot) + dot * linear(126, 208, 214)
    band = np.clip((0.05 - np.abs(latitude + 0.28)) / 0.02, 0, 1)[..., None]
    return np.asarray(skin * (1 - band) + band * linear(96, 190, 204))


def _shade(colour: NDArray[Any], normal: NDArray[Any]) -> NDArray[Any]:
    """Light it from the sky on the upper left, with a highlight and a paler rim."""
    facing = normal @ LIGHT
    diffuse = np.clip(0.25 + 0.75 * facing, 0, 1)
    sky = 0.5 - 0.5 * normal[..., 1]
    light = 0.28 + 0.75 * diffuse + 0.35 * sky
    rim = (1 - np.clip(-normal[..., 2], 0, 1)) ** 3
    reflected = 2 * facing[..., None] * normal - LIGHT
    shine = np.clip(-reflected[..., 2], 0, 1)
    gloss = 0.55 * shine**60 + 0.10 * shine**8
    sheen = rim[..., None] * 0.10 * linear(190, 214, 224) + gloss[..., None]
    return np.asarray(colour * light[..., None] + sheen)
