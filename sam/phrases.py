"""What a sentence asks to find: "remove the red car and the dog" -> "red car", "dog".

A small reader of plain English, not of language at large.  It drops requests ("please
remove"), articles, counts and places in the video ("from the clip"), and splits at
punctuation, "and" and "or".  What it does not do: exceptions ("all but the red car") are
refused; "and" inside a description splits it ("a man with a hat and a bag" -> "man with a
hat", "bag") unless colours stand on both sides of it; other languages pass unread.
"""

import re

from tracker.types import UserError

_REQUEST = re.compile(
    r"^(?:(?:please|now|just|also|then|next|kindly|and)\b[\s,]*"
    r"|(?:can|could|would|will) you\b\s*"
    r"|(?:i|we)(?: would|'d)? (?:want|like|need|wish)(?: you)?(?: to)?\b\s*"
    r"|(?:let us|let's|help me|try to|to)\b\s*"
    r"|(?:remove|removing|delete|erase|eliminate|hide|clear|clean up|clean|wipe out|wipe|cut out"
    r"|cut|take out|take away|take|get rid of|rid of|edit out|paint out|mask out|mask|find|detect"
    r"|select|segment|track|pick|show me|show)\b\s*)"
)
_DETERMINER = re.compile(
    r"^(?:all of|both of|each of|every one of|the|an|a|all|every|each|any|some|both|this|that"
    r"|these|those|my|your|his|her|its|our|their|\d+|one|two|three|four|five|six|seven|eight"
    r"|nine|ten|several|many|few)\s+"
)
_PLACE = re.compile(
    r"\s+(?:(?:away|out)\s+)?(?:from|in|of|out of|throughout|across)\s+(?:the|this|that|my|our)\s+"
    r"(?:whole\s+|entire\s+)?(?:video|clip|movie|film|footage|scene|shot|frame|frames|picture"
    r"|image|recording)\s*$"
)
_ENDING = re.compile(r"\s*\b(?:please|too|as well|thanks|thank you|away|out|everywhere)\s*$")
_EXCEPTION = re.compile(r"\b(?:except|excluding|but|other than|apart from|unless)\b")
_SEPARATOR = re.compile(r"[.?!;:,/&+|\n]+|\b(?:and|or|then|as well as|along with|plus)\b")
_PEOPLE = {"everyone": "person", "everybody": "person", "anyone": "person", "anybody": "person"}
_COLOURS = (
    r"(?:black|white|gr[ae]y|red|orange|yellow|green|blue|purple|pink|brown|beige|silver|gold"
    r"|dark|light)"
)
_COLOUR_PAIR = re.compile(rf"\b({_COLOURS}) and ({_COLOURS})\b(?=\s+\w)")
_JOINED = "\N{PLUS-MINUS SIGN}"  # stands for an "and" that does not split


def read_phrases(text: str) -> tuple[str, ...]:
    """Return the things `text` names, in lower case and in its order, each once.

    Args:
        text: a sentence, or phrases separated by full stops or commas ("red car . dog").

    Raises:
        UserError: it names nothing, or asks for exceptions.
    """
    plain = re.sub(r"[\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}`]", "'", text)
    plain = re.sub(r"[^\S\n]+", " ", plain.lower())
    if _EXCEPTION.search(plain):
        word = _EXCEPTION.search(plain)
        raise UserError(
            f"cannot find things with exceptions ({word.group() if word else ''!r} in {text!r}); "
            "name what to find, such as: red car . dog"
        )
    plain = _COLOUR_PAIR.sub(rf"\1 {_JOINED} \2", plain)
    phrases = (_cleaned(part) for part in _SEPARATOR.split(plain))
    named = tuple(dict.fromkeys(phrase for phrase in phrases if phrase))
    if not named:
        raise UserError(
            f"{text.strip()!r} names nothing to find; write, for example: red car . dog"
        )
    return named


def _cleaned(part: str) -> str:
    """Strip from one phrase what says nothing about how the thing looks."""
    phrase = part.strip(" \t\"'()[]-_*")
    patterns = (_REQUEST, _DETERMINER, _PLACE, _ENDING)
    for group in (patterns[:1], patterns[1:]):  # after "the", "cut" is no request
        before = None
        while phrase != before:
            before = phrase
            for pattern in group:
                phrase = pattern.sub("", phrase + " ").strip()
    return _PEOPLE.get(phrase, phrase).replace(_JOINED, "and")
