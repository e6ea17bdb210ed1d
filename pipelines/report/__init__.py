"""report: what the evaluated runs say, beside what they must be held against. It stores nothing.

Here: which evals are reported. Not here: what the store knows of them (`run_results.py`), means and references
(`points.py`, `by.py`), formats (`formats.py`), what readers disagree about (`audit.py`).
"""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError, one_of
from sdc.pipelines import metrics, readers
from sdc.pipelines.records import results, runs
from sdc.pipelines.report import run_results
from sdc.pipelines.report.by import CELL_PARTS, RESULT_PARTS, aggregate
from sdc.pipelines.report.points import Point, build
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages

#: Results with failed runs that are named one by one.
_MOST_NAMED = 5
FORMATS = ("table", "md", "csv", "json", "jsonl", "latex")
#: Those in which every record is told whole.
FOR_PROGRAMS = ("csv", "json", "jsonl")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What a report shows.

    Args:
        by: Parts to keep while averaging over cells (task, lang, group, method, source, size); empty: no averaging.
        metric: `accuracy` or `macro_f1`; None takes each task's own.
        generator: The model that wrote the synthetic rows; None takes it from the generation behind the draws.
        reader: Whose readings are shown, as in eval.
        everything: Show runs on older samples and other tests and those of older versions too, each apart.
        selection: Which results are shown, beside what they are held against.
    """

    by: tuple[str, ...] = ()
    metric: str | None = None
    generator: str | None = None
    reader: str = "auto"
    everything: bool = False
    selection: PointSelection = field(default_factory=PointSelection)

    def __post_init__(self) -> None:
        known = (*CELL_PARTS, *RESULT_PARTS)
        wrong = [part for part in self.by if part not in known]
        if wrong:
            raise UsageError(f"cannot group by {wrong[0]!r}", "--by", one_of(wrong[0], known))
        if self.metric is not None and self.metric not in metrics.HEADLINES:
            raise UsageError(f"unknown metric {self.metric!r}", "--metric", one_of(self.metric, metrics.HEADLINES))
        if self.reader not in readers.NAMES:
            raise UsageError(f"unknown reader {self.reader!r}", "--reader", one_of(self.reader, readers.NAMES))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The points that a report is about, and where replicates of their scores come from."""

    points: Sequence[Point]
    resampled: Resampled


def run(
    context: Context,
    config: ReportConfig,
    *,
    evals: Sequence[Artifact] = (),
    wanted: Sequence[tuple[str, str]] | None = None,
) -> list[Point]:
    """Returns the rows of a report: its points, or with `by` their means over cells; see `find`."""
    found = find(context, config, evals=evals, wanted=wanted)
    return aggregate(found.points, config.by, resampled=found.resampled) if config.by else list(found.points)


def find(
    context: Context,
    config: ReportConfig,
    *,
    evals: Sequence[Artifact] = (),
    wanted: Sequence[tuple[str, str]] | None = None,
) -> Found:
    """Returns the points of a report, and says what is missing, failed or leaks.

    Args:
        context: Where the store is.
        config: What is shown.
        evals: The evals to show; none: those of the current runs, or of all with `everything`.
        wanted: (lang, task) pairs to keep; None for all.

    Raises:
        DataError: Nothing is evaluated yet.
    """
    in_question = sorted({(str(e.lang), str(e.task)) for e in evals}) if evals else wanted
    # Keys may name runs of any age: what they are held against may be as old.
    current = runs.find(context.store, in_question, everything=config.everything or bool(evals))
    found = results.readings(context.store, runs=current.keys, evals=[e.key for e in evals])
    default = run_results.read_as(found, config.reader)
    shown = {e.key for e in evals} or {row["eval_key"] for row in default}
    kept = {row["eval_key"]: row for row in found if row["eval_key"] in shown} | {
        row["eval_key"]: row for row in default
    }
    if not evals:
        current.say(context, "report")
    if not shown & set(kept):
        raise _nothing(context, current.keys, in_question, config)
    if not evals:
        _say_missing(context, current.keys, found)
    newest = not config.everything and not evals
    of_runs = run_results.run_results(context, list(kept.values()), metric=config.metric, newest=newest)
    resampled = Resampled(context, of_runs)
    every = build(of_runs, shown, generator=config.generator, resampled=resampled)
    rows = config.selection.with_references(every)
    if len(rows) < len(every):
        flags = ", ".join(f"--{name}" for name in config.selection.given())
        context.say(f"report: {len(every) - len(rows)} of {counted(len(every), 'result')} not shown, by {flags}")
    _say_no_generator(context, config, rows, of_runs)
    _say_failed(context, rows)
    _say_leaks(context, rows)
    return Found(points=rows, resampled=resampled)


