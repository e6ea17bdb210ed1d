"""The reader audit: what each reader makes of the same replies, and so how much of a result is the reader's work.

Here: reading the stored replies again, with no model and nothing stored. Not here: the readers, the report proper.
"""

from collections import Counter
from collections.abc import Sequence

from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines import cells, readers
from sdc.pipelines.records import outputs, runs
from sdc.pipelines.report.formats import Table
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import Task
from sdc.pipelines.text.folding import one_line

#: Characters of an example reply that a table shows.
_EXAMPLE_CHARS = 40


def run(
    context: Context,
    *,
    evals: Sequence[Artifact] = (),
    wanted: Sequence[tuple[str, str]] | None = None,
    everything: bool = False,
) -> Table:
    """Returns one row per run that has replies: accuracy and unparsed rate under every reply reader, in %.

    Args:
        context: Where the store is.
        evals: Evals whose runs are audited; none: the current runs.
        wanted: (lang, task) pairs to keep; None for all.
        everything: Also runs that do not count now: on older samples, on other tests, of older versions.

    Raises:
        DataError: No run has replies.
    """
    keys: Sequence[str] = [key for e in evals for key in e.inputs]
    if not keys:
        current = runs.find(context.store, wanted, everything=everything)
        current.say(context, "report")
        keys = current.keys
    found = outputs.replies_of(context.store, keys)
    if not found:
        fix = "run `sdc icl --decoding generate`; runs with scores have nothing to parse"
        raise DataError("no run has replies to audit", str(context.store.path), fix)
    tasks = {name: cells.load_task(context.store, name) for name in sorted({one.task for one in found})}
    names = list(readers.REPLY_READERS)
    rows = []
    for one in found:
        task, num = tasks[one.task], len(one.gold)
        read = {name: readers.read(name, task, replies=one.replies, all_scores=[]) for name in names}
        right = {name: sum(p == g for p, g in zip(read[name], one.gold, strict=True)) for name in names}
        unparsed = {name: sum(p is None for p in read[name]) for name in names}
        differ, example = _disagreement(one.replies, read[names[0]], read[names[1]], task)
        rows.append(
            (
                one.run[:12], one.task, one.lang, one.method, one.model, one.source or "-",
                str(one.num_rows or "-"), str(one.num_shots or 0), str(num),
                *(f"{100 * right[name] / num:.1f}" for name in names),
                f"{100 * (right[names[1]] - right[names[0]]) / num:+.1f}",
                *(f"{100 * unparsed[name] / num:.1f}" for name in names),
                str(differ), example,
            )
        )  # fmt: skip
    columns = ("run", "task", "lang", "method", "model", "source", "rows", "shots", "n", *names, "difference")
    columns += (*(f"unparsed {name}" for name in names), "disagree", "commonest disagreement")
    title = "accuracy and unparsed replies in % under each reader, on the same stored replies"
    return Table(columns=columns, rows=tuple(rows), title=title)


def _disagreement(
    replies: Sequence[str | None], one: Sequence[int | None], other: Sequence[int | None], task: Task
) -> tuple[int, str]:
    """Returns how many replies two readers read differently, and the commonest such reply with both readings."""
    differing = Counter(
        (reply or "", a, b) for reply, a, b in zip(replies, one, other, strict=True) if reply is not None and a != b
    )
    if not differing:
        return 0, "-"
    (reply, a, b), _ = min(differing.items(), key=lambda item: (-item[1], item[0][0]))
    text = one_line(reply)
    shown = text if len(text) <= _EXAMPLE_CHARS else f"{text[: _EXAMPLE_CHARS - 1]}…"
    names = ["unparsed" if label is None else task.label_names[label] for label in (a, b)]
    return differing.total(), f'"{shown}": {names[0]} / {names[1]}'
