"""Examples as later stages read them back from the store: test rows, and the rows of draws.

Here: the look-ups, and the hash of a draw. Not here: which draws there are (`draws.py`), how rows are chosen (sample,
`selection/`).
"""

from collections.abc import Sequence

from sdc.cache.key import digest
from sdc.cache.store import Artifact
from sdc.errors import DataError, StoreError
from sdc.pipelines.draws import Draw
from sdc.pipelines.stage import Context

#: idx, text, label id
Row = tuple[int, str, int]


def mark(text: str, label: int) -> str:
    """Returns what an example is in the hash of a draw: its text as it is, and its label."""
    return digest([text, label])


def draw_hash(marks: Sequence[str]) -> str:
    """Returns the content hash of a draw from the marks of its rows, in order."""
    return digest(list(marks))


def test_rows(context: Context, test: Artifact) -> list[tuple[int, str]]:
    """Returns idx and text of the usable rows of test data, by idx.

    Raises:
        DataError: There is none.
    """
    rows = context.store.query(
        "select idx, text from examples where key = ? and status = 'ok' order by idx", [test.key]
    )
    if not rows:
        raise DataError(f"test data {test.short} has no usable row", fix="see `sdc data show`")
    return [(idx, text) for idx, text in rows]


def rows_of(context: Context, draws: Sequence[Draw]) -> dict[str, list[Row]]:
    """Returns the rows of every draw, in the order of its members, by the draw's content hash.

    Raises:
        StoreError: Examples of a draw are in another store, or are others than those that were drawn.
    """
    pools = {key: _pool(context, key) for key in dict.fromkeys(draw.example_key for draw in draws)}
    marks = {key: {idx: mark(*row) for idx, row in pool.items()} for key, pool in pools.items()}
    rows = {}
    for draw in draws:
        pool, marked = pools[draw.example_key], marks[draw.example_key]
        lost = sum(idx not in pool for idx in draw.members)
        if lost:
            where = f"draw {draw.draw[:12]} from {draw.example_key[:12]}"
            raise StoreError(f"{lost} rows of a draw are not in the store", where, "merge the store that has them")
        if draw_hash([marked[idx] for idx in draw.members]) != draw.draw:
            where = f"draw {draw.draw[:12]} from {draw.example_key[:12]}"
            raise StoreError("the rows of a draw are not those that were drawn", where, "run `sdc sample --force`")
        rows[draw.draw] = [(idx, *pool[idx]) for idx in draw.members]
    return rows


def rows_by_hash(context: Context, draw: str) -> list[Row]:
    """Returns the rows of a draw of which only the content hash is known; any sample that drew them will do.

    Raises:
        StoreError: They are not in the store.
    """
    for example_key, members in context.store.query(
        "select distinct example_key, members from draws where draw = ? order by all", [draw]
    ):
        pool = _pool(context, example_key)
        rows = [(idx, *pool[idx]) for idx in members if idx in pool]
        if len(rows) == len(members) and draw_hash([mark(text, label) for _, text, label in rows]) == draw:
            return rows
    what = f"the rows of draw {draw[:12]} are not in the store, or not as they were"
    raise StoreError(what, str(context.store.path), "merge the store that has them")


def _pool(context: Context, key: str) -> dict[int, tuple[str, int]]:
    """Returns text and label id of an artifact's labelled examples, by idx."""
    found = context.store.query("select idx, text, label from examples where key = ? and label is not null", [key])
    return {idx: (text, label) for idx, text, label in found}
