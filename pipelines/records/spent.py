"""What generations brought for what they took, as plans need it.

Here: the query. Not here: the ledger of single artifacts (the view `ledger`), what pays off (report).
"""

import json

from sdc.cache.store import Store
from sdc.pipelines.cells import Cell


def texts_per_call(store: Store, cell: Cell, *, model: str, num_texts: int | None) -> float | None:
    """Returns how many new, accepted texts a call of a generator brought; None where it was never seen.

    In the generations of the cell, or where there are none, of all cells.

    Args:
        store: Where they are.
        cell: Language and task.
        model: The generator.
        num_texts: Texts that a call asked for; None is the default.
    """
    found = store.query(
        """select lang = ? and task = ?, summary -> '$.labels' from artifacts
        where stage = 'gen' and summary ->> '$.usage.model' = ?
            and (config -> '$.num_texts')::varchar is not distinct from ?""",
        [cell.lang, cell.task.name, model, None if num_texts is None else str(num_texts)],
    )
    of_cell = [labels for is_of_cell, labels in found if is_of_cell]
    labels = [label for text in of_cell or [text for _, text in found] for label in json.loads(text or "{}").values()]
    calls = sum(label["calls"] for label in labels)
    return sum(label["accepted"] - label["kept"] for label in labels) / calls if calls else None
