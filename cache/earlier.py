"""What older sdc versions kept beside a store: `blobs/` and `replies/`, shared by all stores of that folder.

Here: taking them over into the folder that belongs to the store, where no other store can need them. Not here: reading
them where they are, which `blobs.py` and `replies.py` do as long as they are there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from sdc.cache import inside, replies, reply_rows
from sdc.cache.store import Store
from sdc.cache.turn import holder_of
from sdc.errors import StoreError

_REPLIES_A_TIME = 1000


def take_over(store: Store, *, old: float) -> None:
    """Moves the blobs and replies of older versions into the store's own folder.

    It may be killed at any time: what was not moved is read where it is. Folders beside another store, reply caches
    that a process has open, and blobs touched after the moment `old` (a process of an older sdc may be about to own
    them) stay where they are.
    """
    for folder in store.place.before("blobs"):
        if not store.place.others(folder):
            store.blobs.take_over(folder, old=old)
    for folder in store.place.before("replies"):
        database = folder / reply_rows.FILE
        in_use = holder_of(database) is not None or holder_of(database.with_name(f"{database.name}-shm")) is not None
        if not store.place.others(folder) and database.is_file() and not in_use:
            _take_over_replies(folder, store.replies_folder)


def notes(store: Store) -> Iterator[str]:
    """Yields a line per folder of an older sdc that is still beside the store."""
    for part in ("blobs", "replies"):
        for folder in store.place.before(part):
            others = store.place.others(folder)
            if others:
                yield f"{folder} is of an older sdc and may belong to {others[0].name} too: it is read, and left alone"
            else:
                yield f"{folder} is of an older sdc; `sdc store gc` moves what is in it to {store.place.home}"


def copy_replies(source: Path, target: Path) -> int:
    """Returns how many replies were taken over; what cannot be read stays there, and is asked again here."""
    if not (source / reply_rows.FILE).is_file():
        return 0
    taken = 0
    theirs = ((key, value) for _, key, value, fault in reply_rows.rows(source) if not fault and isinstance(value, dict))
    try:
        with replies.replies(target) as ours:
            while batch := dict(islice(theirs, _REPLIES_A_TIME)):
                there = ours.get_many(batch)
                ours.put_many({key: value for key, value in batch.items() if key not in there})
                taken += len(batch) - len(there)
    except sqlite3.Error as error:
        what = f"its replies cannot be read ({error})"
        raise StoreError(what, str(source), "see `sdc store verify` there") from error
    return taken


def _take_over_replies(folder: Path, own: Path) -> None:
    if not own.exists() and not folder.is_symlink():
        own.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(OSError):  # another file system: copied below
            folder.rename(own)
            return
    copy_replies(folder, own)
    with reply_rows.opened(folder) as con:
        names = [str(name) for (name,) in con.execute("select filename from Cache where filename is not null")]
    for name in (*names, *(f"{reply_rows.FILE}{end}" for end in ("-shm", "-wal", ""))):  # the database is last
        with suppress(OSError, StoreError):
            inside.old_file(folder, name).unlink()
    for emptied in (*folder.glob("??/??"), *folder.glob("??"), folder):
        with suppress(OSError):  # not empty
            emptied.rmdir()
