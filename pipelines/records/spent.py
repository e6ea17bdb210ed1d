"""What runs and generations took, as tables and figures of costs and plans need it: means per student, cell and model.

Here: the queries. Not here: the ledger of single artifacts (the view `ledger`), what pays off (report).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sdc.cache.store import Store
from sdc.pipelines.cells import Cell


@dataclass(frozen=True, kw_only=True)
class StudentTime:
    """What the runs of one student on so many rows of one cell took on average; None is unknown.

    Args:
        lang, task, method, model, source, shots, rows: Which runs.
        num_runs: How many.
        seconds: Fitting and answering the whole test.
    """

    lang: str
    task: str
    method: str
    model: str
    source: str | None
    shots: int | None
    rows: int
    num_runs: int
    seconds: float | None


def of_students(store: Store, runs: Sequence[str]) -> list[StudentTime]:
    """Returns what some runs, given by full key, took; those that broke off are left out."""
    names = [field.name for field in fields(StudentTime)]
    found = store.query(
        """select r.lang, r.task, r.method, r.model, r.source, r.num_shots, r.num_rows, count(*), avg(r.seconds)
        from runs r
        where r.status = 'ok' and r.key in (select unnest(?::varchar[]))
        group by all order by all""",
        [list(runs)],
    )
    return [StudentTime(**dict(zip(names, row, strict=True))) for row in found]


def texts_per_call(store: Store, cell: Cell, *, model: str, num_texts: int | None) -> float | None:
    """Returns how many new, accepted texts a call of a generator brought; None where it was never seen.

    In the generations of the cell, or where there are none, of all cells.

    Args:
        store: Where they are.
        cell: Language and task.
        model: The generator.
        num_texts: Texts that a call asked for; None is the default.
    """
    found = store.query(
        """select lang = ? and task = ?, summary -> '$.labels' from artifacts
        where stage = 'gen' and summary ->> '$.usage.model' = ?
            and (config -> '$.num_texts')::varchar is not distinct from ?""",
        [cell.lang, cell.task.name, model, None if num_texts is None else str(num_texts)],
    )
    of_cell = [labels for is_of_cell, labels in found if is_of_cell]
    labels = [label for text in of_cell or [text for _, text in found] for label in json.loads(text or "{}").values()]
    calls = sum(label["calls"] for label in labels)
    return sum(label["accepted"] - label["kept"] for label in labels) / calls if calls else None
