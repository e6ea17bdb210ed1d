"""Cohen's kappa: how far two judges of the same texts agree beyond what chance would bring.

Here: the coefficient. Not here: which two are compared (gates and the LLM in judge, two people in a review).
"""

from collections import Counter
from collections.abc import Hashable, Sequence


def cohen(a: Sequence[Hashable], b: Sequence[Hashable]) -> float | None:
    """Returns kappa in [-1, 1]: 1 is full agreement, 0 what chance alone brings; None where it has no value.

    Args:
        a: What the first said of each text.
        b: What the second said of the same texts, in the same order.

    Degenerate: None for no texts, and where both said one and the same thing of all: that is certain by chance alone,
    and kappa is 0/0.

    >>> cohen(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])  # observed 3/4, by chance 1/2
    0.5
    >>> cohen([True, True], [True, True]) is None
    True

    Raises:
        ValueError: The two have different lengths.

    Source: Cohen, A coefficient of agreement for nominal scales (1960), equation 1.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} answers")
    total = len(a)
    if not total:
        return None
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / total
    first, second = Counter(a), Counter(b)
    by_chance = sum(first[value] * second[value] for value in first) / total**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
