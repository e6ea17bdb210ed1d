"""Which files of a model's folder decide what it says, and what of them is refused before anything is read from them.

Here: patterns, files that lead out of the folder, settings that no model has. Not here: where the folder is (`hub.py`),
names (`models.py`), whether the weights are those of the settings (`networks.py`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, UsageError, first_line

#: All that is read of a folder: weights, settings, templates, vocabularies; never a pickle.
PARTS = (
    "*.safetensors", "*.json", "*.jinja", "*.model", "*.txt",
    "*.codes", "*.spm", "*.tokenizer", "*.tiktoken", "*.vocab", "additional_chat_templates/*.jinja",
)  # fmt: skip
_INDEX = "model.safetensors.index.json"
#: Settings by the end of their names, with the least and the most that a model can have.
_LIMITS = (
    (re.compile(r"(^|_)(num_hidden_layers|n_layers?|num_layers|(encoder|decoder)_layers)$"), 1, 10_000),
    (re.compile(r"(^|_)(vocab_size|num_labels|num_(local_)?experts)$"), 0, 10**8),
    (re.compile(r"(^|_)(hidden_size|d_model|n_embd|intermediate_size|d_ff|ffn_dim|head_dim|state_size)$"), 1, 10**7),
    (re.compile(r"(^|_)(num_(attention|key_value)_heads|n_heads?|num_heads)$"), 1, 10**5),
)
_MOST_LABELS = 10**5
_WIDTHS, _ROWS = ("hidden_size", "d_model", "n_embd"), ("vocab_size", "intermediate_size", "d_ff")
#: Numbers per byte of the weights, at most: they are kept in a bit or more.
_PER_BYTE = 8


def of(folder: Path) -> list[Path]:
    """Returns the files of a folder that decide what its model says, sorted.

    Raises:
        UsageError: One of them cannot be read.
    """
    found = sorted({path for part in PARTS for path in folder.glob(part)})
    for path in found:
        if not path.is_file():
            raise UsageError("this is no file that can be read", str(path)[:200], "mend or remove it")
    return found


def name_of(path: Path, folder: Path) -> str:
    """Returns what a file is called in the model's digest: never with the path of the folder."""
    return path.relative_to(folder).as_posix()


def check(folder: Path, *, name: str) -> None:
    """Checks the settings of a model before anything is made of them.

    Args:
        folder: With its files.
        name: For errors.

    Raises:
        EngineError: Its weights lie elsewhere, it is an adapter, or no model has such settings.
    """
    config = _json(folder / "config.json", name)
    if config is None:
        return
    if (folder / "adapter_config.json").exists():
        fix = "use MODEL+FOLDER for an adapter, or remove adapter_config.json from a whole model"
        raise EngineError("the folder has a model and an adapter, which names another base", name, fix)
    index = _json(folder / _INDEX, name) or {}
    shards = index.get("weight_map") or {}
    for shard in set(map(str, shards.values())) if isinstance(shards, dict) else {_INDEX}:
        if Path(shard).name != shard or "\\" in shard or not shard.endswith(".safetensors"):
            what = f"{_INDEX} names weights that are no file beside it ({shard[:80]!r})"
            raise EngineError(what, name, "put all *.safetensors into the model's folder")
    for key, value in _numbers(config):
        for pattern, least, most in _LIMITS:
            if pattern.search(key) and not least <= value <= (_MOST_LABELS if key.endswith("num_labels") else most):
                raise _impossible(name, f"{key} is {_shown(value)}")
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        _check_size(part, folder, name)


def _check_size(config: Mapping[str, Any], folder: Path, name: str) -> None:
    """Refuses a matrix that the files cannot hold: it would be made, and filled with random numbers."""
    sizes = [
        (f"{wide} x {long}", config[wide] * config[long])
        for wide in _WIDTHS
        for long in _ROWS
        if isinstance(config.get(wide), int) and isinstance(config.get(long), int)
    ]
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    for what, size in sizes:
        if num_bytes and size > _PER_BYTE * num_bytes:
            raise _impossible(name, f"{what} is {_shown(size)}, more than its {num_bytes} bytes of weights hold")


def _numbers(config: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield key, value


def _json(path: Path, name: str) -> dict[str, Any] | None:
    """Returns what a file holds, None if it is not there."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unloadable(name, f"{path.name}: {first_line(error, most=120)}") from error
    if not isinstance(found, dict):
        raise _unloadable(name, f"{path.name} holds no settings")
    return found


def _impossible(name: str, what: str) -> EngineError:
    return _unloadable(name, f"config.json is of no model: {what}")


def _unloadable(name: str, reason: str) -> EngineError:
    return EngineError(f"cannot load the model ({reason})", name, "check the folder; see `sdc doctor`")


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**15 else f"{'-' if value < 0 else ''}10^{len(str(abs(value))) - 1} or so"
