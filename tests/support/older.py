"""Stores of earlier versions, written as those versions did."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sdc.cache import file, migrations
from sdc.cache.migrations import ROW_TABLES
from sdc.cache.store import Artifact, Rows, Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def as_version(patch: pytest.MonkeyPatch, number: int) -> None:
    """Makes every store that is written meanwhile one with the first `number` migrations."""
    patch.setattr(file, "MIGRATIONS", migrations.MIGRATIONS[:number])
    patch.setattr(Store, "put_many", _put_many)


def _put_many(store: Store, items: Sequence[tuple[Artifact, Rows]], **how: Any) -> int:
    with store.open(write=True) as con:
        there = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
        for artifact, rows in items:
            for name in there & set(ROW_TABLES):
                for row in rows.get(name, ()):
                    _insert(con, name, {"key": artifact.key, **row})
            names = ("key", "stage", "version", "lang", "task", "seconds")
            about = {name: getattr(artifact, name) for name in names} | {"inputs": list(artifact.inputs)}
            about |= {name: json.dumps(dict(getattr(artifact, name))) for name in ("config", "summary")}
            _insert(con, "artifacts", about | {"created_at": file.now(), "used_at": file.now()})
    return 0


def _insert(con: "DuckDBPyConnection", table: str, row: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    con.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))
