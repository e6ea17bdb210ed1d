"""What every stage does the same way: plan -> hit? -> compute -> keep.

`plan` needs settings and the keys of inputs, `compute` a model or none, `keep` the store. `produce` is all of it for
one artifact; a stage that makes many computes some, keeps them, and goes on. Here: the context a stage runs in, and
that path. Not here: what a stage computes, what is a hit (`cache/freshness.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sdc.cache import freshness
from sdc.cache.counted import counted
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Rows, Store
from sdc.errors import EngineError
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Progress, making, silent

if TYPE_CHECKING:
    from sdc.pipelines.engines.ask import Asker
    from sdc.pipelines.engines.models import Model


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a stage gets beside its config.

    Args:
        store: Where artifacts live.
        force: Compute even if the artifact is there.
        progress: Called as work is done.
        say: Takes one line for the user (stderr).
        engine: How models are run.
        budget: Limits on what they are asked, shared by all stages of a command.
    """

    store: Store
    force: bool = False
    progress: Progress = silent
    say: Callable[[str], None] = lambda line: None
    engine: EngineOptions = field(default_factory=EngineOptions)
    budget: Budget = field(default_factory=Budget)

    def asker(self, model: "Model", *, batch_size: int = 32) -> "AbstractContextManager[Asker]":
        """Returns what asks a model, run as the user wants; the engine is loaded when the first call needs it.

        Args:
            model: Who answers.
            batch_size: Calls per batch of the transformers engine where the user gave none.

        Raises:
            UsageError: The engine and the model do not fit each other.
            EngineError: The engine's libraries are not installed.
        """
        from sdc.pipelines.engines import open_asker

        return open_asker(
            self.store, model, options=self.engine, budget=self.budget, say=self.say, batch_size=batch_size
        )


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a stage made: rows by table, and a summary for people and reports."""

    rows: Rows
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a stage returns: the artifact's key, and whether it was there already."""

    key: str
    hit: bool
    summary: Mapping[str, Any]


#: An artifact with its summary and seconds, and its rows by table.
FinishedArtifact = tuple[Artifact, Rows]


def plan(
    *, stage: str, version: int, config: Mapping[str, Any], inputs: Sequence[str], lang: str | None, task: str | None
) -> Artifact:
    """Returns the artifact that a stage would make, with its key and without its rows."""
    key = recipe_key(stage, version, config, inputs, lang=lang, task=task)
    return Artifact(key=key, stage=stage, version=version, lang=lang, task=task, config=config, inputs=tuple(inputs))


def hits(context: Context, keys: Sequence[str]) -> dict[str, Outcome]:
    """Returns those of `keys` that need not be made again, and marks them as used; none if the context forces all.

    A hit is there, is made from what its inputs hold now, and has an answer to every LLM call.
    """
    found = {} if context.force else freshness.hits(context.store, keys)
    if found:
        context.store.touch(list(found))
    return {key: Outcome(key=key, hit=True, summary=summary) for key, summary in found.items()}


def are_there(context: Context, keys: Sequence[str]) -> set[str]:
    """Returns those of `keys` that `hits` would return, for a dry run: nothing is marked."""
    return set() if context.force else set(freshness.hits(context.store, keys))


def produce(context: Context, planned: Artifact, compute: Callable[[], Computed]) -> Outcome:
    """Returns the planned artifact from the store, or computes and keeps it."""
    there = hits(context, [planned.key])
    if there:
        return there[planned.key]
    start = time.perf_counter()
    seen = freshness.seen(context.store, planned.inputs)
    token = making.set(planned.key)
    try:
        computed = compute()
    finally:
        making.reset(token)
    finished = replace(planned, summary=dict(computed.summary), seconds=time.perf_counter() - start)
    (outcome,) = keep(context, [(finished, computed.rows)], seen=seen)
    return outcome


def keep(
    context: Context,
    finished: Sequence[FinishedArtifact],
    *,
    seen: freshness.Seen | None = None,
    overwrite: bool = False,
) -> list[Outcome]:
    """Keeps artifacts and their rows, all or none, and says what that makes stale and what was not answered.

    Args:
        context: Its store takes them; artifacts that are there are replaced where the user forces it.
        finished: Artifacts with their rows, each after those of them that it was made from.
        seen: What their inputs held before they were read (`freshness.seen`); None takes what is there now.
        overwrite: Replace artifacts that are there in any case.
    """
    num_stale = context.store.put_many(finished, replace=context.force or overwrite, seen=seen)
    say_replaced(context, [artifact for artifact, _ in finished], num_stale)
    outcomes = []
    for artifact, _ in finished:
        kept = artifact
        if freshness.unanswered(artifact.summary):
            kept = context.store.get(artifact.key) or artifact  # the one that was there may have more answers
            say_unanswered(context, kept)
        outcomes.append(Outcome(key=kept.key, hit=False, summary=kept.summary))
    return outcomes


def with_result(runs: list[Outcome], where: str) -> list[Outcome]:
    """Returns the runs of a command, of which some may have failed.

    Raises:
        EngineError: Every single one failed.
    """
    failed = [run for run in runs if run.summary.get("status") == "failed"]
    if failed and len(failed) == len(runs):
        reason = str(failed[0].summary.get("reason"))
        fix = "check the settings and `sdc sample`; the failed runs are kept, `sdc store show` has the details"
        what = f"all {len(failed)} runs failed" if len(failed) > 1 else "the run failed"
        raise EngineError(f"{what} ({reason})", where, fix)
    return runs


def say_replaced(context: Context, artifacts: Sequence[Artifact], num_stale: int) -> None:
    """Says that artifacts were made from rows that others have replaced by now."""
    if num_stale:
        names = artifacts[0].short if len(artifacts) == 1 else f"{len(artifacts)} artifacts"
        context.say(
            f"{artifacts[0].stage} {names}: other rows than before, so what was made from the old ones is stale"
            f" ({counted(num_stale, 'artifact')}); the same commands make it again, and `sdc store verify` names it"
        )


def say_unanswered(context: Context, artifact: Artifact) -> None:
    """Says how many LLM calls of an artifact were not answered, and what to do about it."""
    lacking = freshness.unanswered(artifact.summary)
    if lacking:
        calls = counted(lacking, "LLM call was", "LLM calls were")
        context.say(
            f"{artifact.stage} {artifact.lang}/{artifact.task}: {calls} refused or failed;"
            " the same command asks again, and no answered one"
        )
