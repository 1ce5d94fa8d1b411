"""Long-term memory is bounded and never forgets what the user said."""

import pytest

torch = pytest.importorskip("torch")

from aot.attention import Memory  # noqa: E402
from aot.memory import LongTermMemory  # noqa: E402

NUM_CELLS = 6


def frame(number, num_cells=NUM_CELLS):
    """Two layers' memories, every entry of which is `number`."""
    return [
        Memory(
            torch.full((num_cells, 2), float(number)), torch.full((num_cells, 3), -float(number))
        )
        for _ in range(2)
    ]


def remembered(memory):
    """The frame numbers kept, by slot; both layers, keys and values must agree."""
    numbers = []
    for layer in memory.read():
        assert len(layer.keys) == len(layer.values) == len(memory) * NUM_CELLS
        assert (layer.values[:, :2] == -layer.keys).all()
        numbers.append(layer.keys[::NUM_CELLS, 0].int().tolist())
    assert numbers[0] == numbers[1]
    return numbers[0]


def test_prompted_frames_stay_and_the_newest_fill_the_rest():
    memory = LongTermMemory(max_frames=4)

    for number in range(20):
        memory.write(frame(number), is_prompted=number in (0, 7))
        assert len(memory) <= 4

    assert sorted(remembered(memory)) == [0, 7, 18, 19]


def test_prompts_beyond_the_bound_stay_and_leave_a_place_for_the_newest():
    memory = LongTermMemory(max_frames=2)

    for number in range(3):
        memory.write(frame(number), is_prompted=True)
    for number in range(3, 9):
        memory.write(frame(number), is_prompted=False)

    assert sorted(remembered(memory)) == [0, 1, 2, 8]


def test_without_a_bound_everything_stays_as_published():
    memory = LongTermMemory(max_frames=None)

    for number in range(11):
        memory.write(frame(number), is_prompted=number == 0)

    assert remembered(memory) == list(range(11))


def test_a_full_memory_is_written_in_place():
    memory = LongTermMemory(max_frames=3)
    for number in range(3):
        memory.write(frame(number), is_prompted=number == 0)
    before = [layer.keys.data_ptr() for layer in memory.read()]

    for number in range(3, 50):
        memory.write(frame(number), is_prompted=False)

    assert [layer.keys.data_ptr() for layer in memory.read()] == before


def test_later_changes_of_a_frame_do_not_reach_the_memory():
    memory = LongTermMemory(max_frames=3)
    written = frame(5)

    memory.write(written, is_prompted=True)
    written[0].keys.zero_()
    written[0].values.zero_()

    assert remembered(memory) == [5]


def test_frames_of_one_video_have_one_size():
    memory = LongTermMemory(max_frames=3)
    memory.write(frame(0), is_prompted=True)

    with pytest.raises(ValueError, match="a frame of 9 cells, but the ones remembered have 6"):
        memory.write(frame(1, num_cells=9), is_prompted=False)


def test_a_bound_below_one_frame_is_refused():
    with pytest.raises(ValueError, match="max_frames is 0, expected at least 1"):
        LongTermMemory(max_frames=0)
