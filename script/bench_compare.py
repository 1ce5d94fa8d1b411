"""Lay two saved benchmarks side by side, and draw one.

Figures of different machines, or of a busy one, are compared in units of the calibration
that was timed around each: a row got slower if it takes more units than before.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from script.bench_tools import Row
from tracker.evaluation.plots import bars, lines

TOLERANCE = 0.10  # a smaller change may be noise


def load(file: Path) -> dict[str, Row]:
    """Return the rows of a saved run by what they are told by."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        rows = [Row(**row) for row in found["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{file} is no saved benchmark ({error})") from None
    return {row.key: row for row in rows}


def compare(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[str]:
    """Return a table of all rows both runs have, and then what got slower, or larger."""
    width = max((len(key) for key in before), default=4) + 2
    table = [f"{'':<{width}}{'units':>10}{'units':>10}{'change':>9}{'MB':>8}{'MB':>8}"]
    worse = []
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            continue
        change = new.units / old.units - 1
        memory = [f"{row.peak_rss_mb or 0:>8.0f}" for row in (old, new)]
        table.append(
            f"{key:<{width}}{old.units:>10.2f}{new.units:>10.2f}{100 * change:>+8.0f}%"
            + "".join(memory)
        )
        if change > TOLERANCE:
            worse.append(f"slower: {key}, {1 + change:.2f} times as long as before")
        if old.peak_rss_mb and new.peak_rss_mb:
            growth = new.peak_rss_mb / old.peak_rss_mb - 1
            if growth > TOLERANCE:
                worse.append(f"larger: {key}, {1 + growth:.2f} times the memory")
        if old.delay_p95 and new.delay_p95 and new.delay_p95 > (1 + TOLERANCE) * old.delay_p95:
            later = new.delay_p95 / old.delay_p95
            worse.append(f"later: {key}, {later:.2f} times the delay")
    only = [f"only in one run: {key}" for key in before.keys() ^ after.keys()]
    verdict = worse or [f"nothing got slower by more than {100 * TOLERANCE:.0f} %"]
    return [*table, "", *verdict, *sorted(only)]


def html(found: Mapping[str, Any]) -> str:
    """Return a saved run as a page: its table and plots."""
    rows = [Row(**row) for row in found["rows"]]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmark</title><style>'
        "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:1000px}"
        "td,th{padding:.15rem .7rem;text-align:right}td:first-child{text-align:left}</style>"
        f"<h1>Benchmark</h1><p>{escape(found['machine'])}</p>",
        "<table><tr><th>what</th><th>ms</th><th>frames/s</th><th>units</th><th>MB</th></tr>",
    ]
    for row in rows:
        rate = "" if row.per_second is None else f"{row.per_second:.1f}"
        peak = "" if row.peak_rss_mb is None else f"{row.peak_rss_mb:.0f}"
        parts.append(
            f"<tr><td>{escape(row.key)}</td><td>{1000 * row.seconds:.1f}</td><td>{rate}</td>"
            f"<td>{row.units:.2f}</td><td>{peak}</td></tr>"
        )
    parts.append("</table>")
    for stage in dict.fromkeys(row.stage for row in rows if row.stage != "growth"):
        mine = [row for row in rows if row.stage == stage]
        rates = {f"{row.size} {row.mode}": row.per_second for row in mine}
        known = {name: rate for name, rate in rates.items() if rate is not None}
        parts.append(bars(f"{stage}: frames per second", known))
        if not known:
            times = {f"{row.size} {row.mode}": 1000 * row.seconds for row in mine}
            parts.append(bars(f"{stage}: milliseconds", times, " ms"))
    growth = [row for row in rows if row.stage == "growth"]
    if growth:
        modes = dict.fromkeys(row.mode.split()[0] for row in growth)
        for title, value in (
            ("peak memory in MB, by length", lambda row: row.peak_rss_mb or float("nan")),
            ("milliseconds per frame, by length", lambda row: 1000 * row.seconds),
        ):
            series = {m: [value(r) for r in growth if r.mode.split()[0] == m] for m in modes}
            parts.append(lines(f"growth: {title}", series))
    return "\n".join([*parts, "</html>"]) + "\n"
