import threading

from tracker.lazy import lazily


class Slow:
    """Makes a value only when another object is making one as well."""

    def __init__(self, barrier):
        self.barrier, self.times = barrier, 0

    @lazily
    def value(self):
        """Return how often it was made."""
        self.barrier.wait(timeout=10)
        self.times += 1
        return self.times


def test_a_value_is_made_once():
    slow = Slow(threading.Barrier(1))

    assert (slow.value, slow.value) == (1, 1)
    assert Slow.value.__doc__ == "Return how often it was made."


def test_threads_make_values_of_different_objects_at_the_same_time():
    barrier = threading.Barrier(2)
    one, two = Slow(barrier), Slow(barrier)
    other = threading.Thread(target=lambda: two.value)

    other.start()  # each waits for the other: with a lock around both, in vain
    value = one.value
    other.join()

    assert value == two.value == 1
