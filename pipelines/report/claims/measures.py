"""The statistics that a claim can be about: each makes one number, with its replicates, of the points of a panel.

Here: which there are, with their units. Not here: which points (`selection.py`), panels and verdicts (`check.py`), how
replicates come about (`statistics/`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdc.cache.store import Store
from sdc.pipelines.records import ledger, runs
from sdc.pipelines.report.contrasts import HeldAgainst, contrast, pairs
from sdc.pipelines.report.curves import DIFFERENCE, pooled
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import SEED, Resampled
from sdc.pipelines.report.selection import PointSelection

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Replicates

    #: A number, and the points that are in it.
    Number = tuple[Replicates, Sequence[Point]]

#: kg CO2e per kWh that the paper counts with (its section on impact).
PAPER_KG_PER_KWH = 0.432


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What a statistic is made of.

    Args:
        points: Those that the claim is about.
        others: All points, for what these are held against.
        against: Which of the others that is.
        resampled: Where replicates come from.
        store: Where times and energy stand.
    """

    points: Sequence[Point]
    others: Sequence[Point]
    against: PointSelection | None
    resampled: Resampled
    store: Store


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """A statistic: its unit, and the function that gives the number of a panel; None if the panel does not have it."""

    unit: str
    measure: "Callable[[Panel], Number | None]"


def _difference(panel: Panel) -> "Number | None":
    from sdc.pipelines.report.statistics.panels import scaled

    held = [point for point in panel.points if point.difference is not None]
    found = panel.resampled.mean([p.members for p in held], against=[p.against for p in held]) if held else None
    return None if found is None else (scaled(found, 100), held)


def _score(panel: Panel) -> "Number | None":
    from sdc.pipelines.report.statistics.panels import scaled

    scored = [point for point in panel.points if point.mean is not None]
    found = panel.resampled.mean([point.members for point in scored]) if scored else None
    return None if found is None else (scaled(found, 100), scored)


def _contrast(panel: Panel) -> "Number | None":
    from sdc.pipelines.report.statistics.panels import scaled

    held = _held(panel)
    found = contrast(panel.resampled, held)
    return None if found is None else (scaled(found, 100), [point for point, _ in held])


def held_against(panel: Panel) -> list[Point]:
    """Returns the points that those of a panel are held against, by the statistic `contrast`."""
    return [] if panel.against is None else [partner for _, partners in _held(panel) for partner in partners]


def _held(panel: Panel) -> list[HeldAgainst]:
    against = panel.against or PointSelection()
    return pairs(panel.points, against.of(panel.others), against)


def _break_even(panel: Panel, *, strict: bool = False) -> "Number | None":
    """Returns the rows at which the mean over cells reaches the generator; `strict`: that mean less one deviation."""
    from sdc.pipelines.report.statistics.break_even import crossings
    from sdc.pipelines.report.statistics.resampling import Replicates

    held = [point for point in panel.points if point.difference is not None and point.rows is not None]
    if not held:
        return None
    points = pooled(held, panel.resampled, quantity=DIFFERENCE).points
    curve: list[Replicates] = []
    for point in points:
        if point.replicates is None or (strict and point.std_of_runs is None):
            return None
        less = (point.std_of_runs or 0.0) if strict else 0.0
        kept = point.replicates
        curve.append(Replicates(estimate=kept.estimate - less, values_B=kept.values_B - less, covers=kept.covers))
    found = crossings([point.rows or 0.0 for point in points], curve, [point.n for point in points])
    return found, [member for point in points for member in point.points]


def _strict(panel: Panel) -> "Number | None":
    return _break_even(panel, strict=True)


def _rate(count: Callable[[Point], int]) -> "Callable[[Panel], Number | None]":
    def measure(panel: Panel) -> "Number | None":
        import numpy as np

        from sdc.pipelines.report.statistics.resampling import Replicates

        total = sum(point.n + point.failed for point in panel.points)
        hits = sum(count(point) for point in panel.points)
        if not total:
            return None
        # The interval of Jeffreys: L. Brown, T. Cai and A. DasGupta (2001), Statistical Science 16.
        rates_B = np.random.default_rng(SEED).beta(hits + 0.5, total - hits + 0.5, 1000)
        return Replicates(estimate=100 * hits / total, values_B=100 * rates_B, covers="runs"), panel.points

    return measure


def _hours(panel: Panel) -> "Number | None":
    """Returns the mean hours of a run, fit and test, of those that were measured."""
    import numpy as np

    from sdc.pipelines.report.statistics.resampling import Replicates

    known = runs.seconds_of(panel.store, [member.run for point in panel.points for member in point.members])
    if not known:
        return None
    hours = np.sort(np.array(list(known.values()))) / 3600
    drawn = np.random.default_rng(SEED).integers(0, len(hours), size=(1000, len(hours)))
    found = Replicates(estimate=float(hours.mean()), values_B=hours[drawn].mean(axis=1), covers="runs")
    return found, panel.points


def _kg_co2e(panel: Panel) -> "Number | None":
    """Returns what all that the store has measured comes to, at the intensity that the paper counts with."""
    import numpy as np

    from sdc.pipelines.report.statistics.resampling import Replicates

    kwh = ledger.energy_kwh(panel.store)
    if kwh is None:
        return None
    kg = kwh * PAPER_KG_PER_KWH
    return Replicates(estimate=kg, values_B=np.array([kg]), covers="nothing, it is a sum"), panel.points


STATISTICS: Mapping[str, Statistic] = {
    "difference": Statistic(unit="points", measure=_difference),
    "score": Statistic(unit="%", measure=_score),
    "contrast": Statistic(unit="points", measure=_contrast),
    "break_even": Statistic(unit="rows", measure=_break_even),
    "break_even_strict": Statistic(unit="rows", measure=_strict),
    "broke_off": Statistic(unit="% of runs", measure=_rate(lambda point: point.failed)),
    "below_chance": Statistic(unit="% of runs", measure=_rate(lambda point: point.below_chance)),
    "collapsed": Statistic(unit="% of runs", measure=_rate(lambda point: point.collapsed)),
    "hours": Statistic(unit="hours", measure=_hours),
    "kg_co2e": Statistic(unit="kg CO2e", measure=_kg_co2e),
}
