"""Render assets/sample.mp4: a balloon drifting across a small square, filmed by hand.

`python script/make_sample.py [--truth DIR]`.  The clip is
ours and deterministic.  With `--truth` it also writes what no camera could give: every
frame without the balloon (same camera, same noise; DIR/clean/00000.png ...) and where the
balloon is (DIR/masks/00000.png ..., 0 and 1, 1 where at least half of a pixel is covered).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from numpy.typing import NDArray

from script.sample_balloon import balloon, balloon_position
from script.sample_film import write_film
from script.sample_scene import GROUND_Z, PIXELS_PER_METRE, WALL_X, Ground, Upright, ground, wall
from script.sample_things import sky, things
from tracker.masks import MaskWriter

WIDTH, HEIGHT = 854, 480
FPS = 24
SECONDS = 4
NUM_FRAMES = FPS * SECONDS
STEPS = (0.85, 1.85, 2.85)  # seconds at which the cameraman sets down a foot
SUPERSAMPLING = 2
NUM_MASKS = 24  # of the first frames, beside the clip: what self-tests are judged by

Image = NDArray[Any]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: world point = position + distance * rotation @ (pixel ray)."""

    position: NDArray[Any]  # metres
    rotation: NDArray[Any]  # (3, 3), camera to world
    focal: float  # pixels of the finished frame

    def project(self, point: NDArray[Any]) -> tuple[float, float, float]:
        """Return x, y in pixels and the scale in pixels per metre at a world point."""
        x, y, z = self.rotation.T @ (point - self.position)
        scale = self.focal / z
        return WIDTH / 2 + x * scale, HEIGHT / 2 + y * scale, scale

    def rays(self) -> NDArray[Any]:
        """Return the (3, 3) matrix from supersampled pixels (x, y, 1) to world rays."""
        s = SUPERSAMPLING
        to_camera = np.array(
            [
                [1 / (s * self.focal), 0, (0.5 / s - 0.5 - WIDTH / 2) / self.focal],
                [0, 1 / (s * self.focal), (0.5 / s - 0.5 - HEIGHT / 2) / self.focal],
                [0, 0, 1],
            ]
        )
        return np.asarray(self.rotation @ to_camera)


def camera_at(seconds: float) -> Camera:
    """Return the hand-held camera: a slow pan and zoom, breathing, and a jolt per step."""
    progress = seconds / SECONDS
    pan = progress * progress * (3 - 2 * progress)
    jolt = sum(
        np.exp(-9 * (seconds - step)) * np.sin(22 * (seconds - step))
        for step in STEPS
        if seconds > step
    )
    yaw = -1.5 + 3.6 * pan + 0.13 * np.sin(5.1 * seconds + 1) + 0.07 * np.sin(9.7 * seconds)
    pitch = (
        -1.6 + 0.5 * pan + 0.12 * np.sin(4.3 * seconds) + 0.05 * np.sin(11.3 * seconds) + 0.3 * jolt
    )
    roll = 0.35 * np.sin(1.7 * seconds + 0.4) + 0.06 * np.sin(8.3 * seconds)
    yaw, pitch, roll = np.radians((yaw, pitch, roll))
    about_y = cv2.Rodrigues(np.array([0, yaw, 0]))[0]
    about_x = cv2.Rodrigues(np.array([-pitch, 0, 0]))[0]
    about_z = cv2.Rodrigues(np.array([0, 0, roll]))[0]
    position = np.array([0.25 * pan, -2.0 + 0.012 * jolt, 0.35 * progress])
    return Camera(position, about_y @ about_x @ about_z, 765 + 30 * pan)


def _to_plane(camera: Camera, axes: tuple[int, int, int], distance: float) -> NDArray[Any]:
    """Return the (3, 3) map from pixels to the plane where coordinate `axes[2]` is `distance`."""
    rays = camera.rays()
    a, b, fixed = axes
    reach = distance - camera.position[fixed]
    return np.stack(
        (
            reach * rays[a] + camera.position[a] * rays[fixed],
            reach * rays[b] + camera.position[b] * rays[fixed],
            rays[fixed],
        )
    )


def _read(texture: Image, to_texture: NDArray[Any]) -> Image:
    size = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(texture, to_texture, size, flags=flags)


def _upright(camera: Camera, piece: Upright) -> Image:
    """Draw one upright piece: (H, W, 4), premultiplied, zero outside it."""
    ppm = piece.pixels_per_metre
    place = np.array(
        [[ppm, 0, -piece.left * ppm - 0.5], [0, ppm, -piece.top * ppm - 0.5], [0, 0, 1]]
    )
    return _read(piece.texture, place @ _to_plane(camera, (0, 1, 2), piece.z))


