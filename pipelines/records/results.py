"""What the store says of evaluated runs, and of what their draws were made from, as reports need it.

Here: the queries. Not here: which runs count (`runs.py`), what makes a result another one (report).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sdc.cache.key import SHORT
from sdc.cache.store import Store
from sdc.pipelines import metrics
from sdc.pipelines.records import runs
from sdc.pipelines.tasks.languages import GROUPS

#: Figure of a reading -> the metric, and the column of it: scores have the ends of their intervals beside them.
_FIGURES = {
    **{f"{name}{end}": (name, column) for name in metrics.HEADLINES
       for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))},
    **{name: (name, "value") for name in (*metrics.HEADLINES.values(), "failed_run")},
}  # fmt: skip
#: Field of a reading -> what it is in SQL.
_READING = {
    "eval_key": "e.key",
    "run": "e.run",
    "reader": "e.reader",
    "lang": "r.lang",
    "task": "r.task",
    "method": "r.method",
    "model": "r.model",
    "source": "r.source",
    "draw": "r.draw",
    "num_rows": "r.num_rows",
    "shots": "r.num_shots",
    "decoding": "r.decoding",
    "setting": "r.setting",
    "test": f"left(r.test_key, {SHORT})",
    "version": "ra.version",
    "model_identity": "cast(ra.config -> '$.model' as varchar)",
    "definition": "cast(ra.config -> '$.definition' as varchar)",
    "tuned_by": "r.details ->> '$.tuned_by'",
    "test_key": "r.test_key",
    "leaks": "cast(r.details -> '$.leaks' as varchar)",
    **{name: f"e.{name}" for name in _FIGURES},
}
#: Field of an origin -> what it is in SQL.
_ORIGIN = {
    **{name: f"o.{name}" for name in ("draw", "lang", "task", "source", "num_rows")},
    "is_newest": "s.key is not null",
    **{name: f"o.{name}" for name in ("size", "repeat", "strategy", "seeds", "generation", "judgement", "judge")},
    "seed_weight": "o.seed_weight",
    **{name: f"o.{name}" for name in ("examples", "human")},
    "stage": "e.stage",
}


def readings(store: Store, *, runs: Sequence[str], evals: Sequence[str]) -> list[dict[str, Any]]:
    """Returns every newest reading of some runs, and the evals asked for, with what tables and recipes say of them.

    Stale ones are no readings.

    Args:
        store: Where they are.
        runs: Full keys.
        evals: Full keys; of these no newer one takes the place.
    """
    pivot = ", ".join(
        f"max(m.{column}) filter (m.metric = '{metric}') as {name}" for name, (metric, column) in _FIGURES.items()
    )
    found = store.query(
        f"""with asked as (select unnest(?::varchar[]) as key),
        readings as (
            select m.key, m.run, m.reader, {pivot} from metrics m
            where (m.run in (select unnest(?::varchar[])) or m.key in (from asked))
              and m.key not in (select key from stale)
            group by m.key, m.run, m.reader
        )
        select {", ".join(_READING.values())}
        from readings e join runs r on r.key = e.run join artifacts a on a.key = e.key
            join artifacts ra on ra.key = e.run
        qualify e.key in (from asked)
            or row_number() over (partition by e.run, e.reader order by a.version desc, a.used_at desc, e.key) = 1
        order by r.task, r.lang, r.method, r.num_rows, e.run, e.reader""",  # noqa: S608 (constants)
        [list(evals), list(runs)],
    )
    return [dict(zip(_READING, row, strict=True)) for row in found]


#: Field of a report -> column of the view `results`.
_COLUMNS = {"lang": "lang", "task": "task", "method": "method", "model": "model", "source": "source",
            "strategy": "strategy", "generator": "generator", "shots": "num_shots"}  # fmt: skip


def question(
    given: Mapping[str, Sequence[str | int]], *, against: Mapping[str, Sequence[str | int]] | None = None
) -> str:
    """Returns the query that shows the runs behind a number of a report, for `sdc store sql`.

    Args:
        given: Field -> values that are in the number.
        against: As `given`, for what they are held against.

    >>> question({"task": ["topic"], "shots": [0]}).partition(" and ")[2]
    "task in ('topic') and num_shots in (0) group by all order by all"
    """
    wanted = _conditions(given)
    if against is not None:
        wanted = f"({wanted} or {_conditions({**given, **against})})"
    return (
        "select lang, task, method, model, source, num_rows, reader, metric, count(*) as runs, avg(value) as mean"  # noqa: S608 (it is shown)
        f" from results where metric in ('accuracy', 'macro_f1') and {wanted} group by all order by all"
    )


def _conditions(given: Mapping[str, Sequence[str | int]]) -> str:
    values = dict(given)
    langs = [lang for group in values.pop("group", ()) for lang in GROUPS.get(str(group), ())]
    if langs and "lang" not in values:
        values["lang"] = langs
    parts = [
        f"{_COLUMNS[name]} in ({', '.join(_literal(value) for value in some)})"
        for name, some in values.items()
        if name in _COLUMNS and some
    ]
    return " and ".join(parts) or "true"


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def origins(store: Store, draws: Sequence[str]) -> list[dict[str, Any]]:
    """Returns what some draws, given by content hash, were made from: one for every sample that has the draw.

    `is_newest` says whether that sample is the newest of its source in its cell, `stage` what made its examples.
    """
    found = store.query(
        f"""with samples as ({runs.NEWEST_SAMPLES})
        select {", ".join(_ORIGIN.values())}
        from origins o left join samples s on s.key = o.key left join artifacts e on e.key = o.examples
        where o.draw in (select unnest(?::varchar[]))""",  # noqa: S608 (a constant)
        [list(draws)],
    )
    return [dict(zip(_ORIGIN, row, strict=True)) for row in found]


def by_reader(store: Store, runs: Sequence[str]) -> list[tuple[str, str, float]]:
    """Returns run, reader and accuracy of those of some runs, given by full key, that several readers read."""
    return store.query(
        """with read as (
            select distinct on (m.run, m.reader) m.run, m.reader, m.value
            from metrics m join artifacts a using (key)
            where m.metric = 'accuracy' and m.value is not null and m.run in (select unnest(?::varchar[]))
              and m.key not in (select key from stale)
            order by m.run, m.reader, a.version desc, a.used_at desc
        ),
        several as (select run from read group by run having count(*) > 1)
        select run, reader, value from read where run in (from several) order by all""",
        [list(runs)],
    )


def samples_behind(store: Store, runs: Sequence[str]) -> list[str]:
    """Returns the keys of the samples that have draws of some runs, sorted."""
    found = store.query(
        """select distinct d.key from draws d where d.draw in (
            select draw from runs where key in (select unnest(?::varchar[])) and draw is not null
        ) and d.key not in (select key from stale) order by 1""",
        [list(runs)],
    )
    return [key for (key,) in found]
