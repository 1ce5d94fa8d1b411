"""R8: a long removal takes no more memory, and no more time per frame, than a short one.

These are the lengths a developer waits for; `python script/bench_long.py` compares 1,000
frames with 10,000 at 432x240.
"""

import pytest

from script.bench_long import compare, ratios

# The first few hundred frames fill pools and caches: 10 MB of 136, and nothing after that.
LENGTHS = {"classical": [700, 2_000], "tiny": [210, 630]}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["offline", "streaming"])
@pytest.mark.parametrize("names", LENGTHS)
def test_r08_memory_and_time_per_frame_do_not_grow_with_the_clip(names, mode):
    if names == "tiny":
        pytest.importorskip("torch")

    runs, is_bounded = compare(LENGTHS[names], names, mode, "216x120")

    assert is_bounded, (ratios(runs[0], runs[-1]), runs)
    assert [run.frames for run in runs] == LENGTHS[names]
    assert min(run.marked for run in runs) > 0.8  # there was something to remember
    # A kilobyte or two for the labels of each frame, and none where nothing is kept.
    assert runs[-1].spool_mb <= runs[-1].frames * 0.003
