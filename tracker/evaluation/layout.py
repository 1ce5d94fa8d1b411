"""Where the clips of a data set lie: folders of frames, of label images, or one file per clip.

Three layouts are understood, so that nothing has to be copied: a folder of clips
(`CLIP/00000.png`), DAVIS (`Annotations/480p/CLIP/00000.png`, `JPEGImages/480p/CLIP/00000.jpg`),
and clips with their parts in folders of their own (`CLIP/frames`, `CLIP/masks`, `CLIP/bg`).
Results may also be one file per clip: `CLIP.zip` of masks, `CLIP.mkv` of frames.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tracker.types import UserError
from tracker.video import natural_key

Part: TypeAlias = Literal["frames", "masks", "bg"]

_DAVIS = {"frames": "JPEGImages", "masks": "Annotations"}
_ENDINGS = {
    "frames": {".jpg", ".jpeg", ".png", ".npy"},
    "masks": {".png"},
    "bg": {".jpg", ".jpeg", ".png", ".npy"},
}
_WHOLE_CLIPS = {"frames": {".mp4", ".mkv", ".mov", ".webm", ".avi"}, "masks": {".zip"}, "bg": set()}


def find_clips(root: Path, part: Part) -> dict[str, Path]:
    """Return where the `part` of each clip below `root` lies, by the clip's name.

    For "bg" these are the clips whose truth behind the hole is known: a folder, or one
    picture for a camera that stands still.

    Raises:
        UserError: the folder does not exist, or there is no such clip in it.
    """
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; give the folder that holds the clips")
    found = {}
    for path in sorted(_davis_folder(root, part).iterdir(), key=natural_key):
        place = _place(path, part)
        if place is not None:
            found[path.stem if path.is_file() else path.name] = place
    if part != "bg" and any(_is_inner(place, name) for name, place in found.items()):
        # Beside clips that have their parts in folders, a folder of pictures is something else.
        found = {
            name: place
            for name, place in found.items()
            if _is_inner(place, name) or not place.is_dir()
        }
    if not found:
        what = {"frames": "frames", "masks": "label PNGs", "bg": "a known truth"}[part]
        raise UserError(
            f"{root} holds no clips with {what}; expected CLIP/00000.png, CLIP/{part}/00000.png "
            "or the folders of DAVIS"
        )
    return found


def choose_clips(
    found: Mapping[str, Path], wanted: Collection[str] | None, root: Path
) -> dict[str, Path]:
    """Return the clips named in `wanted` (None: all).

    Raises:
        UserError: one of them is not there.
    """
    if wanted is None:
        return dict(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"{root} has no clip {', '.join(missing)}; it has: {', '.join(found)}")
    return {name: found[name] for name in wanted}


def find_objects(root: Path, wanted: Collection[str] | None) -> dict[str, tuple[Path, Path]]:
    """Return frames and masks of the clips whose masks show real objects, by the clip's name.

    Of a clip whose truth is known the object is gone already, or was pasted there.

    Raises:
        UserError: a folder or clip is not there, or no clip has frames or masks.
    """
    frames, labels = find_clips(root, "frames"), find_clips(root, "masks")
    usable = choose_clips({n: p for n, p in frames.items() if n in labels}, wanted, root)
    return {
        name: (place, labels[name])
        for name, place in usable.items()
        if not read_meta(root / name).get("has_bg", False)
    }


def list_images(folder: Path, part: Part = "frames") -> list[Path]:
    """Return the images of a folder in the order of their names."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS[part])
    return sorted(files, key=natural_key)


def read_meta(clip: Path) -> Mapping[str, Any]:
    """Return what `meta.json` says of the clip in folder `clip`; nothing if there is none.

    Raises:
        UserError: the file is no JSON object.
    """
    file = clip / "meta.json"
    if not file.is_file():
        return {}
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read ({error})") from None
    if not isinstance(meta, dict):
        raise UserError(f"{file} holds a {type(meta).__name__}, expected an object")
    return meta


def _davis_folder(root: Path, part: Part) -> Path:
    base = root / _DAVIS.get(part, "")
    if part not in _DAVIS or not base.is_dir():
        return root
    sizes = sorted((path for path in base.iterdir() if path.is_dir()), key=natural_key)
    # DAVIS keeps one folder per resolution; 480p is what its benchmark uses.
    preferred = next((path for path in sizes if path.name == "480p"), None)
    return preferred or base


def _place(path: Path, part: Part) -> Path | None:
    if path.is_file():
        is_clip = path.suffix.lower() in _WHOLE_CLIPS[part] and ".partial" not in path.name
        return path if is_clip and not path.name.startswith(".") else None
    if path.name.startswith("."):
        return None
    if part == "bg":
        return _truth(path)
    inner = path / part
    for folder in (inner, path):
        if folder.is_dir() and list_images(folder, part):
            return folder
    return None


def _is_inner(place: Path, clip: str) -> bool:
    return place.parent.name == clip


def _truth(clip: Path) -> Path | None:
    """Return the frames that show what is behind the hole, if the clip's folder has them."""
    if read_meta(clip).get("truth") == "frames":
        return clip / "frames"
    if (clip / "bg").is_dir():
        return clip / "bg"
    if (clip / "bg_static.png").is_file():
        return clip / "bg_static.png"
    # Frames beside masks show the object that is to go; frames alone were given as the truth.
    is_bare = not (clip / "frames").is_dir() and bool(list_images(clip, "frames"))
    return clip if is_bare else None
