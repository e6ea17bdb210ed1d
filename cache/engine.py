"""DuckDB, started once and kept between the operations on a store; the store's file is open during each of them alone.

Starting DuckDB fills its catalogue with thousands of functions, which takes ten times as long as opening a file. Here:
what is kept, and what it may reach. Not here: whose turn it is, and what errors mean (`file.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Options = dict[str, str | bool | int | float | list[str]]
#: Nothing may be fetched from the network because a statement names an extension. One thread, since DuckDB 2.0 with
#: several hangs for ever, at four of ten Ctrl-C in the middle of a query: it waits for a task that no thread will end.
#: And none that reads ahead: DuckDB is kept, and a process that is forked has no such thread of its parent.
OPTIONS: Options = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": 1,
    "async_threads": 0,
}
#: Copying whole tables gains from no more, but DuckDB would fill most of the memory with what it has read and written.
COPYING: Options = {"memory_limit": "1GB"}
#: DuckDB's own files beside a database, by what their names end in.
_OWN = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
#: By the file that it may open. One: a command has one store, and merging others goes another way.
_idle: "dict[Path, DuckDBPyConnection]" = {}


def attach(path: Path, *, write: bool, beside: Path | None = None, made_as: Path | None = None) -> "DuckDBPyConnection":
    """Returns a connection with a file open in it as `store`.

    It can reach no other file, whatever that one says (a view, a macro, a default), and whatever is asked.

    Args:
        path: The file.
        write: Open it for writing.
        beside: But for this one, which may be attached.
        made_as: The name under which a new file is made that will stand at `path`: this one is opened.

    Raises:
        duckdb.Error: The file is no database, or another process has it.
    """
    more = [file for file in (beside, made_as) if file is not None]
    con = (None if more else _idle.pop(path, None)) or _started(path, *more)
    try:
        con.execute(f"attach {quoted(made_as or path)} as store ({'read_write' if write else 'read_only'})")
        con.execute("use store")
    except BaseException:
        con.close()
        raise
    return con


def detach(con: "DuckDBPyConnection", path: Path) -> None:
    """Closes the file, where an operation on it ended well, and keeps DuckDB for the next one.

    After any other end the connection has to be closed as a whole: who knows what it is left with.
    """
    import duckdb

    try:
        con.execute("use memory")
        with suppress(duckdb.Error):  # it could not write its log into the file: whoever opens it next does
            con.execute("detach store")
            _idle.clear()
            _idle[path] = con
            return
    except BaseException:
        con.close()
        raise
    con.close()


def _started(*paths: Path) -> "DuckDBPyConnection":
    import duckdb

    con = duckdb.connect(":memory:", config={**OPTIONS, "temp_directory": f"{paths[0]}.tmp"})
    con.execute(f"set allowed_paths = [{', '.join(quoted(f'{path}{end}') for path in paths for end in _OWN)}]")
    con.execute("set enable_external_access = false")
    return con


@contextmanager
def copying(con: "DuckDBPyConnection") -> Iterator[None]:
    """Takes no more memory than it needs while whole tables are copied."""
    for name, value in COPYING.items():
        con.execute(f"set {name} = '{value}'")
    yield
    for name in COPYING:  # after an error the connection is closed
        con.execute(f"reset {name}")


def seal(con: "DuckDBPyConnection") -> None:
    """Shuts a connection off from all files but those it has open, for good."""
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def quoted(path: Path | str) -> str:
    """Returns a path as SQL text."""
    return "'" + str(path).replace("'", "''") + "'"
