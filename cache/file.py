"""The store's file: made, opened for milliseconds at a time, waited for while another process has it, migrated.

Here: everything between a path and a DuckDB connection. Not here: artifacts and rows (`store.py`), the schema
(`migrations.py`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sdc.cache import atomic, engine, migrations
from sdc.cache.duckdb_errors import is_damaged, is_locked, raise_if_stopped
from sdc.cache.migrations import MIGRATIONS, TABLES
from sdc.cache.place import StorePlace
from sdc.cache.turn import Turn, Waited
from sdc.errors import StoreError, UsageError, first_line

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")
_HEADERS_BYTES, _BLOCK_BYTES = 3 * 4096, 2**18


class StoreFile:
    """One DuckDB file that many processes share in turns.

    Args:
        path: The DuckDB file, or a link to it; it is made on the first write.
        lock_timeout_s: How long to wait while another process has the file, in seconds. Default: $SDC_LOCK_TIMEOUT_S,
            else 60.
    """

    def __init__(self, path: Path, *, lock_timeout_s: float | None = None) -> None:
        self.place = StorePlace(path)
        self.path = self.place.file
        self.lock_timeout_s = _lock_timeout_s() if lock_timeout_s is None else lock_timeout_s
        self._seen = 0  # migrations that the file is known to have had

    @contextmanager
    def open(self, *, write: bool = False, beside: Path | None = None) -> Iterator["DuckDBPyConnection"]:
        """Opens the file for one operation, waiting its turn; a write is one transaction.

        Args:
            write: Open it for writing.
            beside: Another file that may be attached, beside which the connection is sealed all the same.

        Raises:
            StoreError: No store, no sdc store, a newer one, a locked or full one.
        """
        con = self._connect(write=write, beside=beside)
        sound = False
        try:
            with self.failures():
                if self._seen < len(MIGRATIONS) and (applied := self.applied(con)) < len(MIGRATIONS):
                    if write:
                        self._migrate(con, applied=applied)
                    else:  # made by an older sdc, or on a machine that stopped while it was being made
                        con.close()
                        self._bring_up_to_date()
                        con = self._connect(write=False, beside=beside)
                self._seen = len(MIGRATIONS)  # a store never goes back: one look in the life of a process is enough
                if write:
                    con.begin()
                yield con
                if write:
                    con.commit()
                sound = beside is None
        finally:
            if sound:
                engine.detach(con, self.path)
            else:
                con.close()  # rolls back what was not committed

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Returns the rows of a select; an empty list if there is no store yet."""
        if not self.exists():
            return []
        with self.open() as con:
            return con.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Makes what DuckDB says of this file, while it is read or written, a StoreError."""
        import duckdb

        try:
            yield
        except (duckdb.Error, RuntimeError) as error:
            raise_if_stopped(error)
            if not isinstance(error, duckdb.Error):
                raise
            if is_damaged(str(error)):
                raise self.unopened(str(error)) from error
            raise StoreError(
                f"the store failed ({first_line(error, most=None)})",
                str(self.path),
                "check disk space, then `sdc store verify`",
            ) from error

    def _bring_up_to_date(self) -> None:
        try:
            with self.open(write=True):
                pass
        except StoreError as error:
            if os.access(self.path, os.W_OK):
                raise
            what = "the store is of an older sdc, and may not be written to bring it up to date"
            raise StoreError(what, str(self.path), "copy it to where it may") from error

    def exists(self) -> bool:
        """Returns whether there is a file at the store's path.

        Raises:
            StoreError: The path itself is impossible (too long, or in a folder that may not be read).
        """
        try:
            return self.path.exists()
        except (OSError, ValueError) as error:
            raise self.unopened(str(error)) from error

    def must_exist(self) -> None:
        """Raises a StoreError if there is no store."""
        if not self.exists():
            raise StoreError("there is no store", str(self.path), "run `sdc data add` first, or name it with --store")

    def check_format(self) -> None:
        """Raises a StoreError for a file of another format: DuckDB would look for an extension that reads it."""
        try:
            if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):  # a pipe: nobody may ever write
                raise self.unopened("it is no regular file")
            with self.path.open("rb") as file:
                start = file.read(12)
        except (OSError, ValueError) as error:
            raise self.unopened(str(error)) from error
        if not start:
            raise StoreError("the file is empty: it is not an sdc store", str(self.path), "remove it, and try again")
        if start[8:] != b"DUCK":
            raise self.unopened("not a valid DuckDB file")

    def _is_cut_off(self) -> bool:
        """Returns whether the file is shorter than any that DuckDB finishes: three headers and whole blocks."""
        with suppress(OSError):
            size = self.path.stat().st_size
            return size < _HEADERS_BYTES or (size - _HEADERS_BYTES) % _BLOCK_BYTES != 0
        return False

    def wait_turn(self, attempt: Callable[[], _T], *, write: bool = False) -> _T:
        """Returns what `attempt` returns, trying again while another process has the file.

        Raises:
            StoreError: It still failed after `lock_timeout_s`, or for another reason than the lock.
        """
        import duckdb

        queue = self.place.home if self.place.home.is_dir() else self.path.parent
        turn = Turn(self.path, queue, write=write, timeout_s=self.lock_timeout_s)
        try:
            return turn.take(attempt, locked=lambda error: isinstance(error, duckdb.Error) and is_locked(str(error)))
        except Waited as error:
            what = f"waited {self.lock_timeout_s:g} s for the store; last held by {error.holder}"
            fix = "try again, or wait longer with SDC_LOCK_TIMEOUT_S"
            raise StoreError(what, str(self.path), fix) from error
        except (OSError, duckdb.Error, RuntimeError) as error:
            raise_if_stopped(error)
            raise self.unopened(str(error)) from error

    def _connect(self, *, write: bool, beside: Path | None) -> "DuckDBPyConnection":
        if not write:
            self.must_exist()
        elif not self.exists():
            self._make()

        def attempt() -> "DuckDBPyConnection":
            while True:
                self.check_format()
                before = self.path.stat().st_ino
                con = engine.attach(self.path, write=write, beside=beside)
                # `sdc store gc` puts a new file in this place: what was opened a moment before may be the old one.
                if self.path.stat().st_ino == before:
                    return con
                con.close()

        return self.wait_turn(attempt, write=write)

    def _make(self) -> None:
        """Makes an empty store under another name first: a file that DuckDB has only half begun can never be opened."""
        import duckdb

        try:
            self.place.make_home()
            with atomic.beside(self.path) as temporary:
                con = engine.attach(self.path, write=True, made_as=temporary)
                try:
                    self._migrate(con, applied=0)
                    con.execute("checkpoint")  # all of it is in this file, before that has its name
                except BaseException:
                    con.close()
                    raise
                engine.detach(con, self.path)
                temporary.chmod(0o600)
                try:
                    os.link(temporary, self.path)  # unlike a rename, this never replaces what another just made
                except FileExistsError:
                    pass
                except OSError:  # a file system without hard links
                    if not self.path.exists():
                        atomic.put(temporary, self.path)
        except (OSError, duckdb.Error, RuntimeError) as error:
            raise_if_stopped(error)
            raise self.unopened(str(error)) from error

    def unopened(self, message: str) -> StoreError:
        """Returns the error for a file that DuckDB would not open, from what it said."""
        where = str(self.path)
        if "not a valid DuckDB" in message:
            return StoreError("the file is not an sdc store", where, "name another file with --store")
        if "version number" in message or "storage version" in message:
            return StoreError("the file was written by another version of DuckDB", where, "update sdc")
        if is_damaged(message):
            what = "was cut off" if self._is_cut_off() else "is damaged"
            fix = "put a copy back, or move it away and run the commands again: replies are kept beside it"
            return StoreError(f"the file {what} ({first_line(message, most=None)})", where, fix)
        return StoreError(
            f"cannot open the store ({first_line(message, most=None)})", where, "check the path and permissions"
        )

    def applied(self, con: "DuckDBPyConnection") -> int:
        """Returns how many migrations the file has seen.

        Raises:
            StoreError: It is no sdc store, or one of a newer sdc.
        """
        import duckdb

        here = "database_name = current_database() and not internal"
        tables = {row[0] for row in con.execute(f"select table_name from duckdb_tables() where {here}").fetchall()}
        needed = {"migrations", *TABLES}
        views = set()
        if not needed <= tables:  # DuckDB parses a hundred views of its own for this
            views = {row[0] for row in con.execute(f"select view_name from duckdb_views() where {here}").fetchall()}
        if not tables and not views:
            return 0
        what = "was cut off, if it ever was a store" if self._is_cut_off() else "is not an sdc store"
        foreign = StoreError(f"the file {what}", str(self.path), "put a copy back, or name another file with --store")
        # A view in a table's place would give rows that nobody put there, of any file that this process may read.
        posing = sorted(needed & views)
        if posing and {"migrations", "artifacts"} & tables:
            raise self._changed(f"a view stands in the place of its table {posing[0]}")
        if "migrations" not in tables:
            raise foreign
        try:
            names = [row[0] for row in con.execute("select name from migrations order by number").fetchall()]
        except duckdb.Error as error:  # other programs have a table of that name too
            raise foreign from error
        ours = [migration.__name__ for migration in MIGRATIONS]
        if names[: len(ours)] != ours[: len(names)] or (not names and len(tables) > 1):
            raise foreign
        if len(names) > len(ours):
            raise StoreError("the store was made by a newer sdc", str(self.path), "update sdc, or use another --store")
        lacking = sorted(migrations.tables(len(names)) - tables)
        if lacking and lacking[0] in views:
            raise self._changed(f"a view stands in the place of its table {lacking[0]}")
        if lacking:
            raise self._changed(f"its table {lacking[0]} is missing")
        return len(names)

    def _changed(self, what: str) -> StoreError:
        fix = "put a copy back, or do not use this store unless you know who changed it"
        return StoreError(f"sdc did not leave this store like that: {what}", str(self.path), fix)

    def _migrate(self, con: "DuckDBPyConnection", *, applied: int) -> None:
        with engine.copying(con):
            con.begin()
            con.execute("create table if not exists migrations (number integer, name varchar, applied_at timestamp)")
            for number, migration in enumerate(MIGRATIONS[applied:], start=applied + 1):
                migration(con)
                con.execute("insert into migrations values (?, ?, ?)", [number, migration.__name__, now()])
            con.commit()


def now() -> datetime:
    """Returns the time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)  # DuckDB's timestamps with time zone need another library


def _lock_timeout_s() -> float:
    text = os.environ.get("SDC_LOCK_TIMEOUT_S", "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:  # nan would wait for ever
        raise UsageError(f"{text!r} is no number of seconds", "SDC_LOCK_TIMEOUT_S", "set it to one, or unset it")
    return seconds
