"""Examples as later stages read them back from the store: the rows of an artifact, and those of draws.

Here: the look-ups, and the hash of a draw. Not here: which draws there are (`draws.py`), how rows are chosen (sample,
`strategies/`), what a judgement says of rows (`judged.py`).
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, StoreError
from sdc.pipelines.records.draws import Draw, weights_of
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: idx, text, label id. In a draw with rows of two artifacts, human row 0 is -1, row 1 is -2: no two rows share an idx.
ExampleRow = tuple[int, str, int]

#: The columns of the table `examples` that say all of a row, but for the key.
_COLUMNS = ("idx", "lang", "task", "text", "label", "label_name", "source", "split", "status", "reason", "origin")


#: text, label id, key of the generation.
OriginRow = tuple[str, int, str]


def mark(text: str, label: int) -> str:
    r"""Returns what an example is in the hash of a draw, its text as it is and its label: their `digest` as a list.

    >>> from sdc.cache.key import digest
    >>> mark('a "b"\n', 3) == digest(['a "b"\n', 3])
    True
    """
    return hashlib.sha256(f"[{encode_basestring(text)},{label}]".encode()).hexdigest()


def draw_hash(marks: Sequence[str]) -> str:
    """Returns the content hash of a draw from the marks of its rows, in order: their `digest` as a list.

    A grid has millions of them, and no mark has a character that JSON writes otherwise.

    >>> from sdc.cache.key import digest
    >>> draw_hash(["a", "b"]) == digest(["a", "b"]), draw_hash([]) == digest([])
    (True, True)
    """
    quoted = ",".join([f'"{each}"' for each in marks])
    return hashlib.sha256(f"[{quoted}]".encode()).hexdigest()


def weighted(marks: Sequence[str], num_seeds: int, seed_weight: float) -> list[str]:
    """Returns the marks of a draw whose first rows are seeds that count more or less than others.

    Where they count alike the marks stay as they are, and so do the hashes of draws from before there were weights.

    >>> weighted(["a", "b"], 1, 3.0), weighted(["a", "b"], 1, 1.0)
    (['a*3.0', 'b'], ['a', 'b'])
    """
    if seed_weight == 1:
        return list(marks)
    return [*(f"{each}*{float(seed_weight)!r}" for each in marks[:num_seeds]), *marks[num_seeds:]]


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


@dataclass(frozen=True, kw_only=True)
class GoldLabels:
    """The usable rows of test data that have a label, as arrays: `idx`, rising, and the label ids."""

    idx_N: "NDArray[Any]"
    label_N: "NDArray[Any]"


def gold_labels(context: Context, tests: Collection[str]) -> dict[str, GoldLabels]:
    """Returns the label ids of the usable rows of test data, by its key."""
    import numpy as np

    sql = """select key, idx, label from examples
        where key in (select unnest(?::varchar[])) and status = 'ok' and label is not null order by idx"""
    rows: dict[str, list[list[int]]] = {test: [] for test in tests}
    for test, *row in context.store.query(sql, [list(rows)]):
        rows[test].append(row)
    arrays = {test: np.array(of_test, dtype=np.int32).reshape(-1, 2).T for test, of_test in rows.items()}
    return {test: GoldLabels(idx_N=idx_N, label_N=label_N) for test, (idx_N, label_N) in arrays.items()}


def ok_rows(context: Context, key: str, source: str) -> list[ExampleRow]:
    """Returns the usable rows of an artifact that come from a source (`human`, `synthetic`), by idx."""
    return _with_status(context, key, source, "ok")


def seed_rows(context: Context, key: str) -> list[ExampleRow]:
    """Returns the human examples that a generation was shown, by idx; none of one that was made elsewhere."""
    return _with_status(context, key, "human", "seed")


def accepted_rows(context: Context, judgement: str) -> list[ExampleRow]:
    """Returns the rows of a generation that a judgement of it accepted, by idx."""
    found = context.store.query(
        """select e.idx, e.text, e.label from examples e join verdicts v on v.example_key = e.key and v.idx = e.idx
        where v.key = ? and v.accepted order by e.idx""",
        [judgement],
    )
    return [(idx, text, label) for idx, text, label in found]


def surplus_rows(context: Context, judgement: str) -> list[OriginRow]:
    """Returns the texts beyond the quota of the generation that a judgement is about, by idx."""
    found = context.store.query(
        """select text, label, key from examples where status = 'surplus'
        and key in (select example_key from verdicts where key = ?) order by idx""",
        [judgement],
    )
    return [(text, label, key) for text, label, key in found]


def _with_status(context: Context, key: str, source: str, status: str) -> list[ExampleRow]:
    found = context.store.query(
        "select idx, text, label from examples where key = ? and source = ? and status = ? order by idx",
        [key, source, status],
    )
    return [(idx, text, label) for idx, text, label in found]


def whole_rows(context: Context, key: str) -> list[dict[str, Any]]:
    """Returns all rows of an artifact, whatever their status, with every column but the key, by idx."""
    sql = f"select {', '.join(_COLUMNS)} from examples where key = ? order by idx"  # noqa: S608 (constants)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in context.store.query(sql, [key])]


def texts_and_statuses(store: Store, key: str, *, source: str) -> list[tuple[str, str | None, str]]:
    """Returns text, label name and status of all rows of an artifact from one source, by idx."""
    sql = "select text, label_name, status from examples where key = ? and source = ? order by idx"
    return store.query(sql, [key, source])


def human_texts(context: Context, keys: Sequence[str]) -> list[tuple[str | None, str]]:
    """Returns split and text of the human rows of some data, labelled or not, by key and idx: what gates know."""
    return context.store.query(
        """select split, text from examples where list_contains(?, key) and source = 'human'
        and status in ('ok', 'unlabelled') order by key, idx""",
        [list(keys)],
    )


def num_by_source(context: Context, key: str, members: Sequence[int]) -> dict[str, int]:
    """Returns how many of some rows of an artifact, given by idx, are of each source that occurs among them."""
    sql = "select source, count(*) from examples where key = ? and list_contains(?, idx) group by source"
    return dict(context.store.query(sql, [key, list(members)]))


def rows_of(context: Context, draws: Sequence[Draw]) -> dict[str, list[ExampleRow]]:
    """Returns the rows of every draw, in the order of its members, by the draw's content hash.

    Raises:
        StoreError: Examples of a draw are in another store, or are others than those that were drawn.
    """
    wanted: dict[str, set[int]] = {}
    for draw in draws:
        wanted.setdefault(draw.example_key, set()).update(draw.members)
        if draw.human_key:
            wanted.setdefault(draw.human_key, set()).update(draw.human_members)
    pools = {key: _pool(context, key, members) for key, members in wanted.items()}
    marks = {key: {idx: mark(text, label) for idx, text, label in pool.values()} for key, pool in pools.items()}
    rows = {}
    for draw in draws:
        found = _members(pools, draw.example_key, draw.members, draw.human_key, draw.human_members)
        where = f"draw {draw.draw[:12]} from {draw.example_key[:12]}"
        lost = len(draw.members) + len(draw.human_members) - len(found)
        if lost:
            raise StoreError(
                f"{counted(lost, 'row of a draw is', 'rows of a draw are')} not in the store",
                where,
                "merge the store that has them",
            )
        human = [marks[draw.human_key][idx] for idx in draw.human_members] if draw.human_key else []
        own = marks[draw.example_key]
        drawn = weighted([*human, *[own[idx] for idx in draw.members]], draw.num_seeds or 0, draw.seed_weight)
        if draw_hash(drawn) != draw.draw:
            raise StoreError("the rows of a draw are not those that were drawn", where, "run `sdc sample --force`")
        rows[draw.draw] = found
    return rows


def label_counts(context: Context, draws: Sequence[Draw]) -> dict[str, list[int]]:
    """Returns how many rows of each label that occurs a draw has, by the draw's content hash."""
    labels: dict[str, dict[int, int]] = {}
    for key in {key for draw in draws for key in (draw.example_key, draw.human_key) if key}:
        labels[key] = dict(context.store.query("select idx, label from examples where key = ?", [key]))
    found: dict[str, list[int]] = {}
    for draw in draws:
        if draw.draw not in found:
            counts: Counter[int | None] = Counter(map(labels[draw.example_key].get, draw.members))
            counts.update(map(labels[draw.human_key].get, draw.human_members) if draw.human_key else ())
            found[draw.draw] = [number for label, number in counts.items() if label is not None]
    return found


