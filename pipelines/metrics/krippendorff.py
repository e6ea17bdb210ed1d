"""Krippendorff's alpha: how far any number of judges agree beyond chance, where not everybody judged everything.

Here: the coefficient for nominal values. Not here: the same for exactly two (`kappa.py`).
"""

from collections import Counter
from collections.abc import Hashable, Sequence


def alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Returns alpha, at most 1: 1 is full agreement, 0 what chance brings, below 0 worse than chance.

    Args:
        units: For each text, what those who judged it said, in any order. A text that fewer than two judged is left
            out.

    Degenerate: None where no text has two judges, and where all said the same one thing: no disagreement is possible
    by chance then, and alpha is 1 - 0/0.

    >>> # Six values, three of each kind: disagreeing ordered pairs are 2 of 6 observed, and 18 of 30 by chance.
    >>> round(alpha([["yes", "yes"], ["yes", "no"], ["no", "no"], ["yes"]]), 4)
    0.4444

    Source: Krippendorff, Computing Krippendorff's alpha-reliability (2011), nominal data.
    """
    rated = [Counter(unit) for unit in units if len(unit) > 1]
    totals = sum(rated, Counter[Hashable]())
    num_values = totals.total()
    by_chance = num_values**2 - sum(count**2 for count in totals.values())
    if not by_chance:
        return None
    observed = sum((unit.total() ** 2 - sum(n**2 for n in unit.values())) / (unit.total() - 1) for unit in rated)
    return 1 - (num_values - 1) * observed / by_chance
