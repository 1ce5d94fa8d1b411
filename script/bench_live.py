"""Time a live removal: how late every picture comes out of `python -m tracker remove - -`.

    python -m script.bench_live                            # 854x480, 30 pictures a second
    python -m script.bench_live --learn 0 --seconds 20     # the classical engines fill

A rendered static scene, compressed beforehand, is written into the command's standard input
picture by picture, each at its time, as a camera would.  Every picture carries its number, so
what comes out of standard output is matched with what went in, and with the empty scene.

Delays are measured twice: by the command itself, from decoded to written, and from outside,
from sent to received, with the pipes and the compression on both ways in it.
"""

import argparse
import bisect
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import numpy as np
from numpy.typing import NDArray

from script.sample_scene import fractal

ROOT = Path(__file__).resolve().parent.parent
Picture = NDArray[Any]
BITS, BIT = 12, 8  # a picture's number: so many squares, of so many pixels
QUALITY = {"preset": "veryfast", "tune": "zerolatency", "qp": "6"}
COMES, STANDS = 0.3, 1.5  # seconds: the object is there before learning ends, and waits
MARGIN = 8  # pixels around the object that are looked at, too
WARM_UP = 1.0  # seconds after learning whose delays do not count


@dataclass(frozen=True)
class Scene:
    """A static scene into which a ball comes."""

    height: int
    width: int
    fps: int
    comes: float  # seconds: when the ball is there
    goes: float  # seconds: when it begins to move

    def empty(self) -> Picture:
        """Return the scene without the ball."""
        rng = np.random.default_rng(3)
        tone = np.stack([fractal(rng, (self.height, self.width), 120) for _ in range(3)], -1)
        return cast(Picture, np.clip(120 + 34 * tone, 16, 235).astype(np.uint8))

    def ball(self, index: int) -> Picture:
        """Return where the ball is in a picture; (H, W), bool."""
        if index < self.comes * self.fps:
            return np.zeros((self.height, self.width), bool)
        seconds = max(0.0, index / self.fps - self.goes)
        radius = self.height / 7
        reach = self.width / 2 - 1.5 * radius
        x = self.width / 2 - reach * np.cos(seconds)
        y = self.height * (0.55 + 0.15 * np.sin(1.7 * seconds))
        rows, columns = np.ogrid[: self.height, : self.width]
        return cast(Picture, (rows - y) ** 2 + (columns - x) ** 2 <= radius**2)

    def box(self) -> str:
        """Return a box around the ball where it waits, for --box."""
        rows, columns = np.nonzero(self.ball(round(self.comes * self.fps) + 1))
        return f"{columns.min() - 4},{rows.min() - 4},{columns.max() + 4},{rows.max() + 4}"


def film(scene: Scene, num_frames: int) -> list[bytes]:
    """Return the film as it is sent: of every picture what is written at its time."""
    buffer = _Sink()
    empty, rng = scene.empty(), np.random.default_rng(0)
    parts = []
    with av.open(buffer, "w", format="nut", options={"flush_packets": "1"}) as out:
        stream = out.add_stream("libx264", rate=scene.fps, options=dict(QUALITY))
        stream.height, stream.width, stream.pix_fmt = scene.height, scene.width, "yuv420p"
        for index in range(num_frames):
            picture = empty + rng.normal(0, 1.5, empty.shape)
            picture[scene.ball(index)] = (205, 60, 40)
            picture = picture.clip(0, 255).astype(np.uint8)
            _number(picture, index)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, scene.fps)
            out.mux(stream.encode(frame))
            parts.append(buffer.drain())
        out.mux(stream.encode(None))
    parts[-1] += buffer.drain()
    return parts


