"""What a run learned of its objects, few enough numbers to be drawn."""

from collections.abc import Mapping
from typing import Any

from tracker.evidence import Trace

MAX_POINTS = 400  # more than a film has pixels to show them


def shown_traces(traces: Mapping[int, Trace]) -> dict[int, dict[str, Any]]:
    """Return, by object, points of [frame, area, confidence] and doubtful spans.

    Where a point stands for several frames, it is the least sure of them.
    """
    return {
        number: {
            "points": _points(trace),
            "doubtful": [[doubt.first, doubt.last, doubt.reason] for doubt in trace.doubtful],
        }
        for number, trace in traces.items()
    }


def _points(trace: Trace) -> list[list[float]]:
    step = max(1, -(-len(trace.area) // MAX_POINTS))
    points = []
    for start in range(0, len(trace.area), step):
        stop = min(start + step, len(trace.area))
        least = min(range(start, stop), key=lambda index: trace.confidence[index])
        sure = round(max(0.0, trace.confidence[least]), 3)
        points.append([trace.first + least, max(0, trace.area[least]), sure])
    return points
