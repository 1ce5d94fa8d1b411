"""An evaluation as one HTML file that needs nothing else: tables, plots, the worst frames."""

import base64
import io
from html import escape

from PIL import Image

from tracker.evaluation.plots import bars, lines
from tracker.evaluation.sheet import Figures, Sheet
from tracker.types import Frame

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1340px;color:#222}
table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.2rem .7rem;text-align:right}
th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #888}
tbody tr:nth-child(odd){background:#f4f4f4}tr.all{font-weight:bold;border-top:2px solid #888}
figure{margin:.5rem 0 1rem}figure div{display:flex;gap:6px;flex-wrap:wrap}
figure span{font-size:13px;color:#555}figure img{display:block;max-width:432px}
.plots{display:flex;flex-wrap:wrap;gap:8px}
"""
_LONGEST_SIDE = 432  # pixels: pictures are for the eye


def html_report(sheet: Sheet) -> str:
    """Return the whole report."""
    marked = {name: [p.frame for p in sheet.pictures if p.clip == name] for name in sheet.clips}
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(sheet.title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(sheet.title)}</h1><ul>",
        *(f"<li>{escape(key)}: {escape(value)}</li>" for key, value in sheet.protocol.items()),
        *(f"<li><b>note:</b> {escape(note)}</li>" for note in sheet.notes),
        "</ul>",
        _table(sheet),
    ]
    first = next(iter(sheet.overall))
    known = {name: figures[first] for name, figures in sheet.clips.items()}
    parts.append(bars(f"{first} by clip", {n: v for n, v in known.items() if v is not None}))
    for name in sheet.clips:
        parts.append(f"<h2>{escape(name)}</h2><div class=plots>")
        places = [list(sheet.frames[name]).index(frame) for frame in marked[name]]
        series = sheet.series[name]
        # J and F share a scale; the measures of a fill do not.
        if set(series) == {"j", "f"}:
            parts.append(lines("J and F per frame", series, places))
        else:
            parts.extend(
                lines(f"{key} per frame", {key: values}, places) for key, values in series.items()
            )
        parts.append("</div>")
        for picture in sheet.pictures:
            if picture.clip == name:
                shown = "".join(
                    f'<span>{escape(label)}<img alt="{escape(label)}" src="{_embed(pixels)}">'
                    "</span>"
                    for label, pixels in picture.images
                )
                parts.append(
                    f"<figure><figcaption>frame {escape(picture.frame)}: "
                    f"{escape(picture.caption)}</figcaption><div>{shown}</div></figure>"
                )
    return "\n".join(part for part in [*parts, "</html>"] if part) + "\n"


def _table(sheet: Sheet) -> str:
    keys = list(sheet.overall)
    head = "".join(f"<th>{escape(key)}</th>" for key in ("clip", "frames", *keys))
    rows = []
    for name, figures in sheet.clips.items():
        rows.append(_row(name, len(sheet.frames[name]), figures, keys))
        details = sheet.details.get(name, {})
        if len(details) > 1:
            rows.extend(
                _row(f"- object {part}", len(sheet.frames[name]), figures, keys)
                for part, figures in details.items()
            )
    total = sum(len(frames) for frames in sheet.frames.values())
    rows.append(_row("all", total, sheet.overall, keys, "all"))
    rows.extend(_row(name, None, figures, keys) for name, figures in sheet.slices.items())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(name: str, count: int | None, figures: Figures, keys: list[str], kind: str = "") -> str:
    cells = "".join(
        f"<td>{'-' if (value := figures[key]) is None else f'{value:.4g}'}</td>" for key in keys
    )
    number = "" if count is None else str(count)
    return f'<tr class="{kind}"><td>{escape(name)}</td><td>{number}</td>{cells}</tr>'


def _embed(pixels: Frame) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
