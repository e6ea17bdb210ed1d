"""Counts what workers compute, in whatever process: runs that were lost on their way are counted, too.

A worker can be held in the middle of its runs, with those before it in the store, until a test lets it go on. Here: the
module that every Python started under `environment` loads first, and reading what it wrote. Not here: any worker.
"""

import fcntl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CODE = """
import fcntl
import importlib.abc
import importlib.machinery
import os
import sys

_COUNTED = {"sdc.pipelines.train.computing": "_made", "sdc.pipelines.icl.computing": "_computed"}
#: How long runs that ended wait for others: what ended before the hold is to be in the store.
_WAITS = {
    "sdc.pipelines.stage": ("_KEEP_EVERY_S", "_KEEP_AT_LAST_S"),
    "sdc.pipelines.run.executors.local": ("_TELL_EVERY_S",),
}
_HOLD_AFTER = int(os.environ.get("SDC_TEST_HOLD_AFTER", "0"))
_AT_ONCE = _HOLD_AFTER > 0 or os.environ.get("SDC_TEST_AT_ONCE") == "1"
_made = 0


def _count(module, name):
    function = getattr(module, name)

    def counted(*arguments, **named):
        global _made
        result = function(*arguments, **named)
        _made += 1
        if _HOLD_AFTER and _made > _HOLD_AFTER:
            with open(os.environ["SDC_TEST_COUNTS"] + ".held") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
        artifact = result.artifact if hasattr(result, "artifact") else arguments[3].planned
        with open(os.environ["SDC_TEST_COUNTS"], "a", encoding="utf-8") as file:
            file.write(f"{artifact.key}\\n")
        return result

    setattr(module, name, counted)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        waits = _WAITS.get(name, ()) if _AT_ONCE else ()
        if name not in _COUNTED and not waits:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module
        if waits:
            spec.loader.exec_module = lambda module: (load(module), vars(module).update(dict.fromkeys(waits, 0.0)))
        else:
            spec.loader.exec_module = lambda module: (load(module), _count(module, _COUNTED[name]))
        return spec


sys.meta_path.insert(0, _Finder())
"""


def environment(folder: Path, *, hold_after: int = 0, at_once: bool = False) -> dict[str, str]:
    """Returns the variables under which what is computed is counted in a folder.

    Args:
        folder: Is made.
        hold_after: Every process keeps so many runs at once, and waits with the next one while it is `held`; 0: never.
        at_once: Runs are kept as they end: the store says how far the workers are.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_CODE, "utf-8")
    counts = str(folder / "counts")
    return {
        "PYTHONPATH": str(folder),
        "SDC_TEST_COUNTS": counts,
        "SDC_TEST_HOLD_AFTER": str(hold_after),
        "SDC_TEST_AT_ONCE": str(int(at_once)),
    }


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Has the processes wait that were told to, until it is left."""
    with (folder / "counts.held").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def counts(folder: Path) -> Counter[str]:
    """Returns how often each run was computed to its end, by its key."""
    return Counter((folder / "counts").read_text("utf-8").split())
