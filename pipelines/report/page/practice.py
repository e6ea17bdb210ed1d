"""What a student is like in use: how long it fits and answers, how large it is, when it has paid off.

Here: what was measured of the runs of one result; what was not is None. Not here: the choice (`choice.py`).
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.store import Store
from sdc.pipelines.records import ledger, runs
from sdc.pipelines.report.pay_off import PayOff, pay_off, taken
from sdc.pipelines.report.points import Point


@dataclass(frozen=True, kw_only=True)
class Practice:
    """A student in use, as the mean of its runs on the machine that made them; None is not measured.

    Args:
        fit_s: Seconds of a fit; 0 where nothing is fitted.
        text_s: Seconds of an answer to one text.
        num_bytes: Of the kept weights.
        pay_off: Texts after which it has taken less than its generator.
    """

    fit_s: float | None
    text_s: float | None
    num_bytes: float | None
    pay_off: PayOff


def of_points(store: Store, points: Sequence[Point], *, price_per_hour: float | None = None) -> list[Practice]:
    """Returns what some results are like in use, in their order; the store is asked once for all.

    Args:
        store: Where their runs are.
        points: Each of one cell.
        price_per_hour: Of the machine, for what no price table has.
    """
    keys = [member.run for point in points for member in point.members]
    costs, sizes, took = ledger.of_runs(store, keys), runs.bytes_of(store, keys), taken(store, points)
    found = []
    for point in points:
        own = [costs[member.run] for member in point.members if member.run in costs]
        found.append(
            Practice(
                fit_s=_mean([cost.fit_s for cost in own]),
                text_s=_mean([cost.text_s for cost in own]),
                num_bytes=_mean([sizes.get(member.run) for member in point.members]),
                pay_off=pay_off(took, [point], price_per_hour=price_per_hour),
            )
        )
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
