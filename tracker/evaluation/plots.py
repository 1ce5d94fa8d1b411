"""Line and bar plots as SVG text: no library, nothing to load."""

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1f6fb4", "#d1661a", "#2b8a3e", "#a0306f", "#6a51a3", "#7a6a00")
_WIDTH, _HEIGHT = 620, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 24, 22
_BAR = 20


def lines(title: str, series: Mapping[str, Sequence[float]], marked: Sequence[int] = ()) -> str:
    """Draw values over frames; places in `marked` get a vertical line.  Gaps where not finite."""
    values = [value for each in series.values() for value in each if math.isfinite(value)]
    if not values:
        return ""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    count = max(len(each) for each in series.values())
    inner = _WIDTH - _LEFT - _RIGHT

    def x(index: int) -> float:
        return _LEFT + inner * (index / max(1, count - 1))

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    parts = [_open(_WIDTH, _HEIGHT, title)]
    for value in (low, (low + high) / 2, high):
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'class="grid"/><text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" class="end">'
            f"{value:.3g}</text>"
        )
    for index in marked:
        parts.append(
            f'<line x1="{x(index):.1f}" x2="{x(index):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
            'class="marked"/>'
        )
    for number, (name, each) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        for points in _pieces(each):
            path = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in points)
            parts.append(f'<polyline points="{path}" stroke="{colour}" class="line"/>')
            if len(points) == 1:
                parts.append(
                    f'<circle cx="{x(points[0][0]):.1f}" cy="{y(points[0][1]):.1f}" r="2" '
                    f'fill="{colour}"/>'
                )
        parts.append(
            f'<text x="{_WIDTH - _RIGHT - 70 * (len(series) - number - 1)}" y="14" class="end" '
            f'fill="{colour}">{escape(name)}</text>'
        )
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 5}">0</text>')
    parts.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 5}" class="end">{count - 1}</text></svg>'
    )
    return "".join(parts)


def bars(title: str, values: Mapping[str, float], unit: str = "") -> str:
    """Draw one horizontal bar per name, from zero."""
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    if not values:
        return ""
    left = 8 + 7 * max(len(name) for name in values)
    height = 30 + _BAR * len(values)
    width = max(_WIDTH, left + 300)
    longest = max(max(values.values()), 1e-12)
    parts = [_open(width, height, title)]
    for row, (name, value) in enumerate(values.items()):
        y = 26 + _BAR * row
        length = (width - left - 90) * max(0.0, value) / longest
        parts.append(
            f'<text x="{left - 6}" y="{y + 12}" class="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{_BAR - 5}" '
            f'fill="{COLOURS[0]}"/><text x="{left + length + 5:.1f}" y="{y + 12}">'
            f"{value:.4g}{escape(unit)}</text>"
        )
    return "".join([*parts, "</svg>"])


def _open(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}"><style>text{{font:12px '
        "sans-serif}.end{text-anchor:end}.grid{stroke:#ddd}.line{fill:none;stroke-width:1.6}"
        f'.marked{{stroke:#c33;stroke-dasharray:3 3}}</style><text x="4" y="14" '
        f'font-weight="bold">{escape(title)}</text>'
    )


def _pieces(values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """Cut a series where a value is not finite."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if math.isfinite(value):
            pieces[-1].append((index, value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
