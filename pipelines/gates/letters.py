"""A small model of how a language is written: which letter follows which, learned from a few texts.

Here: the surprise of a text under it. Not here: how much surprise is too much (`usual.py`).

Shape letters: T texts, C letters of all texts with spaces, G different n-grams of one length, B their starts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sdc.pipelines.text.folding import fold_letters

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Model: TypeAlias = "Sequence[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]"
#: A letter is predicted from so many before it, a space between words being one.
_BEFORE = 3
#: Letters of the language that the texts do not show, for smoothing.
_UNSEEN = 50
#: To look a number up in a table of all is many times as fast as to search for it, while the table is small.
_MOST_NUMBERS = 2**22
#: The number of no letter and no n-gram: the first of all, so that a model of no text has one, too.
_NONE = -1


@dataclass(frozen=True, kw_only=True)
class _Grams:
    """The different n-grams of one length.

    Args:
        numbers_G: Their numbers, ascending.
        before_B: The numbers of all but their last letter, ascending.
        before_G: Of each n-gram, the place of that.
        place_N: The place of each number that there can be, where these are not too many: -1 without one.
    """

    numbers_G: "NDArray[Any]"
    before_B: "NDArray[Any]"
    before_G: "NDArray[Any]"
    place_N: "NDArray[Any] | None"

    def place(self, numbers_C: "NDArray[Any]", of_C: "NDArray[Any]") -> "NDArray[Any]":
        """Returns the place of each number among the n-grams; -1 if it is not there, or not of some of the letters."""
        import numpy as np

        if self.place_N is None:
            return _place(self.numbers_G, numbers_C, of_C)
        return np.where(of_C, self.place_N[numbers_C], np.int32(-1))


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Texts as the model reads them.

    Args:
        text_C: The text of each letter.
        depth_C: How many letters the text has up to this one.
        places: Of each length of n-grams, the place of that which ends with this letter, and of what stands before it,
            (C,) each; -1 for one that the model has not seen, or that would begin before the text.
    """

    text_C: "NDArray[Any]"
    depth_C: "NDArray[Any]"
    places: Sequence[tuple["NDArray[Any]", "NDArray[Any]"]]


