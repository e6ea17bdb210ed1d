"""Runs: which there are, and which of them are current, as eval and report take them when no keys are given.

Here: the look-ups, and what a command says of which every run failed. Not here: one run (`run_record.py`), what it said
(`outputs.py`), what becomes of runs (eval, report).
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

from sdc.cache import again, freshness
from sdc.cache.counted import counted
from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines.records import encoding
from sdc.pipelines.stage import Context, Outcome

#: Why a run never counts: its test has other rows now.
_STALE = "stale"
#: Of the stage, and of the student where that has one of its own: its method names it in the settings.
_VERSION = "a.version * 1000 + coalesce(try_cast(json_extract_string(a.config, '$.' || r.method) as integer), 0)"
#: The sample used last of every source, strategy and weight of seeds in every cell; it may be stale.
NEWEST_SAMPLES = """
    select key, lang, task from (
        select key, d.lang, d.task, row_number() over (
            partition by d.lang, d.task, d.source, d.strategy, d.seed_weight order by a.used_at desc, key
        ) as age
        from (
            select distinct key, lang, task, source, strategy, coalesce(seed_weight, 1) as seed_weight from draws
        ) d join artifacts a using (key)
    ) where age = 1"""


@dataclass(frozen=True, kw_only=True)
class RunSelection:
    """The runs of some cells that count.

    Args:
        keys: Those that count, in a fixed order.
        hidden: Why others do not -> how many; empty if none does not.
        stale: A line for each stale sample that is the newest of its kind: what happened, and what to do.
    """

    keys: Sequence[str]
    hidden: Mapping[str, int]
    stale: Sequence[str] = ()

    def say(self, context: Context, who: str) -> None:
        """Tells the user what is not shown, and how it is."""
        for line in self.stale:
            context.say(f"{who}: {line}")
        if self.hidden:
            why = ", ".join(f"{number} {reason}" for reason, number in self.hidden.items())
            number = counted(sum(self.hidden.values()), "run is", "runs are")
            context.say(f"{who}: {number} left out ({why}); --all takes them, too")


def find(store: Store, cells: Sequence[tuple[str, str]] | None = None, *, everything: bool = False) -> RunSelection:
    """Returns the runs that count now.

    These are the runs on a draw of the newest samples of their cell, and the zero-shot runs, which have no draw; both
    only if they were tested on the data that the last used run of the cell was tested on, and made by the newest
    version of their stage and method that made any run of the cell.

    Args:
        store: Where to look.
        cells: (lang, task) pairs; None for all.
        everything: All runs count, whatever they are of, but for stale ones.
    """
    found = store.query(
        f"""with samples as ({NEWEST_SAMPLES}),
        drawn as (
            select d.draw, bool_and(s.key in (select key from stale)) as is_stale
            from draws d join samples s using (key, lang, task) group by d.draw
        ),
        every as (
            select r.*, {_VERSION} as version, first_value(r.test_key) over (
                    partition by r.lang, r.task order by a.used_at desc, r.key
                ) as newest_test,
                max({_VERSION}) over (partition by r.lang, r.task, a.stage, r.method) as newest_version
            from runs r join artifacts a using (key)
            where ? or r.lang || '/' || r.task in (select unnest(?::varchar[]))
        )
        select key, case
                when key in (select key from stale) then '{_STALE}'
                when version <> newest_version then 'made by an older version of sdc'
                when test_key <> newest_test then 'on another test'
                when draw is not null and draw not in (select draw from drawn) then 'on an older sample'
                when draw in (select draw from drawn where is_stale) then 'on a stale sample'
            end
        from every
        order by task, lang, method, model, num_shots, num_rows, key""",  # noqa: S608 (a constant)
        [cells is None, [f"{lang}/{task}" for lang, task in cells or []]],
    )
    if everything:
        return RunSelection(keys=[key for key, reason in found if reason != _STALE], hidden={})
    hidden = Counter(reason for _, reason in found if reason is not None)
    return RunSelection(
        keys=[key for key, reason in found if reason is None],
        hidden=dict(sorted(hidden.items())),
        stale=_stale_samples(store, cells),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What an evaluation has to know of a run.

    Args:
        key: Of the run.
        test_key: Of the data it was tested on.
        status: `ok` or `failed`.
        reason: Why it failed.
        method: Of the student, or `icl`.
        model: As tables show it.
        source: Of its draw; None without one.
        num_rows: Of its draw.
        num_shots: Per label in the prompt; None if it has no prompt, or chose them itself.
        decoding: How its answers were made; None where there is one way only.
        label_tokens: Tokens of each label, where its scores are likelihoods and that is known.
        has_scores: Whether it kept scores.
    """

    key: str
    test_key: str
    status: str
    reason: str | None
    method: str
    model: str
    source: str | None
    num_rows: int
    num_shots: int | None
    decoding: str | None
    label_tokens: Sequence[int] | None
    has_scores: bool


