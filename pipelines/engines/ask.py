"""Asking an LLM through the reply cache, so that no answered call is ever asked again.

Here: fixed batches, the look-up before the engine and the keeping after it. Not here: what is asked (the stages).
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdc.cache.replies import Replies
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.energy import Meter
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call, Engine, Reply
from sdc.pipelines.stage import Progress

#: Calls at once while tokens or money are limited: what is spent is known after each such batch only.
_CAREFUL_CALLS = 16


@dataclass(kw_only=True)
class Usage:
    """What asking cost: calls answered by the engine and by the cache, tokens, seconds, energy, money.

    Args:
        model: Who answered.
        engine: How it was run; None if the cache answered everything.
        calls: Calls that the engine answered, refused and failed ones among them.
        cached: Calls that the reply cache answered.
        unreadable: Replies in the cache that could not be read; those calls were asked again.
        refused: Calls that the provider would not answer.
        failed: Calls without a usable answer after all tries.
        prompt_tokens: Of the engine's calls.
        cached_tokens: Prompt tokens that a prefix cache served; None where the engine does not say.
        completion_tokens: Generated or scored.
        seconds: Wall-clock time of the engine.
        energy_kwh: Of the GPUs meanwhile; None where nothing counts it.
        cost: In `currency`; None where the model's price is unknown.
        currency: Of the user's price table.
    """

    model: str = ""
    engine: str | None = None
    calls: int = 0
    cached: int = 0
    unreadable: int = 0
    refused: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int | None = None
    completion_tokens: int = 0
    seconds: float = 0.0
    energy_kwh: float | None = None
    cost: float | None = None
    currency: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the counts for an artifact's summary."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


class Asker:
    """Answers calls for one model: from the cache, else from its engine, which is loaded on the first miss.

    Args:
        model: Who answers.
        replies: The open reply cache.
        load: Returns the engine; called at most once.
        batch_size: Calls that the engine is handed at once.
        budget: Limits on what is newly asked.
    """

    def __init__(
        self,
        model: Model,
        replies: Replies,
        load: Callable[[], Engine],
        *,
        batch_size: int = 32,
        budget: Budget | None = None,
    ) -> None:
        self.model, self.usage = model, Usage(model=model.name)
        self._replies, self._load, self._budget = replies, load, budget or Budget()
        self._batch_size = min(batch_size, _CAREFUL_CALLS) if self._budget.is_careful else batch_size
        self._engine: Engine | None = None
        self._journal = os.environ.get("SDC_CALL_JOURNAL")

    def take_usage(self) -> Usage:
        """Returns what asking cost since the last time, for an asker that serves several artifacts."""
        taken, self.usage = self.usage, Usage(model=self.model.name)
        return taken

    def ask(
        self, calls: Sequence[Call], *, what: str = "calls", progress: Progress = lambda what, done, total: None
    ) -> list[Reply]:
        """Returns one reply per call, in order; a refused or failed one says so in `finish`.

        Batches are cut from all calls, also those that the cache can answer: a killed run that starts again meets the
        same batches, so that rounding inside a batch cannot change a reply.

        Raises:
            BudgetError: A limit is reached; what was answered is kept.
        """
        identity = self.model.identity()
        keys = [call.key(identity) for call in calls]
        known = self._known(dict(zip(keys, calls, strict=True)))
        self.usage.cached += len(set(keys) & set(known))
        order = sorted(dict(zip(keys, range(len(keys)), strict=True)).values(), key=lambda i: _sort_key(calls[i], i))
        done = 0
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            missing = [i for i in batch if keys[i] not in known]
            if missing:
                known.update(self._answer(calls, keys, missing))
            done += len(batch)
            progress(what, done, len(order))
        return [known[key] for key in keys]

    def _known(self, calls: Mapping[str, Call]) -> dict[str, Reply]:
        """Returns the replies that are kept for `calls`; one that cannot be read is counted, and asked again."""
        known, unreadable = {}, len(self._replies.unreadable)
        for key, raw in self._replies.get_many(calls).items():
            try:
                reply = Reply.from_json(raw)
                if reply.scores and len(reply.scores) != len(calls[key].choices):
                    raise ValueError("it has scores of other choices")
            except ValueError as error:
                self._replies.unreadable[key] = str(error)
            else:
                known[key] = reply
        self.usage.unreadable += len(self._replies.unreadable) - unreadable
        return known

    def _answer(self, calls: Sequence[Call], keys: Sequence[str], missing: Sequence[int]) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        while len(found) < len(missing):
            room = self._budget.room(self.model)
            part = missing[len(found) :][:room]
            found.update(self._answer_part([calls[i] for i in part], [keys[i] for i in part]))
        return found

    def _answer_part(self, calls: Sequence[Call], keys: Sequence[str]) -> dict[str, Reply]:
        if self._engine is None:
            self._engine = self._load()
        found: dict[str, Reply] = {}
        self.usage.engine = self._engine.name
        meter, start = Meter(), time.perf_counter()
        try:
            with closing(self._engine.answer(calls)) as groups:
                for group in groups:
                    fresh = {keys[position]: reply.checked() for position, reply in group.items()}
                    self._keep(fresh)
                    found.update(fresh)
        finally:
            self.usage.seconds += time.perf_counter() - start
            kwh = meter.kwh()
            self.usage.energy_kwh = kwh if self.usage.energy_kwh is None else self.usage.energy_kwh + (kwh or 0.0)
        return found

    def _keep(self, fresh: Mapping[str, Reply]) -> None:
        """Keeps what was answered, and counts it. What was refused or failed may be answered another time."""
        answers = {key: asdict(reply) for key, reply in fresh.items() if reply.is_answer}
        self._replies.put_many(answers)
        usage = self.usage
        for reply in fresh.values():
            usage.calls += 1
            usage.refused += reply.finish == "refused"
            usage.failed += reply.finish == "failed"
            usage.prompt_tokens += reply.prompt_tokens
            usage.completion_tokens += reply.completion_tokens
            if reply.cached_tokens is not None:
                usage.cached_tokens = (usage.cached_tokens or 0) + reply.cached_tokens
            cost = self._budget.spend(self.model, reply)
            if cost is not None:
                usage.cost, usage.currency = (usage.cost or 0.0) + cost, self._budget.prices.currency
        if self._journal:  # one line per call that an engine answered: lets a test count what was asked twice
            with Path(self._journal).open("a", encoding="utf-8") as journal:
                journal.write("".join(json.dumps(key) + "\n" for key in answers))


def _sort_key(call: Call, index: int) -> tuple[bool, int, int]:
    return (bool(call.choices), len(call.prompt), index)
