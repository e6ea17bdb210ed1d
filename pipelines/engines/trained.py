"""The adapter of a run of `sdc train --method lora --keep-weights`, as a folder that every engine can load.

Here: the look-up in the store, a folder of links. Not here: adapters in folders of their own (`models.py`), training.
"""

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.cache import scratch
from sdc.cache.key import digest
from sdc.cache.store import Store
from sdc.errors import UsageError

PARTS = ("adapter_config.json", "adapter_model.safetensors")
#: Folders of links that live as long as this process, by the digest of the adapter.
_FOLDERS: dict[str, Path] = {}
_UNTIL_THE_END = ExitStack()
atexit.register(_UNTIL_THE_END.close)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What a run trained.

    Args:
        run: The run's key.
        short: The key as people read it.
        folder: Files that every engine can load; it lives as long as this process.
        digest: Of those files.
    """

    run: str
    short: str
    folder: Path
    digest: str


def adapter(store: Store, key: str, *, base: Mapping[str, Any], name: str) -> Adapter:
    """Returns the adapter that a run trained.

    Args:
        store: Holds the run and its weights.
        key: Of the run, or its beginning.
        base: The identity of the model that it must have trained.
        name: That model, for errors.

    Raises:
        UsageError: No such run, one of another method or model, or one whose weights are not kept.
    """
    run = store.resolve(key, stages=("train",))
    method = run.config.get("method")  # every recipe of a run has it
    if method != "lora":
        raise UsageError(f"run {run.short} trained no adapter ({method})", "--model", "name a run of --method lora")
    if run.config.get("model") != base:
        raise UsageError(f"run {run.short} did not train {name}", "--model", "name the model that it trained")
    files = store.query("select name, digest from blobs where key = ?", [run.key])
    digests = {name: found for name, found in files if name in PARTS}
    if set(digests) != set(PARTS) or not all(store.blobs.path(found).is_file() for found in digests.values()):
        fix = "make it again with `sdc train --method lora --keep-weights`"
        raise UsageError(f"the weights of run {run.short} are not kept", "--model", fix)
    adapter_digest = digest(digests)
    if adapter_digest not in _FOLDERS:
        folder = _UNTIL_THE_END.enter_context(scratch.folder("adapter"))
        for name, found in digests.items():
            (folder / name).symlink_to(store.blobs.path(found).resolve())
        _FOLDERS[adapter_digest] = folder
    return Adapter(run=run.key, short=run.short, folder=_FOLDERS[adapter_digest], digest=adapter_digest)