def _ground(camera: Camera, piece: Ground) -> Image:
    """Draw the ground, each row from the level as blurred as a pixel there is long."""
    ppm = PIXELS_PER_METRE
    place = np.array(
        [[ppm, 0, -WALL_X[0] * ppm - 0.5], [0, -ppm, GROUND_Z[1] * ppm - 0.5], [0, 0, 1]]
    )
    to_plane = _to_plane(camera, (0, 2, 1), 0.0)
    middle = WIDTH * SUPERSAMPLING / 2
    rows = np.arange(HEIGHT * SUPERSAMPLING)
    column = to_plane @ np.stack((np.full(rows.shape, middle), rows, np.ones(rows.shape)))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(column[2] > 0, column[1] / column[2], 1e3)
    eye = -camera.position[1]
    footprint = 0.5 * (z - camera.position[2]) ** 2 / (SUPERSAMPLING * camera.focal * eye)
    level = np.interp(footprint, piece.blur_metres, range(len(piece.blur_metres)))
    drawn = [_read(texture, place @ to_plane) for texture in piece.levels]
    total = np.zeros_like(drawn[0])
    for index, image in enumerate(drawn):
        total += image * np.clip(1 - np.abs(level - index), 0, 1)[:, None, None].astype(np.float32)
    return total


@cache
def _scene() -> tuple[Upright, Upright, Ground, tuple[Upright, ...]]:
    return sky(), wall(), ground(), things()


def _over(behind: Image, layer: Image) -> Image:
    return np.asarray(layer[..., :3] + behind * (1 - layer[..., 3:]))


def _shrink(image: Image) -> Image:
    return cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def background(camera: Camera) -> Image:
    """Return the square without the balloon in linear light, (H, W, 3)."""
    heaven, house, floor, standing = _scene()
    image = _upright(camera, heaven)[..., :3]
    flat = _ground(camera, floor)
    image = np.where(flat.sum(axis=2, keepdims=True) > 0, flat, image)
    image = _over(image, _upright(camera, house))
    for piece in standing:
        image = _over(image, _upright(camera, piece))
    return _shrink(image)


def develop(light: Image, index: int) -> NDArray[np.uint8]:
    """Turn linear light into a finished frame: vignetting, sensor noise, display curve."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    light = light * (1.12 - 0.16 * (x * x + 0.6 * y * y))[..., None]
    grain = np.random.default_rng(1000 + index).standard_normal(light.shape).astype(np.float32)
    grain = 1.6 * cv2.GaussianBlur(grain, (0, 0), 0.55)
    light = light + grain * np.sqrt(1.2e-5 + 9e-5 * np.clip(light, 0, 1))
    shoulder = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    display = 255 * np.clip(shoulder, 0, 1) ** np.float32(1 / 2.2)
    return np.round(display).astype(np.uint8)


def render(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return frame `index`, the same without the balloon, and the balloon's mask (0 and 1)."""
    seconds = index / FPS
    behind = background(camera_at(seconds))
    layer = np.zeros((HEIGHT * SUPERSAMPLING, WIDTH * SUPERSAMPLING, 4), np.float32)
    exposures = np.linspace(-0.25, 0.25, 9) / FPS  # the shutter is open half of the time
    for offset in exposures:
        moment = seconds + offset
        x, y, scale = camera_at(moment).project(balloon_position(moment))
        layer += balloon(layer.shape[:2], (x, y), scale, moment, SUPERSAMPLING) / len(exposures)
    layer = _shrink(layer)
    mask = (layer[..., 3] >= 0.5).astype(np.uint8)
    return develop(_over(behind, layer), index), develop(behind, index), mask


def write_truth(
    folder: Path, index: int, clean: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> None:
    """Write the clean plate and the mask of frame `index` under `folder`."""
    for name, image in (("clean", clean[..., ::-1]), ("masks", mask)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name / f"{index:05d}.png"), image)


def main(argv: Sequence[str] | None = None) -> None:
    """Render the clip and, on demand, its truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=Path, default=Path("assets/sample.mp4"))
    parser.add_argument("--truth", type=Path, metavar="DIR", help="clean plates and masks go here")
    parser.add_argument("--no-film", action="store_true", help="write the truth only")
    arguments = parser.parse_args(argv)
    frames, masks = [], []
    for index in range(NUM_FRAMES):
        frame, clean, mask = render(index)
        frames.append(frame)
        masks.append(mask)
        if arguments.truth is not None:
            write_truth(arguments.truth, index, clean, mask)
        print(f"\rframe {index + 1}/{NUM_FRAMES}", end="", flush=True)
    print()
    if not arguments.no_film:
        write_film(arguments.output, frames, FPS, STEPS)
        print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")
        truth = arguments.output.with_name(f"{arguments.output.stem}_masks.zip")
        with MaskWriter(truth, overwrite=True) as writer:
            for mask in masks[:NUM_MASKS]:
                writer.write(mask)
            writer.commit()


if __name__ == "__main__":
    main()
