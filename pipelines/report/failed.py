"""report failed: how many runs broke off, are below chance or collapsed, and whether they do so more on synthetic rows.

Here: one record per student and kind of rows, and the comparison of two kinds. Not here: counts and tests
(`statistics/failures.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.pipelines.report import Found
from sdc.pipelines.report.panels import about, panels, points, students
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import Resampled

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.failures import Failures

#: Fields of a point that say where its rows come from: synthetic and human ones of a student are compared.
_ROWS = ("source", "strategy", "seeds", "seed_weight", "generator", "generator_version", "generator_setting", "judge",
         "judge_setting")  # fmt: skip
TITLE = (
    "failed runs: broke off, below chance, or 95 % of the answers one label; rate of any of them in % with Wilson's"
    " 95 % interval over runs; p: synthetic against human rows (Barnard, Fisher)"
)


def run(found: Found, by: Sequence[str] = ("group",)) -> list[dict[str, Any]]:
    """Returns one record per student and source of each panel; human rows have the comparison with synthetic ones."""
    from sdc.pipelines.report.statistics.failures import compare_rates

    records = []
    for what, of_panel in panels(found.points, by).items():
        for of_student in students([point for point in of_panel if point.source], but=_ROWS):
            sources: dict[str, list[Point]] = {}
            for point in of_student:
                sources.setdefault(str(point.source), []).append(point)
            counts = {source: _count(inside, found.resampled) for source, inside in sorted(sources.items())}
            synthetic = counts.get("synthetic")
            for source, count in counts.items():
                rate = count.rate(count.failed)
                tested = None
                if source == "human" and synthetic is not None:
                    tested = compare_rates((synthetic.failed, synthetic.runs), (count.failed, count.runs))
                records.append(
                    {
                        **dict(zip((*by, "metric"), what, strict=True)),
                        **about(of_student[0]),
                        "source": source,
                        "runs": count.runs,
                        "broke_off": count.broke_off,
                        "below_chance": count.below_chance,
                        "collapsed": count.collapsed,
                        "failed": count.failed,
                        "rate": points(rate.estimate),
                        "low": points(rate.low),
                        "high": points(rate.high),
                        "synthetic_more": None if tested is None else points(tested.difference),
                        "barnard_p": None if tested is None else round(tested.barnard, 4),
                        "fisher_p": None if tested is None else round(tested.fisher, 4),
                    }
                )
    return records


def _count(of_source: Sequence[Point], resampled: Resampled) -> "Failures":
    from sdc.pipelines.report.statistics.failures import Failures

    members = [member for point in of_source for member in point.members]
    answered = [member for member in members if member.value is not None]
    collapsed = [bool(resampled.num_collapsed([member])) for member in answered]
    bad = [member.below_chance or one_label for member, one_label in zip(answered, collapsed, strict=True)]
    broke_off = len(members) - len(answered)
    return Failures(
        runs=len(members),
        broke_off=broke_off,
        below_chance=sum(member.below_chance for member in answered),
        collapsed=sum(collapsed),
        failed=sum(bad) + broke_off,
    )
