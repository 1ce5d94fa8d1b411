"""Which frames each inpainting call sees.

This is the whole difference between offline and streaming: the same inpainter, driven
by the same loop, is given other windows.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Window:
    """Frame indices of one inpainting call."""

    local: range  # consecutive frames, filled together
    references: tuple[int, ...]  # distant frames, looked at only
    update: range  # local frames whose result counts
    final: range  # frames no later window touches: emit them
    # No later window's local frames, nor a causal reference, lie before; but keyframes may.
    oldest_needed: int
    is_streaming: bool = False  # one of many, a frame apart, made while frames come in


@dataclass(frozen=True)
class Schedule:
    """How offline windows slide.  The defaults are those E2FGVI was published with."""

    stride: int = 5  # frames between two windows
    reach: int = 5  # local frames on either side of the centre, or of the frames to fill
    reference_stride: int = 10
    max_references: int | None = 20  # None: as published, growing with the clip
    overlap: bool = True  # average overlapping windows; False: each frame is filled once


PUBLISHED = Schedule()
FAST = Schedule(stride=10, reach=1, overlap=False)  # 12 frames for 10 filled, not 11 for 5
MAX_KEYFRAMES = 10  # that one window looks at, besides its references


def reference_indices(num_frames: int, schedule: Schedule) -> tuple[int, ...]:
    """Return the frames offline windows may refer to, spread over the whole clip.

    Every `reference_stride`-th frame, as published, as long as that is no more than
    `max_references`; else that many at equal distances.
    """
    every = tuple(range(0, num_frames, schedule.reference_stride))
    limit = schedule.max_references
    if limit is None or len(every) <= limit:
        return every
    return tuple(round(k * (num_frames - 1) / max(1, limit - 1)) for k in range(limit))


def nearest_keyframes(keyframes: Collection[int], local: range) -> set[int]:
    """Return the keyframes outside `local` that lie nearest to it in time."""
    outside = [index for index in keyframes if index not in local]
    outside.sort(key=lambda index: max(local.start - index, index - local.stop))
    return set(outside[:MAX_KEYFRAMES])


def offline_windows(
    num_frames: int, schedule: Schedule = PUBLISHED, keyframes: Collection[int] = ()
) -> Iterator[Window]:
    """Slide a window over a whole clip; references come from past and future alike.

    Keyframes, given without a hole, are references of every window.
    """
    candidates = reference_indices(num_frames, schedule)
    stride, reach = schedule.stride, schedule.reach
    for start in range(0, num_frames, stride):
        stop = min(num_frames, start + stride)
        last = min(num_frames, (start + 1 if schedule.overlap else stop) + reach)
        local = range(max(0, start - reach), last)
        references = {index for index in candidates if index not in local}
        references |= nearest_keyframes(keyframes, local)
        next_local = max(0, start + stride - reach) if stop < num_frames else num_frames
        if schedule.overlap:
            update, final = local, range(local.start, next_local)
        else:
            update = final = range(start, stop)
        yield Window(local, tuple(sorted(references)), update, final, oldest_needed=next_local)


def causal_windows(
    *,
    history: int = 3,
    reference_stride: int = 10,
    num_references: int = 3,
    lookahead: int = 0,
    keyframes: Collection[int] = (),
) -> Iterator[Window]:
    """Give each frame, forever, a window that ends with it: no look-ahead, bounded memory.

    With `lookahead` it ends that many frames later, and so does the wait for the result.
    Keyframes are references of every window after them.
    """
    for current in count():
        local = range(max(0, current - history), current + lookahead + 1)
        earlier = range(0, local.start, reference_stride)
        distant = earlier[max(0, len(earlier) - num_references) :]
        past = nearest_keyframes([index for index in keyframes if index < local.start], local)
        references = tuple(sorted({*distant, *past}))
        newest = range(current, current + 1)
        oldest = min((local.start, *distant))
        yield Window(local, references, newest, newest, oldest, is_streaming=True)
