"""The reply cache: every answer of an LLM is kept, so that no call is asked twice, not even after kill -9.

Here: diskcache, JSON only. A pickle is never read from disk (CVE-2025-69872), not even one that somebody planted.
Here too: looking for damage in it. Not here: what a row holds (`reply_rows.py`), what a call or a reply is
(`pipelines/engines/`).
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdc.cache import inside, reply_rows
from sdc.cache.reply_rows import UnreadableReply
from sdc.errors import StoreError

_REPAIR = "`sdc store verify` says what is damaged, and `sdc store gc` removes it"
#: What a reply lacks to be one, or None: said by who knows what a reply is.
ReplyCheck = Callable[[Any], str | None]


class Replies:
    """A mapping call key -> reply (JSON), shared by processes, safe against a crash at any time.

    Args:
        folder: Where they are; it is made if it is not there.
        before: Folders of older sdc versions, which other stores may share: what is wanted is copied out of them.

    Attributes:
        unreadable: Key -> what is wrong with the reply that is kept under it: it is as if there were none.
    """

    def __init__(self, folder: Path, *, before: Sequence[Path] = ()) -> None:
        import sqlite3

        try:
            for parent in (*reversed(folder.parents), folder):
                parent.mkdir(mode=0o700, exist_ok=True)
            self._cache = _open(folder)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the reply cache ({error})", str(folder), "check permissions and disk space"
            ) from error
        self._folder, self._before = folder, tuple(before)
        self.unreadable: dict[str, str] = {}

    def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """Returns the replies that are there, by key; what cannot be read is noted in `unreadable` and left out.

        Raises:
            StoreError: The cache itself is damaged.
        """
        import sqlite3

        from diskcache import Timeout

        found, absent = {}, object()
        try:
            for key in keys:
                try:
                    value = self._cache.get(key, default=absent)
                except UnreadableReply as fault:
                    self.unreadable[key] = str(fault)
                else:
                    if value is not absent:
                        found[key] = value
        except (sqlite3.Error, Timeout) as error:
            raise StoreError(f"a reply cannot be read ({error})", str(self._folder), _REPAIR) from error
        missing = [key for key in keys if key not in found]
        earlier = {key: value for folder in self._before for key, value in _earlier(folder, missing).items()}
        if earlier:
            self.put_many(earlier)
        return found | earlier

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


def _earlier(folder: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Returns what the reply cache of an older sdc has of `keys`; one that cannot be read has nothing."""
    import sqlite3

    found = {}
    if keys and (folder / reply_rows.FILE).is_file():
        with suppress(sqlite3.Error, OSError, StoreError), reply_rows.opened(folder) as con:
            for key in keys:
                with suppress(UnreadableReply):
                    value = reply_rows.find(con, folder, key)
                    if value is not None:
                        found[key] = value
    return found


@contextmanager
def replies(folder: Path, *, before: Sequence[Path] = ()) -> Iterator[Replies]:
    """Opens the reply cache in `folder` and closes it again."""
    opened = Replies(folder, before=before)
    try:
        yield opened
    finally:
        opened.close()


def _open(folder: Path) -> Any:
    from diskcache import Cache, JSONDisk

    class _JsonOnly(JSONDisk):  # type: ignore[misc]
        """JSONDisk still unpickles a row that is marked as a pickle, and opens and removes files outside its folder."""

        def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
            return reply_rows.value(folder, mode, filename, value)

        def get(self, key: Any, raw: bool) -> Any:
            try:
                return reply_rows.key(raw, key)
            except UnreadableReply as fault:
                raise StoreError(f"a key of the reply cache cannot be read ({fault})", str(folder), _REPAIR) from fault

        def remove(self, file_path: str) -> None:
            if inside.fault(file_path.replace(os.sep, "/")) is None:
                super().remove(file_path)

    _refuse_foreign(folder)
    is_new = not os.path.lexists(folder / reply_rows.FILE)
    # Replies are kept for ever: no eviction, no culling. `disk` must be given at every opening.
    cache = Cache(str(folder), disk=_JsonOnly, eviction_policy="none", cull_limit=0, timeout=60)
    if is_new:
        (folder / reply_rows.FILE).chmod(folder.stat().st_mode & 0o666)  # whoever may enter the folder
    return cache


def _refuse_foreign(folder: Path) -> None:
    """Raises a StoreError for what misleads diskcache: it runs pragmas and sets attributes that a database names."""
    import sqlite3

    from diskcache.core import DEFAULT_SETTINGS, METADATA

    if os.path.expandvars(folder) != str(folder):
        raise StoreError("a reply cache cannot be in a folder with such a `$`", str(folder), "move the store")
    if not (folder / reply_rows.FILE).exists():
        return
    with closing(sqlite3.connect(folder / reply_rows.FILE, timeout=60)) as con:
        reply_rows.check_made(con, folder)
        if not con.execute("select 1 from sqlite_master where name = 'Settings'").fetchall():
            return  # a process stopped while it made it
        strange = {name for (name,) in con.execute("select key from Settings")} - {*DEFAULT_SETTINGS, *METADATA}
    if strange:
        what = f"sdc did not make this reply cache (setting {str(min(strange, key=str))[:60]!r})"
        raise StoreError(what, str(folder), "move that folder away")


# -- maintenance ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReplyInspection:
    """What `inspect` found: the number of good replies, and the damaged rows with what is wrong with each."""

    num_replies: int = 0
    damaged: Mapping[int, str] = field(default_factory=dict)
    fatal: str = ""


def inspect(folder: Path, check: ReplyCheck | None = None) -> ReplyInspection:
    """Returns what a reply cache holds, having read every key and value as JSON; nothing is written.

    Args:
        folder: Where it is; there need be none.
        check: Says what a reply lacks to be one; by default any JSON object will do.
    """
    import sqlite3

    database = folder / reply_rows.FILE
    if not database.is_file():
        return ReplyInspection(fatal=f"{database.name} is no file" if os.path.lexists(database) else "")
    num_replies, damaged = 0, {}
    try:
        with reply_rows.opened(folder) as con:
            (state,) = con.execute("pragma integrity_check(1)").fetchone()
        if state != "ok":
            return ReplyInspection(fatal=str(state))
        for rowid, _, value, fault in reply_rows.rows(folder):
            lack = fault or (check or _is_object)(value)
            if lack:
                damaged[rowid] = lack
            else:
                num_replies += 1
    except (OSError, sqlite3.Error) as error:
        return ReplyInspection(fatal=str(error))
    except StoreError as error:
        return ReplyInspection(fatal=error.what)
    return ReplyInspection(num_replies=num_replies, damaged=damaged)


def _is_object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "it is no JSON object"


def remove(folder: Path, rows: Iterable[int]) -> None:
    """Removes damaged rows, as `inspect` numbers them, without reading them."""
    import sqlite3

    with closing(sqlite3.connect(folder / reply_rows.FILE, timeout=60)) as con, con:
        con.executemany("delete from Cache where rowid = ?", [(row,) for row in rows])
