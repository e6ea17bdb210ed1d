"""Repairing, shrinking and joining stores.

Here: gc and merge. Not here: what counts as damage (`verify.py`).
"""

import random
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sdc.cache import copies, engine, inside, owned, replies
from sdc.cache.compact import compact
from sdc.cache.duckdb_errors import is_locked
from sdc.cache.earlier import copy_replies, take_over
from sdc.cache.engine import quoted
from sdc.cache.migrations import MIGRATIONS, TABLES
from sdc.cache.store import Store
from sdc.cache.verify import blob_faults, leftovers, unreferenced
from sdc.errors import StoreError, UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")
#: A blob is written before the artifact that owns it: what is younger than this may still be on its way.
GRACE_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What `gc` removed, or would remove: counts, and bytes freed on disk."""

    orphan_rows: int
    blobs: int
    temporary_files: int
    replies: int
    freed_bytes: int


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What `merge` took over from one store.

    Args:
        artifacts: Those that were not here.
        shared: Those that were here already.
        replaced: Those of them in whose place the other store's better copy stands now.
        differing: Those of them that were not alike in the two stores; the others were.
        stale: Artifacts that were made from a copy that was not kept.
        blobs, replies: How many were taken over.
        missing_blobs: Blobs that are missing or damaged in the other store.
    """

    artifacts: int
    shared: int
    replaced: int
    differing: int
    stale: int
    blobs: int
    replies: int
    missing_blobs: int


def gc(
    store: Store, *, dry_run: bool = False, grace_s: float = GRACE_S, check: replies.ReplyCheck | None = None
) -> Collected:
    """Removes what no artifact owns (rows, blobs, temporary files, unreadable replies) and compacts the file.

    Args:
        store: The store; its artifacts are never touched.
        dry_run: Only count; `freed_bytes` is then without what compaction gives.
        grace_s: Blobs and temporary files younger than this stay, in seconds.
        check: Says what a kept reply lacks to be one; see `replies.inspect`.

    Raises:
        StoreError: There is no store, or it cannot be written.
    """
    store.must_exist()
    with store.open(write=not dry_run) as con:
        orphan_rows = sum(rows for rows, _ in owned.unowned(con).values())
        if not dry_run:
            owned.remove_unowned(con)
        digests = {row[0] for row in con.execute("select distinct digest from blobs").fetchall()}
        # Still in the transaction: nobody can commit an artifact that owns one of these blobs meanwhile.
        old = time.time() - grace_s
        blobs = {
            digest: size
            for digest, size in unreferenced(store, digests).items()
            if _older(store.blobs.path(digest), old)
        }
        files = {path: _size(path) for path in leftovers(store) if _older(path, old)}
        freed = sum(blobs.values()) + sum(files.values())
        if not dry_run:
            for digest in blobs:
                store.blobs.remove(digest)
            for path in files:
                _remove(path)
    damaged = replies.inspect(store.replies_folder, check).damaged
    if not dry_run:
        take_over(store, old=old)
        if damaged:
            replies.remove(store.replies_folder, damaged)
        freed += compact(store)
    return Collected(
        orphan_rows=orphan_rows, blobs=len(blobs), temporary_files=len(files), replies=len(damaged), freed_bytes=freed
    )


def merge(
    store: Store,
    other: Path,
    *,
    only: Collection[str] | None = None,
    with_replies: bool = True,
    with_blobs: bool = True,
) -> Merged:
    """Takes over every artifact of another store that this one does not have, with its blobs and all replies.

    Of an artifact that both have with other rows the better copy is kept (`copies.py`). Merging again changes nothing.

    Args:
        store: The store that grows; it is made if there is none.
        other: The file of the other store, which is only read.
        only: Keys of artifacts there: these, and what they were made from; None takes all.
        with_replies: Take over its replies, too.
        with_blobs: Take over its blobs, too; without them weights are missing here.

    Raises:
        UsageError: `other` is this store.
        StoreError: `other` is no sdc store, is of another schema version, or cannot be read.
    """
    source = Store(other, lock_timeout_s=store.lock_timeout_s)
    if not source.exists():
        raise StoreError("there is no store", str(other), "check the path")
    if store.exists() and store.path.samefile(other):
        raise UsageError("a store cannot be merged with itself", str(other), "name another store")
    source.check_format()
    keys, files = _contents(source)
    if only is not None:
        keys &= _with_inputs(source, only)
    new = keys - store.existing(keys)
    both = keys - new
    compared = _with_other(store, source, lambda con: copies.compare(con, both)) if both else copies.Compared()
    wanted = new | compared.better
    # Blobs and replies first: if the process dies now, they are merely early.
    copied, missing = 0, 0
    there = store.blobs.all()
    for digest, size in sorted({(digest, size) for key, digest, size in files if key in wanted and with_blobs}):
        if source.blobs.fault(digest, size):
            missing += 1
        elif digest not in there or store.blobs.fault(digest, size):
            store.blobs.put(source.blobs.path(digest))
            copied += 1
    theirs = [source.replies_folder, *source.place.before("replies")] if with_replies else []
    num_replies = sum(copy_replies(folder, store.replies_folder) for folder in theirs)
    taken = replaced = stale = 0
    if new or compared.here or compared.better:
        taken, replaced, stale = _with_other(store, source, lambda con: copies.take(con, new, compared), write=True)
    return Merged(
        artifacts=taken, shared=len(keys) - taken, replaced=replaced, differing=len(compared.here), stale=stale,
        blobs=copied, replies=num_replies, missing_blobs=missing,
    )  # fmt: skip