def lacking(
    context: Context, wanted: Sequence[tuple[str, str]], *, langs: bool, tasks: bool
) -> list[tuple[str, DataError]]:
    """Returns what a user has asked for that nothing is reported of, each with the error that says what to do.

    Args:
        context: Where the store is.
        wanted: The (lang, task) pairs that the flags mean.
        langs, tasks: Which flags were given. A flag that was not means whatever there is: then a language, or a task,
            lacks something only if it has nothing at all.
    """
    there = runs.num_evaluated(context.store) if wanted else {}
    found: dict[str, DataError] = {}
    done: set[str] = set()
    for lang, task in wanted:
        name = f"{lang}/{task}" if langs and tasks else lang if langs else task
        flags = (f" --lang {lang}" if langs else "") + (f" --task {task}" if tasks else "")
        num_runs, num_evaluated = there.get((lang, task), (0, 0))
        if num_evaluated:
            done.add(name)
        elif num_runs:
            what = f"{counted(num_runs, 'run')} of {name}, and none is evaluated"
            found[name] = DataError(what, fix=f"run `sdc eval --lang {lang} --task {task}`")
        else:
            fix = _other_tag(lang, [known for known, _ in there]) if langs else ""
            found.setdefault(name, DataError(f"no runs of {name}", fix=fix or f"run `sdc train{flags}` or `sdc icl`"))
    return [(name, error) for name, error in found.items() if name not in done]


def _other_tag(lang: str, known: Collection[str]) -> str:
    """Returns what to do where there are runs under another tag of the language; else nothing."""
    return " or ".join(f"the store has {tag}: --lang {tag}" for tag in languages.others(lang, known))


def _say_missing(context: Context, current: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
    missing = set(current) - {row["run"] for row in found}
    if missing:
        again = f", {stale} of them since they were made again" if (stale := _num_stale(context, missing)) else ""
        number = counted(len(missing), "run is", "runs are")
        context.say(f"report: {number} not evaluated yet{again}, run `sdc eval` for them")


def _num_stale(context: Context, runs_: Collection[str]) -> int:
    """Returns how many of some runs have an evaluation, and a stale one."""
    sql = """select count(distinct run) from metrics where run in (select unnest(?::varchar[]))
        and key in (select key from stale)"""
    return int(context.store.query(sql, [list(runs_)])[0][0])


def _say_failed(context: Context, rows: Sequence[Point]) -> None:
    """Says how many runs broke off, fell below chance or collapsed: a mean alone would hide them."""
    bad = [row for row in rows if row.failed or row.below_chance or row.collapsed]
    if not bad:
        return
    counts = [
        (sum(row.failed for row in bad), "broke off (in no mean)", "broke off (in no mean)"),
        (sum(row.below_chance for row in bad), "is below chance", "are below chance"),
        (sum(row.collapsed for row in bad), "gives nearly always one label", "give nearly always one label"),
    ]
    what = ", ".join(counted(count, one, several) for count, one, several in counts if count)
    num = sum(row.n + row.failed for row in rows)
    fix = "see `sdc report failed`; `--retry-failed` of `sdc train` fits them again"
    context.say(f"report: of {counted(num, 'run')} {what}; {fix}")


def _say_leaks(context: Context, rows: Sequence[Point]) -> None:
    """Tells the user which results have seen the test: a column alone may be overlooked."""
    bad = [row for row in rows if row.leaked]
    for row in bad[:_MOST_NAMED]:
        what = " ".join(str(part) for part in (row.method, row.model, row.source, row.rows) if part is not None)
        share = f"{row.leaked or 0:.1%} of the test"
        context.say(f"report: {row.lang}/{row.task} {what}: {share} stand among its training rows")
    if len(bad) > _MOST_NAMED:
        context.say(
            f"report: and {counted(len(bad) - _MOST_NAMED, 'more result')} with test texts in their training rows"
        )


def _say_no_generator(
    context: Context, config: ReportConfig, rows: Sequence[Point], results: Sequence[RunResult]
) -> None:
    without = {(row.lang, row.task) for row in rows if "synthetic" in (row.source or "") and row.reference is None}
    if not without:
        return
    models = [config.generator] if config.generator else sorted({name for r in results for name, _ in r.authors})
    if models:
        lang, task = next(iter(without)) if len(without) == 1 else ("all", "all")
        fix = f"run `sdc icl --lang {lang} --task {task} --model {shlex.quote(models[0])} --shots 0`, then `sdc eval`"
        context.say(f"report: no zero-shot run of {models[0]} to compare with; {fix}")
    else:
        context.say("report: the synthetic rows do not say which model wrote them; name it with --reference")


def _nothing(
    context: Context, current: Sequence[str], wanted: Sequence[tuple[str, str]] | None, config: ReportConfig
) -> DataError:
    where = str(context.store.path)
    lang, task = wanted[0] if wanted else ("LANG", "TASK")
    if not current:
        fix = _other_tag(lang, [known for known, _ in runs.cells_with_runs(context.store)])
        fix = fix or f"run `sdc train --lang {lang} --task {task}` or `sdc icl`, then `sdc eval`; or try `sdc demo`"
        return DataError("there are no runs to report", where, fix)
    reader = "" if config.reader == "auto" else f" --reader {config.reader}"
    first = None if wanted else context.store.get(current[0])
    if first is not None:
        lang, task = str(first.lang), str(first.task)
    return DataError(
        f"{counted(len(current), 'run')}, and none is evaluated{f' with reader {config.reader}' if reader else ''}",
        where,
        f"run `sdc eval --lang {lang} --task {task}{reader}`",
    )
