"""A part of a store as a store of its own: some artifacts and all that they were made from, for machines elsewhere.

Here: making it. Not here: joining stores again (`upkeep.py`).
"""

import shutil
from collections.abc import Collection
from pathlib import Path

from sdc.cache.store import Store
from sdc.cache.upkeep import merge
from sdc.errors import StoreError, system_reason


def excerpt(store: Store, keys: Collection[str], place: Path) -> int:
    """Makes a store of some artifacts, with their blobs, all that they were made from, and the digests of model files.

    Replies are not copied: what they say stands in the artifacts. What is at `place` is replaced.

    Args:
        store: Where they are; it is only read.
        keys: Full keys.
        place: The file of the new store. All of it is in this file and the folder of its blobs.

    Returns:
        How many artifacts it has.

    Raises:
        StoreError: Some of them are not there, or a store cannot be read or written.
    """
    lost = set(keys) - store.existing(keys)
    if lost:
        what = f"artifact {sorted(lost)[0][:12]} is not there any more"
        raise StoreError(what, str(store.path), "run the same command again")
    made = Store(place, lock_timeout_s=store.lock_timeout_s)
    try:
        place.unlink(missing_ok=True)
        shutil.rmtree(made.place.home, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot replace it ({system_reason(error)})", str(place), "check permissions") from error
    taken = merge(made, store.path, only=keys, with_replies=False).artifacts
    digests = store.query("select path, bytes, modified_ns, digest from file_digests")
    with made.open(write=True) as con:
        if digests:
            con.executemany("insert or replace into file_digests values (?, ?, ?, ?)", digests)
    return taken