_Pools = dict[str, dict[int, ExampleRow]]


def _members(
    pools: _Pools, key: str, members: Sequence[int], human_key: str | None, human_members: Sequence[int]
) -> list[ExampleRow]:
    """Returns those rows of a draw that are there, in its order."""
    own = pools[key]
    human = pools[human_key] if human_key else {}
    found = [(-1 - idx, *human[idx][1:]) for idx in human_members if idx in human]
    return [*found, *[own[idx] for idx in members if idx in own]]  # one and the same in all draws: it travels once


def rows_by_hash(context: Context, draw: str) -> list[ExampleRow]:
    """Returns the rows of a draw of which only the content hash is known; any sample that drew them will do.

    Raises:
        StoreError: They are not in the store.
    """
    return weighted_rows_by_hash(context, draw)[0]


def weighted_rows_by_hash(context: Context, draw: str) -> tuple[list[ExampleRow], list[float] | None]:
    """Returns the rows of a draw as `rows_by_hash`, and what each counts in a loss; None if all count alike.

    Raises:
        StoreError: They are not in the store.
    """
    for key, members, human_key, human_members, num_seeds, seed_weight in context.store.query(
        """select distinct example_key, members, human_key, human_members, coalesce(num_seeds, 0),
        coalesce(seed_weight, 1) from draws where draw = ? order by all""",
        [draw],
    ):
        wanted = {name: [*members, *(human_members or ())] for name in (key, human_key) if name}
        pools = {name: _pool(context, name, some) for name, some in wanted.items()}
        rows = _members(pools, key, members, human_key, human_members or ())
        is_whole = len(rows) == len(members) + len(human_members or ())
        marks = weighted([mark(text, label) for _, text, label in rows], num_seeds, seed_weight)
        if is_whole and draw_hash(marks) == draw:
            return rows, weights_of(len(rows), num_seeds, seed_weight)
    what = f"the rows of draw {draw[:12]} are not in the store, or not as they were"
    raise StoreError(what, str(context.store.path), "merge the store that has them")


