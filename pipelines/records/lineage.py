"""Which artifact a command works on when the user names a language and a task instead of keys: the one used last.

Here: look-ups through the store, each with the command that would make what is missing. Not here: lists and trees for
people (`sdc store`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sdc.cache import again, freshness
from sdc.cache.key import canonical_json
from sdc.cache.store import Artifact
from sdc.errors import MissingInput, StoreError, UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages


def newest_data(context: Context, cell: Cell, *, split: str) -> Artifact:
    """Returns the human examples of a split (`train` or `test`) that were added or used last.

    Raises:
        MissingInput: There are none.
    """
    for artifact in context.store.find("data", lang=cell.lang, task=cell.task.name):
        if artifact.summary.get("split") == split:
            return artifact
    fix = f"add some: sdc data add FILE --lang {cell.lang} --task {cell.task.name} --split {split}"
    raise MissingInput(f"no human {split} examples", cell, str(context.store.path), other_tag(context, cell) or fix)


def all_test_data(context: Context, cell: Cell) -> list[Artifact]:
    """Returns every test set of a cell, by key: what may be tested on must not be among what is learnt."""
    of_cell = context.store.find("data", lang=cell.lang, task=cell.task.name)
    return sorted((data for data in of_cell if data.summary.get("split") == "test"), key=lambda data: data.key)


def other_tags(context: Context, cell: Cell, stage: str = "data") -> list[str]:
    """Returns other tags of the cell's language that artifacts of a stage have, as `th` beside `th-TH`."""
    found = context.store.query(
        "select distinct lang from artifacts where stage = ? and task = ?", [stage, cell.task.name]
    )
    return languages.others(cell.lang, [tag for (tag,) in found if tag is not None])


def other_tag(context: Context, cell: Cell, *stages: str) -> str:
    """Returns what to do where the store has what is missing under another tag of the language; else nothing.

    Args:
        context: Where the store is.
        cell: What is missing.
        stages: Any of which would do; none: `data`.
    """
    tags = dict.fromkeys(tag for stage in stages or ("data",) for tag in other_tags(context, cell, stage))
    return " or ".join(f"the store has {tag}/{cell.task.name}: --lang {tag}" for tag in tags)


def newest_generation(context: Context, cell: Cell) -> Artifact:
    """Returns the generation that was made, imported or used last.

    Raises:
        MissingInput: There is none.
        StoreError: It is stale.
    """
    return _newest(context, cell, "gen", fix=f"sdc gen --lang {cell.lang} --task {cell.task.name}")


def newest_judgement(context: Context, cell: Cell, generation: Artifact | None = None) -> Artifact | None:
    """Returns the judgement used last, of `generation` if given, or None.

    Raises:
        StoreError: It is stale.
    """
    for artifact in context.store.find("judge", lang=cell.lang, task=cell.task.name):
        if generation is None or artifact.inputs[0] == generation.key:
            refuse_stale(context, [artifact])
            return artifact
    return None


def newest_samples(context: Context, cell: Cell) -> list[Artifact]:
    """Returns the sample used last of each source, strategy and weight of seeds that the cell has one of."""
    found: dict[tuple[Any, ...], Artifact] = {}
    for artifact in context.store.find("sample", lang=cell.lang, task=cell.task.name):
        config = artifact.config
        kind = (source_of(artifact), config.get("strategy", "balanced"), config.get("seed_weight", 1))
        found.setdefault(kind, artifact)
    return list(found.values())


def named(sample: Artifact) -> str:
    """Returns what people call a sample: its source, and what of its strategy and weight is not the usual."""
    strategy, weight = sample.config.get("strategy", "balanced"), sample.config.get("seed_weight", 1)
    parts = [*([strategy] if strategy != "balanced" else []), *([f"seeds x {weight:g}"] if weight != 1 else [])]
    return source_of(sample) + (f" ({', '.join(parts)})" if parts else "")


def source_of(sample: Artifact) -> str:
    """Returns where the rows of a sample come from."""
    return str(sample.summary.get("source"))


def newest_sample(context: Context, cell: Cell, *, source: str) -> Artifact:
    """Returns the sample of one source that was made or used last."""
    sample = next((found for found in newest_samples(context, cell) if source_of(found) == source), None)
    if sample is None:
        fix = f"sdc sample --lang {cell.lang} --task {cell.task.name} --source {source}"
        raise MissingInput(f"no {source} sample", cell, str(context.store.path), f"run `{fix}`")
    return sample


