"""duplicate: nearly the same as a text that was accepted before it in the same generation."""

from collections.abc import Callable, Sequence
from functools import cached_property

from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity import Index
from sdc.pipelines.text.similarity_join import Join

#: The least similarity that makes a duplicate, 0 to 1.
THRESHOLD = 0.8


class Duplicates:
    """A check against the texts that were accepted so far.

    Args:
        threshold: Similarity from which on one repeats another.
        index: Makes an index without a text. One that many texts are read ahead of is never made.
    """

    def __init__(self, threshold: float, index: Callable[[], Index]) -> None:
        self._threshold, self._make = threshold, index
        #: Folded text that was read ahead -> those of them that are near it.
        self._near: dict[str, list[tuple[str, float]]] = {}
        self._accepted: set[str] = set()
        self._only_ahead = True  # Whether all that were accepted are among them.
        self._not_indexed: list[str] = []

    def __call__(self, text: str) -> str | None:
        """Returns why `text` repeats one of them, or None."""
        similarity = self._similarity(text)
        return f"similarity {similarity:.2f} to an earlier text" if similarity is not None else None

    def accept(self, text: str) -> None:
        """Remembers a text."""
        folded = fold(text)
        self._accepted.add(folded)
        self._only_ahead &= folded in self._near
        self._not_indexed.append(text)

    def read_ahead(self, texts: Sequence[str]) -> None:
        """Compares texts with each other that are asked for, and accepted, later: all at once takes less time."""
        if self._accepted or self._threshold > 1:
            return  # which is then the index's work
        folded = list(dict.fromkeys(map(fold, texts)))
        self._near = {text: [] for text in folded}
        for one, other, similarity in Join(folded, self._threshold).pairs(folded):
            self._near[folded[one]].append((folded[other], similarity))

    def _similarity(self, text: str) -> float | None:
        """Returns that of the most similar one, if it is near."""
        folded = fold(text)
        if folded in self._near and self._only_ahead:
            return max((found for other, found in self._near[folded] if other in self._accepted), default=None)
        for accepted in self._not_indexed:
            self._index.add(accepted)
        self._not_indexed = []
        near = self._index.nearest(text)
        return near[1] if near is not None else None

    @cached_property
    def _index(self) -> Index:
        return self._make()


def build(reference: Reference, threshold: float) -> Duplicates:
    """Returns a check that knows no text yet."""
    return Duplicates(threshold, lambda: Index(threshold=threshold, often=reference.frequencies))
