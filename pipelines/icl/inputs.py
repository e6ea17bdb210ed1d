"""What shots are taken from, and which settings are orders: what a person has asked for is done or refused.

Here: the look-up. Not here: whether a draw has the rows (`room.py`), runs (`__init__.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines.cells import Cell
from sdc.pipelines.icl import room
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records import lineage
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.stage import Context


def ordered(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that a person has given, with what makes orders of them; None is not given."""
    return {
        **given,
        "exact": given.get("shots") is not None or bool(given.get("select")),
        "exact_dev_rows": given.get("dev_rows") is not None,
    }


def of(
    context: Context, config: IclConfig, cell: Cell, artifact: Artifact | None, *, source: str, sizes: Sequence[str]
) -> tuple[list[Draw], list[DataError]]:
    """Returns the draws that shots are taken from, and what is wrong with those that are too small; none without shots.

    Args:
        context: Where the store is.
        config: How many shots.
        cell: Language and task.
        artifact: A sample; None takes the newest of the source.
        source: Of the newest sample.
        sizes: Only draws of these nominal sizes; empty for all.

    Raises:
        MissingInput: There is no sample.
        UsageError: Fewer rows may be held out than there are labels.
        DataError: The sample has no such draws.
    """
    if not config.uses_draws:
        return [], []
    drawn = artifact or lineage.newest_sample(context, cell, source=source)
    return room.fitting(context, config, cell, draws_of(context, drawn, sizes=sizes))
