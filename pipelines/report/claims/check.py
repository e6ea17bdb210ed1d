"""Whether claims hold in a store: panels, their numbers, and a verdict by interval.

Here: the verdict. Not here: claims and their file (`claim.py`), statistics (`measures.py`), tables (`formats.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sdc.cache.store import Store
from sdc.pipelines.records import results
from sdc.pipelines.report import Found
from sdc.pipelines.report.claims.claim import Claim
from sdc.pipelines.report.claims.measures import STATISTICS, Panel, held_against
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.result import mixed

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Interval, Replicates

HOLDS, DOES_NOT, CANNOT_TELL, NOT_RUN = "holds", "does not hold", "cannot tell", "not run"
#: The worse of two verdicts is that of both.
_WORST = (DOES_NOT, CANNOT_TELL, HOLDS)


@dataclass(frozen=True, kw_only=True)
class MeasuredPanel:
    """One panel of a claim: what is kept apart, its number with a 95 % interval, and its verdict."""

    name: str
    interval: "Interval | None"
    runs: int
    cells: int
    verdict: str


@dataclass(frozen=True, kw_only=True)
class CheckedClaim:
    """A claim with what the store says of it.

    Args:
        claim: What is claimed.
        verdict: One of the four.
        interval: The number in the unit of the claim, with its 95 % interval and what that covers; None if there is
            none. With `each` that of the panel that decides.
        runs, cells: In the number.
        of_cells: Cells that the claim is about; None if that depends on the store.
        rows: Real rows of the draws, as `20-400`.
        mixed: What different things the number averages, in words.
        panels: All panels.
        query: The command that shows the runs behind it.
    """

    claim: Claim
    verdict: str
    interval: "Interval | None" = None
    runs: int = 0
    cells: int = 0
    of_cells: int | None = None
    rows: str | None = None
    mixed: str | None = None
    panels: tuple[MeasuredPanel, ...] = ()
    query: str = ""


def check(store: Store, found: Found, claims: Sequence[Claim]) -> list[CheckedClaim]:
    """Returns the claims in their order, each with its verdict."""
    return [_checked(store, found, claim) for claim in claims]


def verdict(interval: "Interval | None", claim: Claim) -> str:
    """Returns whether a number is in the claimed range: by its whole interval, or else nobody can tell.

    A sum, and what has no chance, has an interval of width 0.
    """
    if interval is None:
        return CANNOT_TELL
    if claim.low <= interval.low and interval.high <= claim.high:
        return HOLDS
    return DOES_NOT if interval.high < claim.low or interval.low > claim.high else CANNOT_TELL


def _checked(store: Store, found: Found, claim: Claim) -> CheckedClaim:
    points = [point for point in claim.about.of(found.points) if point.mean is not None or point.failed]
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(getattr(point, part) for part in claim.by), []).append(point)
    made: list[MeasuredPanel] = []
    numbers: list[Replicates] = []
    used: list[Point] = []
    others: list[Point] = []
    for what, inside in sorted(groups.items(), key=lambda group: [str(part) for part in group[0]]):
        panel = Panel(points=inside, others=found.points, against=claim.against, resampled=found.resampled, store=store)
        number = STATISTICS[claim.statistic].measure(panel)
        if number is not None:
            made.append(_measured(claim, what, *number))
            numbers.append(number[0])
            used += number[1]
            others += held_against(panel)
    against = None if claim.against is None else claim.against.given()
    about = CheckedClaim(
        claim=claim,
        verdict=NOT_RUN,
        of_cells=claim.about.num_cells(),
        query=f'sdc store sql "{results.question(claim.about.given(), against=against)}"',
    )
    if not made:
        return about
    interval, whole = _together(claim, made, numbers)
    rows = sorted({point.rows for point in used if isinstance(point.rows, int)})
    of_others = mixed(others)
    said = (mixed(used), of_others and f"against {of_others}")
    return replace(
        about,
        verdict=whole,
        interval=interval,
        runs=sum(panel.runs for panel in made),
        cells=len({(point.lang, point.task) for point in used}),
        rows=None if not rows else str(rows[0]) if len(rows) == 1 else f"{rows[0]}-{rows[-1]}",
        mixed="; ".join(part for part in said if part) or None,
        panels=tuple(made),
    )


def _measured(claim: Claim, what: Sequence[object], values: "Replicates", points: Sequence[Point]) -> MeasuredPanel:
    interval = values.interval()
    return MeasuredPanel(
        name=" ".join(str(part) for part in what) or "all",
        interval=interval,
        runs=sum(point.n for point in points),
        cells=len({(point.lang, point.task) for point in points}),
        verdict=verdict(interval, claim),
    )


def _together(
    claim: Claim, panels: Sequence[MeasuredPanel], values: "Sequence[Replicates]"
) -> "tuple[Interval | None, str]":
    from sdc.pipelines.report.statistics.panels import combined

    if claim.over == "each":
        worst = min(panels, key=lambda panel: _WORST.index(panel.verdict))
        return worst.interval, worst.verdict
    interval = combined(values, claim.over).interval()
    return interval, verdict(interval, claim)
