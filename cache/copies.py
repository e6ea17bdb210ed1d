"""Two results under one key, in two stores that are merged: which one is kept, and what that makes stale.

Equal keys mean equal recipes and not equal rows: an LLM may not have answered in one of them, or other hardware rounds
otherwise. Whichever store is merged into the other, the same copy is kept.

Here: comparing copies, and taking rows over. Not here: opening stores, blobs and replies (`upkeep.py`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from sdc.cache import content, engine, freshness, owned

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: The store that is merged into this one, as it is attached.
OTHER = "merged_from."


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """One result: its content, what it lacks, when it was made, and what it was made from."""

    content: str
    unanswered: int
    failed: bool
    created_at: datetime
    inputs: tuple[str, ...]
    made_from: Mapping[str, str]

    def rank(self, contents: Mapping[str, str]) -> tuple[bool, int, bool, datetime, str]:
        """Returns what is greater for the better copy, where `contents` are those that the merged store has."""
        fresh = all(contents.get(key, its) == its for key, its in self.made_from.items())
        return fresh, -self.unanswered, not self.failed, self.created_at, self.content


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What both stores have, and not alike.

    Args:
        here: Key -> content here.
        there: Key -> content in the other store.
        better: Those keys of which the other store's copy is kept.
        made_at: When each copy here was made.
    """

    here: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, str] = field(default_factory=dict)
    better: frozenset[str] = frozenset()
    made_at: Mapping[str, datetime] = field(default_factory=dict)


def compare(con: "DuckDBPyConnection", keys: Collection[str]) -> Compared:
    """Returns what this store and the attached one have under some keys and not alike."""
    found = con.execute(
        """select key from artifacts where key in (select unnest(?::varchar[]))
        and key in (select key from merged_from.artifacts) order by key""",
        [list(keys)],
    ).fetchall()
    shared = [key for (key,) in found]
    return _Comparison(_copies(con, "", shared), _copies(con, OTHER, shared)).result()


def take(con: "DuckDBPyConnection", new: Iterable[str], compared: Compared) -> tuple[int, int, int]:
    """Takes over new artifacts and better copies, in the open transaction.

    Returns:
        How many were new, how many replaced a copy that was here, and how many artifacts are stale through that.
    """
    con.execute("create temp table wanted as select unnest(?::varchar[]) as key", [sorted(new)])
    con.execute("delete from wanted where key in (select key from artifacts)")
    num_new = int(con.execute("select count(*) from wanted").fetchall()[0][0])
    better = [
        key  # unless another process has just made it again
        for key, made_at in con.execute(
            "select key, created_at from artifacts where key in (select unnest(?::varchar[]))", [list(compared.better)]
        ).fetchall()
        if made_at == compared.made_at[key]
    ]
    freshness.remember(con, compared.here)
    owned.remove(con, better)
    con.execute("insert into wanted select unnest(?::varchar[])", [better])
    with engine.copying(con):
        owned.take(con, OTHER)
    freshness.remember(con, compared.there, catalog=OTHER, among="key in (select key from wanted)")
    known = {**compared.here, **{key: compared.there[key] for key in better}}
    con.execute(
        """update artifacts set content = known.content
        from (select unnest(?::varchar[]) as key, unnest(?::varchar[]) as content) known
        where artifacts.key = known.key and artifacts.content is null""",
        [list(known), list(known.values())],
    )
    return num_new, len(better), freshness.num_stale(con, compared.here)


class _Comparison:
    """The decision about every shared key, those that others were made from first."""

    def __init__(self, here: Mapping[str, _Copy], there: Mapping[str, _Copy]) -> None:
        self._here, self._there = here, there
        self._contents = {key: copy.content for key, copy in here.items()}
        self._better: set[str] = set()
        self._decided: set[str] = set()

    def result(self) -> Compared:
        """Returns what differs, and which copies are better there."""
        for key in self._unlike:
            self._decide(key)
        # Equal rows that were made from other rows are no conflict: only what is kept of them matters.
        differing = [key for key in self._unlike if self._here[key].content != self._there[key].content]
        return Compared(
            here={key: self._here[key].content for key in differing},
            there={key: self._there[key].content for key in differing},
            better=frozenset(self._better),
            made_at={key: self._here[key].created_at for key in self._better},
        )

    @cached_property
    def _unlike(self) -> list[str]:
        return [key for key, copy in self._here.items() if _is_unlike(copy, self._there[key])]

    def _decide(self, key: str) -> None:
        if key in self._decided:
            return
        self._decided.add(key)
        here, there = self._here[key], self._there[key]
        for other in {*here.inputs, *here.made_from, *there.made_from}:
            if other in self._here and _is_unlike(self._here[other], self._there[other]):
                self._decide(other)
        if here.content == there.content:  # which of the two is told by what they were made from alone
            is_better = there.rank(self._contents)[0] and not here.rank(self._contents)[0]
        else:
            is_better = there.rank(self._contents) > here.rank(self._contents)
        if is_better:
            self._better.add(key)
            self._contents[key] = there.content


def _is_unlike(here: _Copy, there: _Copy) -> bool:
    return here.content != there.content or any(
        here.made_from[key] != its for key, its in there.made_from.items() if key in here.made_from
    )


def _copies(con: "DuckDBPyConnection", catalog: str, keys: list[str]) -> dict[str, _Copy]:
    made_from: dict[str, dict[str, str]] = {}
    among = "key in (select unnest(?::varchar[]))"
    for key, other, its in con.execute(
        f"select key, input, content from {catalog}made_from where {among}", [keys]
    ).fetchall():
        made_from.setdefault(key, {})[other] = its
    failed = {
        key
        for (key,) in con.execute(
            f"select key from {catalog}runs where {among} and status = 'failed'", [keys]
        ).fetchall()
    }
    rows = con.execute(
        f"""select key, content, coalesce(unanswered, 0), created_at, inputs from {catalog}artifacts
        where {among} order by key""",
        [keys],
    ).fetchall()
    unknown = content.in_store(con, [key for key, its, *_ in rows if its is None], catalog=catalog)
    return {
        key: _Copy(
            content=unknown.get(key) or its, unanswered=lacking, failed=key in failed, created_at=made_at,
            inputs=tuple(inputs), made_from=made_from.get(key, {}),
        )
        for key, its, lacking, made_at, inputs in rows
    }  # fmt: skip
