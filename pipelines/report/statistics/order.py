"""Almost stochastic order: how far one method's runs are from being better than another's at every quantile.

Here: the violation ratio and its bootstrap bound. Not here: tests of means (`paired.py`).

Array legend: R runs of the first method, Q runs of the second, B replicates.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP

#: Below this bound the first method is said to be better; both need some 20 runs.
THRESHOLD = 0.2


def violation(first_R: NDArray[Any], second_Q: NDArray[Any]) -> float:
    """Returns the share of the squared distance of quantiles in which the second is above, 0 to 1; 0.5 is no order.

    Args:
        first_R: Scores of runs, in any order.
        second_Q: Scores of runs, in any order; as many or not.

    Degenerate case: 0.5 if both have the same scores.

    Source: E. del Barrio, J. Cuesta-Albertos and C. Matrán (2018), An optimal transportation approach for assessing
    almost stochastic order; R. Dror et al. (2019), Deep dominance, ACL.

    >>> round(violation(np.array([1, 2, 3, 4]), np.array([0, 1.5, 3.5, 3.8])), 4)  # 0.25 / 1.54
    0.1623
    """
    # Both quantile functions are steps: between neighbours of these shares neither changes.
    ends = np.unique(np.concatenate([np.arange(1, len(a) + 1) / len(a) for a in (first_R, second_Q)]).round(12))
    widths = np.diff(ends, prepend=0)
    middles = ends - widths / 2
    first, second = (np.sort(a)[(middles * len(a)).astype(int)] for a in (first_R, second_Q))
    squares = widths * (first - second) ** 2
    total = float(squares.sum())
    return float(squares[second > first].sum()) / total if total else 0.5


def bound(first_R: NDArray[Any], second_Q: NDArray[Any], *, seed: int, num: int = NUM_BOOTSTRAP) -> float:
    """Returns the end of the one-sided 95 % interval of the violation ratio, 0 to 1; below 0.2 the first is better.

    Args:
        first_R: Scores of runs.
        second_Q: Scores of runs, independent of the first.
        seed: Seed of the bootstrap.
        num: Replicates.

    Degenerate case: 0.5 if both have the same scores.

    Source: R. Dror et al. (2019), Deep dominance, ACL.

    >>> bound(np.arange(20) + 30.0, np.arange(20), seed=0)
    0.0
    """
    rng = np.random.default_rng(derive_seed(seed, "statistics", "order"))
    scale = np.sqrt(len(first_R) * len(second_Q) / (len(first_R) + len(second_Q)))
    estimate = violation(first_R, second_Q)
    drawn_B = [violation(rng.choice(first_R, len(first_R)), rng.choice(second_Q, len(second_Q))) for _ in range(num)]
    spread = float(np.std(scale * (np.array(drawn_B) - estimate)))
    return min(1.0, estimate + 1.6448536269514722 * spread / float(scale))
