"""report: what the evaluated runs say, beside what they must be held against. It stores nothing.

Here: which evals are reported, and what the store knows about them. Not here: means and references (`report_rows.py`,
`report_by.py`), formats (`report_formats.py`), what readers disagree about (`report_audit.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import cells, metrics, readers, runs
from sdc.pipelines.report_by import CELL_PARTS, RESULT_PARTS, aggregate
from sdc.pipelines.report_rows import Author, Record, Row, build, size_order
from sdc.pipelines.stage import Context

#: Results with failed runs that are named one by one.
_MOST_NAMED = 5
FORMATS = ("table", "md", "csv", "json", "latex")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What a report shows.

    Args:
        by: Parts to keep while averaging over cells (task, lang, group, method, source, size); empty: no averaging.
        metric: `accuracy` or `macro_f1`; None takes each task's own.
        generator: The model that wrote the synthetic rows; None takes it from the generation behind the draws.
        reader: Whose readings are shown, as in eval.
    """

    by: tuple[str, ...] = ()
    metric: str | None = None
    generator: str | None = None
    reader: str = "auto"

    def __post_init__(self) -> None:
        known = (*CELL_PARTS, *RESULT_PARTS)
        wrong = [part for part in self.by if part not in known]
        if wrong:
            raise UsageError(f"cannot group by {wrong[0]!r}", "--by", f"use {', '.join(known)}")
        if self.metric is not None and self.metric not in metrics.HEADLINES:
            raise UsageError(f"unknown metric {self.metric!r}", "--metric", f"use {' or '.join(metrics.HEADLINES)}")
        if self.reader not in readers.NAMES:
            raise UsageError(f"unknown reader {self.reader!r}", "--reader", f"use one of {', '.join(readers.NAMES)}")


def run(
    context: Context,
    config: ReportConfig,
    *,
    evals: Sequence[Artifact] = (),
    wanted: Sequence[tuple[str, str]] | None = None,
) -> list[Row]:
    """Returns the rows of a report.

    Args:
        context: Where the store is.
        config: What is shown.
        evals: The evals to show; none: those of the current runs.
        wanted: (lang, task) pairs to keep; None for all.

    Raises:
        DataError: Nothing is evaluated yet.
    """
    in_question = sorted({(str(e.lang), str(e.task)) for e in evals}) if evals else wanted
    current = runs.current(context.store, in_question)
    found = _evaluated(context, current, [e.key for e in evals])
    default = _read_as(found, config.reader)
    shown = {e.key for e in evals} or {row["eval_key"] for row in default if row["run"] in set(current)}
    kept = {row["eval_key"]: row for row in found if row["eval_key"] in shown} | {
        row["eval_key"]: row for row in default
    }
    if not shown & set(kept):
        raise _nothing(context, current, in_question, config)
    _say_missing(context, current, found, bool(evals))
    records = _records(context, config, list(kept.values()))
    rows = build(records, shown, generator=config.generator)
    _say_no_generator(context, config, rows, records)
    _say_failed(context, rows)
    return aggregate(rows, config.by) if config.by else rows


def _evaluated(context: Context, current: Sequence[str], evals: Sequence[str]) -> list[dict[str, Any]]:
    """Returns every newest reading of the current runs, and the evals asked for, with all that the store knows."""
    names = [*metrics.HEADLINES, *metrics.HEADLINES.values(), "failed_run"]
    pivot = ", ".join(
        f"max(m.value) filter (m.metric = '{name}') as {name}, max(m.low) filter (m.metric = '{name}') as {name}_low, "
        f"max(m.high) filter (m.metric = '{name}') as {name}_high"
        for name in names
    )
    columns = ["eval_key", "run", "reader", "lang", "task", "method", "model", "source", "draw", "num_rows", "shots"]
    columns += ["decoding", "setting", "version", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))]
    found = context.store.query(
        f"""with asked as (select unnest(?::varchar[]) as key),
        readings as (
            select m.key, m.run, m.reader, {pivot} from metrics m
            where m.run in (select unnest(?::varchar[])) or m.key in (from asked)
            group by m.key, m.run, m.reader
        )
        select e.key, e.run, e.reader, r.lang, r.task, r.method, r.model, r.source, r.draw, r.num_rows, r.num_shots,
            r.decoding, r.setting, cast(ra.config -> '$.model' as varchar),
            {", ".join(f"e.{n}, e.{n}_low, e.{n}_high" for n in names)}
        from readings e join runs r on r.key = e.run join artifacts a on a.key = e.key
            join artifacts ra on ra.key = e.run
        qualify e.key in (from asked)
            or row_number() over (partition by e.run, e.reader order by a.used_at desc, e.key) = 1
        order by r.task, r.lang, r.method, r.num_rows, e.run, e.reader""",  # noqa: S608 (constants)
        [list(evals), list(current)],
    )
    return [dict(zip(columns, row, strict=True)) for row in found]


def _read_as(found: Sequence[dict[str, Any]], reader: str) -> list[dict[str, Any]]:
    """Returns the readings that `--reader` means: of scores for runs with scores, else the reply reader asked for."""
    scored = {row["run"] for row in found if row["reader"] in readers.SCORE_READERS}

    def wanted(row: dict[str, Any]) -> str | None:
        is_likelihood = row["decoding"] == "scores"
        return readers.resolve(reader, has_scores=row["run"] in scored, is_likelihood=is_likelihood)

    return [row for row in found if row["reader"] == wanted(row)]


