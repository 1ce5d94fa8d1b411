"""Plain English to the phrases a detector is asked for."""

import pytest

from sam.phrases import read_phrases
from tracker.types import UserError


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("remove the red car and the dog", ["red car", "dog"]),
        ("red car . dog", ["red car", "dog"]),
        ("Red Car. dog?", ["red car", "dog"]),
        ("Please remove all people from the video.", ["people"]),
        ("Can you get rid of the man in a blue shirt?", ["man in a blue shirt"]),
        ("I want to erase my dog, its leash and the two bikes", ["dog", "leash", "bikes"]),
        ("everyone", ["person"]),
        ("remove everybody in this clip, please", ["person"]),
        ("a black and white dog and a cat", ["black and white dog", "cat"]),
        ("the person walking on the left & the sign", ["person walking on the left", "sign"]),
        ("delete every one of the cars", ["cars"]),
        ("the dog . the dog . a DOG", ["dog"]),
        ("hide the logo\nthe watermark too", ["logo", "watermark"]),
        ("I'd like you to remove the woman's hat as well", ["woman's hat"]),
        ("the man\N{RIGHT SINGLE QUOTATION MARK}s bag", ["man's bag"]),
        ("could you please take out those 3 traffic cones", ["traffic cones"]),
        ("boat", ["boat"]),
        ("the remover and the cutter", ["remover", "cutter"]),
        ("oar", ["oar"]),
        ("a can and a cut flower", ["can", "cut flower"]),
        ("a man with a hat and a bag", ["man with a hat", "bag"]),  # a limit: "and" splits
    ],
)
def test_a_sentence_is_read_as_the_things_it_names(text, phrases):
    assert list(read_phrases(text)) == phrases


@pytest.mark.parametrize("text", ["", "  ", ".", "please remove", "the . a . all of the", "?!"])
def test_a_sentence_that_names_nothing_is_refused(text):
    with pytest.raises(UserError, match="names nothing to find; write, for example: red car"):
        read_phrases(text)


@pytest.mark.parametrize("text", ["all cars except the red one", "everything but the dog"])
def test_exceptions_are_refused_rather_than_misread(text):
    with pytest.raises(UserError, match="cannot find things with exceptions"):
        read_phrases(text)
