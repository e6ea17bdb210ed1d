"""eval: a reader turns what students said on the test into labels, and metrics compare those with the gold labels.

Pure and cheap: it needs no model, and can be run again with another reader.

Here: one eval artifact per run. Not here: readers, metrics, means over repeats (report).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdc.cache import freshness
from sdc.cache.counted import counted
from sdc.cache.key import digest
from sdc.cache.store import Artifact, Rows
from sdc.errors import DataError, UsageError
from sdc.pipelines import metrics, readers, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.records import lineage, runs
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import Task

#: 2: a row with a NaN among its scores is unparsed.
VERSION = 2
#: Runs whose outputs are in memory, and in one transaction, together.
_CHUNK = 200


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
            known = ", ".join(readers.NAMES)
            raise UsageError(f"unknown reader {self.reader!r}", "--reader", f"use one of {known}")


@dataclass(frozen=True, kw_only=True)
class _Item:
    """One run to evaluate, and the artifact that this makes."""

    run: str
    test_key: str
    status: str
    reason: str | None
    about: Mapping[str, Any]
    task: Task
    reader: str
    label_tokens: Sequence[int]
    planned: Artifact


def find_runs(context: Context, cell: Cell, *, everything: bool = False) -> list[Artifact]:
    """Returns the runs of a cell on its newest samples and its zero-shot runs; with `everything`, all of the cell.

    Raises:
        DataError: There are none.
    """
    found = runs.find(context.store, [(cell.lang, cell.task.name)], everything=everything)
    found.say(context, f"eval {cell}")
    if not found.keys:
        fix = f"run `sdc train --lang {cell.lang} --task {cell.task.name}` or `sdc icl` first"
        fix = lineage.other_tag(context, cell, "train", "icl") or fix
        raise DataError(f"no runs of {cell} to evaluate", str(context.store.path), fix)
    return context.store.resolve_many(found.keys)


def plan(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[Artifact]:
    """Returns the artifacts, one per run, that `run` would make."""
    return [item.planned for item in _plan(context, config, pairs)]


def run(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[Outcome]:
    """Evaluates runs, or returns the evaluations that are there; one per run, in order.

    A run that failed has no answers: it is kept with `failed_run` 1 and no accuracy. A test row without an answer is
    unparsed.

    Raises:
        UsageError: Reader `scores`, and no run has scores.
        DataError: The test data of a run is not in the store.
    """
    items = _plan(context, config, pairs)
    outcomes = stage.hits(context, [item.planned.key for item in items])
    missing = [item for item in items if item.planned.key not in outcomes]
    gold: dict[str, dict[int, int]] = {}
    for start in range(0, len(missing), _CHUNK):
        chunk = missing[start : start + _CHUNK]
        seen = freshness.seen(context.store, [item.run for item in chunk])
        outputs = _outputs(context, [item.run for item in chunk])
        finished = []
        for number, item in enumerate(chunk):
            if item.test_key not in gold:
                gold[item.test_key] = _gold(context, item)
            finished.append(_evaluate(item, gold[item.test_key], outputs.get(item.run, {})))
            context.progress("eval", start + number + 1, len(missing))
        outcomes |= {outcome.key: outcome for outcome in stage.keep(context, finished, seen=seen)}
    return [outcomes[item.planned.key] for item in items]


def _plan(context: Context, config: EvalConfig, pairs: Sequence[tuple[Cell, Artifact]]) -> list[_Item]:
    known = {
        key: row
        for key, *row in context.store.query(
            """select r.key, r.test_key, r.status, r.reason, r.method, r.model, r.source, r.num_rows, r.num_shots,
                coalesce(o.has_scores, false), r.decoding, r.details -> '$.label_tokens'
            from runs r left join (
                select key, bool_or(scores is not null) as has_scores from outputs
                where key in (select unnest(?::varchar[])) group by key
            ) o using (key)
            where r.key in (select unnest(?::varchar[]))""",
            [[artifact.key for _, artifact in pairs]] * 2,
        )
    }
    items: dict[str, _Item] = {}
    left_out = no_tokens = 0
    for cell, artifact in pairs:
        if artifact.key not in known:
            raise DataError(f"run {artifact.short} has no record", str(context.store.path), "see `sdc store verify`")
        test_key, status, reason, method, model, source, num_rows, num_shots, *how = known[artifact.key]
        has_scores, decoding, label_tokens = how[0], how[1], json.loads(how[2] or "null")
        # A failed run says nothing, so that every reader makes the same of it.
        has_scores = has_scores or (status != "ok" and config.reader in readers.SCORE_READERS)
        reader = readers.resolve(config.reader, has_scores=has_scores, is_likelihood=decoding == "scores")
        if reader == "scores-per-token" and label_tokens is None and status == "ok":
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
            run=artifact.key,
            test_key=test_key,
            status=status,
            reason=reason,
            about={"method": method, "model": model, "source": source, "rows": num_rows, "shots": num_shots},
            task=cell.task,
            reader=reader,
            label_tokens=label_tokens or (),
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


def _outputs(context: Context, keys: Sequence[str]) -> dict[str, dict[int, tuple[Any, Any]]]:
    """Returns run key -> test row index -> (reply, scores)."""
    found: dict[str, dict[int, tuple[Any, Any]]] = {}
    for key, idxs, replies, scores in context.store.query(
        """select key, list(idx), list(reply), list(scores) from outputs
        where key in (select unnest(?::varchar[])) group by key""",
        [list(keys)],
    ):
        found[key] = dict(zip(idxs, zip(replies, scores, strict=True), strict=True))
    return found


def _gold(context: Context, item: _Item) -> dict[int, int]:
    rows = context.store.query(
        "select idx, label from examples where key = ? and status = 'ok' and label is not null order by idx",
        [item.test_key],
    )
    if not rows:
        where = f"run {item.run[:12]}"
        raise DataError(f"test data {item.test_key[:12]} has no labelled row", where, "see `sdc data show`")
    return dict(rows)


def _evaluate(item: _Item, gold: dict[int, int], outputs: dict[int, tuple[Any, Any]]) -> tuple[Artifact, Rows]:
    start = time.perf_counter()
    estimates: dict[str, Estimate] = {}
    labels = list(gold.values())
    if item.status == "ok":
        answers = [outputs.get(idx, (None, None)) for idx in gold]
        predicted = readers.read(
            item.reader,
            item.task,
            replies=[reply for reply, _ in answers],
            all_scores=[row for _, row in answers],
            label_tokens=item.label_tokens,
        )
        estimates = metrics.measure(labels, predicted, num_labels=len(item.task.labels), reader=item.reader)
    else:
        # The majority baseline is a property of the test: it is known without answers.
        for name in metrics.HEADLINES.values():
            estimates[name] = metrics.METRICS[name](labels, [], num_labels=len(item.task.labels))
        estimates["failed_run"] = Estimate(value=1.0)
    rows = [
        {"run": item.run, "reader": item.reader, "metric": name, "value": e.value, "low": e.low, "high": e.high}
        for name, e in estimates.items()
    ]
    summary: dict[str, Any] = {
        "run": item.run[:12],
        **item.about,
        "reader": item.reader,
        "num_test": len(gold),
        "no_answer": sum(idx not in outputs for idx in gold),
        **{name: estimates[name].value for name in ("accuracy", "macro_f1", "unparsed_rate") if name in estimates},
        "failed_run": bool(estimates["failed_run"].value),
        **({"reason": item.reason} if item.reason else {}),
    }
    return replace(item.planned, summary=summary, seconds=time.perf_counter() - start), {"metrics": rows}
