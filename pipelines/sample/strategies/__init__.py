"""The strategies that choose which rows go into a draw. One file per strategy.

A strategy orders the rows once per repeat; a draw of a size is a prefix of that order, so draws are nested over sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdc.pipelines.sample.strategies import balanced, coverage, kcentre, random
from sdc.pipelines.sample.strategies.candidates import Candidates, num_balanced

__all__ = ["STRATEGIES", "Candidates", "Strategy"]


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A way to choose rows.

    Args:
        choose: (rows, nominal sizes, seed) -> chosen positions per size.
        num_rows: (rows of each label, nominal size) -> real rows of the draw; its largest is the capacity.
        is_balanced: It takes as many rows of every label, so that the rarest limits what can be drawn.
        is_seeded: Repeats are other rows; if not, they are the same rows for other training seeds, in whatever order
            rows are stored: of equal ones the text decides.
        needs_vectors: It asks for embeddings of the rows.
        shares: (rows, chosen positions per size) -> share of n-grams that each draw holds; None records none.
    """

    choose: Callable[[Candidates, Sequence[int], int], list[list[int]]]
    num_rows: Callable[[Sequence[int], int], int]
    is_balanced: bool = True
    is_seeded: bool = False
    needs_vectors: bool = False
    shares: Callable[[Candidates, Sequence[Sequence[int]]], list[float]] | None = None

    def capacity(self, counts: Sequence[int]) -> int:
        """Returns the most rows that can be drawn with a size.

        Args:
            counts: Rows of each label.
        """
        return self.num_rows(counts, sum(counts))


def _num_random(counts: Sequence[int], size: int) -> int:
    return min(size, sum(counts))


STRATEGIES: dict[str, Strategy] = {
    "balanced": Strategy(choose=balanced.choose, num_rows=num_balanced, is_seeded=True),
    "random": Strategy(choose=random.choose, num_rows=_num_random, is_balanced=False, is_seeded=True),
    "coverage": Strategy(choose=coverage.choose, num_rows=num_balanced, shares=coverage.shares),
    "kcentre": Strategy(choose=kcentre.choose, num_rows=num_balanced, needs_vectors=True, shares=coverage.shares),
}