def drawn_texts(store: Store, runs: Sequence[str], *, num: int) -> dict[str, list[tuple[str, str]]]:
    """Returns run -> label and text of synthetic rows of its draw: the first row of each of the first labels.

    Args:
        store: Where they are.
        runs: Full keys; a run without a draw, or without synthetic rows, is left out.
        num: Rows of a run at most.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for run, label, text in store.query(
        """with drawn as (
            select run, example_key, unnest(members) as idx from (
                select distinct on (r.key) r.key as run, d.example_key, d.members from draws d join runs r using (draw)
                where r.key in (select unnest(?::varchar[])) order by r.key, d.key
            )
        ),
        firsts as (
            select distinct on (d.run, e.label) d.run, e.label, e.label_name, e.text
            from drawn d join examples e on e.key = d.example_key and e.idx = d.idx
            where e.source = 'synthetic' and e.label is not null order by d.run, e.label, e.idx
        )
        select run, coalesce(label_name, label::varchar), text from firsts
        qualify row_number() over (partition by run order by label) <= ? order by run, label""",
        [list(runs), num],
    ):
        found.setdefault(run, []).append((label, text))
    return found


def _pool(context: Context, key: str, members: Collection[int]) -> dict[int, ExampleRow]:
    """Returns some of an artifact's examples, those that have a label, by idx."""
    found = context.store.query(
        """select idx, text, label from examples where key = ? and label is not null
        and idx in (select unnest(?::integer[]))""",
        [key, list(members)],
    )
    return {idx: (idx, text, label) for idx, text, label in found}
