"""Lines of a figure: what is drawn of a curve, and of the gap between two.

Here: from curves to points with a band, in points of 100. Not here: which curves a figure has (`of_paper.py`,
`further.py`), drawing (`panel.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdc.errors import UsageError, one_of
from sdc.pipelines.report.curves import NAMED, Curve, CurvePoint, names
from sdc.pipelines.report.result import Result, telling
from sdc.pipelines.text.visible import visible

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.break_even import BreakEven

#: What a band shows -> in words.
BANDS = {
    "interval": "95 % interval, over runs and test rows",
    "runs": "± one standard deviation over runs, mean over cells",
    "means": "± one standard deviation over repeats of the mean over cells",
}
METHODS = {"finetune": "fine-tuning", "icl": "ICL", "lora": "LoRA", "linear": "linear", "probe": "probe"}
#: Cells whose rows differ by more than this factor at one size end at different sizes.
_SAME_ROWS = 2.5


@dataclass(frozen=True, kw_only=True)
class LinePoint:
    """A point of a line; all scores in points, 0 to 100.

    Args:
        rows: Real rows, mean over cells; None of a level.
        sizes: Nominal sizes, by commas.
        cells, n, failed, below_chance: As in `CurvePoint`, counts.
        mean, low, high: The ends are those of the band; None without one.
        apart: The cells are fewer than before, or each has its own number of rows: not to be joined without a mark.
    """

    rows: float | None
    sizes: str
    cells: int
    n: int
    failed: int
    below_chance: int
    mean: float
    low: float | None
    high: float | None
    apart: bool


@dataclass(frozen=True, kw_only=True)
class StudentLine:
    """One student on one kind of rows, as it is drawn; `even` is where it reaches zero, if that can be said."""

    label: str
    method: str
    model: str
    source: str | None
    points: tuple[LinePoint, ...]
    even: "BreakEven | None" = None

    @property
    def is_level(self) -> bool:
        """Whether it has no rows: a height, not a curve."""
        return self.points[0].rows is None

    def words(self) -> str | None:
        """Returns from how many rows it reaches the generator, as a figure says it."""
        if self.even is None:
            return None
        even = self.even
        if even.smallest < even.even < float("inf"):
            high = "not reached" if even.high == float("inf") else f"{even.high:.0f}"
            return f"{even.even:.0f} rows [{even.low:.0f}, {high}]"
        return even.words(even.even) + (" rows" if even.even < float("inf") else "")


def check_band(band: str) -> None:
    """Raises a UsageError if there is no such band."""
    if band not in BANDS:
        raise UsageError(f"unknown band {band[:80]!r}", "--band", one_of(band, BANDS))


def of_curves(found: Sequence[Curve], *, band: str) -> list[StudentLine]:
    """Returns the lines of some curves, each with a name that tells it from the others."""
    levels = [curve for curve in found if curve.points[0].rows is None]
    rising = [curve for curve in found if curve.points[0].rows is not None]
    made = [_line(curve, " ".join(words), band) for curve, words in zip(rising, in_words(rising), strict=True)]
    return made + [
        _line(curve, f"{curve.first.model} zero-shot" if len(levels) > 1 else "zero-shot", band) for curve in levels
    ]


def in_words(
    found: Sequence[Curve], *, always: Sequence[str] = ("method",), but: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Returns `names` with the method as figures call it, which is the first word."""
    return [(METHODS.get(method, method), *rest) for method, *rest in names(found, always=always, but=but)]


def students(results: Sequence[Result], *, but: Collection[str] = ()) -> list[str]:
    """Returns the name of each student on its kind of rows: `ICL m, 2-shot, synthetic`, and what else tells it apart.

    Args:
        results: All that are shown together; those of one name are the same in every part, but for fields in `but`.
        but: Fields in which they may differ.
    """
    known = ("method", "model", "shots", "source")
    told = telling([vars(result) for result in results], [name for name in NAMED if name not in but], known=known)
    made = []
    for result in results:
        shots = {None: None, 0: "zero-shot"}.get(result.shots, f"{result.shots}-shot")
        said = [f"{METHODS.get(str(result.method), result.method)} {result.model}", shots, result.source]
        more = [str(getattr(result, name)) for name in told if getattr(result, name) is not None]
        made.append(visible(" ".join([", ".join(each for each in said if each), *more])))
    return made


def gap(human: Curve, synthetic: Curve, *, label: str) -> StudentLine | None:
    """Returns what human rows give over synthetic ones, at the sizes that both have; None if there is none.

    The ends are those of the 95 % interval: both are scored on the same resampled test rows, on draws of their own.
    """
    from sdc.pipelines.report.statistics.resampling import Replicates

    points = []
    known = {(point.sizes[-1:], point.cells): point for point in synthetic.points}
    for point in human.points:
        other = known.get((point.sizes[-1:], point.cells))
        if other is None or point.replicates is None or other.replicates is None:
            continue
        difference = Replicates(
            estimate=point.mean - other.mean,
            values_B=point.replicates.values_B - other.replicates.values_B,
            covers=point.replicates.covers,
        ).interval()
        points.append(
            _point(
                point, mean=difference.estimate, low=difference.low, high=difference.high, most=len(point.cells),
                n=point.n + other.n, failed=point.failed + other.failed,
                below_chance=point.below_chance + other.below_chance,
            )
        )  # fmt: skip
    first = human.first
    return (
        StudentLine(
            label=label, method=str(first.method), model=str(first.model), source="synthetic", points=tuple(points)
        )
        if points
        else None
    )


def _line(curve: Curve, label: str, band: str) -> StudentLine:
    most = max(len(point.cells) for point in curve.points)
    points = []
    for point in curve.points:
        low, high = ends(point, band)
        points.append(
            _point(point, mean=point.mean, low=low, high=high, most=most, n=point.n, failed=point.failed,
                   below_chance=point.below_chance)
        )  # fmt: skip
    first = curve.first
    return StudentLine(
        label=visible(label),
        method=str(first.method),
        model=visible(str(first.model)),
        source=first.source,
        points=tuple(points),
        even=curve.break_even,
    )


def _point(
    point: CurvePoint, *, mean: float, low: float | None, high: float | None, most: int, **counts: Any
) -> LinePoint:
    rows = [inside.rows for inside in point.points if isinstance(inside.rows, int)]
    uneven = bool(rows) and max(rows) > _SAME_ROWS * min(rows)
    return LinePoint(
        rows=point.rows,
        sizes=",".join(point.sizes),
        cells=len(point.cells),
        mean=100 * mean,
        low=None if low is None else 100 * low,
        high=None if high is None else 100 * high,
        apart=uneven or len(point.cells) < most,
        **counts,
    )


def ends(point: CurvePoint, band: str) -> tuple[float | None, float | None]:
    """Returns the ends of a band at a point, as shares."""
    if band == "interval":
        found = point.interval
        return (None, None) if found is None else (found.low, found.high)
    std = point.std_of_runs if band == "runs" else point.std_of_means
    return (None, None) if std is None else (point.mean - std, point.mean + std)
