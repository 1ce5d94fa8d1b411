"""The list in an archive of masks: which file is which frame, when it is shown, who is who."""

import json
from collections.abc import Mapping
from fractions import Fraction

MANIFEST_NAME = "manifest.json"
VERSION = 1


class Manifest:
    """Grows frame by frame, by some 100 bytes each; `text` is what goes into the archive."""

    def __init__(self, source: str, names: Mapping[int, str]) -> None:
        """Begin a list.

        Args:
            source: Name of the video the masks are of.
            names: Of objects; those without are called by their number.
        """
        self._source, self._names = source, names
        self._rows = bytearray()  # the frames, each a line of JSON
        self._seen: set[int] = set()

    def add(self, file: str, frame: int, time: Fraction, objects: set[int]) -> None:
        """Note that `file` holds the masks of a frame, shown `time` seconds into the video."""
        row = {
            "file": file,
            "frame": frame,
            "time": str(time),
            "seconds": round(float(time), 6),
            "objects": sorted(objects),
        }
        self._rows += (b",\n  " if self._rows else b"\n  ") + json.dumps(row).encode()
        self._seen |= objects

    def text(self) -> str:
        """Return the list as JSON."""
        objects = [
            {"id": each, "name": self._names.get(each, f"Object {each}")}
            for each in sorted(self._seen | set(self._names))
        ]
        head = {"version": VERSION, "source": self._source, "objects": objects}
        fields = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        fields.append(f' "frames": [{self._rows.decode()}\n ]')
        return "{\n" + ",\n".join(fields) + "\n}\n"
