"""Which of many texts are nearly one of many others: what `Known.near` says of each, for all of them at once.

Texts that share the part `threshold` of their shingles have common ones among the first few of each, in any order that
both follow. With the rarest first, few others have one, and fewer have several: only for these all shingles are
compared, so what is found is exact.

Source: Bayardo, Ma and Srikant (2007), Scaling up all pairs similarity search (the first few of each); Wang, Li and
Feng (2012), Can we beat the prefix filtering? (several of a longer beginning).

Here: the join. Not here: numbers of shingles (`similarity_many.py`), what is near (`similarity.py`).

Shape letters: K known texts, Q texts that are asked about, V distinct shingles of the known ones, S shingles of all
texts of a side, each text's own only once, P pairs of texts.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sdc.pipelines.text.similarity_many import SLACK, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "NDArray[Any]"
#: So many common shingles are wanted in the beginnings, which are longer by as many: measured on the paper's data.
_COMMON = 8
#: Characters that are joined at once: what they become stays in a processor's cache.
_CHARACTERS = 100_000


class Join:
    """Known texts, to be joined with others.

    Args:
        folded: The texts, as `folding.fold` leaves them.
        threshold: Jaccard similarity from which two texts are near, above 0 and at most 1.
    """

    def __init__(self, folded: Sequence[str], threshold: float) -> None:
        import numpy as np

        self.folded, self._threshold = folded, threshold
        numbers_S, texts_S = numbered(folded)
        first_S = np.ones(len(numbers_S), dtype=bool)
        first_S[1:] = numbers_S[1:] != numbers_S[:-1]
        ids_S = np.cumsum(first_S) - 1
        self._numbers_V = numbers_S[first_S]
        self._rank_V = np.empty(len(self._numbers_V), dtype=np.int64)  # by how many known texts have it
        self._rank_V[np.argsort(np.bincount(ids_S), kind="stable")] = np.arange(len(self._numbers_V))
        texts_S, self._ranks_S = self._by_rarity(texts_S, self._rank_V[ids_S])
        self._sizes_K = np.bincount(texts_S, minlength=len(folded))
        self._starts_K = np.cumsum(self._sizes_K) - self._sizes_K
        place_S = np.arange(len(texts_S)) - self._starts_K[texts_S]
        begins_S = place_S < (self._sizes_K - self._least(self._sizes_K) + _COMMON)[texts_S]
        order = np.argsort(self._ranks_S[begins_S], kind="stable")
        self._beginning = texts_S[begins_S][order]
        self._beginning_V = np.searchsorted(self._ranks_S[begins_S][order], np.arange(len(self._numbers_V) + 1))

    def pairs(self, folded: Sequence[str]) -> Iterator[tuple[int, int, float]]:
        """Yields (position, position of a known text, similarity) of all that are near, by both positions."""
        if not self.folded:
            return
        start = num_characters = 0
        for end, text in enumerate(folded, start=1):
            num_characters += len(text)
            if num_characters >= _CHARACTERS or end == len(folded):
                for position, known, similarity in self._some(folded[start:end]):
                    yield start + position, known, similarity
                start, num_characters = end, 0

    def _some(self, folded: Sequence[str]) -> list[tuple[int, int, float]]:
        import numpy as np

        numbers_S, texts_S = numbered(folded)
        sizes_Q = np.bincount(texts_S, minlength=len(folded))
        least_Q = self._least(sizes_Q)
        ids_S = np.minimum(np.searchsorted(self._numbers_V, numbers_S), len(self._numbers_V) - 1)
        known_S = self._numbers_V[ids_S] == numbers_S
        num_known_Q = np.bincount(texts_S[known_S], minlength=len(folded))
        known_S &= (num_known_Q >= least_Q)[texts_S]
        # What no known text has comes first of all, and only fills the beginning.
        texts_S, ranks_S = self._by_rarity(texts_S[known_S], self._rank_V[ids_S[known_S]])
        starts_Q = np.searchsorted(texts_S, np.arange(len(folded)))
        place_S = np.arange(len(texts_S)) - starts_Q[texts_S]
        begins_S = place_S < (num_known_Q - least_Q + _COMMON)[texts_S]
        of_Q, of_K = self._alike(texts_S[begins_S], ranks_S[begins_S], sizes_Q)
        shared_P = self._shared(
            ranks_S[_stretches(starts_Q[of_Q], num_known_Q[of_Q])],
            num_known_Q[of_Q],
            self._ranks_S[_stretches(self._starts_K[of_K], self._sizes_K[of_K])],
            self._sizes_K[of_K],
        )
        similarity_P = shared_P / (sizes_Q[of_Q] + self._sizes_K[of_K] - shared_P)
        near_P = similarity_P >= self._threshold
        return list(zip(*(part[near_P].tolist() for part in (of_Q, of_K, similarity_P)), strict=True))

    def _least(self, sizes: Numbers) -> Numbers:
        """Returns how many of its shingles a text shares at least with one that is near."""
        import numpy as np

        return np.ceil(self._threshold * sizes - SLACK).astype(np.int64)

    def _by_rarity(self, texts_S: Numbers, ranks_S: Numbers) -> tuple[Numbers, Numbers]:
        """Returns both in the order of the texts, the rarest shingle of each first."""
        import numpy as np

        num_V = len(self._numbers_V)
        both_S = texts_S * num_V + ranks_S
        both_S = np.sort(both_S.astype(np.min_scalar_type(both_S.max(initial=0)))).astype(
            np.int64
        )  # fewer bytes, sooner
        texts_S = both_S // num_V
        return texts_S, both_S - texts_S * num_V

    def _alike(self, texts_S: Numbers, ranks_S: Numbers, sizes_Q: Numbers) -> tuple[Numbers, Numbers]:
        """Returns the pairs whose beginnings have enough in common and whose sizes allow them to be near."""
        import numpy as np

        starts_S = self._beginning_V[ranks_S]
        lengths_S = self._beginning_V[ranks_S + 1] - starts_S
        of_Q = np.repeat(texts_S, lengths_S)
        of_K = self._beginning[_stretches(starts_S, lengths_S)]
        mine, other = sizes_Q[of_Q], self._sizes_K[of_K]
        fits = (other >= self._threshold * mine - SLACK) & (mine >= self._threshold * other - SLACK)
        both = np.sort(of_Q[fits] * len(self._sizes_K) + of_K[fits])
        both_P, common_P = _counted(both)
        of_Q = both_P // len(self._sizes_K)
        of_K = both_P - of_Q * len(self._sizes_K)
        larger = np.maximum(sizes_Q[of_Q], self._sizes_K[of_K])
        enough = common_P >= np.minimum(_COMMON, self._least(larger))
        return of_Q[enough], of_K[enough]

    def _shared(self, mine: Numbers, lengths_P: Numbers, others: Numbers, lengths_other_P: Numbers) -> Numbers:
        """Returns how many shingles the two texts of each pair share, whose shingles stand one pair after another."""
        import numpy as np

        pairs, num = np.arange(len(lengths_P)), len(self._numbers_V)
        both = np.concatenate(
            [np.repeat(pairs, lengths_P) * num + mine, np.repeat(pairs, lengths_other_P) * num + others]
        )
        both.sort()
        return np.bincount(both[1:][both[1:] == both[:-1]] // num, minlength=len(pairs))


def _stretches(starts: Numbers, lengths: Numbers) -> Numbers:
    """Returns the places of all stretches, one after another."""
    import numpy as np

    return np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())


def _counted(ascending: Numbers) -> tuple[Numbers, Numbers]:
    """Returns the distinct values and how often each is there."""
    import numpy as np

    first = np.ones(len(ascending), dtype=bool)
    first[1:] = ascending[1:] != ascending[:-1]
    starts = np.flatnonzero(first)
    return ascending[starts], np.diff(np.append(starts, len(ascending)))
