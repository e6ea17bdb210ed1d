"""duplicate: nearly the same as a text that was accepted before it in the same generation."""

from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text.similarity import Index

#: The least similarity that makes a duplicate, 0 to 1.
THRESHOLD = 0.8


class Duplicates:
    """A check against the texts that were accepted so far."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __call__(self, text: str) -> str | None:
        """Returns why `text` repeats one of them, or None."""
        near = self._index.nearest(text)
        return f"similarity {near[1]:.2f} to an earlier text" if near is not None else None

    def accept(self, text: str) -> None:
        """Remembers a text."""
        self._index.add(text)


def build(reference: Reference, threshold: float) -> Duplicates:
    """Returns a check that knows no text yet."""
    return Duplicates(Index(threshold=threshold, often=reference.frequencies))
