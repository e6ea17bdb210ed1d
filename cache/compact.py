"""A smaller file for a store: DuckDB gives no space back by itself.

Here: the copy that takes the file's place. Not here: what is removed before (`upkeep.py`).
"""

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from sdc.cache import atomic
from sdc.cache.duckdb_errors import raise_if_stopped
from sdc.cache.engine import COPYING, OPTIONS, quoted, seal
from sdc.cache.store import Store
from sdc.errors import StoreError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def compact(store: Store) -> int:
    """Copies the store into a new file and puts that in its place; returns the bytes freed.

    The old file is held read-only while it is copied and replaced: that keeps writers out, and, unlike a connection
    that may write, closing it afterwards cannot touch the log of the new file. A writer that opened the old file just
    before it was replaced notices (`file.py`).
    """
    import duckdb

    path = store.path
    log = path.with_name(path.name + ".wal")

    def attach() -> "DuckDBPyConnection":
        con = duckdb.connect(":memory:", config={**OPTIONS, **COPYING})
        try:
            con.execute(f"attach {quoted(path)} as old (read_only)")
        except duckdb.Error:
            con.close()
            raise
        return con

    try:
        with atomic.beside(path) as fresh, closing(store.wait_turn(attach)) as con:
            if log.exists():  # a writer died in between: its log belongs to the old file, so the next gc may compact
                return 0
            before = path.stat().st_size
            con.execute(f"attach {quoted(fresh)} as new")
            seal(con)
            con.execute("copy from database old to new")
            con.execute("detach new")
            shutil.copymode(path, fresh)
            if fresh.stat().st_size >= before:
                return 0
            freed = before - fresh.stat().st_size
            fresh.replace(path)  # DuckDB has seen to it that all is on the disk
            return freed
    except (OSError, duckdb.Error, RuntimeError) as error:
        raise_if_stopped(error)
        raise StoreError(
            f"cannot compact the store ({error})", str(path), "the store is as it was; free some disk space"
        ) from error
