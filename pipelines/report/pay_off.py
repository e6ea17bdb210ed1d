"""After how many classified texts a student has taken less than its generator would have, by measured time and money.

Here: what writing, judging, fitting and answering took. Not here: the ratio (`statistics/break_even.py`), the queries
(`records/ledger.py`).
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sdc.cache.store import Store
from sdc.pipelines.records import ledger
from sdc.pipelines.records.ledger import RunCost
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.result import RunResult

_HOUR_S = 3600


@dataclass(frozen=True, kw_only=True)
class PayOff:
    """Texts after which a student has paid off; infinity is never, None unknown: a part of it was not measured."""

    by_time: float | None
    by_money: float | None


def pay_off(store: Store, points: Sequence[Point], *, price_per_hour: float | None = None) -> PayOff:
    """Returns when a student of one size has paid off, in the mean over its cells.

    Fixed are writing and judging all rows of the cell and fitting once; a text costs what the runs took on their tests,
    the generator's prompting and the student's alike.

    Args:
        store: Where the ledger is.
        points: Of the cells, each with its generator's runs.
        price_per_hour: Of the machine, for what no price table has.
    """
    if not points or not all(point.against and point.generation for point in points):
        return PayOff(by_time=None, by_money=None)
    keys = [member.run for point in points for member in (*point.members, *point.against)]
    runs = ledger.of_runs(store, keys)
    writing = ledger.of_writing(store, [key for point in points for key in _written(point)])

    def money(seconds: float | None, cost: float | None) -> float | None:
        if cost is not None:
            return cost
        return None if seconds is None or price_per_hour is None else seconds / _HOUR_S * price_per_hour

    by_time = _texts(points, runs, writing, unit=lambda seconds, _: seconds)
    return PayOff(by_time=by_time, by_money=_texts(points, runs, writing, unit=money))


def _texts(
    points: Sequence[Point],
    runs: Mapping[str, RunCost],
    writing: Mapping[str, tuple[float | None, float | None]],
    *,
    unit: Callable[[float | None, float | None], float | None],
) -> float | None:
    from sdc.pipelines.report.statistics.break_even import texts_to_pay_off

    fixed: list[float | None] = []
    student: list[float | None] = []
    generator: list[float | None] = []
    for point in points:
        own, theirs = _known(point.members, runs), _known(point.against, runs)
        fits = [0.0 if run.fit_s == 0 else unit(run.fit_s, None) for run in own]
        parts = [unit(*writing.get(key, (None, None))) for key in _written(point)]
        fixed.append(_total([*parts, _mean(fits)]))
        student.append(_mean([unit(run.text_s, run.text_cost) for run in own]))
        generator.append(_mean([unit(run.text_s, run.text_cost) for run in theirs]))
    means = [_mean(fixed), _mean(generator), _mean(student)]
    known = [mean for mean in means if mean is not None]
    return float(texts_to_pay_off(known[0], generator=known[1], student=known[2])) if len(known) == len(means) else None


def _known(members: Sequence[RunResult], runs: Mapping[str, RunCost]) -> list[RunCost]:
    return [runs[member.run] for member in members if member.run in runs]


def _written(point: Point) -> list[str]:
    return [key for keys in (point.generation, point.judgement) if keys for key in keys.split(", ")]


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None
