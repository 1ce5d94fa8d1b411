import gc
import threading

import pytest

from tracker.classical.hands import Hands


@pytest.mark.parametrize("num_items", range(6))
def test_results_come_in_the_order_of_the_items(num_items):
    assert Hands().each(lambda item: item**2, range(num_items)) == [k**2 for k in range(num_items)]


def test_every_second_item_is_done_in_the_other_thread():
    threads = Hands().each(lambda _: threading.get_ident(), range(4))

    assert threads[0] == threads[2] == threading.get_ident()
    assert threads[1] == threads[3] != threading.get_ident()


def test_two_things_are_done_at_once():
    meeting = threading.Barrier(2, timeout=10)  # breaks unless both are there

    Hands().each(lambda _: meeting.wait(), range(2))


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_either_hand_reaches_the_caller(bad):
    with pytest.raises(ZeroDivisionError):
        Hands().each(lambda item: 1 // (item - bad), range(4))


def test_the_other_thread_ends_when_nobody_holds_it():
    before = set(threading.enumerate())
    hands = Hands()
    hands.each(bool, range(2))
    (hand,) = set(threading.enumerate()) - before

    del hands
    gc.collect()

    hand.join(10)
    assert not hand.is_alive()