def _with_inputs(source: Store, keys: Collection[str]) -> set[str]:
    """Returns keys, and those of all that these were made from."""
    found: set[str] = set()
    waiting = set(keys)
    while waiting:
        found |= waiting
        waiting = {key for artifact in source.get_many(list(waiting)).values() for key in artifact.inputs} - found
    return found


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in ([*path.rglob("*")] if path.is_dir() else [path]) if file.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _older(path: Path, moment: float) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime <= moment
    return False


def _contents(source: Store) -> tuple[set[str], list[tuple[str, str, int]]]:
    """Returns the keys of a store and the blobs it owns, as (key, digest, bytes).

    Raises:
        StoreError: It is no store, of another schema, or one that somebody prepared: a view in the place of a table, a
            computed column, runs that share a number, a file name that leads out of a folder.
    """

    def attach() -> "DuckDBPyConnection":
        return engine.attach(source.path, write=False)

    with closing(source.wait_turn(attach)) as con, source.failures():
        applied = source.applied(con)
        if applied != len(MIGRATIONS):
            raise StoreError(
                f"the store has schema {applied}, this sdc writes {len(MIGRATIONS)}",
                str(source.path),
                f"open it once with this sdc: `sdc store ls --store {source.path}`",
            )
        computed = con.execute(
            """select table_name from duckdb_tables() where table_name in (select unnest(?::varchar[]))
            and contains(sql, 'GENERATED ALWAYS')""",
            [list(TABLES)],
        ).fetchall()
        if computed:
            raise _unsafe(source, f"its table {computed[0][0]} has computed columns")
        numbers = [row[0] for row in con.execute("select no from runs").fetchall()]
        if None in numbers or len(set(numbers)) < len(numbers):
            raise _unsafe(source, "its runs have not a number each")
        keys = {row[0] for row in con.execute("select key from artifacts").fetchall()}
        blobs = con.execute("select key, name, digest, bytes from blobs").fetchall()
    odd = next((key for key in keys if not inside.is_digest(key)), None)
    if odd is not None:
        raise _unsafe(source, f"{odd[:80]!r} is no key")
    wrong = blob_faults(blobs)
    if wrong:
        raise _unsafe(source, next(iter(wrong.values())))
    return keys, [(key, digest, size) for key, _, digest, size in blobs]


def _unsafe(source: Store, what: str) -> StoreError:
    fix = "nothing was taken over; do not use that store unless you know who made it"
    return StoreError(f"sdc did not write this store: {what}", str(source.path), fix)


def _with_other(
    store: Store, source: Store, action: Callable[["DuckDBPyConnection"], _T], *, write: bool = False
) -> _T:
    """Returns what `action` returns with the other store attached as `merged_from`; a write is one transaction.

    The two files are never both waited for: two stores that are merged into each other at once would block for ever.
    """
    import duckdb

    deadline = time.monotonic() + store.lock_timeout_s
    while True:
        with store.open(write=write, beside=source.path) as con:
            try:
                con.execute(f"attach {quoted(source.path)} as merged_from (read_only)")
            except duckdb.Error as error:
                if not is_locked(str(error)):
                    raise source.unopened(str(error)) from error
                if time.monotonic() > deadline:
                    what = f"waited {store.lock_timeout_s:g} s for the store; another process held it"
                    raise StoreError(
                        what, str(source.path), "try again, or wait longer with SDC_LOCK_TIMEOUT_S"
                    ) from error
            else:
                return action(con)
        time.sleep(random.uniform(0.02, 0.08))