def facts(store: Store, keys: Sequence[str]) -> dict[str, RunFacts]:
    """Returns what evaluations have to know of runs, by key; of those that are there."""
    found = store.query(
        """select r.key, r.test_key, r.status, r.reason, r.method, r.model, r.source, r.num_rows, r.num_shots,
            r.decoding, r.details -> '$.label_tokens', coalesce(o.has_scores, false)
        from runs r left join (
            select run, bool_or(scores is not null) as has_scores from run_outputs
            where run in (select no from runs where key in (select unnest(?::varchar[]))) group by run
        ) o on o.run = r.no
        where r.key in (select unnest(?::varchar[]))""",
        [list(keys)] * 2,
    )
    names = [field.name for field in fields(RunFacts)]
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return {row["key"]: RunFacts(**{**row, "label_tokens": json.loads(row["label_tokens"] or "null")}) for row in rows}


def failed(store: Store) -> set[str]:
    """Returns the runs that broke off, or that an eval found below chance whatever reader it used."""
    found = store.query(
        """select key from runs where status = 'failed' union
        select run from metrics where metric = 'failed_run' and key not in (select key from stale)
        group by run having min(value) >= 1"""
    )
    return {key for (key,) in found}


def usual_seconds(store: Store, method: str, model: str) -> dict[int, float]:
    """Returns how long runs of a method and model took on average, in seconds, by their number of rows."""
    found = store.query(
        "select num_rows, avg(seconds) from runs where method = ? and model = ? and seconds is not null group by 1",
        [method, model],
    )
    return {num_rows: round(seconds, 2) for num_rows, seconds in found}


def seconds_of(store: Store, keys: Sequence[str]) -> dict[str, float]:
    """Returns how long runs took, encoding, fit and test, in seconds; none of those that nobody measured."""
    found = store.query(
        """select r.key, r.seconds, r.method, r.model, cast(a.config -> '$.model' as varchar),
            r.num_rows + (a.summary ->> '$.test_rows')::bigint
        from runs r join artifacts a using (key)
        where key in (select unnest(?::varchar[])) and r.seconds is not null""",
        [list(keys)],
    )
    per_text, whole = encoding.seconds_per_text(store), {}
    for key, seconds, method, model, identity, num_texts in found:
        encode_s = encoding.of_text(per_text, method=method, encoder=(model, identity))
        if encode_s is not None and (num_texts is not None or not encode_s):
            whole[key] = seconds + encode_s * (num_texts or 0)
    return whole


def bytes_of(store: Store, keys: Sequence[str]) -> dict[str, int]:
    """Returns how large the kept weights of runs are, in bytes; none of those that keep none."""
    sql = "select key, sum(bytes)::bigint from blobs where key in (select unnest(?::varchar[])) group by key"
    return dict(store.query(sql, [list(keys)]))


def init_seeds(store: Store, keys: Sequence[str]) -> dict[str, int]:
    """Returns the seeds of the untrained weights of runs; of those that have one."""
    sql = "select key, init_seed from runs where key in (select unnest(?::varchar[])) and init_seed is not null"
    return dict(store.query(sql, [list(keys)]))


