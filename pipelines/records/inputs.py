"""What a command works on: artifacts by their keys, or cells whose input the stage finds itself.

Here: that look-up, which is the same for every stage. Not here: keys as they are typed (`cli/options.py`), what a stage
takes where no key is given (each stage, `lineage.py`).
"""

from collections.abc import Sequence

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell
from sdc.pipelines.context import Context
from sdc.pipelines.records import lineage
from sdc.pipelines.text import commas


def of(
    context: Context,
    keys: Sequence[str],
    langs: Sequence[str],
    tasks: Sequence[str],
    *,
    stages: Sequence[str],
    otherwise_all: bool = False,
) -> list[tuple[Cell, Artifact | None]]:
    """Returns the artifacts of the given keys with their cells, or cells whose input the stage finds itself.

    With keys, `langs` and `tasks` keep only the artifacts that match.

    Args:
        context: Where the store is.
        keys: Keys, whole or their beginnings.
        langs: Languages, as `--lang` says them.
        tasks: Tasks, as `--task` says them.
        stages: What the keys may be of.
        otherwise_all: Without any language, or task, all are meant: where nothing is asked of a model.

    Raises:
        UsageError: Nothing is named, a key is of another stage, or no key fits the languages and tasks.
        StoreError: There is no store, or a key is not there, or stale.
        DataError: The store has nothing of what `all` stands for.
    """
    if not keys:
        default = [cells.ALL] if otherwise_all else []
        asked = cells.expand(context.store, langs or default, tasks or default)
        context.store.must_exist()
        if lacking := cells.absent(asked):
            number = counted(len(asked), "cell")
            context.say(f"all: {number} of the store; it has nothing of {commas.listed(lacking)}")
        return [(cell, None) for cell in asked]
    known: dict[tuple[str | None, str | None], Cell] = {}
    pairs = []
    found = context.store.resolve_many(keys, stages=stages)
    lineage.refuse_stale(context, found)
    for artifact in found:
        cell = (artifact.lang, artifact.task)
        if cell not in known:  # hundreds of runs share a cell; a user's task is looked up in the store
            known[cell] = cells.of_artifact(context.store, artifact)
        pairs.append((known[cell], artifact))
    if langs or tasks:
        wanted = {
            str(cell)
            for cell in cells.expand(
                context.store,
                langs or [cell.lang for cell, _ in pairs],
                tasks or [cell.task.name for cell, _ in pairs],
            )
        }
        pairs = [pair for pair in pairs if str(pair[0]) in wanted]
        if not pairs:
            raise UsageError("none of the keys fits --lang and --task", fix="drop those flags, or see `sdc store ls`")
    return list(pairs)


def by_cell(pairs: Sequence[tuple[Cell, Artifact | None]]) -> list[tuple[Cell, list[Artifact]]]:
    """Returns the artifacts of each cell together, in the order of the first; none where they are to be looked up."""
    found: dict[str, tuple[Cell, list[Artifact]]] = {}
    for cell, artifact in pairs:
        found.setdefault(str(cell), (cell, []))[1].extend([artifact] if artifact else [])
    return list(found.values())
