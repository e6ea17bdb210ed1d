"""A small model of how a language is written: which letter follows which, learned from a few texts.

Here: the surprise of a text under it. Not here: how much surprise is too much (`usual.py`).
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

#: A letter is predicted from so many before it, a space between words being one.
_BEFORE = 3
#: Letters of the language that the texts do not show, for smoothing.
_UNSEEN = 50


class Letters:
    """Letter 4-grams with Witten-Bell smoothing.

    Source: Witten and Bell (1991), method C, interpolated.

    Args:
        texts: What the language is learned from.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._counts: Counter[str] = Counter()  # of letters with what stands before them, 1 to 4 characters
        for text in texts:
            folded = fold(text)
            for end in range(1, len(folded) + 1):
                for start in range(max(0, end - _BEFORE - 1), end):
                    self._counts[folded[start:end]] += 1
        self._before: Counter[str] = Counter()
        self._types: Counter[str] = Counter()
        for gram, count in self._counts.items():
            self._before[gram[:-1]] += count
            self._types[gram[:-1]] += 1
        self._least = 1 / (self._types[""] + _UNSEEN)
        self._known: dict[str, float] = {}

    def surprise(self, text: str) -> tuple[float, int]:
        """Returns the mean negative log-probability of a letter of `text`, in nats, and the number of letters."""
        folded = fold(text)
        grams = [folded[max(0, end - _BEFORE - 1) : end] for end in range(2, len(folded) + 1)]
        return sum(map(self._nats, grams)) / max(1, len(grams)), len(grams)

    def _nats(self, gram: str) -> float:
        found = self._known.get(gram)
        if found is None:
            found = self._known[gram] = -math.log(self._probability(gram))
        return found

    def _probability(self, gram: str) -> float:
        if not gram:
            return self._least
        shorter = self._probability(gram[1:])
        seen, types = self._before[gram[:-1]], self._types[gram[:-1]]
        return (self._counts[gram] + types * shorter) / (seen + types) if seen else shorter


def held_out(texts: Sequence[str], *, folds: int) -> list[tuple[float, int]]:
    """Returns the surprise of each text under a model of the others, in order."""
    found: list[tuple[float, int]] = [(0.0, 0)] * len(texts)
    for fold_number in range(folds):
        model = Letters(text for i, text in enumerate(texts) if i % folds != fold_number)
        for i in range(fold_number, len(texts), folds):
            found[i] = model.surprise(texts[i])
    return found


def fold(text: str) -> str:
    """Returns the words of `text` in small letters, each between spaces, Latin ones without accents: people drop them.

    >>> fold("Trezește-mă la 7!"), fold("రేపు")
    (' trezeste ma la ', ' రేపు ')
    """
    bare = "".join(_bare(c) for c in unicodedata.normalize("NFC", text).casefold())
    return f" {' '.join(_words().findall(bare))} "


@cache
def _bare(character: str) -> str:
    if character.isascii():
        return character
    first = unicodedata.normalize("NFD", character)[0]
    return first if first.isascii() else character


@cache
def _words() -> Any:
    import regex

    return regex.compile(r"[\p{L}\p{M}]+")
