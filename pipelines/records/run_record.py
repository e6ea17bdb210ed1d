"""One run as predict and export use it: its record, and the model that it started from.

Here: from a key to a run, and from the identity in a key back to a model on this machine. Not here: its weights
(`weights.py`), which runs count now (`runs.py`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact, Store
from sdc.errors import EngineError, SdcError, StoreError, UsageError, extra
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models, pinned
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context

STAGES = ("train", "icl", "eval")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A finished run.

    Args:
        artifact: Its recipe.
        cell: Language and task.
        method: `linear`, `finetune`, `lora` or `icl`.
        model: The model as tables show it.
        source: Where the rows of its draw come from; None for zero shots.
        num_rows: Rows that it was trained on or may have been shown.
        decoding: How its answers were made; None where there is one way only.
        seconds: How long fitting and answering took.
        details: What was kept about the fit; the shots of an icl run.
    """

    artifact: Artifact
    cell: Cell
    method: str
    model: str
    source: str | None
    num_rows: int
    decoding: str | None
    seconds: float | None
    details: Mapping[str, Any]

    @property
    def short(self) -> str:
        """The key as people see it."""
        return self.artifact.short

    @property
    def draw(self) -> str:
        """The content hash of the draw that it is about."""
        return str(self.artifact.config["draw"])

    @property
    def test_key(self) -> str:
        """The key of the rows that it was tested on."""
        return self.artifact.inputs[0]


def find(context: Context, key: str) -> RunRecord:
    """Returns the run with this key, or the run that the evaluation with this key is of.

    Raises:
        UsageError: No such artifact, one of another stage, a run that failed, or one of labels that have changed.
        StoreError: The run is not in the store, or has no record.
    """
    artifact = context.store.resolve(key, stages=STAGES)
    if artifact.stage == "eval":
        run = context.store.get(artifact.inputs[0])
        if run is None:
            what = f"the run {artifact.inputs[0][:12]} of evaluation {artifact.short} is not in the store"
            raise StoreError(what, str(context.store.path), "merge the store that has it")
        artifact = run
    found = context.store.query(
        """select method, model, source, num_rows, decoding, seconds, details, status, reason from runs
        where key = ?""",
        [artifact.key],
    )
    if not found:
        raise StoreError(f"run {artifact.short} has no record", str(context.store.path), "see `sdc store verify`")
    method, model, source, num_rows, decoding, seconds, details, status, reason = found[0]
    if status != "ok":
        fix = 'name a run that is ok; see `sdc store sql "select key, status from runs"`'
        raise UsageError(f"run {artifact.short} failed ({reason}), so it can classify nothing", "--run", fix)
    cell = cells.of_artifact(context.store, artifact)
    test = context.store.get(artifact.inputs[0])
    if test is not None:
        lineage.check_labels(test, cell)
    return RunRecord(
        artifact=artifact,
        cell=cell,
        method=method,
        model=model,
        source=source,
        num_rows=num_rows,
        decoding=decoding,
        seconds=seconds,
        details=json.loads(details or "{}"),
    )


def base_model(store: Store, wanted: Mapping[str, Any], name: str, *, given: str | None, where: str) -> str:
    """Returns what `models.resolve` finds the model by whose identity is `wanted`.

    A run keeps the digest of a user's own model and never its path: its folder is looked for by name, and then among
    all those that this store has seen on this machine.

    Args:
        store: It remembers the digests of local models.
        wanted: The identity in the run's key.
        name: As tables show it.
        given: What the user says it is, or None.
        where: For errors: the run.

    Raises:
        UsageError: `given` is another model.
        EngineError: It is not found.
    """
    if given is not None:
        if not _same(models.resolve(store, given).identity(), wanted):
            raise UsageError(f"{given[:80]!r} is not the {name} that {where} started from", "--base", "name that one")
        return given
    for candidate in dict.fromkeys(_candidates(store, wanted, name)):
        try:
            if _same(models.resolve(store, candidate).identity(), wanted):
                return candidate
        except SdcError:  # a folder that is gone, or no longer a model
            continue
    what = f"the model {name} that it started from is not on this machine, or has changed"
    alias = models.aliases().get(name, {})
    if "package" in alias and models.package_file(alias) is None:
        raise EngineError(what, where, f"install it with {extra(alias['extra'])}")
    raise EngineError(what, where, "name it with --base")


def _same(identity: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Returns whether two identities are one model. Runs of an earlier sdc may know no commit.

    One without a revision takes any; one of a branch or a tag takes what that means today.
    """
    hub_id, revision = wanted.get("model"), wanted.get("revision")
    if hub_id and not hub_id.startswith("api:"):
        if revision is None:
            identity = {**identity, "revision": None}
        elif not pinned.is_commit(revision):
            wanted = {**wanted, "revision": pinned.commit(hub_id, revision)}
    return dict(identity) == dict(wanted)


def _candidates(store: Store, wanted: Mapping[str, Any], name: str) -> Iterator[str]:
    base_name, _, adapter_name = name.partition("+")
    if "digest" in wanted:
        bases = [base_name, *_folders(store, "config.json", base_name)]
    else:
        at = f"@{wanted['revision']}" if wanted.get("revision") else ""
        bases = [f"{wanted['model']}{at}"]
    if "adapter" not in wanted:
        yield from bases
        return
    for base in bases:
        for adapter in _folders(store, "adapter_config.json", adapter_name):
            yield f"{base}+{adapter}"


def _folders(store: Store, part: str, name: str) -> list[str]:
    """Returns the folders with a file called `part` that this store has seen, those of the right name first."""
    rows = store.query("select path from file_digests where path like '%' || ? order by path", [f"/{part}"])
    found = [Path(row[0]).parent for row in rows]
    return [str(path) for path in sorted(found, key=lambda path: path.name != name)]
