"""Video in and out; the only package that knows FFmpeg."""

from tracker.video.folder_source import natural_key
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.reader import VideoReader, probe
from tracker.video.salvaging import salvage
from tracker.video.writer import VideoWriter

__all__ = [
    "SourceFrame",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "natural_key",
    "probe",
    "salvage",
]
