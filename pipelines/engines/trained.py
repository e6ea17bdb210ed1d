"""The adapter of a run of `sdc train --method lora --keep-weights`, as a folder that every engine can load.

Here: the look-up in the store, a folder of links. Not here: adapters in folders of their own (`models.py`), training.
"""

import atexit
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sdc.cache import scratch
from sdc.cache.key import digest
from sdc.cache.store import Store
from sdc.errors import UsageError

if TYPE_CHECKING:
    from sdc.pipelines.engines.models import Model

PARTS = ("adapter_config.json", "adapter_model.safetensors")
#: Folders of links that live as long as this process, by the digest of the adapter.
_FOLDERS: dict[str, Path] = {}
_UNTIL_THE_END = ExitStack()
atexit.register(_UNTIL_THE_END.close)


def with_run(store: Store, base: "Model", key: str) -> "Model":
    """Returns the model with the adapter that a run trained, named by the run's key; the same model as by its folder.

    Raises:
        UsageError: No such run, one of another method or model, or one whose weights are not kept.
    """
    run = store.resolve(key, stages=("train",))
    ((method, files),) = store.query(
        """select r.method, (select list([b.name, b.digest]) from blobs b where b.key = r.key) from runs r
        where r.key = ?""",
        [run.key],
    ) or [(None, None)]
    if method != "lora":
        raise UsageError(f"run {run.short} trained no adapter ({method})", "--model", "name a run of --method lora")
    if run.config.get("model") != base.identity():
        raise UsageError(f"run {run.short} did not train {base.name}", "--model", "name the model that it trained")
    digests = {name: found for name, found in files or [] if name in PARTS}
    if set(digests) != set(PARTS) or not all(store.blobs.path(found).is_file() for found in digests.values()):
        fix = "make it again with `sdc train --method lora --keep-weights`"
        raise UsageError(f"the weights of run {run.short} are not kept", "--model", fix)
    adapter_digest = digest(digests)
    if adapter_digest not in _FOLDERS:
        folder = _UNTIL_THE_END.enter_context(scratch.folder("adapter"))
        for name, found in digests.items():
            (folder / name).symlink_to(store.blobs.path(found).resolve())
        _FOLDERS[adapter_digest] = folder
    return replace(
        base,
        name=f"{base.name}+{run.short}",
        adapter=str(_FOLDERS[adapter_digest]),
        adapter_digest=adapter_digest,
        run=run.key,
    )
