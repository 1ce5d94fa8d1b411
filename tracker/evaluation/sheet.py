"""One evaluation's figures: overall, per clip and per frame; as JSON, CSV and text.

A figure that cannot be had here (its weights are not on disk, the masks were not given) is
None, and a note says why: a file always has the same keys.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from tracker.evaluation.davis import ObjectScore
from tracker.types import Frame

Figures: TypeAlias = Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class Picture:
    """One of the worst frames, ready to be looked at."""

    clip: str
    frame: str  # its name
    caption: str
    images: tuple[tuple[str, Frame], ...]  # what each shows, and its pixels


@dataclass(frozen=True, eq=False)
class Sheet:
    """What one evaluation found."""

    title: str
    protocol: Mapping[str, str]  # how it was measured
    overall: Figures
    clips: Mapping[str, Figures]
    details: Mapping[str, Mapping[str, Figures]]  # clip -> object or slice -> figures
    frames: Mapping[str, Sequence[str]]  # clip -> names of the frames measured
    series: Mapping[str, Mapping[str, Sequence[float]]]  # clip -> measure -> one per frame
    slices: Mapping[str, Figures] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


def worst_places(quality: Sequence[float], number: int = 2, apart: int = 5) -> list[int]:
    """Return the places of the lowest values, in order, none within `apart` of another."""
    chosen: list[int] = []
    for place in np.argsort(quality, kind="stable").tolist():
        if len(chosen) < number and all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    return sorted(chosen)


def mask_sheet(scores: Sequence[ObjectScore], pictures: tuple[Picture, ...] = ()) -> Sheet:
    """Sum up the objects of a data set as DAVIS's tables do: means over objects."""
    names = list(dict.fromkeys(score.clip for score in scores))
    mine = {name: [score for score in scores if score.clip == name] for name in names}
    return Sheet(
        "Masks",
        {
            "protocol": "DAVIS semi-supervised: first and last frame left out, means over objects",
            "boundary": "F within 0.008 of the diagonal (rounded up), disk structuring element",
        },
        _j_and_f(scores),
        {name: _j_and_f(mine[name]) for name in names},
        {name: {str(s.object_id): _j_and_f([s]) for s in mine[name]} for name in names},
        {name: mine[name][0].frames for name in names},
        {
            name: {
                "j": np.mean([score.j for score in mine[name]], axis=0).tolist(),
                "f": np.mean([score.f for score in mine[name]], axis=0).tolist(),
            }
            for name in names
        },
        pictures=pictures,
    )


def _j_and_f(scores: Sequence[ObjectScore]) -> Figures:
    j, f = [score.j_summary for score in scores], [score.f_summary for score in scores]
    figures = {
        f"{measure}_{kind}": float(np.mean([getattr(summary, kind) for summary in summaries]))
        for measure, summaries in (("j", j), ("f", f))
        for kind in ("mean", "recall", "decay")
    }
    return {"jf_mean": (figures["j_mean"] + figures["f_mean"]) / 2, **figures}


def as_json(sheet: Sheet) -> str:
    """Return the figures as a JSON object: those of the whole set at the top, then `clips`."""
    clips = {
        name: {
            **_finite(figures),
            **({"objects": sheet.details[name]} if name in sheet.details else {}),
            "frames": list(sheet.frames[name]),
            "per_frame": {key: _finite_list(each) for key, each in sheet.series[name].items()},
        }
        for name, figures in sheet.clips.items()
    }
    content = {
        **_finite(sheet.overall),
        "protocol": dict(sheet.protocol),
        "notes": list(sheet.notes),
        "slices": {name: _finite(figures) for name, figures in sheet.slices.items()},
        "clips": clips,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def as_csv(sheet: Sheet) -> str:
    """Return a line per clip and object, then one for the whole set."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys = list(sheet.overall)
    writer.writerow(["clip", "object", "frames", *keys])
    for name, figures in sheet.clips.items():
        count = len(sheet.frames[name])
        for part, details in sheet.details.get(name, {}).items():
            writer.writerow([name, part, count, *(_cell(details[key]) for key in keys)])
        writer.writerow([name, "", count, *(_cell(figures[key]) for key in keys)])
    total = sum(len(frames) for frames in sheet.frames.values())
    writer.writerow(["all", "", total, *(_cell(sheet.overall[key]) for key in keys)])
    return text.getvalue()


def as_text(sheet: Sheet) -> str:
    """Return the table for a terminal: a line per clip, the whole set below."""
    keys = list(sheet.overall)
    width = max([len(name) for name in (*sheet.clips, *sheet.slices)] + [4]) + 2
    lines = [f"{'clip':<{width}}" + "".join(f"{key:>{max(len(key), 8) + 2}}" for key in keys)]
    for name, figures in (*sheet.clips.items(), ("all", sheet.overall), *sheet.slices.items()):
        cells = (f"{_short(figures[key]):>{max(len(key), 8) + 2}}" for key in keys)
        lines.append(f"{name:<{width}}" + "".join(cells))
    return "\n".join([*lines, *(f"note: {note}" for note in sheet.notes)])


def _finite(figures: Figures) -> dict[str, float | None]:
    """Return the figures; JSON has no infinity, so equal pictures are None there."""
    return {key: value if _is_finite(value) else None for key, value in figures.items()}


def _finite_list(values: Sequence[float]) -> list[float | None]:
    return [value if _is_finite(value) else None for value in values]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.2f}"
        if abs(value) >= 5
        else f"{value:.4f}"
        if abs(value) >= 0.01
        else f"{value:.2e}"
    )
