"""Shingles of many texts at once: as numbers, in arrays, for thousands of texts that are known from the start.

Here: numbers of shingles, and which known texts share some with another. Not here: what a shingle is and when two texts
are nearly the same (`similarity.py`).

Shape letters: T texts, C characters with what pads them, S shingles of all texts, each text's own only once.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: One odd number of 64 bits for each character of a shingle. Two shingles have the same number by chance as seldom as
#: those of any good hash of 64 bits, and the same in every process.
_FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xC2B2AE3D27D4EB4F)
_N = len(_FACTORS)
#: So many numbers stay in a processor's cache, in whatever order they are read.
_CACHED = 300_000
#: Shared parts are fractions of small numbers: this is less than any difference between two of them.
SLACK = 1e-9


def numbered(folded: Sequence[str]) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Returns numbers of the shingles of texts, (S,) uint64 in ascending order, and the text of each, (S,) int64.

    Texts of fewer than five characters are one shingle.

    >>> [[int(row) for row in numbered(texts)[1]] for texts in (["abcdef", "abcde"], ["aaaaaaaa", "", "ab"])]
    [[0, 1, 0], [1, 2, 0]]

    Args:
        folded: The texts, as `folding.fold` leaves them.
    """
    import numpy as np

    lengths_T = np.fromiter(map(len, folded), dtype=np.int64, count=len(folded))
    starts_T = np.cumsum(lengths_T + _N) - lengths_T - _N  # zeros pad each text: no character is 0
    codes_C = np.zeros(int(lengths_T.sum()) + _N * len(folded), dtype=np.uint64)
    codes_C[np.repeat(_N * np.arange(len(folded)), lengths_T) + np.arange(lengths_T.sum())] = _codes("".join(folded))
    windows_T = np.maximum(1, lengths_T - _N + 1)
    rows_S = np.repeat(np.arange(len(folded)), windows_T)
    places_S = np.repeat(starts_T - np.cumsum(windows_T) + windows_T, windows_T) + np.arange(windows_T.sum())
    numbers_S = _rolled(codes_C)[places_S] if len(folded) else codes_C
    order_S = _order(numbers_S)
    numbers_S, rows_S = numbers_S[order_S], rows_S[order_S]
    new_S = np.ones(len(numbers_S), dtype=bool)
    new_S[1:] = (numbers_S[1:] != numbers_S[:-1]) | (rows_S[1:] != rows_S[:-1])
    return numbers_S[new_S], rows_S[new_S]


def _order(numbers_S: "NDArray[Any]") -> "NDArray[Any]":
    """Returns what puts numbers in ascending order, equal ones as they stand.

    Digit by digit, which takes half as long as comparing while all of it stays in a processor's cache.
    """
    import numpy as np

    if len(numbers_S) > _CACHED:
        return np.argsort(numbers_S, kind="stable")
    order_S = np.argsort(numbers_S.astype(np.uint16), kind="stable")
    for shift in (16, 32, 48):
        digits_S = (numbers_S >> np.uint64(shift)).astype(np.uint16)
        order_S = order_S[np.argsort(digits_S[order_S], kind="stable")]
    return order_S


class Known:
    """Texts that are known from the start; their shingles are read at the first question.

    Args:
        folded: The texts, as `folding.fold` leaves them.
    """

    def __init__(self, folded: Iterable[str]) -> None:
        self.folded = list(folded)
        #: Text -> its first position.
        self.first: dict[str, int] = {}
        for number, text in enumerate(self.folded):
            self.first.setdefault(text, number)

    def near(self, folded: str, threshold: float) -> list[tuple[int, float]]:
        """Returns (position, similarity) of the texts at least as similar as `threshold`, up to 1, by position."""
        return self._postings.near(folded, threshold) if self.folded else []

    @cached_property
    def _postings(self) -> "_Postings":
        return _Postings(self.folded)


class _Postings:
    """At least one text, each under all of its shingles."""

    def __init__(self, folded: Sequence[str]) -> None:
        import numpy as np

        numbers_S, rows_S = numbered(folded)
        self._sizes_T = np.bincount(rows_S, minlength=len(folded))
        self._rows_S = rows_S.astype(np.int32)
        first_S = np.ones(len(numbers_S), dtype=bool)
        first_S[1:] = numbers_S[1:] != numbers_S[:-1]
        self._starts = np.append(np.flatnonzero(first_S), len(numbers_S))
        self._numbers: NDArray[Any] = numbers_S[first_S]

    def near(self, folded: str, threshold: float) -> list[tuple[int, float]]:
        """Returns what `Known.near` does.

        What shares the part `threshold` of all shingles with a text has at least one of any few of its shingles: of
        the rarest, few other texts have one.
        """
        import numpy as np

        mine = _one(folded)
        place = np.minimum(np.searchsorted(self._numbers, mine), len(self._numbers) - 1)
        place = place[self._numbers[place] == mine]
        starts, ends = self._starts[place], self._starts[place + 1]
        needed = math.ceil(threshold * len(mine) - SLACK)
        if len(place) < needed:
            return []
        rare = np.argsort(ends - starts, kind="stable")[: len(place) - needed + 1]
        found = np.unique(self._rows(starts[rare], ends[rare]))
        sizes = self._sizes_T[found]
        found = found[(sizes >= threshold * len(mine) - SLACK) & (sizes <= len(mine) / threshold + SLACK)]
        if not len(found):
            return []
        shared = np.bincount(self._rows(starts, ends), minlength=len(self._sizes_T))[found]
        similarity = shared / (len(mine) + self._sizes_T[found] - shared)
        return [(int(k), float(s)) for k, s in zip(found, similarity, strict=True) if s >= threshold]

    def _rows(self, starts: "NDArray[Any]", ends: "NDArray[Any]") -> "NDArray[Any]":
        """Returns the texts of some stretches."""
        import numpy as np

        numbers = ends - starts
        places = np.repeat(starts - np.cumsum(numbers) + numbers, numbers) + np.arange(numbers.sum())
        found: NDArray[Any] = self._rows_S[places]
        return found


def _one(folded: str) -> "NDArray[Any]":
    """Returns the numbers of the shingles of one text, in ascending order: what `numbered` says of it, sooner."""
    import numpy as np

    codes_C = _codes(folded)
    if len(codes_C) < _N:
        codes_C = np.append(codes_C, np.zeros(_N - len(codes_C), dtype=np.uint64))
    numbers = _rolled(codes_C)
    numbers.sort()
    new = np.ones(len(numbers), dtype=bool)
    new[1:] = numbers[1:] != numbers[:-1]
    found: NDArray[Any] = numbers[new]
    return found


def _codes(text: str) -> "NDArray[Any]":
    """Returns one number above 0 for each character."""
    import numpy as np

    codes_C = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    codes_C += np.uint64(1)
    return codes_C


def _rolled(codes_C: "NDArray[Any]") -> "NDArray[Any]":
    """Returns the number of the shingle that begins at each character but the last four."""
    import numpy as np

    last = len(codes_C) - _N + 1
    found = codes_C[:last] * np.uint64(_FACTORS[0])
    for i in range(1, _N):
        found += codes_C[i : last + i] * np.uint64(_FACTORS[i])
    return found
