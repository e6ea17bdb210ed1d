"""Which rows belong to which artifacts, in all tables: kept, counted, removed, taken over from another store.

Outputs belong to their run through its number, which counts the runs of one store; everything else through the key of
its artifact. Here: these two ways. Not here: when rows are kept or removed (`store.py`, `upkeep.py`, `copies.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sdc.cache import columns
from sdc.cache.columns import Rows
from sdc.cache.migrations import KEYED_TABLES, ROW_TABLES, RUN_OUTPUTS, TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow import Table

#: Table as people know it -> what follows `select` or `delete` for its rows without an artifact, and their owners.
_UNOWNED = {table: (f"from {table} where key not in (select key from artifacts)", "key") for table in KEYED_TABLES} | {
    "outputs": (
        f"""from {RUN_OUTPUTS} where run not in (
            select no from runs where no is not null and key in (select key from artifacts))""",
        "run",
    )
}


def batches(items: Mapping[str, Rows]) -> "dict[str, list[Table]]":
    """Returns table -> rows of artifacts for `insert`; each row has the place of its artifact among the `items`.

    Args:
        items: Key of the artifact -> table as people know it -> its rows.

    Raises:
        ValueError: Outputs of what has not just one row in `runs`.
    """
    for key, rows in items.items():
        if len(rows.get("outputs", ())) and len(rows.get("runs", ())) != 1:
            raise ValueError(f"{key[:12]} has outputs, and {len(rows.get('runs', ()))} runs instead of one")
    return {name: columns.placed([rows.get(name, ()) for rows in items.values()]) for name in ROW_TABLES}


def insert(con: "DuckDBPyConnection", rows: "Mapping[str, Sequence[Table]]", keys: Mapping[int, str]) -> None:
    """Inserts those of the `batches` of rows that are of some artifacts, and numbers these on from the newest run.

    Args:
        con: The store, in the transaction that keeps the artifacts.
        rows: Table as people know it -> its batches.
        keys: Place of the artifact -> its key.
    """
    first = _next_number(con) if rows["runs"] else 0
    made = columns.table([{"place": place, "key": key, "no": first + place} for place, key in keys.items()])
    if made is None:
        return
    con.register("made", made)
    for name, of_table in rows.items():
        table = RUN_OUTPUTS if name == "outputs" else name
        mark = {"outputs": "made.no as run", "runs": "made.key, made.no"}.get(name, "made.key")
        for batch in of_table:
            con.register("batch", batch)
            sql = (
                f"insert into {table} by name select {mark}, batch.* exclude (place) from batch join made using (place)"
            )
            con.execute(sql)
            con.unregister("batch")
    con.unregister("made")


def remove(con: "DuckDBPyConnection", keys: Sequence[str]) -> None:
    """Removes artifacts with all their rows."""
    among = "key in (select unnest(?::varchar[]))"
    con.execute(f"delete from {RUN_OUTPUTS} where run in (select no from runs where {among})", [keys])
    for table in (*KEYED_TABLES, "artifacts"):
        con.execute(f"delete from {table} where {among}", [keys])


def take(con: "DuckDBPyConnection", other: str) -> None:
    """Takes the artifacts whose keys are in the temporary table `wanted` over with all their rows, and numbers them.

    Args:
        con: The store, in a transaction; it has none of them.
        other: Prefix of the tables of the store that they are in, as `other.`.
    """
    con.execute(
        f"""create temp table numbers as
        select no as theirs, {_next_number(con)} - 1 + row_number() over (order by no) as ours
        from {other}runs where key in (select key from wanted)"""
    )
    for table in TABLES:
        source = f"select * from {other}{table} where key in (select key from wanted)"
        if table == "runs":
            source = f"select r.* replace (n.ours as no) from ({source}) r left join numbers n on n.theirs = r.no"
        elif table == RUN_OUTPUTS:
            source = f"select o.* replace (n.ours as run) from {other}{table} o join numbers n on n.theirs = o.run"
        con.execute(f"insert into {table} by name {source}")
    con.execute("drop table numbers")


def counts(con: "DuckDBPyConnection", keys: Sequence[str]) -> dict[str, dict[str, int]]:
    """Returns key -> table as people know it -> number of rows, without tables that have none."""
    con.execute("create temp table listed as select unnest(?::varchar[]) as key", [keys])
    found: dict[str, dict[str, int]] = {}
    for table in ROW_TABLES:
        sql = f"select key, count(*) from {table} where key in (from listed) group by key"
        if table == "outputs":  # counted by number first: there may be millions
            sql = f"""select r.key, sum(o.num)::bigint from runs r join (
                select run, count(*) as num from {RUN_OUTPUTS}
                where run in (select no from runs where key in (from listed)) group by run
            ) o on o.run = r.no group by r.key"""
        for key, number in con.execute(sql).fetchall():
            found.setdefault(key, {})[table] = number
    con.execute("drop table listed")
    return found


def unowned(con: "DuckDBPyConnection") -> dict[str, tuple[int, int]]:
    """Returns table as people know it -> its rows without an artifact, and how many keys or runs they are of."""
    found = {}
    for table, (rows, owner) in _UNOWNED.items():
        (counted,) = con.execute(f"select count(*), count(distinct {owner}) {rows}").fetchall()
        if counted[0]:
            found[table] = counted
    return found


def remove_unowned(con: "DuckDBPyConnection") -> None:
    """Removes all rows without an artifact."""
    for rows, _ in _UNOWNED.values():
        con.execute(f"delete {rows}")


def _next_number(con: "DuckDBPyConnection") -> int:
    """Returns a number that no run of an open store has, nor any larger; outputs without a run keep theirs."""
    sql = f"select greatest((select max(no) from runs), (select max(run) from {RUN_OUTPUTS}), 0) + 1"
    return int(con.execute(sql).fetchall()[0][0])
