"""The points of a report, which tables, figures and claims are made of: repeats become a mean beside its references.

Here: grouping, means, references (generator, majority, linear). Not here: what makes a result another one
(`result.py`), reading the store (`run_results.py`, `resampled.py`), means over cells (`by.py`), drawing
(`formats.py`, `figures/`).
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.records.draws import HUMAN_SOURCES
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import NAMES, PARTS, STUDENT, Author, Result, RunResult, identity
from sdc.pipelines.tasks.languages import group_of

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Interval

MAJORITY, GENERATOR = "majority", "generator"
#: Where the reader stands in what two repeats have in common.
_READER = NAMES.index("reader")


@dataclass(frozen=True, kw_only=True)
class Point(Result):
    """One point: the runs of one result, or of several cells. Scores are shares, 0 to 1; None is "does not apply".

    Args:
        role: `majority`, `generator` or empty.
        size: The nominal sizes that all have these real `rows`, by commas.
        n: Runs in the mean; `failed` broke off and are not in it, `below_chance` are in it.
        cells: Cells (language and task) in the mean.
        of_cells: Cells that there are where it stands: rows beside it that are of others cannot be compared with it.
        mixed: What different things are in the mean because `--by` does not keep them apart, in words.
        std: Sample standard deviation over repeats; over cells if there are several.
        low, high: 95 % interval of the mean.
        covers: Which chance the intervals cover: `runs and test rows`, `test rows` of one run, or `runs` where an older
            sdc kept no readings.
        leaked: The largest share of the test texts that stand among the rows of a draw: such a result is too good.
        reference: The generator's score; `difference` is mean minus reference, paired by test rows.
        difference_low, difference_high: 95 % interval of the difference.
        human_minus: The score of the same student on as many human rows, minus this one; None on human rows.
        failed: Runs that broke off; `below_chance` and `collapsed` ones (95 % of the answers are one label) are in `n`.
        members: The runs, those that broke off among them; `against` are those of the reference.
    """

    group: str | None = None
    role: str = ""
    size: str | None = None
    n: int = 0
    cells: int = 1
    of_cells: int = 1
    mixed: str | None = None
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    covers: str | None = None
    reference: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    human_minus: float | None = None
    majority: float | None = None
    linear: float | None = None
    failed: int = 0
    below_chance: int = 0
    collapsed: int = 0
    leaked: float | None = None
    members: tuple[RunResult, ...] = field(default=(), repr=False)
    against: tuple[RunResult, ...] = field(default=(), repr=False)


#: A point, and the fields that it gets from what it is held against.
_Held = tuple[Point, dict[str, Any]]


def build(
    results: Sequence[RunResult],
    shown: Iterable[str],
    *,
    generator: str | None = None,
    resampled: Resampled | None = None,
) -> list[Point]:
    """Returns one point per distinct result, majority and generator first, then by method, source and rows.

    Args:
        results: The runs to show and those that serve as references.
        shown: Keys of the evals to show.
        generator: The model that wrote the synthetic rows; None takes it from the draws.
        resampled: Scores on resampled test rows; None gives intervals over runs alone, and none of differences.
    """
    wanted = set(shown)
    tests: dict[tuple[str | None, str | None, str | None], list[Point]] = {}
    for members in _group(results):
        tests.setdefault((members[0].task, members[0].lang, members[0].test), []).append(_point(members))
    held: list[_Held] = []
    for points in tests.values():  # only what was tested on the same rows can be held against each other
        kept = [point for point in points if any(member.eval_key in wanted for member in point.members)]
        if kept:
            held += _held(kept, points, generator)
    return sorted(_made(held, resampled), key=order)


def _group(results: Sequence[RunResult]) -> list[list[RunResult]]:
    groups: dict[tuple[object, ...], list[RunResult]] = {}
    of_kind: dict[tuple[object, ...], list[RunResult]] = {}
    for result in results:
        if result.value is not None:
            groups.setdefault(identity(result), []).append(result)
    for what, group in groups.items():
        of_kind.setdefault(_without_reader(what), group)
    # A run that broke off has nothing to read: it is counted with those of its kind, whatever reader they have.
    for result in results:
        if result.value is None:
            what = identity(result)
            kind = _without_reader(what)
            if kind not in of_kind:
                groups[what] = of_kind[kind] = []
            of_kind[kind].append(result)
    return list(groups.values())


def _without_reader(what: tuple[object, ...]) -> tuple[object, ...]:
    return (*what[:_READER], *what[_READER + 1 :])


def _point(members: Sequence[RunResult]) -> Point:
    first = members[0]
    values = [member.value for member in members if member.value is not None]
    return Point(
        **{name: getattr(first, name) for name in NAMES},
        group=group_of(str(first.lang)),
        size=",".join(sorted({size for member in members for size in member.sizes}, key=size_order)) or None,
        n=len(values),
        mean=statistics.fmean(values) if values else None,
        std=_std(values) if len(values) > 1 else None,
        failed=len(members) - len(values),
        below_chance=sum(member.below_chance and member.value is not None for member in members),
        leaked=max((member.leaked for member in members if member.leaked is not None), default=None),
        members=tuple(members),
    )


def _std(values: Sequence[float]) -> float:
    """Returns the sample standard deviation: `statistics.stdev` counts in fractions, which takes ten times as long."""
    mean = statistics.fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _made(held: Sequence[_Held], resampled: Resampled | None) -> list[Point]:
    """Returns points of one cell each with what they are held against, and intervals of mean and difference."""
    if resampled is None:
        return [replace(point, **fields | _over_runs(point)) for point, fields in held]
    means = resampled.intervals([(point.members, None) for point, _ in held])
    differences = resampled.intervals([(point.members, fields.get("against", ())) for point, fields in held])
    made = []
    for (point, fields), mean, difference in zip(held, means, differences, strict=True):
        found = fields | ends(mean, difference)
        if mean is not None:
            found["collapsed"] = resampled.num_collapsed(point.members)
        if mean is None or point.n == 1:
            # Of one run, its evaluation has Wilson's interval, which is no point where every answer is right.
            found |= _over_runs(point)
        made.append(replace(point, **found))  # once: it has sixty fields
    return made


def ends(mean: "Interval | None", difference: "Interval | None") -> dict[str, Any]:
    """Returns the fields of a point that hold the intervals of its mean and of its difference; scores are shares."""
    found: dict[str, Any] = {}
    if mean is not None:
        found |= {"low": max(0.0, mean.low), "high": min(1.0, mean.high), "covers": mean.covers}
    if difference is not None:
        found |= {"difference_low": max(-1.0, difference.low), "difference_high": min(1.0, difference.high)}
    return found


def _over_runs(point: Point) -> dict[str, Any]:
    """Returns the interval without readings: over runs, or of one run as its evaluation has it, if it has one."""
    scored = [member for member in point.members if member.value is not None]
    if len(scored) == 1:
        return {} if scored[0].low is None else {"low": scored[0].low, "high": scored[0].high, "covers": "test rows"}
    found = mean_interval([member.value for member in scored if member.value is not None])
    return {} if found is None else {"low": found[0], "high": found[1], "covers": "runs"}


def _held(kept: Sequence[Point], points: Sequence[Point], generator: str | None) -> list[_Held]:
    """Returns the points of one cell and one test with the majority's first, each with what it is held against."""
    majority = next((m.majority for point in points for m in point.members if m.majority is not None), None)
    first = kept[0]
    of_majority = Point(
        task=first.task,
        lang=first.lang,
        test=first.test,
        group=first.group,
        role=MAJORITY,
        method=MAJORITY,
        metric=first.metric,
        mean=majority,
        majority=majority,
    )
    found: list[_Held] = [(of_majority, {})]
    everybody = {author for point in points for member in point.members for author in member.authors}
    zero_shot = [point for point in points if _is_zero_shot(point) and point.mean is not None]
    linears = _best((point for point in points if point.method == "linear"), _OF_ROWS)
    human = _best((point for point in points if point.source == "human"), _AT_EQUAL_ROWS)
    for point in kept:
        own = {author for member in point.members for author in member.authors}
        # Human rows have no author: they are held against the generator of the cell, if there is just one.
        authors = {(generator, "")} if generator else own or (everybody if len(everybody) == 1 else set())
        # Where several settings could serve, the best one does: the reference that is hardest to beat.
        could = [p for p in zero_shot if _is_by(p.members[0], authors)]
        reference = max(could, key=lambda p: p.mean or 0, default=None)
        is_generator = point.method == "icl" and _is_by(point.members[0], everybody | authors)
        is_reference = is_generator and point.shots == 0
        score = None if reference is None else reference.mean
        fields = {
            "role": GENERATOR if is_generator else "",
            "reference": score,
            "difference": None if is_reference or score is None or point.mean is None else point.mean - score,
            "against": () if reference is None or is_reference else reference.members,
            "human_minus": _human_minus(point, human.get(_AT_EQUAL_ROWS(point))),
            "majority": majority,
            "linear": linears.get(_OF_ROWS(point)) if point.rows is not None else None,
        }
        found.append((point, fields))
    return found


