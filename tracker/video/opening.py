"""Opening video files that may be anything: broken, hostile, or no video at all.

Only local files are touched, and only by demuxers that read one file: playlists and the
like could name other files or addresses.
"""

import os
from functools import cache
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tracker.types import UserError
from tracker.video.notices import Notices
from tracker.video.paths import is_file, status

MAX_PIXELS = 1 << 26  # a picture larger than 67 megapixels is taken for a broken header
MAX_DECODER_THREADS = 8
_ADVICE = "choose a video file such as .mp4, .mkv, .mov, .webm or .avi"

# FFmpeg's own decoders of these leave the transparency out; the library's do not.
_DECODERS_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

# Decoding several pictures at once, these may wait for ever for a damaged one (FFmpeg 8).
_HANGING = {"hevc"}

# Demuxers that open other files, devices or addresses, or that read text or single pictures.
_REFUSED = {
    "alsa", "bin", "concat", "dash", "fbdev", "ffmetadata", "hls", "image2", "image2pipe",
    "kmsgrab", "lavfi", "oss", "rtp", "rtsp", "sap", "sbg", "sdp", "tty", "webm_dash_manifest",
    "x11grab", "xbin", "adf", "idf", "imf", "data",
}  # fmt: skip


@cache
def allowed_formats() -> str:
    """Return the demuxers that read one file and touch nothing else, as FFmpeg wants them."""
    names = {part for name in av.formats_available for part in name.split(",")}
    return ",".join(sorted(names - _REFUSED))


def check_is_file(path: Path) -> None:
    """Refuse what cannot be a video file before FFmpeg sees it."""
    if status(path) is None:
        raise UserError(f"{path} does not exist; check the name and the folder")
    if not is_file(path):
        raise UserError(f"{path} is not a file; {_ADVICE}")
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; check its permissions") from None
    if is_empty:
        raise UserError(f"{path.name} is empty (0 bytes); {_ADVICE}")


def open_container(path: Path) -> InputContainer:
    """Open a media file for reading.

    Raises:
        UserError: It is missing, empty, or not a media file.
    """
    check_is_file(path)
    # An absolute path cannot be taken for an address ("concat:…").
    options = {"protocol_whitelist": "file", "format_whitelist": allowed_formats()}
    try:
        return av.open(
            os.fspath(path.absolute()), "r", container_options=options, metadata_errors="replace"
        )
    except (av.FFmpegError, UnicodeError) as error:
        raise UserError(_why_unreadable(path, error)) from None


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        return (
            f"{path.name} has lost its index: the file is cut off or was never finished; "
            "copy or export it again"
        )
    if head.lstrip()[:7] == b"#EXTM3U" or head[:8] == b"ffconcat":
        return f"{path.name} is a playlist, not a video; {_ADVICE}"
    reason = getattr(error, "strerror", None) or "unknown format"
    return f"{path.name} is not a video that can be read ({reason.lower()}); {_ADVICE}"


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the video stream to use: the first that is not a cover picture.

    Raises:
        UserError: There is none, it is a single picture, or nothing here can decode it.
    """
    if container.format.name.endswith("_pipe"):
        raise UserError(
            f"{path.name} is a picture, not a video; for a series of pictures give their folder"
        )
    moving = [s for s in container.streams.video if Disposition.attached_pic not in s.disposition]
    if not moving:
        raise UserError(f"{path.name} has no video stream; {_ADVICE}")
    stream = next((s for s in moving if Disposition.default in s.disposition), moving[0])
    if stream.codec_context is None:
        raise UserError(f"{path.name} is compressed in a way that is not known here; convert it")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise UserError(
            f"{path.name} declares pictures of {context.width}x{context.height}; "
            f"at most {MAX_PIXELS // 1_000_000} megapixels can be read"
        )
    return stream


def decoder_of(stream: VideoStream, notices: Notices) -> VideoCodecContext:
    """Return the decoder for a stream: FFmpeg's own choice, unless that would drop alpha."""
    decoder: VideoCodecContext = stream.codec_context
    library = _DECODERS_WITH_ALPHA.get(decoder.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if library is not None and tags.get("alpha_mode") == "1":
        try:
            decoder = cast(VideoCodecContext, av.CodecContext.create(library, "r"))
        except ValueError:
            notices.say("alpha", "the transparency of this file cannot be read here")
    decoder.thread_type = "SLICE" if decoder.name in _HANGING else "AUTO"
    decoder.thread_count = min(MAX_DECODER_THREADS, os.cpu_count() or 1)
    decoder.options = {**decoder.options, "max_pixels": str(MAX_PIXELS)}
    return decoder
