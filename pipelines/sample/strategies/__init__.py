"""The strategies that choose which rows go into a draw. One file per strategy.

A strategy orders the rows once per repeat; a draw of a size is a prefix of that order, so draws are nested over sizes.
"""

from collections.abc import Callable, Sequence

from sdc.pipelines.sample.strategies import balanced, random

#: name -> choose(label ids of all rows, sizes, number of labels, seed) -> chosen positions per size.
STRATEGIES: dict[str, Callable[[Sequence[int], Sequence[int], int, int], list[list[int]]]] = {
    "balanced": balanced.choose,
    "random": random.choose,
}
