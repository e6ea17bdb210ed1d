"""The strategies that choose which rows go into a draw. One file per strategy.

A strategy orders the rows once per repeat; a draw of a size is a prefix of that order, so draws are nested over sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdc.pipelines.sample.strategies import balanced, random


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A way to choose rows.

    Args:
        choose: (label ids of all rows, sizes, number of labels, seed) -> chosen positions per size.
        is_balanced: It takes as many rows of every label, so that the rarest limits what can be drawn.
    """

    choose: Callable[[Sequence[int], Sequence[int], int, int], list[list[int]]]
    is_balanced: bool


STRATEGIES: dict[str, Strategy] = {
    "balanced": Strategy(choose=balanced.choose, is_balanced=True),
    "random": Strategy(choose=random.choose, is_balanced=False),
}
