"""What the values of options may be: each function turns a word of the command line into one."""

import argparse
from fractions import Fraction


def ids(text: str) -> tuple[int, ...]:
    """Return the ids of `1,3`."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids such as 1,3") from None


def names(text: str) -> list[str]:
    """Return the names of `one,other`."""
    return text.split(",")


def pixels(text: str) -> float:
    """Return a number of pixels, 0 or more."""
    return _number(text, "a number of pixels", float("inf"))


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    return _number(text, "a number of seconds", 1e7)


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    value = _float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, 0 to 1")
    return value


def whole(text: str) -> int:
    """Return a whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def whole_or_none(text: str) -> int | None:
    """Return a whole number, 0 or more, or None for "none"."""
    return None if text == "none" else whole(text)


def positive(text: str) -> int:
    """Return a whole number, 1 or more."""
    value = whole(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too few; give 1 or more")
    return value


def positive_or_none(text: str) -> int | None:
    """Return a whole number, 1 or more, or None for "none"."""
    return None if text == "none" else positive(text)


def odd(text: str) -> int:
    """Return an odd number of pixels, 3 or more."""
    value = whole(text)
    if value < 3 or value % 2 == 0:
        raise argparse.ArgumentTypeError(f"{text} is not an odd number of pixels, 3 or more")
    return value


def rate(text: str) -> Fraction:
    """Return a number of frames per second, exactly."""
    try:
        # Python would count for hours on 1e999999999.
        value = Fraction(text if len(text) <= 20 and "e" not in text.lower() else "0")
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 24, 29.97 or 30000/1001")
    return value


def size(text: str) -> tuple[int, int] | None:
    """Return (height, width) of WIDTHxHEIGHT; None for "source"."""
    if text == "source":
        return None
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 432x240, nor source")
    return int(height), int(width)


def _number(text: str, what: str, limit: float) -> float:
    value = _float(text)
    if not 0 <= value < limit:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}, 0 or more")
    return value


def _float(text: str) -> float:
    """Return a number; -1 for what is none."""
    try:
        return float(text)
    except ValueError:
        return -1.0
