"""What texts are written from: human data, and the judgement that is topped up.

Here: the look-up. Not here: what is written (`loop.py`).
"""

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context


def of(
    context: Context, cell: Cell, artifact: Artifact | None, *, top_up: bool
) -> tuple[Artifact | None, Artifact | None]:
    """Returns the human data and the judgement to top up, where they were named or `top_up` finds them.

    Args:
        context: Where the store is.
        cell: Language and task.
        artifact: Human data, a judgement, or None.
        top_up: Take the newest judgement of the cell where none is named, and say which.

    Raises:
        UsageError: There is no judgement to top up.
    """
    judgement = artifact if artifact is not None and artifact.stage == "judge" else None
    data = artifact if artifact is not None and artifact.stage == "data" else None
    if top_up and judgement is None:
        judgement = lineage.newest_judgement(context, cell)
        if judgement is None:
            raise UsageError(f"no judgement of {cell} to top up", "--top-up", "run `sdc judge` first")
        context.say(f"{cell}: tops up {judgement.short}")
    if judgement is not None and data is None:
        data = lineage.train_data_of(context, judgement)
    return data, judgement
