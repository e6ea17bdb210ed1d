"""What a metric returns, and its 95 % interval.

Here: Wilson's interval for shares, percentiles of a bootstrap, Student's interval for a mean over repeats. Not here:
which metric uses which.

Our own although scipy has all three: its `stats` takes most of a second to load, for two formulas and a table, and
`report` shows results without it.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: The 97.5 % quantile of the standard normal distribution.
Z = 1.959963984540054
#: Bootstrap samples; the ends of a percentile interval are then good to about 0.2 points on 500 test rows.
NUM_BOOTSTRAP = 1000
#: The 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814,
    2.20099, 2.17881, 2.16037, 2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596,
    2.07961, 2.07387, 2.06866, 2.06390, 2.05954, 2.05553, 2.05183, 2.04841, 2.04523, 2.04227,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric's value with its 95 % interval over test rows; metrics that need none leave `low` and `high` out."""

    value: float
    low: float | None = None
    high: float | None = None


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Returns the ends of Wilson's 95 % score interval of the share `hits / total`, within [0, 1].

    Degenerate case: never of width 0; no hit in 10 gives (0, 0.278).

    Source: E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    >>> [round(end, 3) for end in wilson(122, 204)]
    [0.53, 0.663]
    >>> [round(end, 3) for end in wilson(0, 10)]
    [0.0, 0.278]
    """
    if not 0 <= hits <= total or total < 1:
        raise ValueError("a share needs 0 <= hits <= total and a total of at least 1")
    share, squared = hits / total, Z * Z
    middle = (share + squared / (2 * total)) / (1 + squared / total)
    half = Z * math.sqrt(share * (1 - share) / total + squared / (4 * total * total)) / (1 + squared / total)
    return (0.0 if hits == 0 else max(0.0, middle - half)), (1.0 if hits == total else min(1.0, middle + half))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Returns the ends of Student's 95 % interval of the mean of repeats, cut to [0, 1]; None for fewer than two.

    It covers draws and seeds, not the choice of test rows. Degenerate case: equal values give an interval of width 0.

    Source: Student (1908), The probable error of a mean, Biometrika 6.

    >>> [round(end, 3) for end in mean_interval([0.5, 0.6, 0.7])]
    [0.352, 0.848]
    """
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    half = _t(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return max(0.0, mean - half), min(1.0, mean + half)


def _t(degrees: int) -> float:
    if degrees <= len(_T):
        return _T[degrees - 1]
    # Cornish-Fisher; beyond 30 degrees of freedom it is exact to four decimals.
    return Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)
