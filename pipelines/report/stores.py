"""Several stores as one, to hold the results of one against those of another.

Here: a store of all of them that is gone afterwards, and which evaluations each of them reports. Not here: merging
(`cache/upkeep.py`), comparing (`compare.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sdc.cache import scratch, upkeep
from sdc.cache.counted import counted
from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines.records import results, runs
from sdc.pipelines.report import run_results


@contextmanager
def as_one(paths: Sequence[Path], *, say: Callable[[str], None]) -> Iterator[tuple[Store, list[list[str]]]]:
    """Yields a store of all artifacts of some stores, which are only read, and the evaluations that each reports.

    Args:
        paths: Files of stores.
        say: Takes one line for the user.

    Raises:
        StoreError: A path is no store.
        DataError: Nothing is evaluated in one of them.
    """
    with scratch.folder("stores") as folder:
        whole = Store(folder / "store.duckdb")
        reported = []
        for path in paths:
            merged = upkeep.merge(whole, path, with_replies=False, with_blobs=False)
            if unlike := merged.differing + merged.replaced:
                say(f"{path}: {counted(unlike, 'artifact')} had other rows under one key; the better copy counts")
            reported.append(_reported(Store(path)))
        yield whole, reported


def _reported(store: Store) -> list[str]:
    """Returns the evaluations that `sdc report` shows of a store."""
    current = runs.find(store, None)
    rows = run_results.read_as(results.readings(store, runs=current.keys, evals=[]), "auto")
    if not rows:
        raise DataError("no run is evaluated", str(store.path), "run `sdc eval` there")
    return [row["eval_key"] for row in rows]
