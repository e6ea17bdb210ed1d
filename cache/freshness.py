"""Which artifacts may be taken as they are: those whose inputs still have the rows that they were made from.

`made_from` keeps, for every artifact, the content of all that it was made from, directly or not, as it was then. The
view `stale` compares that with what is there now, so nothing has to be marked, and nothing can be forgotten:
replacing an artifact by other rows makes what hangs on it stale in the same transaction; putting the old rows back
undoes it. What an older sdc kept has no content; it counts as fresh until an input of it is replaced.

Here: hits, stale artifacts, what goes into `made_from`. Not here: the digest of rows (`content.py`), two copies from
two stores (`copies.py`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sdc.cache import content
from sdc.cache.file import StoreFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Input -> it and all that it was made from -> the content of each.
Seen = Mapping[str, Mapping[str, str]]
_AMONG = "in (select unnest(?::varchar[]))"
#: The view `stale` for some keys: DuckDB would compute all of it first.
_STALE_AMONG = f"""select m.key, m.input from (from made_from where key {_AMONG}) m
    join artifacts a on a.key = m.input where a.content <> m.content"""
#: The content of an input that was replaced between reading it and keeping what was made from it.
_REPLACED_MEANWHILE = "replaced"


def unanswered(summary: Mapping[str, Any]) -> int:
    """Returns how many LLM calls of an artifact were refused or failed, from its summary.

    Such an artifact is kept and can be used, but it is no hit: a plain repeat asks those calls again. Answered ones
    come from the reply cache.
    """
    usage = summary.get("usage") or {}
    return int(usage.get("refused") or 0) + int(usage.get("failed") or 0)


def hits(store: StoreFile, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Returns key -> summary of those of `keys` that need not be made again: they are there, fresh, and answered."""
    found = store.query(
        f"""select key, summary from artifacts where key {_AMONG} and coalesce(unanswered, 0) = 0
        and key not in (select key from ({_STALE_AMONG}))""",
        [list(keys)] * 2,
    )
    return {key: json.loads(summary) for key, summary in found}


def stale(store: StoreFile, keys: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Returns stale artifact -> what it was made from and has other rows now; of `keys`, or of all."""
    if keys is not None and not keys:
        return {}
    those = "select key, input from stale" if keys is None else _STALE_AMONG
    found = store.query(
        f"select key, list(input order by input) from ({those}) group by key order by key",
        [] if keys is None else [list(keys)],
    )
    return dict(found)


def seen(store: StoreFile, inputs: Collection[str]) -> Seen:
    """Returns the content of some inputs, and of what they were made from, as it is before they are read."""
    if not inputs or not store.exists():
        return {}
    with store.open() as con:
        return _seen(con, inputs)


def _seen(con: "DuckDBPyConnection", inputs: Collection[str]) -> dict[str, dict[str, str]]:
    wanted = list(inputs)
    found: dict[str, dict[str, str]] = {}
    for key, other, its in con.execute(
        f"""select key, input, content from made_from where key {_AMONG}
        union all select key, key, content from artifacts where key {_AMONG} and content is not null""",
        [wanted, wanted],
    ).fetchall():
        found.setdefault(key, {})[other] = its
    return found


def sources(
    con: "DuckDBPyConnection", artifacts: Mapping[str, Sequence[str]], contents: Mapping[str, str], before: Seen | None
) -> list[dict[str, str]]:
    """Returns the rows of `made_from` for artifacts that are about to be kept.

    Args:
        con: The store, in the transaction that keeps them.
        artifacts: Their keys -> their inputs, each after those of them that it was made from.
        contents: Their content.
        before: What was seen before their inputs were read; None takes what is there now.
    """
    now = _seen(con, {key for inputs in artifacts.values() for key in inputs})
    at: dict[str, Mapping[str, str]] = {key: dict(of_key) for key, of_key in now.items()}
    if before is not None:
        late = {key: {key: _REPLACED_MEANWHILE} for key in now.keys() - before.keys() if key in now[key]}
        at = {**before, **late}
    rows = []
    for made, inputs in artifacts.items():
        known: dict[str, str] = {}
        for key in inputs:
            known |= at.get(key, {})
        rows += [{"key": made, "input": key, "content": its} for key, its in known.items()]
        at[made] = {**known, made: contents[made]}
    return rows


def remember(con: "DuckDBPyConnection", contents: Mapping[str, str], *, catalog: str = "", among: str = "true") -> None:
    """Notes what everything that hangs on some artifacts was made from, where an older sdc did not.

    Args:
        con: The store, in the transaction that replaces the artifacts.
        contents: Artifact -> the content that its dependents were made from.
        catalog: Where those are looked for: here, or `other.` for a store that is attached.
        among: A condition on `key` of the dependents.
    """
    con.execute(
        f"""insert into made_from
        with recursive replaced as (
            select unnest(?::varchar[]) as input, unnest(?::varchar[]) as content
        ), pairs as (select key, unnest(inputs) as other from {catalog}artifacts),
        hanging as (
            select p.key, r.input, r.content from pairs p join replaced r on r.input = p.other
            union select p.key, h.input, h.content from pairs p join hanging h on h.key = p.other
        )
        select distinct key, input, content from hanging h where {among}
        and not exists (from {catalog}made_from m where m.key = h.key and m.input = h.input)""",
        [list(contents), list(contents.values())],
    )


def to_replace(con: "DuckDBPyConnection", new: Mapping[str, int], *, force: bool) -> tuple[set[str], set[str]]:
    """Returns those of some artifacts that are there, and those of them that give way to the new ones.

    Args:
        con: The store, in the transaction that keeps the new ones.
        new: Key -> unanswered calls of the new one.
        force: All give way; else those that are stale, or have no fewer unanswered calls.
    """
    asked = f"select key, coalesce(unanswered, 0) from artifacts where key {_AMONG}"
    there = dict(con.execute(asked, [list(new)]).fetchall())
    if not there:  # as most often
        return set(), set()
    old = {key for (key,) in con.execute(f"select key from ({_STALE_AMONG})", [list(there)]).fetchall()}
    return {*there}, {key for key, lacking in there.items() if force or key in old or 0 < lacking >= new[key]}


def remember_replaced(con: "DuckDBPyConnection", keys: Collection[str]) -> None:
    """Notes what the dependents of artifacts were made from that have no content yet, as an older sdc kept them."""
    unknown = con.execute(f"select key from artifacts where key {_AMONG} and content is null", [list(keys)]).fetchall()
    if unknown:
        remember(con, content.in_store(con, [key for (key,) in unknown]))


def num_stale(con: "DuckDBPyConnection", inputs: Collection[str]) -> int:
    """Returns how many artifacts are stale because some were replaced by other rows."""
    if not inputs:
        return 0
    sql = f"select count(distinct key) from stale where input {_AMONG}"
    return int(con.execute(sql, [list(inputs)]).fetchall()[0][0])