def cells_with_runs(store: Store) -> list[tuple[str, str]]:
    """Returns the (lang, task) pairs that have runs of any state, sorted."""
    return store.query("select distinct lang, task from runs order by lang, task")


def num_evaluated(store: Store) -> dict[tuple[str, str], tuple[int, int]]:
    """Returns (lang, task) -> how many runs there are, and how many of them were evaluated at some time."""
    found = store.query(
        """select r.lang, r.task, count(distinct r.key), count(distinct m.run) from runs r
        left join metrics m on m.run = r.key group by r.lang, r.task"""
    )
    return {(lang, task): (runs, evaluated) for lang, task, runs, evaluated in found}


def unevaluated(store: Store, keys: Sequence[str]) -> set[str]:
    """Returns those of some runs that have no evaluation which still holds."""
    found = store.query(
        """select key from runs where key in (select unnest(?::varchar[]))
        and key not in (select run from metrics where key not in (select key from stale))""",
        [list(keys)],
    )
    return {key for (key,) in found}


def evaluations(store: Store, keys: Sequence[str]) -> dict[str, list[str]]:
    """Returns the keys of the evaluations of some runs, sorted, by the run; none of one that has other rows now."""
    found = store.query(
        """select run, list(distinct key order by key) from metrics where run in (select unnest(?::varchar[]))
        and key not in (select key from stale) group by run""",
        [list(keys)],
    )
    return dict(found)


def values(store: Store, keys: Sequence[str], metrics: Collection[str]) -> dict[tuple[str, str], float]:
    """Returns run and metric -> value, as the reader says that `eval` takes by itself; of evaluations that hold."""
    found = store.query(
        """select run, metric, arg_max(value, reader in ('scores', 'strict')) from metrics
        where run in (select unnest(?::varchar[])) and metric in (select unnest(?::varchar[])) and value is not null
        and key not in (select key from stale) group by run, metric""",
        [list(keys), list(metrics)],
    )
    return {(run, metric): value for run, metric, value in found}


def measured(store: Store) -> dict[tuple[str, str], dict[int, tuple[float, float | None]]]:
    """Returns method and model -> rows of the draw -> mean seconds and kWh of a run; kWh None if never measured."""
    found: dict[tuple[str, str], dict[int, tuple[float, float | None]]] = {}
    for method, model, num_rows, seconds, kwh in store.query(
        """select r.method, r.model, r.num_rows, avg(r.seconds),
            avg(coalesce(a.summary ->> '$.usage.energy_kwh', a.summary ->> '$.energy_kwh')::double)
        from runs r join artifacts a using (key) where r.seconds is not null group by 1, 2, 3"""
    ):
        found.setdefault((method, model), {})[num_rows] = (seconds, kwh)
    return found


def _stale_samples(store: Store, cells: Sequence[tuple[str, str]] | None) -> list[str]:
    """Returns a line for each of the newest samples that is stale."""
    newest = [key for key, lang, task in store.query(NEWEST_SAMPLES) if cells is None or (lang, task) in cells]
    stale = freshness.stale(store, newest)
    lines = []
    for sample in store.get_many(list(stale)).values():
        replaced = list(store.get_many(stale[sample.key]).values())
        lines.append(f"{again.what(sample, replaced)}; {again.fix(store, sample)}, then fit again")
    return lines


def with_result(runs: list[Outcome], where: str) -> list[Outcome]:
    """Returns the runs of a command, of which some may have failed.

    Raises:
        EngineError: Every single one failed.
    """
    failed = [run for run in runs if run.summary.get("status") == "failed"]
    if failed and len(failed) == len(runs):
        reason = str(failed[0].summary.get("reason"))
        fix = "check the settings and `sdc sample`; the failed runs are kept, `sdc store show` has the details"
        what = f"all {len(failed)} runs failed" if len(failed) > 1 else "the run failed"
        raise EngineError(f"{what} ({reason})", where, fix)
    return runs