def _records(context: Context, config: ReportConfig, found: Sequence[dict[str, Any]]) -> list[Record]:
    metric_of: dict[str, str] = {}
    for row in found:
        if row["task"] not in metric_of:
            metric_of[row["task"]] = config.metric or cells.load_task(context.store, row["task"]).metric
    drawn = _draws(context, sorted({row["draw"] for row in found if row["draw"]}))
    records = []
    for row in found:
        metric = metric_of[row["task"]]
        sizes, rows, authors = drawn.get((row["draw"], row["lang"], row["task"], row["source"]), ((), None, ()))
        records.append(
            Record(
                eval_key=row["eval_key"],
                run=row["run"],
                lang=row["lang"],
                task=row["task"],
                method=row["method"],
                model=row["model"],
                source=row["source"],
                sizes=sizes,
                rows=rows if rows is not None else row["num_rows"] if row["draw"] else None,
                shots=row["shots"],
                decoding=row["decoding"],
                setting=row["setting"],
                version=row["version"],
                reader=row["reader"],
                generators=authors,
                metric=metric,
                value=row[metric],
                low=row[f"{metric}_low"],
                high=row[f"{metric}_high"],
                majority=row[metrics.HEADLINES[metric]],
                below_chance=bool(row["failed_run"]) and row[metric] is not None,
            )
        )
    return records


_Drawn = tuple[tuple[str, ...], int | None, tuple[Author, ...]]


def _draws(context: Context, draws: Sequence[str]) -> dict[tuple[str, str, str, str], _Drawn]:
    """Returns (draw, lang, task, source) -> its nominal sizes, its real rows, and who wrote its synthetic rows.

    Sizes come from the newest samples; a draw that is only in older ones keeps the sizes it had there.
    """
    found = context.store.query(
        f"""with samples as ({runs.NEWEST_SAMPLES})
        select d.draw, d.lang, d.task, d.source,
            coalesce(list_distinct(list(d.size) filter (s.key is not null)), []),
            list_distinct(list(d.size)), max(d.num_rows),
            coalesce(list_distinct(list([g.summary ->> '$.model', cast(g.config -> '$.model' as varchar)])
                filter (g.stage = 'gen')), [])
        from draws d left join samples s on s.key = d.key left join artifacts g on g.key = d.example_key
        where d.draw in (select unnest(?::varchar[])) group by d.draw, d.lang, d.task, d.source""",  # noqa: S608
        [list(draws)],
    )
    return {
        (draw, lang, task, source): (
            tuple(sorted(newest or every, key=size_order)),
            rows,
            tuple(sorted((name, version or "") for name, version in authors if name)),
        )
        for draw, lang, task, source, newest, every, rows, authors in found
    }


def _say_missing(context: Context, current: Sequence[str], found: Sequence[dict[str, Any]], asked: bool) -> None:
    missing = set(current) - {row["run"] for row in found}
    if missing and not asked:
        context.say(f"report: {len(missing)} runs are not evaluated yet, run `sdc eval` for them")


def _say_failed(context: Context, rows: Sequence[Row]) -> None:
    """Names every result with runs that broke off or collapsed: a mean alone would hide them."""
    bad = [row for row in rows if row.failed or row.below_chance]
    for row in bad[:_MOST_NAMED]:
        what = " ".join(str(part) for part in (row.method, row.model, row.source, row.rows) if part is not None)
        broken = f"{row.failed} of {row.n + row.failed} runs broke off (not in the mean)"
        context.say(f"report: {row.lang}/{row.task} {what}: {broken}, {row.below_chance} are below chance (in it)")
    if len(bad) > _MOST_NAMED:
        context.say(f"report: and {len(bad) - _MOST_NAMED} more results with such runs; `sdc train --retry-failed`")


def _say_no_generator(context: Context, config: ReportConfig, rows: Sequence[Row], records: Sequence[Record]) -> None:
    if all(row.reference is not None for row in rows if "synthetic" in (row.source or "")):
        return
    models = [config.generator] if config.generator else sorted({name for r in records for name, _ in r.generators})
    if models:
        fix = f"run `sdc icl --model {models[0]} --shots 0`, then `sdc eval`"
        context.say(f"report: no zero-shot run of {models[0]} to compare with; {fix}")
    else:
        context.say("report: the synthetic rows do not say which model wrote them; name it with --generator")


def _nothing(
    context: Context, current: Sequence[str], wanted: Sequence[tuple[str, str]] | None, config: ReportConfig
) -> DataError:
    where = str(context.store.path)
    lang, task = wanted[0] if wanted else ("LANG", "TASK")
    if not current:
        fix = f"run `sdc train --lang {lang} --task {task}` or `sdc icl`, then `sdc eval`; or try `sdc demo`"
        return DataError("there are no runs to report", where, fix)
    reader = "" if config.reader == "auto" else f" --reader {config.reader}"
    if not wanted:
        found = context.store.query("select lang, task from runs where key = ?", [current[0]])
        lang, task = found[0]
    return DataError(
        f"{len(current)} runs, and none is evaluated{f' with reader {config.reader}' if reader else ''}",
        where,
        f"run `sdc eval --lang {lang} --task {task}{reader}`",
    )