def refuse_stale(context: Context, artifacts: Sequence[Artifact]) -> None:
    """Fails if one of some artifacts was made from what has other rows by now.

    Raises:
        StoreError: It names the first one, and the commands that make it again.
    """
    stale = freshness.stale(context.store, [artifact.key for artifact in artifacts])
    for artifact in artifacts:
        if artifact.key in stale:
            replaced = list(context.store.get_many(stale[artifact.key]).values())
            raise StoreError(
                again.what(artifact, replaced), str(context.store.path), again.fix(context.store, artifact)
            )


def train_data_of(context: Context, artifact: Artifact) -> Artifact | None:
    """Returns the human train data that a generation or judgement was made from; None if it was made elsewhere."""
    current: Artifact | None = artifact
    while current is not None and current.stage != "data":
        current = context.store.get(current.inputs[0]) if current.inputs else None
    return current


def without_test(context: Context, cells: Sequence[Cell | str]) -> str | None:
    """Returns a line that names the cells without human test examples, which no student can be tested on; or None."""
    found = context.store.query(
        "select distinct lang || '/' || task from artifacts where stage = 'data' and summary ->> '$.split' = 'test'"
    )
    there = {cell for (cell,) in found}
    lacking = list(dict.fromkeys(str(cell) for cell in cells if str(cell) not in there))
    if not lacking:
        return None
    return f"no test examples of {', '.join(lacking)}: nothing can be tested there; `sdc data add FILE --split test`"


def authors(key: str, get: Callable[[str], Artifact | None]) -> list[tuple[str, str]]:
    """Returns name and identity (canonical JSON; empty if unknown) of the models that wrote the rows of a generation.

    A generation that tops up a judgement holds the rows of another one, whose model may be another.

    Args:
        key: Of the generation.
        get: Returns an artifact by its key; None if the store lacks it.
    """
    found: dict[tuple[str, str], None] = {}
    waiting, seen = [key], set()
    while waiting:
        at = waiting.pop()
        artifact = get(at) if at not in seen else None
        seen.add(at)
        if artifact is None or artifact.stage not in ("gen", "judge"):
            continue
        if artifact.stage == "gen" and artifact.summary.get("model"):
            model = artifact.config.get("model")
            found[str(artifact.summary["model"]), canonical_json(model) if model else ""] = None
        waiting += artifact.inputs
    return sorted(found)


def test_data(context: Context, cell: Cell, key: str | None = None) -> Artifact:
    """Returns what a student is tested on: the data of a key, or the newest test data of the cell.

    Raises:
        UsageError: The key is of a train split, of another cell, or its labels have changed.
        MissingInput: There is none.
    """
    if key is None:
        found = newest_data(context, cell, split="test")
    else:
        found = context.store.resolve(key, stages=("data",))
        if (found.lang, found.task) != (cell.lang, cell.task.name):
            what = f"data {found.short} is of {found.lang}/{found.task}, not of {cell}"
            raise UsageError(what, "--test", "see `sdc data ls`")
    refuse_train(found)
    check_labels(found, cell)
    return found


def refuse_test(data: Artifact) -> None:
    """Raises a UsageError if these are test or dev examples: a student must never see what it is tested on."""
    split = data.summary.get("split")
    if data.stage == "data" and split not in (None, "train"):
        fix = "give the key of the train split; see `sdc data ls`"
        raise UsageError(f"data {data.short} is the {split} split, not train data", fix=fix)


def refuse_train(data: Artifact) -> None:
    """Raises a UsageError if these are train examples: a result on what a student has seen says nothing."""
    if data.stage != "data" or data.summary.get("split") == "train":
        fix = "give the key of the test split, or add the file as one; see `sdc data ls`"
        raise UsageError(f"{data.stage} {data.short} is the train split, not test data", "--test", fix)


def check_labels(artifact: Artifact, cell: Cell) -> None:
    """Raises a UsageError if an artifact was made with other labels: its label ids would silently mean others now."""
    labels = artifact.summary.get("labels")
    if isinstance(labels, Mapping) and list(labels) != list(cell.task.label_names):
        raise UsageError(
            f"the labels of task {cell.task.name} have changed since {artifact.stage} {artifact.short} was made",
            "--task",
            "undo the change, or give the task another name and add its data again",
        )


def _newest(context: Context, cell: Cell, stage: str, *, fix: str) -> Artifact:
    found = context.store.find(stage, lang=cell.lang, task=cell.task.name, limit=1)
    if not found:
        fix = other_tag(context, cell, stage) or f"run `{fix}` first"
        raise MissingInput(f"no {stage} artifact", cell, str(context.store.path), fix)
    refuse_stale(context, found)
    return found[0]