class _Sink:
    """What is written to, as to a pipe: nobody can go back in it."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def drain(self) -> bytes:
        """Return what was written since the last call."""
        data, self._data = bytes(self._data), bytearray()
        return data


def _number(picture: Picture, index: int) -> None:
    for bit in range(BITS):
        colour = 235 if index >> bit & 1 else 16
        picture[:BIT, bit * BIT : (bit + 1) * BIT] = colour


def number_of(picture: Picture) -> int:
    """Return the number a picture carries."""
    squares = picture[: BIT - 2, : BITS * BIT].reshape(BIT - 2, BITS, BIT, 3)
    bright = squares[:, :, 2:-2].mean(axis=(0, 2, 3)) > 128
    return int(sum(1 << bit for bit in range(BITS) if bright[bit]))


class Receiver(threading.Thread):
    """Reads what comes out, and notes when each byte was there."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._data = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []

    def run(self) -> None:
        """Read until the end."""
        while chunk := os.read(self._file.fileno(), 1 << 16):
            self._data += chunk
            self._ends.append(len(self._data))
            self._times.append(time.monotonic())

    def pictures(self) -> Iterator[tuple[float, Picture]]:
        """Yield every picture, and when the last of its bytes was there."""
        with av.open(io.BytesIO(self._data), "r", format="mpegts") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            ends = [*(packet.pos for packet in packets[1:]), len(self._data)]
            decoder = container.streams.video[0].codec_context
            frames = [frame for packet in packets for frame in decoder.decode(packet)]
            for end, frame in zip(ends, frames, strict=True):
                moment = self._times[bisect.bisect_left(self._ends, end)]
                yield moment, frame.to_ndarray(format="rgb24")


def send(file: IO[bytes], parts: list[bytes], fps: int, sent: list[float]) -> None:
    """Write every picture at its time, once the command reads: a pipe holds less than one."""
    file.write(parts[0])
    began = time.monotonic()
    sent.append(began)
    for index, part in enumerate(parts[1:], start=1):
        time.sleep(max(0.0, began + index / fps - time.monotonic()))
        sent.append(time.monotonic())
        file.write(part)
    file.close()


def run(scene: Scene, parts: list[bytes], options: argparse.Namespace) -> dict[str, Any]:
    """Run the command once and return what was measured."""
    sent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.json"
        command = [sys.executable, "-m", "tracker", "remove", "-", "-", "--quiet"]
        command += ["--box", scene.box(), "--when-behind", "drop", "--json", str(report_file)]
        if options.learn:
            command += ["--learn-background", str(options.learn)]
        else:
            command[command.index("--box") + 1] += f"@{round(scene.comes * scene.fps) + 2}"
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        sender = threading.Thread(target=send, args=(process.stdin, parts, scene.fps, sent))
        reader = Receiver(cast(IO[bytes], process.stdout))
        loads = []
        sender.start()
        reader.start()
        while sender.is_alive():
            loads.append(os.getloadavg()[0])
            time.sleep(0.5)
        reader.join()
        if process.wait() != 0:
            raise SystemExit(f"the command ended with code {process.returncode}")
        report = json.loads(report_file.read_text())
    return measure(scene, report, sent, reader, loads, options)


def measure(
    scene: Scene,
    report: dict[str, Any],
    sent: list[float],
    reader: Receiver,
    loads: list[float],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Match what came out with what went in."""
    empty = scene.empty().astype(np.float32)
    delays, errors, seen = [], [], 0
    counts = (scene.goes if options.learn else 0) + WARM_UP
    for moment, picture in reader.pictures():
        index = number_of(picture)
        if index < counts * scene.fps:
            continue
        seen += 1
        delays.append(1000 * (moment - sent[index]))
        ball = scene.ball(index)
        if options.learn and seen % 10 == 0 and ball.any():
            errors.append(float(np.mean((picture[ball] - empty[ball]) ** 2)))
    worst = 10 * np.log10(255**2 / max(errors)) if errors else None
    typical = 10 * np.log10(255**2 / np.mean(errors)) if errors else None
    return {
        "size": f"{scene.width}x{scene.height}",
        "fps_sent": scene.fps,
        "fps_done": report["fps"],
        "pictures": report["frames"],
        "dropped": report["dropped"],
        "inside_ms": report["delay_ms"],
        "outside_ms": {
            f"p{share}": round(float(np.percentile(delays, share)), 1) for share in (50, 95, 99)
        },
        "cpu_ms": report["cpu_ms"],
        "psnr_db": None if typical is None else round(float(typical), 2),
        "psnr_worst_db": None if worst is None else round(float(worst), 2),
        "load": {"least": min(loads), "most": max(loads)},
        "cores": os.cpu_count(),
        "engines": report["engines"],
        "notices": report.get("notices", []),
    }


def main() -> int:
    """Measure, and say it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", default="854x480", metavar="WxH")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=12.0, help="of removal")
    parser.add_argument("--learn", type=float, default=2.0, help="seconds of the empty scene")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    comes = max(0.0, options.learn - COMES)
    scene = Scene(height, width, options.fps, comes, options.learn + STANDS)
    num_frames = round((scene.goes + options.seconds) * options.fps)
    print(json.dumps(run(scene, film(scene, num_frames), options), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
