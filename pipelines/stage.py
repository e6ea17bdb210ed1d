"""What every stage does the same way: key -> hit? -> compute -> put.

Here: the context a stage runs in, and that one path. Not here: what a stage computes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Rows, Store
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions


class Progress(Protocol):
    """Shows how far something is; the command line draws it, tests ignore it."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Reports `done` of `total` steps of `what`."""


def _silent(what: str, done: int, total: int) -> None:
    pass


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
    progress: Progress = _silent
    say: Callable[[str], None] = lambda line: None
    engine: EngineOptions = field(default_factory=EngineOptions)
    budget: Budget = field(default_factory=Budget)


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


def plan(
    *, stage: str, version: int, config: Mapping[str, Any], inputs: Sequence[str], lang: str | None, task: str | None
) -> Artifact:
    """Returns the artifact that a stage would make, with its key and without its rows."""
    key = recipe_key(stage, version, config, inputs, lang=lang, task=task)
    return Artifact(key=key, stage=stage, version=version, lang=lang, task=task, config=config, inputs=tuple(inputs))


def produce(context: Context, planned: Artifact, compute: Callable[[], Computed]) -> Outcome:
    """Returns the planned artifact from the store, or computes and keeps it."""
    if not context.force:
        there = context.store.get(planned.key)
        if there is not None:
            context.store.touch([there.key])
            return Outcome(key=there.key, hit=True, summary=there.summary)
    start = time.perf_counter()
    computed = compute()
    finished = Artifact(**{**vars(planned), "summary": dict(computed.summary), "seconds": time.perf_counter() - start})
    context.store.put(finished, computed.rows, replace=context.force)
    return Outcome(key=finished.key, hit=False, summary=finished.summary)
