"""What test sets call their sentences: in translations of one test set, a sentence has one id in all languages.

Here: the table `sentence_ids`. Not here: which column of a file has them (`data/columns.py`), what follows from it for
intervals (report).
"""

from collections.abc import Sequence
from typing import Any

from sdc.cache.store import Store


def ids_of(store: Store, keys: Sequence[str]) -> dict[str, dict[int, str]]:
    """Returns key of a data set -> idx -> id, of those sets whose every sentence has an id of its own."""
    found: dict[str, dict[int, str]] = {}
    sql = "select key, idx, id from sentence_ids where key in (select unnest(?::varchar[])) order by key, idx"
    for key, idx, name in store.query(sql, [list(keys)]):
        found.setdefault(key, {})[idx] = name
    return found


def rows(ids: Sequence[str | None]) -> list[dict[str, Any]]:
    """Returns the rows of the table for sentences in order; none if one has no id, or two share one.

    >>> rows(["a", "b"]), rows(["a", "a"]), rows(["a", None])
    ([{'idx': 0, 'id': 'a'}, {'idx': 1, 'id': 'b'}], [], [])
    """
    if None in ids or len(set(ids)) < len(ids):
        return []
    return [{"idx": idx, "id": name} for idx, name in enumerate(ids)]
