"""The rows of a reply cache, read below diskcache: nothing is ever unpickled, written, or followed out of the folder.

Here: opening the SQLite file to read it, also where nothing can be written; what a row holds, or why it cannot be read.
Not here: keeping replies (`replies.py`), what a reply is (`pipelines/engines/`).
"""

import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache import inside, scratch
from sdc.errors import StoreError

if TYPE_CHECKING:
    import sqlite3

FILE = "cache.db"
_MODE_RAW, _MODE_BINARY, _MODE_PICKLE = 1, 2, 4
#: The longest reply is a few hundred kilobytes; what unpacks to more was made to fill the memory.
_MOST_BYTES = 64 * 2**20
#: What diskcache makes. A trigger or a view of somebody else would run when a reply is kept, or pose as the replies.
_MADE = {
    "table": {"Settings", "Cache"},
    "trigger": {f"Settings_{what}_{event}" for what in ("count", "size") for event in ("insert", "delete", "update")},
    "view": set[str](),
}


class UnreadableReply(Exception):
    """A row of the cache that holds no reply: `str()` says why, as `it is not JSON`."""


def value(folder: Path, mode: object, filename: object, stored: object) -> Any:
    """Returns the JSON value of a row.

    Raises:
        UnreadableReply: It is a pickle, is no JSON, or its file is missing or outside the folder.
    """
    if mode == _MODE_PICKLE:
        raise UnreadableReply("it is a pickle")
    if mode not in (_MODE_RAW, _MODE_BINARY):
        raise UnreadableReply(f"it has the unknown mode {str(mode)[:20]}")
    if filename is not None:
        try:
            stored = inside.old_file(folder, str(filename).replace("\\", "/")).read_bytes()
        except StoreError as error:
            raise UnreadableReply(error.what) from error
        except (OSError, ValueError) as error:
            raise UnreadableReply(f"its file {str(filename)[:80]} cannot be read") from error
    return _json(stored)


def key(raw: object, stored: object) -> str:
    """Returns the key of a row.

    Raises:
        UnreadableReply: It is a pickle, or no text.
    """
    if not raw:
        raise UnreadableReply("its key is a pickle")
    found = _json(stored)
    if not isinstance(found, str):
        raise UnreadableReply("its key is no text")
    return found


def rows(folder: Path) -> Iterator[tuple[int, str, Any, str]]:
    """Yields (row id, key, value, fault) of every row; with a fault, key and value mean nothing.

    Raises:
        sqlite3.Error: The file is damaged, or no database.
        StoreError: Something else than diskcache made it.
    """
    with opened(folder) as con:
        for rowid, name, raw, mode, filename, stored in con.execute(
            "select rowid, key, raw, mode, filename, value from Cache"
        ):
            try:
                yield rowid, key(raw, name), value(folder, mode, filename, stored), ""
            except UnreadableReply as fault:
                yield rowid, "", None, str(fault)


def find(con: "sqlite3.Connection", folder: Path, name: str) -> Any:
    """Returns the value under a key, or None.

    Raises:
        UnreadableReply: It cannot be read.
    """
    sql = "select mode, filename, value from Cache where key = ? and raw = 1"
    found = con.execute(sql, [zlib.compress(json.dumps(name).encode(), 1)]).fetchone()  # as diskcache writes it
    return None if found is None else value(folder, *found)


@contextmanager
def opened(folder: Path) -> Iterator["sqlite3.Connection"]:
    """Gives a connection that can only read; on a file system that cannot be written too, where SQLite needs help."""
    import sqlite3

    def connect(path: Path, option: str) -> sqlite3.Connection:
        con = sqlite3.connect(f"{path.absolute().as_uri()}?{option}", uri=True, timeout=60)
        con.execute("pragma trusted_schema = off")
        return con

    database, log = folder / FILE, folder / f"{FILE}-wal"
    if os.access(folder, os.W_OK):
        # Opened to read only, SQLite would leave its log and index there for ever.
        with closing(connect(database, "mode=rw")) as con:
            con.execute("pragma query_only = on")
            check_made(con, folder)
            yield con
    elif not log.exists() or not log.stat().st_size:
        with closing(connect(database, "immutable=1")) as con:
            check_made(con, folder)
            yield con
    else:  # a writer was killed: SQLite must fold its log in, which it can do in a copy only
        with scratch.folder("replies") as copy:
            for path in (database, log):
                shutil.copyfile(path, copy / path.name)
            with closing(connect(copy / FILE, "mode=rw")) as con:
                check_made(con, folder)
                yield con


def check_made(con: "sqlite3.Connection", folder: Path) -> None:
    """Raises a StoreError if the database has anything that diskcache does not make."""
    for kind, name, sql in con.execute("select type, name, sql from sqlite_master").fetchall():
        ours = name in _MADE.get(kind, set()) and "virtual" not in str(sql).lower()
        if kind != "index" and not name.startswith("sqlite_") and not ours:
            raise StoreError(f"sdc did not make this reply cache ({kind} {name[:60]!r})", str(folder), _MOVE)
    if any(column[6] for column in con.execute("pragma table_xinfo(Cache)").fetchall()):
        raise StoreError("sdc did not make this reply cache (computed columns)", str(folder), _MOVE)


_MOVE = "move that folder away"


def _json(stored: object) -> Any:
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(stored, _MOST_BYTES)  # type: ignore[arg-type]
        if unpacker.unconsumed_tail:
            raise UnreadableReply("it is too long")
        if not unpacker.eof:
            raise UnreadableReply("it is cut off")
        return json.loads(text)
    except (zlib.error, ValueError, TypeError, RecursionError) as error:
        raise UnreadableReply("it is not JSON") from error