class Letters:
    """Letter 4-grams with Witten-Bell smoothing.

    Source: Witten and Bell (1991), method C, interpolated.

    Args:
        texts: What the language is learned from.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        folded = list(map(fold_letters, texts))
        self._alphabet = np.unique(np.append(_codes("".join(folded)), _NONE))
        self._grams: list[_Grams] = []
        _, depth_C = _places(folded)
        for length, numbers_C in enumerate(self._numbered(folded), start=1):
            self._grams.append(_grams(numbers_C[depth_C >= length], base=self._base, length=length))
        self._own, self._num_texts = self._read(folded), len(folded)
        self._counts_G = self._count(np.arange(len(depth_C)))
        self._model = self._modelled(self._counts_G)

    def surprises(self, texts: Sequence[str]) -> list[tuple[float, int]]:
        """Returns the mean negative log-probability of a letter of each text, in nats, and the number of letters."""
        import numpy as np

        read = self._read(list(map(fold_letters, texts)))
        return self._surprises(read, self._model, np.arange(len(read.text_C)), num_texts=len(texts))

    def held_out(self, *, folds: int) -> list[tuple[float, int]]:
        """Returns the surprise of each text that the model was learned from under a model of the others, in order."""
        import numpy as np

        found: list[tuple[float, int]] = [(0.0, 0)] * self._num_texts
        fold_C = self._own.text_C % folds
        for fold_number in range(folds):
            shown_C = np.flatnonzero(fold_C == fold_number)
            others = [of_all - shown for of_all, shown in zip(self._counts_G, self._count(shown_C), strict=True)]
            of_texts = self._surprises(self._own, self._modelled(others), shown_C, num_texts=self._num_texts)
            found[fold_number::folds] = of_texts[fold_number::folds]
        return found

    @property
    def _base(self) -> int:
        """Number of letters, and one for all that were not seen. Four of 55,000 would be too many for an integer."""
        return len(self._alphabet) + 1

    def _numbered(self, folded: Sequence[str]) -> Iterator["NDArray[Any]"]:
        """Yields, by length, the numbers of the n-grams that end with each letter; of no meaning before the text."""
        import numpy as np

        codes_C = _codes("".join(folded))
        letters_C = np.minimum(np.searchsorted(self._alphabet, codes_C), len(self._alphabet) - 1)
        letters_C[self._alphabet[letters_C] != codes_C] = len(self._alphabet)
        numbers_C = letters_C.copy()
        yield numbers_C
        for length in range(1, _BEFORE + 1):
            numbers_C[length:] += letters_C[:-length] * self._base**length
            yield numbers_C

    def _read(self, folded: Sequence[str]) -> _Read:
        import numpy as np

        text_C, depth_C = _places(folded)
        places = []
        for length, (numbers_C, grams) in enumerate(zip(self._numbered(folded), self._grams, strict=True), start=1):
            whole_C = depth_C >= length
            gram_C = grams.place(numbers_C, whole_C)
            before_C = np.where(gram_C >= 0, grams.before_G[gram_C], -1).astype(np.int32)
            new_C = whole_C & (gram_C < 0)
            if new_C.any():
                before_C[new_C] = _place(grams.before_B, numbers_C[new_C] // self._base, whole_C[new_C])
            places.append((gram_C, before_C))
        return _Read(text_C=text_C, depth_C=depth_C, places=places)

    def _count(self, of_C: "NDArray[Any]") -> list["NDArray[Any]"]:
        """Returns, by length, how often each n-gram ends with one of some letters, (G,)."""
        import numpy as np

        found = []
        for (gram_C, _), grams in zip(self._own.places, self._grams, strict=True):
            of_some = gram_C[of_C]
            found.append(np.bincount(of_some[of_some >= 0], minlength=len(grams.numbers_G)))
        return found

    def _modelled(self, counts: Sequence["NDArray[Any]"]) -> "_Model":
        """Returns, by length, the counts of n-grams, (G,), of what follows each start, and in how many ways, (B,)."""
        import numpy as np

        found = []
        for counts_G, grams in zip(counts, self._grams, strict=True):
            seen_B, types_B = (
                np.bincount(grams.before_G, weights=weights_G, minlength=len(grams.before_B))
                for weights_G in (counts_G, counts_G > 0)
            )
            found.append((counts_G, seen_B, types_B))
        return found

    def _surprises(
        self,
        read: _Read,
        model: "_Model",
        of_C: "NDArray[Any]",
        *,
        num_texts: int,
    ) -> list[tuple[float, int]]:
        import numpy as np

        of_C = of_C[read.depth_C[of_C] > 1]
        likely = np.full(len(of_C), 1 / (model[0][2].sum() + _UNSEEN))
        for (gram_C, before_C), (counts_G, seen_B, types_B) in zip(read.places, model, strict=True):
            gram, before = gram_C[of_C], before_C[of_C]
            number = np.where(gram >= 0, counts_G[gram], 0)
            seen, types = (np.where(before >= 0, of_B[before], 0) for of_B in (seen_B, types_B))
            known = seen > 0
            likely[known] = (number[known] + types[known] * likely[known]) / (seen[known] + types[known])
        letters_T = np.bincount(read.text_C[of_C], minlength=num_texts)
        nats_T = np.bincount(read.text_C[of_C], weights=-np.log(likely), minlength=num_texts)
        return [(float(n), int(k)) for n, k in zip(nats_T / np.maximum(1, letters_T), letters_T, strict=True)]


def _grams(numbers_C: "NDArray[Any]", *, base: int, length: int) -> _Grams:
    import numpy as np

    place_N = None
    if base**length <= _MOST_NUMBERS:
        place_N = np.full(base**length, -1, dtype=np.int32)
        place_N[numbers_C] = 0
        numbers_G = np.append(_NONE, np.flatnonzero(place_N + 1))
        place_N[numbers_G[1:]] = np.arange(1, len(numbers_G))
    else:
        numbers_G = np.unique(np.append(numbers_C, _NONE))
    starts_G = numbers_G // base  # ascending, as the numbers are
    first_G = np.append(True, starts_G[1:] != starts_G[:-1])
    return _Grams(numbers_G=numbers_G, before_B=starts_G[first_G], before_G=np.cumsum(first_G) - 1, place_N=place_N)


def _places(folded: Sequence[str]) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Returns the text of each letter, and how many letters the text has up to this one."""
    import numpy as np

    lengths_T = np.fromiter(map(len, folded), dtype=np.int64, count=len(folded))
    text_C = np.repeat(np.arange(len(folded), dtype=np.int32), lengths_T)
    depth_C = np.arange(1, len(text_C) + 1) - np.repeat(np.cumsum(lengths_T) - lengths_T, lengths_T)
    return text_C, depth_C.astype(np.int32)


def _place(sorted_G: "NDArray[Any]", numbers_C: "NDArray[Any]", of_C: "NDArray[Any]") -> "NDArray[Any]":
    """Returns the place of each number in a sorted array; -1 if it is not there, or not of some of the letters."""
    import numpy as np

    place_C = np.minimum(np.searchsorted(sorted_G, numbers_C), len(sorted_G) - 1)
    return np.where(of_C & (sorted_G[place_C] == numbers_C), place_C, -1).astype(np.int32)


def _codes(text: str) -> "NDArray[Any]":
    import numpy as np

    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