def _human_minus(point: Point, human: float | None) -> float | None:
    """Returns how much better a student is on as many human rows of the same test; None where nobody tried."""
    if point.source in (None, *HUMAN_SOURCES) or point.mean is None or human is None:
        return None
    return human - point.mean


def _best(points: Iterable[Point], agree: Callable[[Point], object]) -> dict[object, float]:
    """Returns the best mean among points that agree in some fields, by what these hold."""
    best: dict[object, float] = {}
    for point in points:
        if point.mean is not None:
            what = agree(point)
            best[what] = max(point.mean, best.get(what, point.mean))
    return best


def _is_zero_shot(row: Point) -> bool:
    return row.method == "icl" and row.shots == 0


def _is_by(result: RunResult, authors: Iterable[Author]) -> bool:
    """Returns whether a run's model is one of `authors`: the very same one, where both say which it is."""
    return any(
        result.model == name and (not version or not result.model_identity or result.model_identity == version)
        for name, version in authors
    )


#: What two results have in common of which one learnt from human rows and the other from as many others.
_AT_EQUAL_ROWS = attrgetter("rows", "metric", *STUDENT)
#: What two results have in common that were trained on the same rows, or on rows drawn in the same way.
_OF_ROWS = attrgetter("rows", *PARTS["source"], "generation", "judgement", "data", "draw")


def on_same_rows(one: Point, other: Point) -> bool:
    """Returns whether two points are of the same draws, or of rows drawn in the same way."""
    return bool(_OF_ROWS(one) == _OF_ROWS(other))


def size_order(size: str) -> tuple[bool, int, str]:
    """Returns a sort key for nominal sizes: numbers by value, then `all`."""
    return (not size.isdecimal(), int(size) if size.isdecimal() else 0, size)


_ROLES: Mapping[str, int] = {MAJORITY: 0, GENERATOR: 1, "": 2}


_AT_LAST = attrgetter("model", "decoding", "setting", *NAMES)


def order(row: Point) -> tuple[object, ...]:
    """Returns the sort key of a report's rows: majority and generator first, then by method, source and rows."""
    rows = row.rows if isinstance(row.rows, int) else int(row.rows.split("-")[0]) if row.rows else -1
    return (
        row.task or "", row.group or "" if row.lang is None else "", row.lang or "", _ROLES[row.role],
        row.method or "", row.source or "", rows, size_order((row.size or "0").split(",")[0]),
        row.shots or 0, *(str(value or "") for value in _AT_LAST(row)),
    )  # fmt: skip
