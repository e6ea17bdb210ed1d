"""How long the texts are, in characters: median, middle half, and how much lengths vary.

Shape letters: N rows, L different lengths, B draws, D the three numbers that describe lengths.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP, Estimate
from sdc.pipelines.report.card.figure import Figure, Measurement, too_few
from sdc.pipelines.report.card.sides import Sides, texts

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

    lengths_L, times_L = np.unique(lengths, return_counts=True)
    return _described(lengths_L, times_L)


def _described(lengths_L: "NDArray[Any]", times_L: "NDArray[Any]") -> tuple[float, float, float]:
    """Returns the same of lengths in ascending order and how often there is each; the last may be missing."""
    import numpy as np

    lengths_L, up_to_L = lengths_L[: len(times_L)], np.cumsum(times_L)
    places_3 = np.array([0.25, 0.5, 0.75]) * (up_to_L[-1] - 1)
    below_3, above_3 = (
        lengths_L[np.searchsorted(up_to_L, places.astype(int), side="right")]
        for places in (np.floor(places_3), np.ceil(places_3))
    )
    low, middle, high = below_3 + (above_3 - below_3) * (places_3 % 1)
    mean = float(lengths_L @ times_L) / float(up_to_L[-1])
    std = float(np.sqrt(((lengths_L - mean) ** 2 @ times_L) / up_to_L[-1]))
    return float(middle), float(high - low), std / mean if mean else 0.0


def measure(sides: Sides) -> Measurement:
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
    return Measurement(figures=tuple(figures), series=dict(zip(("synthetic", "human"), lengths, strict=True)))


def _estimates(lengths: Sequence[int], seed: int) -> tuple["NDArray[Any]", list[Estimate]]:
    """Returns the numbers of each bootstrap draw, (B, D), and the estimates."""
    import numpy as np

    draw = np.random.default_rng(derive_seed(seed, "card", "lengths", len(lengths)))
    lengths_L, which_N = np.unique(lengths, return_inverse=True)
    draws_BD = np.array(
        [
            _described(lengths_L, np.bincount(which_N[draw.integers(0, len(lengths), len(lengths))]))
            for _ in range(NUM_BOOTSTRAP)
        ]
    )
    return draws_BD, [_interval(draws_BD[:, i], value) for i, value in enumerate(described(lengths))]


def _interval(values_B: "NDArray[Any]", value: float) -> Estimate:
    import numpy as np

    low, high = np.percentile(values_B, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high))
