"""Label maps of whole clips: a zip or folder of palette PNGs, or one PNG for all frames.

Archives come from anywhere: nothing in them is ever written to disk, names never leave the
archive, and sizes are checked before anything is unpacked.
"""

import zipfile
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from time import localtime

import numpy as np

from tracker.archives import BROKEN_ARCHIVE, check_entry, is_clutter
from tracker.closable import Closable
from tracker.exports.manifest import MANIFEST_NAME, Manifest
from tracker.label_images import (
    HEAD_BYTES,
    declared_size,
    decode_labels,
    encode_labels,
    read_label_image,
)
from tracker.room import NO_ROOM, no_room
from tracker.types import LabelMap, UserError
from tracker.video import natural_key
from tracker.video.naming import leftovers, temporary_name

__all__ = ["MaskReader", "MaskWriter", "read_label_image"]

MAX_MASKS = 1_000_000
READABLE = 0o600 << 16  # what unpacking tools make of an entry


class MaskWriter(Closable):
    """A zip of palette PNGs, `00000.png` …, under a temporary name until it is whole.

    Used in a `with` block; leaving it without `commit` keeps what is finished as
    `NAME.partial.zip`.

    Raises:
        UserError: The name cannot be used, or the disk is full.
    """

    def __init__(
        self,
        path: Path,
        overwrite: bool = False,
        num_frames: int | None = None,
        manifest: Manifest | None = None,
    ) -> None:
        """Begin an archive.

        Args:
            path: Its name, ending in .zip.
            overwrite: Replace an existing file.
            num_frames: If known, for telling how much room it needs.
            manifest: A list of the masks that goes into the archive.
        """
        if path.suffix.lower() != ".zip":
            raise UserError(f"{path.name}: unknown ending; masks are written to a .zip")
        if not path.parent.is_dir():
            raise UserError(f"the folder {path.parent} does not exist; make it first")
        if path.is_dir() or (path.exists() and not overwrite):
            raise UserError(f"{path} exists; choose another name or pass --overwrite")
        self._path = path
        for leftover in leftovers(path):  # of a run that was killed: without its table, useless
            leftover.unlink(missing_ok=True)
        self._temporary = temporary_name(path)
        try:
            # PNG is compressed already.
            self._archive = zipfile.ZipFile(self._temporary, "x", zipfile.ZIP_STORED)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        self._date = localtime()[:6]  # one for all of them: there may be many
        self._num_frames = num_frames
        self._manifest = manifest
        self._num_masks = 0
        self._is_over = False

    def write(self, labels: LabelMap, time: Fraction = Fraction(0)) -> None:
        """Append the labels, uint8 (H, W), of the next frame, shown at `time` seconds."""
        name = f"{self._num_masks:05d}.png"
        entry = zipfile.ZipInfo(name, self._date)
        entry.external_attr = READABLE
        try:
            self._archive.writestr(entry, encode_labels(labels))
        except OSError as error:
            raise self._failure(error) from None
        if self._manifest is not None:
            objects = set(np.unique(labels[labels > 0]).tolist())
            self._manifest.add(name, self._num_masks, time, objects)
        self._num_masks += 1

    def complete(self) -> None:
        """Write everything there is to write; only the name is missing."""
        manifest, self._manifest = self._manifest, None
        try:
            if manifest is not None:
                self._archive.writestr(MANIFEST_NAME, manifest.text())
            self._archive.close()
        except OSError as error:
            raise self._failure(error) from None

    def commit(self) -> None:
        """Finish the archive and give it its name."""
        self._finish(self._path)

    def abandon(self) -> Path | None:
        """Keep what is finished as `NAME.partial.zip`; None if there is nothing."""
        if self._is_over:
            return None
        if self._num_masks:
            unfinished = self._path.with_name(f"{self._path.stem}.partial{self._path.suffix}")
            with suppress(UserError):
                self._finish(unfinished)
                return unfinished
        self._is_over = True
        with suppress(OSError):  # a full disk may be why we are here
            self._archive.close()
        self._temporary.unlink(missing_ok=True)
        return None

    def close(self) -> None:
        """Abandon the archive unless it was committed."""
        self.abandon()

    def _finish(self, name: Path) -> None:
        self.complete()
        try:
            self._temporary.replace(name)
        except OSError as error:
            raise self._failure(error) from None
        self._is_over = True

    def _failure(self, error: OSError) -> UserError:
        if error.errno not in NO_ROOM:
            return UserError(f"{self._path} cannot be written: {error.strerror}")
        written = self._temporary.stat().st_size
        return UserError(no_room(self._path, written, self._num_masks, self._num_frames))


