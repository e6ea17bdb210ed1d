"""Which commit of a hub model a name means: found once per command, before anything is planned, and part of every key.

A branch moves, and a model that is not here yet has no files to tell what it is: so the commit is looked up in the
cache of this machine, else asked of the hub, and kept as what the name means here from then on. Not here: files
(`hub.py`).
"""

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from sdc.errors import EngineError, first_line

_COMMIT, _SHORT_COMMIT = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{7,39}")
_MAIN = "main"
#: One of these is there once the files of a tokenizer are; a template of the chat comes with them.
_TOKENIZER = ("tokenizer_config.json", "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_TIMEOUT_S = 10.0
#: What the hub library takes for yes.
_YES = ("1", "ON", "YES", "TRUE")


def commit(hub_id: str, revision: str | None) -> str:
    """Returns the commit (40 hex digits) of a hub model: that of `main` if no revision is named.

    Args:
        hub_id: `owner/name`.
        revision: A commit, whole or its beginning, a branch or a tag; None is `main`.

    Raises:
        EngineError: It is neither on this machine nor can it be asked for.
    """
    revision = revision or _MAIN
    if is_commit(revision):
        return revision.lower()
    return local(hub_id, revision) or _asked(hub_id, revision, _ref(hub_id, revision))


def is_commit(revision: str) -> bool:
    """Returns whether a revision is a whole commit, which means the same everywhere and always."""
    return _COMMIT.fullmatch(revision.lower()) is not None


def local(hub_id: str, revision: str = _MAIN) -> str | None:
    """Returns the commit that a revision means on this machine; None if it is not here."""
    place, ref = _place(hub_id), _ref(hub_id, revision)
    if ref is None:
        return None
    with suppress(OSError, ValueError):
        found = ref.read_text("utf-8").strip()
        if is_commit(found):
            return found
    if _SHORT_COMMIT.fullmatch(revision.lower()):
        with suppress(OSError):
            known = [path.name for path in (place / "snapshots").iterdir() if path.name.startswith(revision.lower())]
            return known[0] if len(known) == 1 else None
    return None


def snapshot(hub_id: str, commit: str) -> Path:
    """Returns the folder that holds, or would hold, the files of a commit on this machine."""
    return _place(hub_id) / "snapshots" / commit


def settings(hub_id: str, commit: str, files: tuple[str, ...]) -> Path:
    """Returns the folder of a commit with these small files of it, fetched unless its tokenizer is here.

    A look at a model's `config.json` by another program leaves that alone: what it says is not all there is to know.
    Without a network it is, and the model itself is not here either.

    Raises:
        EngineError: They are not here and cannot be fetched.
    """
    folder = snapshot(hub_id, commit)
    there = {name for name in ("config.json", *files, *_TOKENIZER) if (folder / name).is_file()}
    if there.isdisjoint(_TOKENIZER) and not (there and is_offline()):
        _fetch(hub_id, commit, files)
    return folder


def file(hub_id: str, commit: str, name: str) -> Path:
    """Returns where a small file of a commit is, or would be, if the commit has one; fetched if it is not here.

    Whoever fetched the model may have left it. That a commit has none is asked once, and marked as the library does.

    Raises:
        EngineError: It cannot be fetched.
    """
    path, none = snapshot(hub_id, commit) / name, _place(hub_id) / ".no_exist" / commit / name
    if path.is_file() or none.is_file() or is_offline():
        return path
    import huggingface_hub

    try:
        is_there = huggingface_hub.HfApi().file_exists(hub_id, name, revision=commit)
    except Exception:  # noqa: BLE001 - the hub's and the network's errors have no common class; what is here must do
        return path
    if is_there:
        _fetch(hub_id, commit, (name,))
    else:
        with suppress(OSError):  # a cache that is read-only
            none.parent.mkdir(parents=True, exist_ok=True)
            none.touch()
    return path


def cache_folder() -> Path:
    """Returns where the hub library keeps models, as it finds it, without importing it (0.3 s)."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{home}/huggingface"
    found = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(os.path.expanduser(found)))  # noqa: PTH111 (a home that is unknown is no error)


def is_offline() -> bool:
    """Returns whether the user forbids asking the hub."""
    return any(os.environ.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def _place(hub_id: str) -> Path:
    return cache_folder() / f"models--{hub_id.replace('/', '--')}"


def _ref(hub_id: str, revision: str) -> Path | None:
    """Returns the file that keeps what a revision means; None for a name that leads elsewhere."""
    part = Path(revision)
    return None if part.is_absolute() or ".." in part.parts else _place(hub_id) / "refs" / part


@cache
def _asked(hub_id: str, revision: str, ref: Path | None) -> str:
    """Asks the hub, once per command, and keeps the answer in the cache of models as what the revision means here."""
    if is_offline():
        raise _unknown(hub_id, revision, "it is not on this machine, and HF_HUB_OFFLINE is set")
    import huggingface_hub

    try:
        found = huggingface_hub.HfApi().model_info(hub_id, revision=revision, timeout=_TIMEOUT_S).sha
    except Exception as error:  # the hub's and the network's errors have no common class
        raise _unknown(hub_id, revision, first_line(error)) from error
    if not found or not is_commit(found):
        raise _unknown(hub_id, revision, "the hub names no commit")
    with suppress(OSError):  # a cache that is read-only: then the hub is asked by each command
        if ref is not None:
            ref.parent.mkdir(parents=True, exist_ok=True)
            with ref.open("x", encoding="utf-8") as file:
                file.write(found)
    return found


@cache
def _fetch(hub_id: str, commit: str, files: tuple[str, ...]) -> None:
    if is_offline():
        raise _missing(hub_id, commit, "it is not on this machine, and HF_HUB_OFFLINE is set")
    import huggingface_hub

    try:
        huggingface_hub.snapshot_download(
            hub_id, revision=commit, allow_patterns=list(files), cache_dir=str(cache_folder())
        )
    except Exception as error:  # the hub's and the network's errors have no common class
        raise _missing(hub_id, commit, first_line(error)) from error


def _missing(hub_id: str, commit: str, reason: str) -> EngineError:
    fix = f"run `hf download {hub_id} --revision {commit}` where there is a network"
    return EngineError(f"cannot load the model ({reason})", f"{hub_id}@{commit[:12]}", fix)


def _unknown(hub_id: str, revision: str, reason: str) -> EngineError:
    at = "" if revision == _MAIN else f" --revision {revision}"
    fix = f"run `hf download {hub_id}{at}` where there is a network, or use api:NAME for a server's"
    return EngineError(f"cannot load the model (its commit is unknown: {reason})", f"{hub_id}@{revision}", fix)
