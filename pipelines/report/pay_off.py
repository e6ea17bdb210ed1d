"""After how many classified texts a student has taken less than its generator would have, by measured time and money.

Here: what writing, judging, fitting and answering took. Not here: the ratio (`statistics/break_even.py`), the queries
(`records/ledger.py`).
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sdc.cache.store import Store
from sdc.pipelines.records import ledger
from sdc.pipelines.records.ledger import RunCost, Written
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.result import RunResult

_HOUR_S = 3600


@dataclass(frozen=True, kw_only=True)
class PayOff:
    """Texts after which a student has paid off; infinity is never, None unknown: a part of it was not measured."""

    by_time: float | None
    by_money: float | None


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a student takes, beside its generator, in the mean over its cells, all in seconds or all in money.

    Args:
        fixed: Before the first text: its share of writing and judging the rows, and a fit.
        student, generator: Of a text.
    """

    fixed: float
    student: float
    generator: float

    @property
    def texts(self) -> float:
        """Texts after which the student has taken less than its generator; infinity is never."""
        from sdc.pipelines.report.statistics.break_even import texts_to_pay_off

        return float(texts_to_pay_off(self.fixed, generator=self.generator, student=self.student))


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What the runs of some points took, and what writing their rows did, by key: read once for all of them."""

    runs: Mapping[str, RunCost]
    written: Mapping[str, Written]


#: Seconds and money of something, in one of them; None is unknown.
_Unit = Callable[[float | None, float | None], float | None]


def taken(store: Store, points: Iterable[Point]) -> Taken:
    """Returns what the runs of some points and of their generators took, and the writing of their rows."""
    known = [point for point in points if _can_pay_off(point)]
    members = dict.fromkeys(member.run for point in known for member in (*point.members, *point.against))
    keys = dict.fromkeys(key for point in known for key in _keys(point.generation, point.judgement))
    return Taken(runs=ledger.of_runs(store, list(members)), written=ledger.of_writing(store, list(keys)))


def pay_off(took: Taken, points: Sequence[Point], *, price_per_hour: float | None = None) -> PayOff:
    """Returns when a student of one size has paid off, in the mean over its cells.

    Args:
        took: What they took.
        points: Of the cells, each with its generator's runs.
        price_per_hour: Of the machine, for what no price table has.
    """

    def money(seconds: float | None, cost: float | None) -> float | None:
        if cost is not None:
            return cost
        return None if seconds is None or price_per_hour is None else seconds / _HOUR_S * price_per_hour

    time, paid = (_costs(took, points, unit=unit) for unit in (_seconds, money))
    return PayOff(by_time=None if time is None else time.texts, by_money=None if paid is None else paid.texts)


def in_seconds(took: Taken, points: Sequence[Point]) -> Costs | None:
    """Returns what a student of one size takes in time; None where a part was not measured.

    A text costs what the runs took on their tests, the generator's prompting and the student's alike, with encoding
    where an encoder's vectors are kept. Of writing and judging it is the share of the accepted rows that the draw has.
    Rows of people are unknown, but for the seeds: the generator needs those as well.
    """
    return _costs(took, points, unit=_seconds)


def _seconds(seconds: float | None, _: float | None) -> float | None:
    return seconds


def _can_pay_off(point: Point) -> bool:
    return bool(point.against) and "human" not in (point.source or "human")


def _costs(took: Taken, points: Sequence[Point], *, unit: _Unit) -> Costs | None:
    if not points or not all(map(_can_pay_off, points)):
        return None
    fixed: list[float | None] = []
    student: list[float | None] = []
    generator: list[float | None] = []
    for point in points:
        own, theirs = _known(point.members, took.runs), _known(point.against, took.runs)
        fits = [0.0 if run.fit_s == 0 else unit(run.fit_s, None) for run in own]
        fixed.append(_total([_of_rows(point, own, took.written, unit), _mean(fits)]))
        student.append(_mean([unit(run.text_s, run.text_cost) for run in own]))
        generator.append(_mean([unit(run.text_s, run.text_cost) for run in theirs]))
    before, of_student, of_generator = _mean(fixed), _mean(student), _mean(generator)
    if before is None or of_student is None or of_generator is None:
        return None
    return Costs(fixed=before, student=of_student, generator=of_generator)


def _of_rows(point: Point, runs: Sequence[RunCost], written: Mapping[str, Written], unit: _Unit) -> float | None:
    """Returns what the synthetic rows of a point took: their share of what was written, judged and accepted."""
    used = _mean([float(run.num_synthetic) for run in runs])
    if used == 0:
        return 0.0
    whole = [written.get(key) for key in _keys(point.generation, point.judgement)]
    last = [written.get(key) for key in _keys(point.judgement) or _keys(point.generation)]
    accepted = sum(one.num_rows or 0 for one in last if one)
    if used is None or not accepted or not all(whole):
        return None
    parts = {key: part for one in whole if one for key, part in one.parts.items()}
    total = _total([unit(*part) for part in parts.values()])
    return None if total is None else total * min(1.0, used / accepted)


def _known(members: Sequence[RunResult], runs: Mapping[str, RunCost]) -> list[RunCost]:
    return [runs[member.run] for member in members if member.run in runs]


def _keys(*joined: str | None) -> list[str]:
    return [key for keys in joined if keys for key in keys.split(", ")]


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None
