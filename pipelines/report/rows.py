"""The rows of a report: repeats become a mean, and every row gets what it must be held against.

Here: grouping, means, references (generator, majority, linear). Not here: what makes a result another one
(`result.py`), reading the store (`run_results.py`), means over cells (`by.py`), drawing
(`formats.py`).
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.report.result import NAMES, Author, Result, identity
from sdc.pipelines.tasks.languages import group_of

MAJORITY, GENERATOR = "majority", "generator"


@dataclass(frozen=True, kw_only=True)
class RunResult(Result):
    """One run as one reader read it. `value` is None for a run that broke off; shares are 0 to 1.

    `model_identity` is the run's model as its key has it, and `authors` says who wrote its rows: two models can have
    one name, such as two revisions of a repository.
    """

    eval_key: str
    run: str
    sizes: tuple[str, ...]
    model_identity: str | None
    authors: tuple[Author, ...]
    value: float | None
    low: float | None
    high: float | None
    majority: float | None
    below_chance: bool
    leaked: float | None = None


@dataclass(frozen=True, kw_only=True)
class ResultRow(Result):
    """One row of a report. Scores are shares, 0 to 1; None is "does not apply".

    Args:
        role: `majority`, `generator` or empty.
        size: The nominal sizes that all have these real `rows`, by commas.
        n: Runs in the mean; `failed` broke off and are not in it, `below_chance` are in it.
        cells: Cells (language and task) in the mean.
        mixed: What different things are in the mean because `--by` does not keep them apart, in words.
        std: Sample standard deviation over repeats; over cells if there are several.
        low, high: 95 % interval: of the mean if n > 1, over test rows if n = 1.
        leaked: The largest share of the test texts that stand among the rows of a draw: such a result is too good.
        reference: The generator's score; `difference` is mean minus reference.
    """

    group: str | None = None
    role: str = ""
    size: str | None = None
    n: int = 0
    cells: int = 1
    mixed: str | None = None
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    difference: float | None = None
    majority: float | None = None
    linear: float | None = None
    failed: int = 0
    below_chance: int = 0
    leaked: float | None = None


_Pair = tuple[ResultRow, list[RunResult]]


def build(results: Sequence[RunResult], shown: Iterable[str], *, generator: str | None = None) -> list[ResultRow]:
    """Returns one row per distinct result, majority and generator first, then by method, source and rows.

    Args:
        results: The runs to show and those that serve as references.
        shown: Keys of the evals to show.
        generator: The model that wrote the synthetic rows; None takes it from the draws.
    """
    wanted = set(shown)
    tests: dict[tuple[str | None, str | None, str | None], list[_Pair]] = {}
    for row, members in _group(results):
        tests.setdefault((row.task, row.lang, row.test), []).append((row, members))
    rows: list[ResultRow] = []
    for pairs in tests.values():  # only what was tested on the same rows can be held against each other
        kept = [pair for pair in pairs if any(member.eval_key in wanted for member in pair[1])]
        if kept:
            rows += _with_references(kept, pairs, generator)
    return sorted(rows, key=order)


def _group(results: Sequence[RunResult]) -> list[_Pair]:
    groups: dict[tuple[object, ...], list[RunResult]] = {}
    # A run that broke off has nothing to read: it is counted with those of its kind, whatever reader they have.
    for r in sorted(results, key=lambda result: result.value is None):
        what = identity(r)
        if r.value is None:
            alike = (
                known for known, (first, *_) in groups.items() if identity(replace(r, reader=first.reader)) == known
            )
            what = next(alike, what)
        groups.setdefault(what, []).append(r)
    return [(_row(members), members) for members in groups.values()]


def _row(members: Sequence[RunResult]) -> ResultRow:
    first = members[0]
    values = [member.value for member in members if member.value is not None]
    interval = mean_interval(values)
    if len(values) == 1:  # one run: its interval over test rows
        only = next(member for member in members if member.value is not None)
        interval = None if only.low is None or only.high is None else (only.low, only.high)
    return ResultRow(
        **{name: getattr(first, name) for name in NAMES},
        group=group_of(str(first.lang)),
        size=",".join(sorted({size for member in members for size in member.sizes}, key=size_order)) or None,
        n=len(values),
        mean=statistics.fmean(values) if values else None,
        std=statistics.stdev(values) if len(values) > 1 else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        failed=len(members) - len(values),
        below_chance=sum(member.below_chance and member.value is not None for member in members),
        leaked=max((member.leaked for member in members if member.leaked is not None), default=None),
    )


def _with_references(kept: Sequence[_Pair], pairs: Sequence[_Pair], generator: str | None) -> list[ResultRow]:
    """Returns the rows of one cell and one test with the majority's first, each beside what it is held against."""
    majority = next((m.majority for _, ms in pairs for m in ms if m.majority is not None), None)
    first = kept[0][0]
    found = [
        ResultRow(
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
    ]
    everybody = {author for _, members in pairs for member in members for author in member.authors}
    for row, members in kept:
        own = {author for member in members for author in member.authors}
        # Human rows have no author: they are held against the generator of the cell, if there is just one.
        authors = {(generator, "")} if generator else own or (everybody if len(everybody) == 1 else set())
        # Where several settings could serve, the best one does: the reference that is hardest to beat.
        reference = max(
            (r.mean for r, ms in pairs if _is_zero_shot(r) and _is_by(ms[0], authors) and r.mean is not None),
            default=None,
        )
        linear = max(
            (r.mean for r, _ in pairs if r.method == "linear" and _same_rows(r, row) and r.mean is not None),
            default=None,
        )
        is_generator = row.method == "icl" and _is_by(members[0], everybody | authors)
        is_reference = is_generator and row.shots == 0
        found.append(
            replace(
                row,
                role=GENERATOR if is_generator else "",
                reference=reference,
                difference=None if is_reference or reference is None or row.mean is None else row.mean - reference,
                majority=majority,
                linear=linear if row.rows is not None else None,
            )
        )
    return found


def _is_zero_shot(row: ResultRow) -> bool:
    return row.method == "icl" and row.shots == 0


def _is_by(result: RunResult, authors: Iterable[Author]) -> bool:
    """Returns whether a run's model is one of `authors`: the very same one, where both say which it is."""
    return any(
        result.model == name and (not version or not result.model_identity or result.model_identity == version)
        for name, version in authors
    )


#: What two results have in common that were trained on the same rows, or on rows drawn in the same way.
_OF_ROWS = ("source", "rows", "strategy", "seeds", "generation", "judgement", "data")


def _same_rows(one: ResultRow, other: ResultRow) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _OF_ROWS)


def size_order(size: str) -> tuple[bool, int, str]:
    """Returns a sort key for nominal sizes: numbers by value, then `all`."""
    return (not size.isdecimal(), int(size) if size.isdecimal() else 0, size)


_ROLES: Mapping[str, int] = {MAJORITY: 0, GENERATOR: 1, "": 2}


def order(row: ResultRow) -> tuple[object, ...]:
    """Returns the sort key of a report's rows: majority and generator first, then by method, source and rows."""
    rows = row.rows if isinstance(row.rows, int) else int(row.rows.split("-")[0]) if row.rows else -1
    return (
        row.task or "", row.group or "" if row.lang is None else "", row.lang or "", _ROLES[row.role],
        row.method or "", row.source or "", rows, size_order((row.size or "0").split(",")[0]),
        row.shots or 0, *(str(getattr(row, name) or "") for name in ("model", "decoding", "setting", *NAMES)),
    )  # fmt: skip
