"""What is to be said of stale artifacts: what was replaced under them, and the commands that make them again.

Here: words, and the order of commands. Not here: what is stale (`freshness.py`), who refuses it
(`pipelines/records/lineage.py`).
"""

from collections.abc import Iterator, Mapping, Sequence

from sdc.cache import freshness
from sdc.cache.key import SHORT
from sdc.cache.store import Artifact, Store

#: Keys that a line names one by one.
_MOST_NAMED = 3
WITH_FLAGS = "with the flags of then, which `sdc store show` tells"


def command(artifact: Artifact) -> str:
    """Returns the command that makes an artifact again, without the flags that are in its config."""
    if "review" in artifact.config:
        return "sdc judge --review-import FILE"
    if artifact.stage in ("judge", "sample", "eval") and artifact.inputs:
        return f"sdc {artifact.stage} {artifact.inputs[0][:SHORT]}"
    if artifact.stage == "gen" and artifact.inputs:  # the data; of a top-up the judgement
        return f"sdc gen {artifact.inputs[-1][:SHORT]}"
    return f"sdc {artifact.stage} --lang {artifact.lang} --task {artifact.task}"


def commands(store: Store, artifact: Artifact) -> list[str]:
    """Returns the commands that make a stale artifact again, those of its stale inputs first."""
    found: dict[str, str] = {}

    def visit(other: Artifact) -> None:
        inputs = store.get_many(other.inputs)
        for key in freshness.stale(store, list(inputs)):
            if key not in found:
                visit(inputs[key])
        found[other.key] = command(other)

    visit(artifact)
    return list(dict.fromkeys(found.values()))


def what(artifact: Artifact, replaced: Sequence[Artifact]) -> str:
    """Returns what is wrong with a stale artifact, from those that have other rows now."""
    names = ", ".join(f"{other.stage} {other.short}" for other in replaced[:_MOST_NAMED])
    more = f" and {len(replaced) - _MOST_NAMED} more" if len(replaced) > _MOST_NAMED else ""
    return f"{artifact.stage} {artifact.short} is stale: it was made from {names}{more}, which has other rows now"


def fix(store: Store, artifact: Artifact) -> str:
    """Returns what to do about a stale artifact."""
    return f"run {', then '.join(f'`{line}`' for line in commands(store, artifact))}, {WITH_FLAGS}"


def faults(store: Store) -> Iterator[str]:
    """Yields a line for the stale artifacts of each stage and cell, in the order in which they are to be made again."""
    stale = freshness.stale(store)
    known = store.get_many([*stale, *{key for inputs in stale.values() for key in inputs}])
    groups: dict[tuple[int, str, str | None, str | None], list[Artifact]] = {}
    for artifact in (known[key] for key in stale if key in known):
        depth = _depth(artifact, known, stale)
        groups.setdefault((depth, artifact.stage, artifact.lang, artifact.task), []).append(artifact)
    for (_, stage, lang, task), group in sorted(groups.items(), key=lambda item: tuple(map(str, item[0]))):
        replaced = [known[key] for key in stale[group[0].key] if key in known]
        if len(group) == 1:
            yield f"{what(group[0], replaced)}; `{command(group[0])}` makes it again, {WITH_FLAGS}"
            continue
        names = ", ".join(artifact.short for artifact in group[:_MOST_NAMED])
        first = f"{len(group)} {stage} artifacts of {lang}/{task} are stale ({names} ...)"
        why = f"what they were made from has other rows now, as {replaced[0].stage} {replaced[0].short}"
        yield f"{first}: {why}; `sdc {stage} --lang {lang} --task {task}` makes them again, {WITH_FLAGS}"


def _depth(artifact: Artifact, known: Mapping[str, Artifact], stale: Mapping[str, object]) -> int:
    above = [known[key] for key in artifact.inputs if key in stale and key in known]
    return 1 + max((_depth(other, known, stale) for other in above), default=0)
