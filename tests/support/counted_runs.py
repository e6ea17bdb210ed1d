"""Counts what workers compute, in whatever process: runs that were lost on their way are counted, too.

Here: the module that every Python started under `environment` loads first, and reading what it wrote. Not here: any
worker.
"""

from collections import Counter
from pathlib import Path

_CODE = """
import importlib.abc
import importlib.machinery
import os
import sys

_COUNTED = {"sdc.pipelines.train.computing": "_made", "sdc.pipelines.icl.computing": "_computed"}


def _count(module, name):
    function = getattr(module, name)

    def counted(*arguments, **named):
        result = function(*arguments, **named)
        artifact = result.artifact if hasattr(result, "artifact") else arguments[3].planned
        with open(os.environ["SDC_TEST_COUNTS"], "a", encoding="utf-8") as file:
            file.write(f"{artifact.key}\\n")
        return result

    setattr(module, name, counted)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in _COUNTED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), _count(module, _COUNTED[name]))
        return spec


sys.meta_path.insert(0, _Finder())
"""


def environment(folder: Path) -> dict[str, str]:
    """Returns the variables under which what is computed is counted in a folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_CODE, "utf-8")
    return {"PYTHONPATH": str(folder), "SDC_TEST_COUNTS": str(folder / "counts")}


def counts(folder: Path) -> Counter[str]:
    """Returns how often each run was computed to its end, by its key."""
    return Counter((folder / "counts").read_text("utf-8").split())
