"""report failed: how many runs broke off, are below chance or collapsed, and whether they do so more on synthetic rows.

Here: one record per student and kind of rows, and the comparison of two kinds. Not here: counts and tests
(`statistics/failures.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.pipelines.records.draws import HUMAN_SOURCES
from sdc.pipelines.report import Found
from sdc.pipelines.report.panels import about, panels, points, students
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import PARTS, most_alike, of_parts

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.failures import Failures

TITLE = "runs that broke off, are below chance or collapsed; rate in %"
WORDS = (
    "Failed runs: broke off, below chance, or collapsed, with 95 % of the answers one label; rate of any of them in %"
    " with Wilson's 95 % interval over runs. Synthetic more: points above the rate on human rows, with p after Barnard"
    " and Fisher; Holm corrects Barnard's for all rows of the table, the family."
)


def run(found: Found, by: Sequence[str] = ("group",)) -> list[dict[str, Any]]:
    """Returns one record per student and kind of rows of each panel; rows not of people are compared with human ones.

    Of several kinds of human rows, such as two strategies, it is the one that is drawn alike.
    """
    from sdc.pipelines.report.statistics.failures import compare_rates
    from sdc.pipelines.report.statistics.paired import holm

    records: list[dict[str, Any]] = []
    for what, of_panel in panels(found.points, by).items():
        for of_student in students([point for point in of_panel if point.source], but=PARTS["source"]):
            kinds = sorted(students(of_student), key=lambda kind: [str(part) for part in of_parts(kind[0], ["source"])])
            counts = [(kind[0], _count(kind, found.resampled)) for kind in kinds]
            human = {id(first): count for first, count in counts if first.source == "human"}
            for first, count in counts:
                rate = count.rate(count.failed)
                tested = None
                alike = most_alike(first, [each for each, _ in counts if id(each) in human])
                if first.source not in HUMAN_SOURCES and len(alike) == 1:
                    other = human[id(alike[0])]
                    tested = compare_rates((count.failed, count.runs), (other.failed, other.runs))
                records.append(
                    {
                        **dict(zip((*by, "metric"), what, strict=True)),
                        **about(first),
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
                        "barnard_holm": None if tested is None else tested.barnard,
                        "fisher_p": None if tested is None else round(tested.fisher, 4),
                    }
                )
    compared = [record for record in records if record["barnard_holm"] is not None]
    for record, p in zip(compared, holm([record["barnard_holm"] for record in compared]), strict=True):
        record["barnard_holm"] = round(p, 4)
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
