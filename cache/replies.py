"""The reply cache: every answer of an LLM is kept, so that no call is asked twice, not even after kill -9.

Here: diskcache, JSON only. A pickle is never read from disk (CVE-2025-69872), not even one that somebody planted.
Here too: looking for damage in it. Not here: what a call or a reply is (`pipelines/engines/`).
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdc.errors import StoreError

_MODE_RAW, _MODE_BINARY, _MODE_PICKLE = 1, 2, 4
_REPAIR = "`sdc store verify` says what is damaged, and `sdc store gc` removes it"


class Replies:
    """A mapping call key -> reply (JSON), shared by processes, safe against a crash at any time."""

    def __init__(self, folder: Path) -> None:
        import sqlite3

        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._cache = _open(folder)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the reply cache ({error})", str(folder), "check permissions and disk space"
            ) from error
        self._folder = folder

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Returns the replies that are there, by key.

        Raises:
            StoreError: The cache, or one of these replies, is damaged; that is no miss, as asking again may cost.
        """
        import sqlite3

        from diskcache import Timeout

        found = {}
        try:
            for key in keys:
                value = self._cache.get(key)
                if value is not None:
                    found[key] = value
        except (sqlite3.Error, Timeout, zlib.error, ValueError) as error:
            raise StoreError(f"a reply cannot be read ({error})", str(self._folder), _REPAIR) from error
        return found

    def put_many(self, replies: Mapping[str, Any]) -> None:
        """Keeps all of `replies`, or none of them if the process dies on the way.

        Raises:
            StoreError: The disk is full or the folder cannot be written.
        """
        import sqlite3

        from diskcache import Timeout

        try:
            with self._cache.transact(retry=True):
                for key, value in replies.items():
                    self._cache.set(key, value)
        except (OSError, sqlite3.Error, Timeout) as error:
            raise StoreError(
                f"cannot keep a reply ({error})", str(self._folder), "free some space; the replies so far are kept"
            ) from error

    def __len__(self) -> int:
        return len(self._cache)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cache)

    def close(self) -> None:
        """Closes the SQLite connection of this thread."""
        self._cache.close()


@contextmanager
def replies(folder: Path) -> Iterator[Replies]:
    """Opens the reply cache in `folder` and closes it again."""
    opened = Replies(folder)
    try:
        yield opened
    finally:
        opened.close()


def _open(folder: Path) -> Any:
    from diskcache import Cache, JSONDisk

    class _JsonOnly(JSONDisk):  # type: ignore[misc]
        """JSONDisk still unpickles a row that is marked as a pickle; this one refuses."""

        def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
            if mode == _MODE_PICKLE:
                raise StoreError("a pickle was planted in the reply cache", str(folder), _REPAIR)
            return super().fetch(mode, filename, value, read)

        def get(self, key: Any, raw: bool) -> Any:
            if not raw:
                raise StoreError("a pickled key was planted in the reply cache", str(folder), _REPAIR)
            return super().get(key, raw)

    # Replies are kept for ever: no eviction, no culling. `disk` must be given at every opening.
    return Cache(str(folder), disk=_JsonOnly, eviction_policy="none", cull_limit=0, timeout=60)


# -- maintenance: below diskcache, so that nothing is ever unpickled ------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What `inspect` found: the number of good replies, and the damaged rows with what is wrong with each."""

    num_replies: int = 0
    damaged: Mapping[int, str] = field(default_factory=dict)
    fatal: str = ""


def inspect(folder: Path) -> Condition:
    """Returns the condition of the reply cache, having read every key and value as JSON; nothing is written."""
    import sqlite3

    database = folder / "cache.db"
    if not database.is_file():
        return Condition()
    num_replies, damaged = 0, {}
    try:
        with closing(sqlite3.connect(database, timeout=60)) as con:
            (state,) = con.execute("pragma integrity_check(1)").fetchone()
            if state != "ok":
                return Condition(fatal=str(state))
            for rowid, key, raw, mode, filename, value in con.execute(
                "select rowid, key, raw, mode, filename, value from Cache"
            ):
                fault = _fault(folder, key, raw, mode, filename, value)
                if fault:
                    damaged[rowid] = fault
                else:
                    num_replies += 1
    except sqlite3.Error as error:
        return Condition(fatal=str(error))
    return Condition(num_replies=num_replies, damaged=damaged)


def remove(folder: Path, rows: Iterable[int]) -> None:
    """Removes damaged rows, as `inspect` numbers them, without reading them."""
    import sqlite3

    with closing(sqlite3.connect(folder / "cache.db", timeout=60)) as con, con:
        con.executemany("delete from Cache where rowid = ?", [(row,) for row in rows])


def _fault(folder: Path, key: Any, raw: int, mode: int, filename: str | None, value: Any) -> str:
    if not raw:
        return "its key is a pickle"
    if mode == _MODE_PICKLE:
        return "it is a pickle"
    if mode not in (_MODE_RAW, _MODE_BINARY):
        return f"it has the unknown mode {mode}"
    try:
        json.loads(zlib.decompress(key))
        json.loads(zlib.decompress(value if filename is None else (folder / filename).read_bytes()))
    except OSError:
        return f"its file {filename} cannot be read"
    except (zlib.error, ValueError, TypeError):
        return "it is not JSON"
    return ""
