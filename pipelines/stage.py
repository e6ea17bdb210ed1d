"""What every stage does the same way: plan -> hit? -> read -> compute -> keep.

`plan` needs settings and the keys of inputs; `read` the store; `compute` a model or none, and no store: what it works
on it gets as arguments, and it gives rows back, so that it can be done elsewhere; `keep` the store again. `produce` is
all of it for one artifact, `many` for a stage that makes many of them. Here: that path. Not here: what a stage gets
beside its settings (`context.py`), what it computes, what is a hit (`cache/freshness.py`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sdc.cache import freshness
from sdc.cache.counted import counted
from sdc.cache.key import RecipeKeys, recipe_key
from sdc.cache.store import Artifact, Rows
from sdc.pipelines.context import Context as Context
from sdc.pipelines.engines.protocol import making
from sdc.pipelines.progress import Step, log


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a stage returns: the artifact's key, and whether it was there already."""

    key: str
    hit: bool
    summary: Mapping[str, Any]


#: An artifact with its summary and seconds, and its rows by table.
FinishedArtifact = tuple[Artifact, Rows]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What `compute` gives for one artifact.

    Args:
        artifact: With its summary and seconds.
        rows: By table.
        files: A folder whose files are kept beside it, as weights are; it need not outlive the next step of `compute`.
    """

    artifact: Artifact
    rows: Rows
    files: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a stage made: rows by table, and a summary for people and reports."""

    rows: Rows
    summary: Mapping[str, Any] = field(default_factory=dict)

    def made(self, planned: Artifact, *, seconds: float) -> Made:
        """Returns it as the artifact that was planned, after so many seconds."""
        return Made(artifact=replace(planned, summary=dict(self.summary), seconds=seconds), rows=self.rows)


#: What is kept all or none.
Together = Sequence[Made]
#: What a stage computes from.
Inputs = TypeVar("Inputs")

#: Finished artifacts wait at least this long for others before they are kept together, and long enough that keeping
#: them takes no more than this share of the time, but no longer than that: a killed process loses no more, in seconds.
_KEEP_EVERY_S, _KEEP_SHARE, _KEEP_AT_LAST_S = 2.0, 0.01, 30.0


def plan(
    *, stage: str, version: int, config: Mapping[str, Any], inputs: Sequence[str], lang: str | None, task: str | None
) -> Artifact:
    """Returns the artifact that a stage would make, with its key and without its rows."""
    key = recipe_key(stage, version, config, inputs, lang=lang, task=task)
    return Artifact(key=key, stage=stage, version=version, lang=lang, task=task, config=config, inputs=tuple(inputs))


class Planner:
    """Plans artifacts of a stage that share most settings, as the runs of a student in a cell do; see `plan`."""

    def __init__(
        self,
        *,
        stage: str,
        version: int,
        shared: Mapping[str, Any],
        inputs: Sequence[str],
        lang: str | None,
        task: str | None,
    ) -> None:
        self._shared = dict(shared)
        self._keys = RecipeKeys(stage, version, shared, inputs, lang=lang, task=task)
        self._artifact = partial(Artifact, stage=stage, version=version, lang=lang, task=task, inputs=tuple(inputs))

    def plan(self, **own: Any) -> Artifact:
        """Returns the artifact with these settings beside the shared ones."""
        return self._artifact(key=self._keys.key(own), config={**self._shared, **own})


def hits(context: Context, keys: Sequence[str]) -> dict[str, Outcome]:
    """Returns those of `keys` that need not be made again, and marks them as used; none if the context forces all.

    A hit is there, is made from what its inputs hold now, and has an answer to every LLM call.
    """
    found = {} if context.force else freshness.hits(context.store, keys)
    if found:
        log.info("%d of %s in the store", len(found), counted(len(set(keys)), "artifact"))
        context.store.touch(list(found))
    return {key: Outcome(key=key, hit=True, summary=summary) for key, summary in found.items()}


def are_there(context: Context, keys: Sequence[str]) -> set[str]:
    """Returns those of `keys` that `hits` would return, for a dry run: nothing is marked."""
    return set() if context.force else set(freshness.hits(context.store, keys))


