"""Outputs: what runs said of every test row.

Here: the look-up. Not here: what it is worth (eval).
"""

from collections.abc import Sequence

from sdc.cache.store import Store

#: The raw reply, and one score per label; either may be None.
Output = tuple[str | None, Sequence[float] | None]


def of_runs(store: Store, keys: Sequence[str]) -> dict[str, dict[int, Output]]:
    """Returns key of a run -> idx of a test row -> what it said; runs that said nothing are left out."""
    found = store.query(
        """select key, list(idx), list(reply), list(scores) from outputs
        where key in (select unnest(?::varchar[])) group by key""",
        [list(keys)],
    )
    return {
        key: dict(zip(idxs, zip(replies, scores, strict=True), strict=True)) for key, idxs, replies, scores in found
    }
