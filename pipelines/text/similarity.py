"""When are two texts the same, or nearly so.

Here: exact comparison of folded texts, and character 5-gram Jaccard, which also works for languages without spaces.
Not here: folding (`folding.py`), shingles of many texts at once (`similarity_many.py`).

Our own although datasketch and others find near duplicates: MinHash only estimates the similarity, and a verdict on a
row must be exact and the same in every process.
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity_join import Join
from sdc.pipelines.text.similarity_many import SLACK, Known

_N = 5
#: So many texts are quickly compared.
_MANY = 1000


def shingles(text: str) -> frozenset[str]:
    """Returns the set of character 5-grams of the folded text; the whole text if it is shorter."""
    return _grams(fold(text))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Returns the shared part of two shingle sets, 0 to 1; 1 for two empty sets.

    >>> jaccard(shingles("abcdef"), shingles("abcdef"))
    1.0
    """
    union = len(a | b)
    return len(a & b) / union if union else 1.0


def frequencies(texts: Iterable[str]) -> Mapping[int, int]:
    """Returns in how many texts each shingle is, by its hash in this process; an `Index` is quicker with it."""
    return dict(Counter(number for text in texts for number in _hashes(fold(text))))


def known(texts: Iterable[str]) -> Known:
    """Returns texts that are known from the start, for one `Index` or several."""
    return Known(map(fold, texts))


class Index:
    """Texts seen so far, with a quick look-up of the nearest one.

    Two sets that share the part `threshold` of their union have an element in common among any few of each, in
    any order that both follow. So only these few are looked up, rare ones first, and what is found is exact.

    Args:
        texts: The first texts, which are read at the first question; or `known` ones, for several indexes.
        threshold: Jaccard similarity at which two texts count as near duplicates; above 1 only equal ones count.
        often: How often shingles are in texts of this kind (`frequencies`): later texts are found sooner with it.
    """

    def __init__(
        self,
        texts: Iterable[str] | Known = (),
        *,
        threshold: float = 0.8,
        often: Mapping[int, int] | None = None,
    ) -> None:
        self._threshold = threshold
        # Fixed from here on: all sets must follow the same order.
        self._often = often or {}
        self._known = texts if isinstance(texts, Known) else known(texts)
        self._later: dict[str, int] = {}
        self._sets: list[array[int]] = []
        self._by_hash: dict[int, list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Remembers a text."""
        folded, number = fold(text), len(self._sets)
        self._later.setdefault(folded, len(self._known.folded) + number)
        found = _hashes(folded)
        self._sets.append(array("q", found))
        for one in self._looked_up(found):
            self._by_hash[one].append(number)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """Returns (position, similarity) of an equal or the most similar near-duplicate text, or None if it is new."""
        folded = fold(text)
        equal = self._known.first.get(folded, self._later.get(folded))
        if equal is not None:
            return equal, 1.0
        # Of equally similar texts the earliest counts.
        return min(self.near(text), key=lambda found: (-found[1], found[0]), default=None)

    def nearest_of_known(self, folded: Sequence[str]) -> list[tuple[int, float] | None]:
        """Returns the `nearest` of the texts that were known from the start, for many folded texts at once."""
        found: list[tuple[int, float] | None] = [None] * len(folded)
        for place, number, similarity in self._pairs(folded) if self._threshold <= 1 else ():
            best = found[place]
            # Of equally similar texts the earliest counts.
            if best is None or (similarity, -number) > (best[1], -best[0]):
                found[place] = number, similarity
        equal = map(self._known.first.get, folded)
        return [near if k is None else (k, 1.0) for near, k in zip(found, equal, strict=True)]

    def _pairs(self, folded: Sequence[str]) -> Iterator[tuple[int, int, float]]:
        """Yields (position, that of a known text, similarity) of all that are near; the fewer texts are the index."""
        known = self._known.folded
        if len(known) <= len(folded):
            yield from Join(known, self._threshold).pairs(folded)
        else:
            for number, place, similarity in Join(folded, self._threshold).pairs(known):
                yield place, number, similarity

    def near(self, text: str) -> list[tuple[int, float]]:
        """Returns (position, similarity) of every equal or near-duplicate text, by position; none above threshold 1."""
        if self._threshold > 1:
            return []
        folded = fold(text)
        found = self._known.near(folded, self._threshold)
        return found + self._near_later(folded) if self._sets else found

    def _near_later(self, folded: str) -> list[tuple[int, float]]:
        mine = _hashes(folded)
        least, most = self._threshold * len(mine) - SLACK, len(mine) / self._threshold + SLACK
        found = []
        for number in self._candidates(mine):
            other = self._sets[number]
            if not least <= len(other) <= most:
                continue
            shared = len(mine.intersection(other))
            similarity = shared / (len(mine) + len(other) - shared)
            if similarity >= self._threshold:
                found.append((len(self._known.folded) + number, similarity))
        return sorted(found)

    def _candidates(self, mine: set[int]) -> set[int]:
        """Returns the later texts that may be near: those looked up under a shingle of this one."""
        shared = self._by_hash.keys() & mine
        if sum(len(self._by_hash[one]) for one in shared) > _MANY:  # only then it pays to find the rarest first
            shared &= set(self._looked_up(mine))
        return {number for one in shared for number in self._by_hash[one]}

    def _looked_up(self, found: set[int]) -> list[int]:
        """Returns the rarest, as many as must hold one of those shared with any near duplicate."""
        if self._threshold > 1:
            return []
        num = len(found) - math.ceil(self._threshold * len(found) - SLACK) + 1
        often = self._often
        new = found.difference(often)  # most are in no other text: then nothing else needs an order
        if len(new) >= num:
            return sorted(new)[:num]
        return [one for _, one in sorted([(often.get(one, 0), one) for one in found])[:num]]


def num_equal(texts: Iterable[str]) -> int:
    """Returns how many texts are equal to one before them once folded.

    >>> num_equal(["Caf\u00e9", "cafe\u0301 ", "tea"])
    1
    """
    folded = list(map(fold, texts))
    return len(folded) - len(set(folded))


def num_near(texts: Iterable[str], *, threshold: float = 0.8) -> int:
    """Returns how many texts are nearly one before them, or equal to it.

    A text that is does not count as one before others, as in the gate `duplicate`, which rejects it.

    >>> num_near(["Set an alarm", "Play music", "set  an ALARM"])
    1
    """
    folded = list(map(fold, texts))
    distinct = list(dict.fromkeys(folded))
    near = set[int]()
    # By position, so that each text is judged after all before it.
    for one, before, _ in Join(distinct, threshold).pairs(distinct):
        if before < one and before not in near:
            near.add(one)
    return len(folded) - len(distinct) + len(near)


def _grams(folded: str) -> frozenset[str]:
    return frozenset(folded[i : i + _N] for i in range(max(1, len(folded) - _N + 1)))


def _hashes(folded: str) -> set[int]:
    """Returns `shingles` as numbers, which take less room. They differ from process to process and are never kept."""
    return set(map(hash, _grams(folded)))
