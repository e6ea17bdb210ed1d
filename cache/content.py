"""What the rows of an artifact come to: a digest by which two results under one key are told apart.

A key says how something is made, not what came out: a judgement that is made again may accept other texts. What was
made from the old rows must then be made again, and what was made from equal rows must not.

Here: which columns count, and the digest. Not here: what follows from it (`freshness.py`).
"""

import hashlib
import json
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sdc.cache.columns import Rows, TableRows
from sdc.cache.migrations import RUN_OUTPUTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow import Array

#: Artifacts whose rows are read back at once, to be digested, and rows that become text at once.
_KEYS_A_TIME, _ROWS_A_TIME = 200, 10_000
#: Fewer are made into JSON row by row, as the one row of a run.
_FEW_ROWS = 8


def _numbers(values: Sequence[float]) -> str:
    return array("f", values).tobytes().hex()  # as the store keeps them: 32 bits each


def _integers(values: Sequence[int]) -> list[int]:
    return [int(value) for value in values]


def _label_tokens(details: str) -> Any:
    return json.loads(details).get("label_tokens")  # the only detail that a reader of replies uses


_Convert = Callable[[Any], Any]
#: They may give lists or objects, whose JSON may have line breaks in it.
_NESTED: Collection[_Convert] = (_integers, _label_tokens)
#: Table -> the columns that count -> what makes a value read back from the store equal to the one that was kept.
COLUMNS: Mapping[str, Mapping[str, _Convert]] = {
    "examples": {
        "idx": int, "text": str, "label": int, "label_name": str, "source": str, "split": str, "status": str,
        "origin": str,
    },
    "verdicts": {"idx": int, "example_key": str, "accepted": bool, "judged_by": str, "probability": float},
    "reviews": {
        "idx": int, "example_key": str, "reviewer": str, "decision": str, "label": int, "text": str, "comment": str,
        "blind": bool,
    },
    "draws": {
        "draw": str, "source": str, "strategy": str, "size": str, "repeat": int, "num_rows": int, "example_key": str,
        "members": _integers, "human_key": str, "human_members": _integers,
    },
    "runs": {
        "method": str, "model": str, "source": str, "draw": str, "num_rows": int, "num_shots": int, "decoding": str,
        "init_seed": int, "shot_seed": int, "setting": str, "test_key": str, "status": str, "details": _label_tokens,
    },
    "outputs": {"idx": int, "scores": _numbers, "reply": str},
    "metrics": {"run": str, "reader": str, "metric": str, "value": float, "low": float, "high": float},
}  # fmt: skip
#: The columns that do not: what belongs to the artifact itself or to one store, times, and words for people;
#: of a draw what follows from its rows and its sample's key, and is in its hash where it makes another draw.
LEFT_OUT = ("key", "no", "lang", "task", "reason", "seconds", "decided_at",
            "num_seeds", "seed_weight", "coverage")  # fmt: skip


def of_rows(rows: Rows) -> str:
    """Returns the digest (64 hex digits) of an artifact's rows, whatever their order, and whatever holds them.

    Kept files (`blobs`) are no part of it: weights that were made again change nothing that was made from a run. Nor
    are `readings`: they follow from the outputs of the run, whose content is kept with what was made from them; and
    `sentence_ids`, which nothing that is kept is made from.
    """
    hashed = hashlib.sha256()
    for table, columns in COLUMNS.items():
        values = _scored(rows.get(table, ())) or sorted(_json(rows.get(table, ()), columns))
        if values:
            hashed.update(f"{table} {len(values)}\n".encode())
            hashed.update("\n".join(values).encode())
    return hashed.hexdigest()


def _scored(rows: TableRows) -> list[str]:
    """Returns the sorted JSON of outputs that are `columns.scored`, as most rows are; nothing of other rows."""
    if isinstance(rows, Sequence) or rows.column_names != ["idx", "scores"] or rows["scores"].num_chunks != 1:
        return []
    import pyarrow as pa

    idxs, lists = rows["idx"].combine_chunks(), rows["scores"].chunk(0)
    if lists.type != pa.list_(pa.float32()) or idxs.null_count or lists.null_count or lists.values.null_count:
        return []
    lengths, numbers = lists.value_lengths().to_numpy(), lists.flatten().to_numpy()
    if not len(numbers) or (lengths != lengths[0]).any():
        return []
    digits = numbers.tobytes().hex()
    places = _places(tuple(idxs.to_pylist()), 8 * int(lengths[0]))
    return [f'{begin}{digits[start:end]}", null]' for begin, start, end in places]


