"""Words to the numbers Grounding DINO reads, and which numbers belong to which phrase.

Only a vocabulary is needed: bert-base-uncased's `vocab.txt`, 30,522 lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from tracker.types import UserError

MAX_TOKENS = 256  # the network has no columns for more
CLS, SEP, STOP, QUESTION, UNKNOWN = 101, 102, 1012, 1029, 100
# The network knows where a phrase ends by these numbers: another vocabulary is of no use.
_PLACES = {"[UNK]": UNKNOWN, "[CLS]": CLS, "[SEP]": SEP, ".": STOP, "?": QUESTION}


@dataclass(frozen=True)
class Caption:
    """Phrases as tokens: `[CLS] red car . dog . [SEP]`."""

    ids: tuple[int, ...]
    phrases: tuple[str, ...]
    spans: tuple[range, ...]  # the tokens of each phrase, its full stop left out


class Words:
    """The vocabulary."""

    def __init__(self, vocabulary: Path) -> None:
        """Read a file of one token a line.

        Raises:
            ValueError: it is not the vocabulary Grounding DINO was trained with.
        """
        self._tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        for token, place in _PLACES.items():
            found = self._tokenizer.token_to_id(token)
            if found != place:
                raise ValueError(f"{vocabulary.name} has {token} in line {found}, expected {place}")

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def ids_of(self, text: str) -> list[int]:
        """Return the tokens of `text`, without [CLS] and [SEP]."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def caption(self, phrases: Sequence[str]) -> Caption:
        """Join phrases so that the words of one do not see those of another.

        Raises:
            UserError: the vocabulary knows nothing of a phrase, or they are too long.
        """
        ids, spans = [CLS], []
        for phrase in phrases:
            tokens = self.ids_of(phrase)
            if set(tokens) <= {UNKNOWN}:
                raise UserError(f"{phrase!r} cannot be read; describe the object in English")
            spans.append(range(len(ids), len(ids) + len(tokens)))
            ids += [*tokens, STOP]
        ids.append(SEP)
        if len(ids) > MAX_TOKENS:
            raise UserError(
                f"the description is {len(ids)} word pieces long, at most {MAX_TOKENS} can be "
                "read; ask for fewer things at once"
            )
        return Caption(tuple(ids), tuple(phrases), tuple(spans))
