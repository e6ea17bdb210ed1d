"""The rows of a report: repeats become a mean, and every row gets what it must be held against.

Here: grouping, means, references (generator, majority, linear). Not here: reading the store (`report.py`), means over
cells (`report_by.py`), drawing (`report_formats.py`).
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.tasks.languages import group_of

MAJORITY, GENERATOR = "majority", "generator"
#: Name of a model, and what identifies it in keys, as JSON; empty if that is not known.
Author = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run as one reader read it. `value` is None for a run that broke off; shares are 0 to 1.

    `version` identifies the run's model as its key does, and `generators` says who wrote its rows: two models can have
    one name, such as two revisions of a repository.
    """

    eval_key: str
    run: str
    lang: str
    task: str
    method: str
    model: str
    source: str | None
    sizes: tuple[str, ...]
    rows: int | None
    shots: int | None
    decoding: str | None
    setting: str
    version: str | None
    reader: str
    generators: tuple[Author, ...]
    metric: str
    value: float | None
    low: float | None
    high: float | None
    majority: float | None
    below_chance: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a report. Scores are shares, 0 to 1; None is "does not apply".

    Args:
        role: `majority`, `generator` or empty.
        size: The nominal sizes that all have these real `rows`, by commas.
        rows: The real number of rows of the draw; a range (`10-14`) if cells differ.
        n: Runs in the mean; `failed` broke off and are not in it, `below_chance` are in it.
        cells: Cells (language and task) in the mean.
        std: Sample standard deviation over repeats; over cells if there are several.
        low, high: 95 % interval: of the mean if n > 1, over test rows if n = 1.
        reference: The generator's score; `difference` is mean minus reference.
    """

    task: str | None
    lang: str | None
    group: str | None
    role: str = ""
    method: str | None
    model: str | None
    source: str | None = None
    size: str | None = None
    rows: int | str | None = None
    shots: int | None = None
    decoding: str | None = None
    setting: str | None = None
    reader: str | None = None
    metric: str
    n: int = 0
    cells: int = 1
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


def build(records: Sequence[Record], shown: Iterable[str], *, generator: str | None = None) -> list[Row]:
    """Returns one row per distinct result, majority and generator first, then by method, source and rows.

    Args:
        records: The runs to show and those that serve as references.
        shown: Keys of the evals to show.
        generator: The model that wrote the synthetic rows; None takes it from the draws.
    """
    wanted = set(shown)
    every = _group(records)
    by_cell: dict[tuple[str, str], list[tuple[Row, list[Record]]]] = {}
    for row, members in every:
        by_cell.setdefault((str(row.task), str(row.lang)), []).append((row, members))
    rows = []
    for (task, lang), pairs in by_cell.items():
        if not any(member.eval_key in wanted for _, members in pairs for member in members):
            continue
        authors = {name for _, members in pairs for member in members for name, _ in member.generators}
        majority = next((m.majority for _, ms in pairs for m in ms if m.majority is not None), None)
        metric = pairs[0][0].metric
        rows.append(
            Row(
                task=task,
                lang=lang,
                group=group_of(lang),
                role=MAJORITY,
                method=MAJORITY,
                model=None,
                metric=metric,
                mean=majority,
                majority=majority,
            )
        )
        plain = [row for row, _ in pairs]
        for row, members in pairs:
            if not any(member.eval_key in wanted for member in members):
                continue
            wrote = {author for member in members for author in member.generators}
            own = {name for name, _ in wrote}
            # Where several settings could serve, the best one does: the reference that is hardest to beat.
            # Human rows have no author: they are held against the generator of the cell, if there is just one.
            names = {generator} if generator else own or (authors if len(authors) == 1 else set())
            versions = set() if generator else {version for _, version in wrote if version}
            zero_shot = [r for r, ms in pairs if _is_zero_shot(r) and (not versions or ms[0].version in versions)]
            reference = max((r.mean for r in zero_shot if r.model in names and r.mean is not None), default=None)
            rows.append(_with_references(row, plain, reference, authors | names, majority))
    return sorted(rows, key=order)


def _group(records: Sequence[Record]) -> list[tuple[Row, list[Record]]]:
    groups: dict[tuple[object, ...], list[Record]] = {}
    # A run that broke off has nothing to read: it is counted with those of its kind, whatever reader they have.
    for r in sorted(records, key=lambda record: record.value is None):
        # The nominal size is no part of a result: draws with the same real rows are the same point (B10).
        what = (r.task, r.lang, r.method, r.model, r.source, r.rows, r.shots, r.decoding, r.setting, r.metric)
        alike = [] if r.value is not None else [known for known in groups if known[:-1] == what]
        groups.setdefault(alike[0] if alike else (*what, r.reader), []).append(r)
    return [(_row(members), members) for members in groups.values()]


def _row(members: Sequence[Record]) -> Row:
    first = members[0]
    values = [member.value for member in members if member.value is not None]
    interval = mean_interval(values)
    if len(values) == 1:  # one run: its interval over test rows
        only = next(member for member in members if member.value is not None)
        interval = None if only.low is None or only.high is None else (only.low, only.high)
    return Row(
        task=first.task,
        lang=first.lang,
        group=group_of(first.lang),
        method=first.method,
        model=first.model,
        source=first.source,
        size=",".join(sorted({size for member in members for size in member.sizes}, key=size_order)) or None,
        rows=first.rows,
        shots=first.shots,
        decoding=first.decoding,
        setting=first.setting,
        reader=first.reader,
        metric=first.metric,
        n=len(values),
        mean=statistics.fmean(values) if values else None,
        std=statistics.stdev(values) if len(values) > 1 else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        failed=len(members) - len(values),
        below_chance=sum(member.below_chance and member.value is not None for member in members),
    )


def _is_zero_shot(row: Row) -> bool:
    return row.method == "icl" and row.shots == 0


def _with_references(
    row: Row, cell: Sequence[Row], reference: float | None, authors: set[str], majority: float | None
) -> Row:
    linear = max(
        (r.mean for r in cell if r.method == "linear" and _same_draws(r, row) and r.mean is not None), default=None
    )
    is_generator = row.method == "icl" and row.model in authors
    is_reference = is_generator and row.shots == 0
    return replace(
        row,
        role=GENERATOR if is_generator else "",
        reference=reference,
        difference=None if is_reference or reference is None or row.mean is None else row.mean - reference,
        majority=majority,
        linear=linear if row.rows is not None else None,
    )


def _same_draws(one: Row, other: Row) -> bool:
    return one.source == other.source and one.rows == other.rows


def size_order(size: str) -> tuple[bool, int, str]:
    """Returns a sort key for nominal sizes: numbers by value, then `all`."""
    return (not size.isdecimal(), int(size) if size.isdecimal() else 0, size)


_ROLES: Mapping[str, int] = {MAJORITY: 0, GENERATOR: 1, "": 2}


def order(row: Row) -> tuple[object, ...]:
    """Returns the sort key of a report's rows: majority and generator first, then by method, source and rows."""
    rows = row.rows if isinstance(row.rows, int) else int(row.rows.split("-")[0]) if row.rows else -1
    return (
        row.task or "", row.group or "" if row.lang is None else "", row.lang or "", _ROLES[row.role],
        row.method or "", row.source or "", rows, size_order((row.size or "0").split(",")[0]),
        row.shots or 0, row.model or "", row.decoding or "", row.setting or "", row.reader or "",
    )  # fmt: skip