class MaskReader(Closable):
    """Label maps by frame index, read when asked for.

    Raises:
        UserError: The path holds no masks, or something other than masks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None
        self._still: LabelMap | None = None
        self._loaders: list[Callable[[int], bytes]] = []  # read so many bytes; -1: all
        self._names: list[str] = []
        if path.is_dir():
            self._open_folder()
        elif not path.is_file():
            raise UserError(f"{path} does not exist; give a zip or folder of PNGs, or one PNG")
        elif zipfile.is_zipfile(path):
            self._open_archive()
        else:
            self._still = read_label_image(path)
        if self._still is None and not self._names:
            raise UserError(f"{path.name} has no PNG masks in it")

    def _open_folder(self) -> None:
        files = [p for p in self._path.iterdir() if p.suffix.lower() == ".png"]
        for file in sorted(files, key=natural_key):
            self._names.append(file.name)
            self._loaders.append(partial(_read_file, file))

    def _open_archive(self) -> None:
        try:
            self._archive = zipfile.ZipFile(self._path)
            entries = self._archive.infolist()
        except (*BROKEN_ARCHIVE, OSError) as error:
            reason = str(error)[:100]
            raise UserError(f"{self._path.name} is not a sound zip archive ({reason})") from None
        if len(entries) > MAX_MASKS:
            raise UserError(f"{self._path.name} has {len(entries)} files; at most {MAX_MASKS}")
        masks = []
        for entry in entries:
            check_entry(entry, self._path.name)
            if not entry.is_dir() and not is_clutter(entry.filename):
                masks.append(entry)
        for entry in sorted(masks, key=lambda e: natural_key(Path(e.filename))):
            self._names.append(PurePosixPath(entry.filename).name)
            self._loaders.append(partial(self._unpack, entry))
        if len(set(self._names)) < len(self._names):
            raise UserError(f"{self._path.name} has two masks of one name; give one per frame")

    def _unpack(self, entry: zipfile.ZipInfo, num_bytes: int) -> bytes:
        if self._archive is None:
            raise ValueError("the archive is closed")
        try:
            with self._archive.open(entry) as file:
                return file.read(num_bytes)  # zipfile stops at the declared size
        except (*BROKEN_ARCHIVE, OSError) as error:
            reason = str(error)[:100]
            raise UserError(
                f"{entry.filename} in {self._path.name} is damaged ({reason})"
            ) from None

    @property
    def is_still(self) -> bool:
        """Return whether one mask serves all frames."""
        return self._still is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the file names of the masks, in order; none for a single image."""
        return tuple(self._names)

    def __len__(self) -> int:
        """Return the number of masks; 1 for a single image."""
        return 1 if self.is_still else len(self._names)

    def __getitem__(self, index: int) -> LabelMap:
        """Return the labels of frame `index`, uint8 (H, W)."""
        if self._still is not None:
            return self._still
        if not 0 <= index < len(self._names):
            raise IndexError(f"mask {index} of {len(self._names)}")
        try:
            data = self._loaders[index](-1)
        except OSError as error:
            raise UserError(f"{self._names[index]} cannot be read: {error.strerror}") from None
        return decode_labels(data, self._names[index])

    def check(self, num_frames: int, height: int, width: int) -> None:
        """Refuse masks that do not fit a clip.

        Raises:
            UserError: Their number or the size of one of them differs from the clip's.
        """
        name = self._path.name
        if not self.is_still and len(self) != num_frames:
            raise UserError(
                f"{name} has {len(self)} masks but the clip has {num_frames} frames; "
                "give one mask per frame, or a single PNG for a hole that stays"
            )
        for index in range(len(self)):
            found_width, found_height = self._size(index)
            if (found_height, found_width) != (height, width):
                which = name if self.is_still else f"{self._names[index]} in {name}"
                raise UserError(
                    f"{which} is {found_width}x{found_height} but the clip is {width}x{height}; "
                    "masks must have the size of the clip"
                )

    def _size(self, index: int) -> tuple[int, int]:
        """Return (width, height) of a mask, from its header."""
        if self._still is not None:
            return self._still.shape[1], self._still.shape[0]
        head = self._loaders[index](HEAD_BYTES)
        return declared_size(head, f"{self._names[index]} in {self._path.name}")

    def close(self) -> None:
        """Let go of the archive."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None


def _read_file(path: Path, num_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(num_bytes)