def produce(
    context: Context, planned: Artifact, *, read: Callable[[], Inputs], compute: Callable[[Inputs], Computed]
) -> Outcome:
    """Returns the planned artifact from the store, or reads what it is made of, computes it, and keeps it.

    Args:
        context: Where it is kept.
        planned: What is made.
        read: Returns what `compute` works on.
        compute: Needs no store.
    """

    def one(inputs: Inputs) -> Iterator[Together]:
        start = time.perf_counter()
        with making_of(planned):
            computed = compute(inputs)
        yield [computed.made(planned, seconds=time.perf_counter() - start)]

    (outcome,) = many(context, [planned], read=lambda _: read(), compute=one)
    return outcome


def many(
    context: Context,
    planned: Sequence[Artifact],
    *,
    read: Callable[[Sequence[int]], Inputs],
    compute: Callable[[Inputs], Iterable[Together]],
    what: str = "",
    known: Mapping[str, Outcome] | None = None,
    at_once: int | None = None,
    overwrite: bool = False,
) -> list[Outcome]:
    """Returns the planned artifacts in order, from the store, or read, computed and kept as they end.

    Args:
        context: Where they are kept.
        planned: What is made; a key may stand there twice.
        read: Takes the positions of those that are missing, and returns what `compute` works on.
        compute: Yields the missing ones, those together that are kept all or none; it needs no store.
        what: What progress calls it; empty shows none.
        known: Those that need not be made, by key; None for all hits.
        at_once: Read and compute so many, then the next; None for all.
        overwrite: Replace artifacts that are there in any case.
    """
    outcomes = dict(hits(context, [artifact.key for artifact in planned]) if known is None else known)
    first: dict[str, int] = {}
    for position, artifact in enumerate(planned):
        if artifact.key not in outcomes:
            first.setdefault(artifact.key, position)
    missing = list(first.values())
    done, size = 0, at_once or max(1, len(missing))
    for start in range(0, len(missing), size):
        chunk = missing[start : start + size]
        seen = freshness.seen(context.store, {key for position in chunk for key in planned[position].inputs})
        inputs = read(chunk)
        with Keeper(context, seen=seen, overwrite=overwrite) as keeper:
            for together in compute(inputs):
                keeper.take(together)
                done += len(together)
                if what:
                    context.progress(Step(what=what, done=done, total=len(missing), unit="run"))
        outcomes |= {outcome.key: outcome for outcome in keeper.outcomes}
    return [outcomes[artifact.key] for artifact in planned]


@contextmanager
def making_of(artifact: Artifact) -> Iterator[None]:
    """What is asked meanwhile is asked for this artifact."""
    token = making.set(artifact.key)
    try:
        yield
    finally:
        making.reset(token)


class Keeper:
    """Keeps finished artifacts: a long one at once, short ones wait for others. Leaving it keeps all that it took.

    Long is a quarter of the time that others wait, for the next one may take as long.

    Args:
        context: Where they are kept.
        seen: What their inputs held before they were read.
        overwrite: Replace artifacts that are there in any case.
    """

    def __init__(self, context: Context, *, seen: freshness.Seen, overwrite: bool = False) -> None:
        self._context, self._seen, self._overwrite = context, seen, overwrite
        self._waiting: list[FinishedArtifact] = []
        self._since, self._wait_s = time.monotonic(), _KEEP_EVERY_S
        #: What was kept.
        self.outcomes: list[Outcome] = []

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def take(self, together: Together) -> None:
        """Takes artifacts that are kept all or none."""
        for made in together:
            files = {} if made.files is None else {"blobs": self._context.store.blobs.put_folder(made.files)}
            self._waiting.append((made.artifact, {**made.rows, **files}))
        longest = max((made.artifact.seconds or 0 for made in together), default=0)
        if time.monotonic() - self._since >= self._wait_s or longest >= self._wait_s / 4:
            self.flush()

    def flush(self) -> None:
        """Keeps what waits."""
        ready, self._waiting = self._waiting, []
        start = time.monotonic()
        if ready:
            self.outcomes += keep(self._context, ready, seen=self._seen, overwrite=self._overwrite)
        self._since = time.monotonic()
        self._wait_s = min(max(_KEEP_EVERY_S, (self._since - start) / _KEEP_SHARE), _KEEP_AT_LAST_S)


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
