"""eval: a reader turns what students said on the test into labels, and metrics compare those with the gold labels.

Pure and cheap: it needs no model, and can be run again with another reader.

Here: one eval artifact per run. Not here: readers, metrics, means over repeats (report).
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sdc.cache.counted import counted
from sdc.cache.key import digest
from sdc.cache.store import Artifact
from sdc.errors import DataError, MissingInput, UsageError, one_of
from sdc.pipelines import metrics, readers, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.readers.columns import read_columns
from sdc.pipelines.records import lineage, outputs, readings, runs
from sdc.pipelines.records.examples import GoldLabels, gold_labels
from sdc.pipelines.records.outputs import RunAnswers
from sdc.pipelines.records.runs import RunFacts
from sdc.pipelines.stage import Context, Made, Outcome
from sdc.pipelines.tasks import Task
from sdc.pipelines.view import dry_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: 2: a row with a NaN among its scores is unparsed.
VERSION = 2
#: Runs whose outputs are in memory, and in one transaction, together.
_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """How answers are read.

    Args:
        reader: `auto` (scores where a run has them, else strict), `strict`, `paper-code`, `scores`, or for likelihoods
            `scores-calibrated` or `scores-per-token`.
    """

    reader: str = "auto"

    def __post_init__(self) -> None:
        if self.reader not in readers.NAMES:
            raise UsageError(f"unknown reader {self.reader!r}", "--reader", one_of(self.reader, readers.NAMES))


@dataclass(frozen=True, kw_only=True)
class _Item:
    """One run to evaluate, and the artifact that this makes."""

    run: RunFacts
    task: Task
    reader: str
    planned: Artifact


#: A run, what it said of the test rows, and their gold labels.
_Answered = tuple[_Item, RunAnswers, GoldLabels]


def find_runs(context: Context, cell: Cell, *, everything: bool = False) -> list[Artifact]:
    """Returns the runs of a cell on its newest samples and its zero-shot runs; with `everything`, all of the cell.

    Raises:
        MissingInput: There are none.
    """
    found = runs.find(context.store, [(cell.lang, cell.task.name)], everything=everything)
    found.say(context, f"eval {cell}")
    if not found.keys:
        fix = f"run `sdc train --lang {cell.lang} --task {cell.task.name}` or `sdc icl` first"
        fix = lineage.other_tag(context, cell, "train", "icl") or fix
        raise MissingInput("no runs", cell, str(context.store.path), fix)
    return context.store.resolve_many(found.keys)


def plan(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[Artifact]:
    """Returns the artifacts, one per run, that `run` would make."""
    return [item.planned for item in _plan(context, config, pairs)]


def dry_run(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[dict[str, Any]]:
    """Returns what `run` would make, as `--dry-run --json` tells it: a record per run."""
    planned = plan(context, config, pairs)
    cached = there(context, planned)
    return [dry_record(each, cached=each.key in cached) for each in planned]


def run(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[Outcome]:
    """Evaluates runs, or returns the evaluations that are there; one per run, in order.

    A run that failed has no answers: it is kept with `failed_run` 1 and no accuracy. A test row without an answer is
    unparsed.

    Raises:
        UsageError: Reader `scores`, and no run has scores.
        DataError: The test data of a run is not in the store.
    """
    items = _plan(context, config, pairs)
    known = there(context, [item.planned for item in items])
    return stage.many(
        context,
        [item.planned for item in items],
        read=lambda missing: _read(context, [items[position] for position in missing]),
        compute=compute,
        what="eval",
        known=stage.hits(context, sorted(known)),
        at_once=_AT_ONCE,
        overwrite=True,
    )


def there(context: Context, planned: Sequence[Artifact]) -> set[str]:
    """Returns the keys of those planned that need not be made: hits with readings, which an older sdc did not keep."""
    keys = [artifact.key for artifact in planned]
    return stage.are_there(context, keys) - readings.lacking(context.store, keys)


def compute(answered: Iterable[_Answered]) -> Iterator[list[Made]]:
    """Yields the evaluation of each run; it needs neither store nor model."""
    from threadpoolctl import threadpool_limits

    def alike(one: _Answered) -> tuple[Any, ...]:
        item, _, gold = one
        return id(gold), item.reader, item.task.name, item.run.status

    with threadpool_limits(1):  # of a matrix so narrow, two threads take five times as long as one
        for _, together in groupby(answered, key=alike):
            yield from ([made] for made in _evaluated(list(together)))


def _plan(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[_Item]:
    known = runs.facts(context.store, [artifact.key for _, artifact in pairs])
    items: dict[str, _Item] = {}
    left_out = no_tokens = 0
    for cell, artifact in pairs:
        if artifact.key not in known:
            raise DataError(f"run {artifact.short} has no record", str(context.store.path), "see `sdc store verify`")
        run = known[artifact.key]
        # A failed run says nothing, so that every reader makes the same of it.
        has_scores = run.has_scores or (run.status != "ok" and config.reader in readers.SCORE_READERS)
        reader = readers.resolve(config.reader, has_scores=has_scores, is_likelihood=run.decoding == "scores")
        if reader == "scores-per-token" and run.label_tokens is None and run.status == "ok":
            no_tokens += 1
            continue
        if reader is None:
            left_out += 1
            continue
        settings: dict[str, Any] = {"reader": reader}
        if (
            reader not in readers.SCORE_READERS
        ):  # aliases decide what a reply reader accepts, and they are in no other key
            settings["labels"] = digest(cell.task.spellings())
        items[artifact.key] = _Item(
            run=run,
            task=cell.task,
            reader=reader,
            planned=stage.plan(
                stage="eval",
                version=VERSION,
                config=settings,
                inputs=[artifact.key],
                lang=cell.lang,
                task=cell.task.name,
            ),
        )
    if no_tokens:
        say = f"{counted(no_tokens, 'run')} without the number of tokens of each label"
        if not items:
            raise UsageError(
                f"there is nothing but {say}",
                f"--reader {config.reader}",
                "make them again on this machine: `sdc icl --force`",
            )
        context.say(f"eval: left out {say}")
    if left_out and not items:
        raise UsageError("none of these runs has scores", f"--reader {config.reader}", "use strict or paper-code")
    if left_out:
        context.say(f"eval: left out {counted(left_out, 'run')} with replies and no scores")
    return list(items.values())


def _read(context: Context, items: Sequence[_Item]) -> list[_Answered]:
    """Returns runs with what they said of the test rows, and the gold labels.

    Raises:
        DataError: The test data of a run is not in the store.
    """
    gold = gold_labels(context, {item.run.test_key for item in items})
    for item in items:
        if not len(gold[item.run.test_key].idx_N):
            what = f"test data {item.run.test_key[:12]} has no labelled row"
            raise DataError(what, f"run {item.run.key[:12]}", "see `sdc data show`")
    said = outputs.of_runs(context.store, {item.run.key: gold[item.run.test_key].idx_N for item in items})
    return [(item, said[item.run.key], gold[item.run.test_key]) for item in items]


def _evaluated(answered: Sequence[_Answered]) -> Iterator[Made]:
    """Yields the evaluations of runs on the same test rows, which all failed or all did not."""
    start = time.perf_counter()
    (first, _, gold), *_ = answered
    num_labels = len(first.task.labels)
    if first.run.status == "ok":
        labels = [_labels(item, said) for item, said, _ in answered]
        measured = metrics.measure_many(gold.label_N, labels, num_labels=num_labels, reader=first.reader)
        packed: list[bytes | None] = [readings.packed(read_N, num_labels=num_labels) for read_N in labels]
    else:
        # The majority baseline is a property of the test: it is known without answers.
        names = metrics.HEADLINES.values()
        known = {name: metrics.METRICS[name](gold.label_N, [], num_labels=num_labels) for name in names}
        measured = [{**known, "failed_run": Estimate(value=1.0)}] * len(answered)
        packed = [None] * len(answered)
    seconds = (time.perf_counter() - start) / len(answered)
    for (item, said, _), estimates, read in zip(answered, measured, packed, strict=True):
        yield _made(item, said, estimates, read, num_test=len(gold.idx_N), seconds=seconds)


def _labels(item: _Item, said: RunAnswers) -> "NDArray[Any]":
    return read_columns(
        item.reader,
        item.task,
        replies=said.replies,
        scores=said.scores,
        label_tokens=item.run.label_tokens or (),
    )


def _made(
    item: _Item,
    said: RunAnswers,
    estimates: Mapping[str, Estimate],
    labels: bytes | None,
    *,
    num_test: int,
    seconds: float,
) -> Made:
    run = item.run
    rows = [
        {"run": run.key, "reader": item.reader, "metric": name, "value": e.value, "low": e.low, "high": e.high}
        for name, e in estimates.items()
    ]
    summary: dict[str, Any] = {
        "run": run.key[:12],
        "method": run.method,
        "model": run.model,
        "source": run.source,
        "rows": run.num_rows,
        "shots": run.num_shots,
        "reader": item.reader,
        "num_test": num_test,
        "no_answer": said.num_missing,
        **{name: estimates[name].value for name in ("accuracy", "macro_f1", "unparsed_rate") if name in estimates},
        "failed_run": bool(estimates["failed_run"].value),
        **({"reason": run.reason} if run.reason else {}),
    }
    finished = replace(item.planned, summary=summary, seconds=seconds)
    read = {"run": run.key, "reader": item.reader, "labels": labels}
    return Made(artifact=finished, rows={"metrics": rows, "readings": [read]})