@lru_cache(maxsize=64)
def _places(idxs: tuple[int, ...], width: int) -> list[tuple[str, int, int]]:
    """Returns what stands before the digits of each row, and from where to where they go, sorted.

    All runs on one test have the same rows. Nothing where two have the same idx: then the digits decide, too.
    """
    if len(set(idxs)) < len(idxs):
        return []
    return sorted((f'[{idx}, "', width * row, width * (row + 1)) for row, idx in enumerate(idxs))


def _json(rows: TableRows, columns: Mapping[str, _Convert]) -> Iterator[str]:
    """Yields every row as a JSON list of its columns."""
    for start in range(0, len(rows), _ROWS_A_TIME):
        end = start + _ROWS_A_TIME
        some = rows[start:end] if isinstance(rows, Sequence) else rows.slice(start, _ROWS_A_TIME)
        if isinstance(some, Sequence) and len(some) < _FEW_ROWS:
            yield from (json.dumps(_converted(row, columns)) for row in some)
        else:
            texts = [_texts(some, name, convert) for name, convert in columns.items()]
            yield from (f"[{', '.join(row)}]" for row in zip(*texts, strict=True))


def _converted(row: Mapping[str, Any], columns: Mapping[str, _Convert]) -> list[Any]:
    """Returns the columns of a row, as they are hashed."""
    return [None if (value := row.get(name)) is None else convert(value) for name, convert in columns.items()]


def _texts(rows: TableRows, name: str, convert: _Convert) -> list[str]:
    """Returns the values of a column, each as JSON."""
    if isinstance(rows, Sequence):
        values = [row.get(name) for row in rows]
    elif name not in rows.column_names:
        return ["null"] * rows.num_rows
    elif convert is _numbers:
        return _hexadecimal(rows[name].combine_chunks())
    else:
        values = rows[name].to_pylist()
    converted = [None if value is None else convert(value) for value in values]
    if convert in _NESTED:
        return [json.dumps(value) for value in converted]
    # All at once, which is several times as fast: no JSON of a plain value has a line break in it.
    return json.dumps(converted, separators=("\n", ":"))[1:-1].split("\n") if converted else []


def _hexadecimal(column: "Array") -> list[str]:
    """Returns what `_numbers` makes of the lists of a column, as JSON."""
    import pyarrow as pa

    lists = column.cast(pa.list_(pa.float32()))
    numbers = lists.flatten()
    if numbers.null_count:
        raise ValueError("a list of scores has an empty place")
    digits = numbers.to_numpy().tobytes().hex()
    texts, position = [], 0
    for length in lists.value_lengths().to_pylist():
        end = position + 8 * (length or 0)
        texts.append("null" if length is None else f'"{digits[position:end]}"')
        position = end
    return texts


def in_store(con: "DuckDBPyConnection", keys: Sequence[str], *, catalog: str = "") -> dict[str, str]:
    """Returns key -> digest of the rows that artifacts have in an open store.

    Args:
        con: The store.
        keys: Full keys of artifacts that are there.
        catalog: Prefix of the tables, as `other.` for a store that is attached.
    """
    found: dict[str, str] = {}
    for start in range(0, len(keys), _KEYS_A_TIME):
        some = list(keys[start : start + _KEYS_A_TIME])
        rows: dict[str, dict[str, list[dict[str, Any]]]] = {key: {} for key in some}
        for table, columns in COLUMNS.items():
            names = list(columns)
            of_table = f"{catalog}{table}"
            if table == "outputs":
                of_table = f"(from {catalog}{RUN_OUTPUTS} o join {catalog}runs r on r.no = o.run select r.key, o.*)"
            sql = f"select key, {', '.join(names)} from {of_table} where key in (select unnest(?::varchar[]))"
            for key, *values in con.execute(sql, [some]).fetchall():
                rows[key].setdefault(table, []).append(dict(zip(names, values, strict=True)))
        found |= {key: of_rows(of_key) for key, of_key in rows.items()}
    return found
