"""Where the files of a model are on this machine, fetched from the hub if they are not.

Here: the folder of a model, one quick question before a long download, one error for all that can go wrong.
Not here: names (`models.py`), loading weights (each engine and student).
"""

import json
from contextlib import suppress
from functools import cache
from logging import INFO
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import model_files
from sdc.pipelines.engines.models import Model
from sdc.pipelines.progress import NOTE, log

#: Copies of the weights in other layouts, and whatever lies in subfolders.
_UNWANTED = ("consolidated*", "*/*.safetensors", "*/*.json", "*/*.model", "*/*.txt")
_TIMEOUT_S = 10.0
#: Weights that take a second or more to load, in bytes.
SLOW_BYTES = 200_000_000


def folder(model: Model) -> str:
    """Returns the folder with the files of `model`, downloaded first if they are not on this machine.

    Raises:
        EngineError: They are not here and cannot be fetched, or they are those of no model.
    """
    check_files(model)
    there = local_folder(model)
    if there is None:
        there = _downloaded(model)
    if not (Path(there) / "config.json").is_file():  # somebody has moved it since it was named
        raise unloadable(model, FileNotFoundError("config.json is missing"))
    model_files.check(Path(there), name=model.name)
    return there


@cache
def say_loading(model: str, folder: Path) -> None:
    """Says once that a model is loaded, to everybody if that takes a while."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    log.log(NOTE if size >= SLOW_BYTES else INFO, "loading model %s (%s MB)", model, f"{size / 1e6:,.0f}")


def check_files(model: Model, *, package: bool = False) -> None:
    """Raises an EngineError for a model without files: a server has it, or a package (which may do)."""
    if model.served:
        raise EngineError("the model is a server's: its files are wanted here", model.name, "name a hub id or a folder")
    if model.package and not package:
        fix = "name another model, or use it with `sdc train --method probe`"
        raise EngineError("the model is an encoder in a Python package: only a probe reads it", model.name, fix)


def _downloaded(model: Model) -> str:
    import huggingface_hub

    try:
        # A download without a network is tried again for 46 s; this question fails at once.
        huggingface_hub.HfApi().model_info(model.source, revision=model.revision, timeout=_TIMEOUT_S)
        log.log(NOTE, "downloading model %s", model.name)
        return str(huggingface_hub.snapshot_download(**_request(model)))
    except Exception as error:  # the hub's, the network's and the disk's errors have no common class
        raise unloadable(model, error) from error


def local_folder(model: Model) -> str | None:
    """Returns the folder with the files of `model` if it is on this machine and whole; no network is asked."""
    if model.served:
        return None
    if model.digest:
        return model.source
    import huggingface_hub

    with suppress(OSError, ValueError):  # not here, or not whole
        found = huggingface_hub.snapshot_download(**_request(model), local_files_only=True)
        if _is_complete(Path(found)):
            return str(found)
    return None


def _request(model: Model) -> dict[str, Any]:
    return {
        "repo_id": model.source,
        "revision": model.revision,
        "allow_patterns": list(model_files.PARTS),
        "ignore_patterns": list(_UNWANTED),
    }


def unloadable(model: Model, error: BaseException) -> EngineError:
    """Returns the one line for a model that cannot be fetched or loaded."""
    fix = "check the folder" if model.digest else f"run `hf download {model.source}` where there is a network"
    return EngineError(f"cannot load the model ({first_line(error)})", model.name, fix + "; see `sdc doctor`")


def _is_complete(snapshot: Path) -> bool:
    if not (snapshot / "config.json").is_file():
        return False
    index = snapshot / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        return all((snapshot / shard).is_file() for shard in shards)
    return any(snapshot.glob("*.safetensors"))
