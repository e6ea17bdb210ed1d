"""What a report is about: evaluations that are named, or the languages and tasks that are asked for.

Here: the look-up. Not here: which evaluations count where none is named (`__init__.py`).
"""

from collections.abc import Sequence

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import cells
from sdc.pipelines.records import lineage, runs
from sdc.pipelines.stage import Context


def of(
    context: Context, keys: Sequence[str], langs: Sequence[str] | None, tasks: Sequence[str] | None
) -> tuple[list[Artifact], list[tuple[str, str]] | None]:
    """Returns the evals that are named (none: all that count), and the (lang, task) pairs; None means all.

    Raises:
        UsageError: A key is no eval, or of no cell that is asked for.
        StoreError: There is no store, or a key is not there, or stale.
    """
    context.store.must_exist()
    evals = context.store.resolve_many(keys, stages=("eval",)) if keys else []
    lineage.refuse_stale(context, evals)
    wanted = cells_of(context, evals, langs, tasks)
    if wanted is not None:
        evals = [e for e in evals if (e.lang, e.task) in wanted]
    return evals, wanted


def cells_of(
    context: Context, evals: Sequence[Artifact], langs: Sequence[str] | None, tasks: Sequence[str] | None
) -> list[tuple[str, str]] | None:
    """Returns the (lang, task) pairs that --lang and --task mean; the flag that is missing means all in the store."""
    if not langs and not tasks:
        return None
    context.store.must_exist()
    there = runs.cells_with_runs(context.store)
    if not there:
        return []
    asked = cells.expand(
        context.store,
        langs or sorted({lang for lang, _ in there}),
        tasks or sorted({task for _, task in there}),
    )
    found = [(cell.lang, cell.task.name) for cell in asked]
    found = [pair for pair, cell in zip(found, asked, strict=True) if not cell.of_all or pair in there]
    if evals and not {(e.lang, e.task) for e in evals} & set(found):
        raise UsageError("none of the keys is of that language and task", fix="leave out --lang and --task")
    return found
