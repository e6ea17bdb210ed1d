"""What a measure of the data card returns: figures, each with the value that human rows would have.

Here: figures, their intervals, and when rows are too few. Not here: what is measured (one file each).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP, Estimate, wilson

#: Two sets are compared from this many rows a side on. Of fewer, a comparison says more about the few than the sets.
LEAST_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the card.

    Args:
        name: As conditions name it.
        what: As people read it.
        unit: `share` (0 to 1, shown in %), `score` (0 to 1, shown as it is), `characters` or `ratio`.
        synthetic: The value of the synthetic rows; None if it cannot be told, and then the note says why.
        human: What human rows have in their place; None if there is no such thing or they are too few.
        note: A remark in a few words.
        details: Numbers behind the value: counts, sizes.
    """

    name: str
    what: str
    unit: str = "share"
    synthetic: Estimate | None
    human: Estimate | None = None
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one measure found.

    Args:
        figures: Lines of the card, in the order of the measure's NAMES.
        series: What a picture is drawn from: series -> one number per row.
        examples: Rows to look at, as a person or a program reads them.
    """

    figures: tuple[Figure, ...]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] = ()


def share(hits: int, total: int) -> Estimate | None:
    """Returns `hits / total` with Wilson's 95 % interval; None of no rows.

    >>> share(1, 4).value, share(0, 0)
    (0.25, None)
    """
    if not total:
        return None
    low, high = wilson(hits, total)
    return Estimate(value=hits / total, low=low, high=high)


def mean(values: Sequence[float]) -> Estimate | None:
    """Returns the mean with a 95 % bootstrap interval over rows; None of no rows.

    Source: B. Efron (1979), Bootstrap methods, Annals of Statistics 7.

    >>> found = mean([0.2, 0.4, 0.6])
    >>> round(found.value, 6), 0.2 <= found.low <= found.high <= 0.6
    (0.4, True)
    """
    if not values:
        return None
    import numpy as np

    values_N = np.asarray(values, dtype=float)
    draw = np.random.default_rng(derive_seed(0, "card", "mean"))
    means = [values_N[draw.integers(0, len(values), len(values))].mean() for _ in range(NUM_BOOTSTRAP)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(value=float(values_N.mean()), low=float(low), high=float(high))


def too_few(synthetic: int, human: int, *, least: int = LEAST_ROWS, what: str = "rows") -> str:
    """Returns why two sets cannot be compared, or nothing if they can.

    >>> too_few(200, 20)
    'too few human rows: 20, wants 50'
    >>> too_few(50, 50)
    ''
    >>> too_few(8, 0)
    'too few human rows: 0, and synthetic ones: 8, wants 50'
    """
    short = [(side, number) for number, side in ((human, "human"), (synthetic, "synthetic")) if number < least]
    if not short:
        return ""
    second = "".join(f", and {side} ones: {number}" for side, number in short[1:])
    return f"too few {short[0][0]} {what}: {short[0][1]}{second}, wants {least}"
