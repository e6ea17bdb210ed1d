"""Texts that are known from the start, and whether another one repeats one of them: what `copy` and `test` share."""

from collections.abc import Sequence

from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity import Index


class KnownCheck:
    """A check against texts that are known from the start.

    Args:
        index: The texts.
        what: What one of them is called.
    """

    def __init__(self, index: Index, what: str) -> None:
        self._index, self._what = index, what
        self._ahead: dict[str, tuple[int, float] | None] = {}

    def __call__(self, text: str) -> str | None:
        """Returns which of them a text repeats, or None."""
        near = self._ahead[text] if text in self._ahead else self._index.nearest(text)
        return f"similarity {near[1]:.2f} to a {self._what}" if near is not None else None

    def read_ahead(self, texts: Sequence[str]) -> None:
        """Compares texts that are asked for later: of many at once each takes a fraction of the time."""
        found = self._index.nearest_of_known(list(map(fold, texts)))
        self._ahead.update(zip(texts, found, strict=True))
