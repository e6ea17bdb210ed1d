"""How long the texts are, in characters: median, middle half, and how much lengths vary.

Shape letters: N rows, B draws, D the three numbers that describe lengths.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed
from sdc.pipelines.card.figure import Figure, Measured, too_few
from sdc.pipelines.card.sides import Sides, texts
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP, Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("length_median", "length_iqr", "length_cv", "length_ratio")
_WHAT = ("median length", "interquartile range of lengths", "spread of lengths (std / mean)")
_UNITS = ("characters", "characters", "score")
_RATIO = "median length, synthetic / human"
#: Quartiles of fewer lengths are those of single rows.
LEAST_ROWS = 10


def described(lengths: "Sequence[int] | NDArray[Any]") -> tuple[float, float, float]:
    """Returns median, interquartile range and coefficient of variation (standard deviation over mean) of lengths.

    Range: all 0 upwards. Degenerate case: 0, 0 of texts that are all equally long; a coefficient of 0 if all are empty.

    Source: Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician 50, type 7;
    K. Pearson (1896), Regression, heredity and panmixia, Philosophical Transactions A 187.

    >>> described([10, 20, 40])[:2]  # quartiles 15 and 30
    (20.0, 15.0)
    >>> described([10, 30])  # mean 20, standard deviation 10
    (20.0, 10.0, 0.5)
    """
    import numpy as np

    low, middle, high = np.quantile(lengths, [0.25, 0.5, 0.75])
    mean = float(np.mean(lengths))
    return float(middle), float(high - low), float(np.std(lengths)) / mean if mean else 0.0


def measure(sides: Sides) -> Measured:
    """Returns the three numbers over all rows of a side, and the ratio of the medians.

    Labels are mixed as they come on each side. Intervals are bootstraps over rows.
    """
    lengths = [[len(text) for text in texts(rows)] for rows in (sides.synthetic, sides.human)]
    few = too_few(*map(len, lengths), least=LEAST_ROWS)
    ours, theirs = (_estimates(found, sides.seed) if len(found) >= LEAST_ROWS else None for found in lengths)
    figures = [
        Figure(
            name=name, what=what, unit=unit, synthetic=ours[1][i] if ours else None,
            human=theirs[1][i] if theirs else None, note=few,
        )
        for i, (name, what, unit) in enumerate(zip(NAMES, _WHAT, _UNITS, strict=False))
    ]  # fmt: skip
    ratio = (
        _interval(ours[0][:, 0] / theirs[0][:, 0], ours[1][0].value / theirs[1][0].value) if ours and theirs else None
    )
    figures.append(Figure(name="length_ratio", what=_RATIO, unit="ratio", synthetic=ratio, note=few))
    return Measured(figures=tuple(figures), series=dict(zip(("synthetic", "human"), lengths, strict=True)))


def _estimates(lengths: Sequence[int], seed: int) -> tuple["NDArray[Any]", list[Estimate]]:
    """Returns the numbers of each bootstrap draw, (B, D), and the estimates."""
    import numpy as np

    lengths_N, draw = np.asarray(lengths), np.random.default_rng(derive_seed(seed, "card", "lengths", len(lengths)))
    draws_BD = np.array(
        [described(lengths_N[draw.integers(0, len(lengths), len(lengths))]) for _ in range(NUM_BOOTSTRAP)]
    )
    return draws_BD, [_interval(draws_BD[:, i], value) for i, value in enumerate(described(lengths))]


def _interval(values_B: "NDArray[Any]", value: float) -> Estimate:
    import numpy as np

    low, high = np.percentile(values_B, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high))
